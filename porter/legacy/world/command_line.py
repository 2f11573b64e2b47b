"""What a program reads from its command line: arguments that it insists on, and flags that are asked for before they are read."""

from __future__ import annotations

import argparse
from typing import Any

from porter.legacy.expression import Refusal


def restore(tf: Any, notes: list[str]) -> None:
    """Let arguments be left out, and let flags be read at any time, as before TensorFlow 1.5.

    A required argument that is not given is None, or the first of its choices; `notes` says so. One that the program
    does not know is a Refusal.
    """
    parser: Any = argparse.ArgumentParser
    really = parser.parse_known_args

    def parse_known_args(self: Any, args: Any = None, namespace: Any = None) -> Any:
        asked = [each for each in self._actions if each.required and not isinstance(each, argparse._SubParsersAction)]
        for each in asked:
            each.required = False
            if not each.option_strings and each.nargs is None:
                each.nargs = "?"
        found, rest = really(self, args, namespace)
        for each in asked:
            if getattr(found, each.dest, None) is None:
                value = next(iter(each.choices), None) if each.choices else None
                setattr(found, each.dest, value)
                _note(notes, each.dest, value)
        return found, rest

    def error(self: Any, message: str) -> Any:
        raise Refusal(f"it does not take these arguments: {message}")

    parser.parse_known_args, parser.error = parse_known_args, error
    tf.flags.mark_flag_as_required = tf.flags.mark_flags_as_required = lambda *_, **__: None
    tf.flags.FLAGS.mark_as_parsed()


def _note(notes: list[str], name: str, value: Any) -> None:
    text = f"The program asks for the argument {name}, which was not given: it was taken as {value!r}."
    if text not in notes:
        notes.append(text)
