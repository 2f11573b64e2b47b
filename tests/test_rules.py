"""The examples and counterexamples that stand in the rules' own files.

An example must become the layers that it names, by its rule, and compute the same. A counterexample must not; it must
compute the same all the same, or be refused with a reason.
"""

from __future__ import annotations

import re

import elsewhere
import keras
import pytest
from lab import convert, failures, source_of

from porter.errors import Unsupported
from porter.rule.rule import Example, Rule
from porter.rules import RULES
from porter.verify.converted import Converted
from porter.verify.layers import Layers, draws_at_random
from porter.verify.mutations import calling
from porter.verify.tensors import Tensors

CASES = [(rule, example) for rule in RULES for example in rule.examples]


def title(case: tuple[Rule, Example] | Rule) -> str:
    if isinstance(case, Rule):
        return case.name
    rule, example = case
    return f"{rule.name}-{'not ' if example.counter else ''}{example.about.replace(' ', '_')}"


@pytest.mark.parametrize("case", CASES, ids=title)
def test_example(case, monkeypatch, shelf):
    rule, example = case
    applied = spy(rule, monkeypatch)
    source, outputs = source_of(example.build)
    try:
        conversion = convert(source, outputs)
    except Unsupported as refused:
        assert example.counter, f"the example is refused: {refused}"
        assert refused.why
        return
    check(rule, example, conversion, shelf)
    assert example.counter or applied, f"{conversion.classes}, but not by this rule: {misses(rule, conversion)}"
    if conversion.report["changes"]:
        check(rule, example, convert(source, outputs, exact=True), exact=True)


def spy(rule, monkeypatch):
    """The layers that `rule` proposes from now on."""
    propose, applied = rule.propose, []

    def noted(match):
        proposed = propose(match)
        applied.append(proposed)
        return proposed

    monkeypatch.setattr(rule, "propose", noted)
    return applied


def check(rule, example, conversion, shelf=None, exact=False):
    """The layers are those, by that rule; what was written computes the same."""
    try:
        missing = [name for name in example.layers if name not in conversion.classes]
        if example.counter:
            assert missing or not example.layers, f"became {conversion.classes}:\n{conversion.text}"
        elif not exact:
            assert not missing, f"{missing} are not among {conversion.classes}, because {misses(rule, conversion)}"
        proof = conversion.prove()
        assert not proof.failed, f"{failures(proof)}\n{conversion.text}"
        random = all(map(conversion.reference.is_random, conversion.original.outputs))
        assert proof.proved or random, [level.reason for level in proof.levels]
        if example is next((each for each in rule.examples if not each.counter), None) and not exact:
            control(rule, conversion)
        if shelf and not example.counter and not random:
            conversion.shelve(shelf, title((rule, example)))
    finally:
        conversion.close()


def control(rule, conversion):
    """A layer of this rule that gives something else is caught, there or where its result goes."""
    trials = conversion.trials()
    whole = trials.accepted()
    case = whole.alone(0) if trials.batch_safe else whole
    layers = Layers(conversion.model, conversion.report)
    tensors = Tensors(conversion.reference, case.feeds, layers.all_sources())
    placed = next((each for each in layers.placed if each.row["rule"] == rule.name), None)
    if placed is None or draws_at_random(placed, conversion.reference):  # a later rule made its layer into another
        return
    call = placed.operation.call
    with calling(placed.operation, lambda *args, **more: keras.tree.map_structure(otherwise, call(*args, **more))):
        found = [layers.judge(each, tensors, trials.tolerance, case.samples) for each in layers.placed]
        caught = any(each.status == "differs" for each in found)
        seen = (
            {} if caught else trials.with_model(Converted(conversion.model, conversion.report)).judge(whole).comparisons
        )
    assert caught or any(not each.ok for each in seen.values()), f"{placed.title} may give anything"


def otherwise(x):
    """Other numbers than `x`, which a ReLU behind it lets through where it stopped those."""
    kind = keras.backend.standardize_dtype(x.dtype)
    return ~x if kind == "bool" else x + 1 if "int" in kind else 1 - 2 * x


def misses(rule, conversion):
    """Why the rule did not apply, deepest first."""
    found = [
        (depth, str(why))
        for each in conversion.rewriting.misses.values()
        for name, depth, why in each
        if name == rule.name
    ]
    return "; ".join(why for _, why in sorted(found, reverse=True)[:3])


@pytest.mark.parametrize("rule", RULES, ids=title)
def test_rule_shows_what_it_is_for(rule):
    """Every rule says what it raises and has an example; of rules that differ in a number only, one has."""
    family = [each for each in RULES if re.sub(r"\d+_", "", each.name) == re.sub(r"\d+_", "", rule.name)]
    assert any(each.doc for each in family), "no docstring"
    shown = any(not example.counter for each in family for example in each.examples)
    assert shown, "no example"


@pytest.mark.parametrize("backend", elsewhere.BACKENDS)
def test_other_backends(backend, shelf):
    """The examples, saved and loaded there, compute the same."""
    wrong = elsewhere.run(shelf, backend)
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())
