"""Every source rule finds what its examples mark, and nothing in its counterexamples."""

from __future__ import annotations

import re

import pytest

from porter.lint import apply, lint
from porter.lint.replacements import TABLE, names
from porter.lint.rules import RULES
from porter.lint.rules.addons import ADDONS_TABLE, CONTRIB_TABLE
from porter.lint.rules.layers_of_keras import KNOWN

EXAMPLES = [(rule, title, text) for rule in RULES for title, text in rule.examples]
COUNTEREXAMPLES = [(rule, title, text) for rule in RULES for title, text in rule.counterexamples]


def marked(text: str) -> list[int]:
    """The lines that an example marks, each as often as it has marks."""
    return [
        number
        for number, line in enumerate(text.split("\n"), 1)
        if (found := re.search(r"# (!+)$", line))
        for _ in found[1]
    ]


@pytest.mark.parametrize(("rule", "title", "text"), EXAMPLES, ids=lambda each: getattr(each, "code", None))
def test_examples(rule, title, text):
    found = [each for each in lint("example.py", text) if each.code == rule.code]
    assert [each.line for each in found] == marked(text), [each.message for each in found]
    assert marked(text), "an example marks a line"


@pytest.mark.parametrize(("rule", "title", "text"), COUNTEREXAMPLES, ids=lambda each: getattr(each, "code", None))
def test_counterexamples(rule, title, text):
    assert "# !" not in text
    assert not [each.message for each in lint("example.py", text) if each.code == rule.code]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_is_documented_and_shown(rule):
    assert re.fullmatch(r"PT\d{3}", rule.code)
    assert all(text.endswith(".") for text in (rule.what, rule.instead))
    assert rule.why
    if rule.finder:
        assert rule.examples
        assert rule.counterexamples


def test_codes_are_unique():
    assert len({rule.code for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(("rule", "title", "text"), EXAMPLES, ids=lambda each: getattr(each, "code", None))
def test_fixes_parse_and_settle(rule, title, text):
    """What --fix writes is Python, has none of the fixed findings, and is not changed by a second run."""
    found = lint("example.py", text)
    fixed = apply(text, found)
    left = lint("example.py", fixed)
    assert not [each for each in left if each.edits]
    assert len(left) == len(found) - sum(bool(each.edits) for each in found)


def test_what_is_recommended_exists():
    """Every name of Keras that a rule tells people to write is there."""
    import keras

    texts = [f"{replacement.keras} {replacement.note}" for _, replacement in TABLE.values()]
    texts += [f"{each.keras} {each.note}" for each in (*ADDONS_TABLE.values(), *CONTRIB_TABLE.values())]
    texts += [rule.instead for rule in RULES] + list(KNOWN.values())
    names = {name for text in texts for name in re.findall(r"\bkeras(?:\.\w+)+(?!\w*\*)", text)}
    assert len(names) > 80
    for name in sorted(names):
        found = keras
        for part in name.split(".")[1:]:
            if not hasattr(found, part) and isinstance(found, type):
                break  # an argument or a method in prose
            assert hasattr(found, part), name
            found = getattr(found, part)


def test_what_tensorflow_lacks_is_lacking():
    """The list of names that TensorFlow 2 has no longer, against the TensorFlow that is installed."""
    import tensorflow as tf

    def there(name: str, root: object = tf) -> bool:
        for part in name.split(".")[1:]:
            if not hasattr(root, part):
                return False
            root = getattr(root, part)
        return True

    listed = names()
    assert not [name for name in listed if there(name)]
    assert not [new for new in listed.values() if new.startswith("tf.") and not there(new)]
    wrong = [name for name, left in listed.items() if left.startswith("v1") and not there(name, tf.compat.v1)]
    assert not [name for name in wrong if not name.startswith("tf.layers")]
