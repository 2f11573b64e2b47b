"""Every source rule finds what its examples mark, and nothing in its counterexamples."""

from __future__ import annotations

import re

import pytest

from porter.lint import apply, lint
from porter.lint.rules import RULES

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
