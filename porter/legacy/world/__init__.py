"""The world of TensorFlow 1 on today's TensorFlow: after `enter`, legacy source runs as it did then.

For a process of its own: TensorFlow is changed in place and cannot be changed back. What makes that world is

- `tensorflow`: the names of `tensorflow.compat.v1`, graph mode, variables and control flow of version 1, `tf.layers` and
  the recurrent cells out of tf-keras, which carries them on;
- `spellings`: names and argument orders from before TensorFlow 1.0, where they can mean one thing only;
- `contrib`: what networks took from `tf.contrib`. Its layers, slim and slim's nets are those of the package tf-slim;
- `python2`: the program's files, translated where they are Python 2;
- `command_line`: arguments that a program insists on and was not given;
- `libraries`: names that Python and numpy have dropped, and modules that are not there but perhaps not needed either.
"""

from __future__ import annotations

from typing import Any


def enter(translator: Any = None) -> None:
    """Make this process a world of TensorFlow 1. Call it before anything else imports TensorFlow.

    translator: what compiles the program's own files; a new one by default.
    """
    from porter.legacy.world import libraries, python2, tensorflow1

    translator = translator or python2.Translator()
    python2.enter(translator)
    libraries.restore(translator)  # behind it: what has moved is there
    tensorflow1.restore()
