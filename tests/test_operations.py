"""Every single operation that porter writes as a call, on a small graph: what comes out is what TensorFlow computes."""

from __future__ import annotations

import elsewhere
import pytest
from lab import convert, failures, source_of
from operations import (
    built,
    derivatives,
    detection,
    elementwise,
    images,
    linear_algebra,
    rarities,
    reductions,
    shapes,
    tables,
)

from porter.rule.rule import OPS, OpRule
from porter.rules import RULES

FAMILIES = (elementwise, shapes, reductions, linear_algebra, images, detection, rarities, tables, derivatives)
CASES = [case for family in FAMILIES for case in family.CASES]

# Operations of old TensorFlow that today's refuses to build, though it still runs them: graphs of the newer one, renamed.
RENAMED = {
    "BatchMatrixDiag": "MatrixDiag",
    "BatchMatrixDiagPart": "MatrixDiagPart",
    "BatchMatrixSetDiag": "MatrixSetDiag",
    "BatchMatrixInverse": "MatrixInverse",
    "BatchMatrixDeterminant": "MatrixDeterminant",
    "BatchCholesky": "Cholesky",
    "BatchMatrixSolve": "MatrixSolve",
    "BatchMatrixTriangularSolve": "MatrixTriangularSolve",
    "QuantizeAndDequantize": "Abs",  # which has its inputs and attributes, if these are at their defaults
}
# Operations that today's TensorFlow does not know.
GONE = {"Addons>ImageProjectiveTransformV2", "ImageProjectiveTransform"}

WRITTEN: set[tuple[str, str]] = set()  # (operation, name of the function) that some case went through


@pytest.fixture(autouse=True)
def spy(monkeypatch):
    """Notes which functions wrote an operation down."""
    propose = OpRule.propose

    def noted(self, node):
        proposed = propose(self, node)
        WRITTEN.add((self.name, self.function.__name__))
        return proposed

    monkeypatch.setattr(OpRule, "propose", noted)


def titles():
    count: dict[str, int] = {}
    for name, _ in CASES:
        count[name] = count.get(name, 0) + 1
        yield name if count[name] == 1 else f"{name}-{count[name]}"


TITLES = tuple(titles())


@pytest.mark.parametrize("title", TITLES)
def test_operation(title, shelf):
    _, builder = CASES[TITLES.index(title)]
    source, outputs = source_of(built(builder))
    check(source, outputs, shelf, title)


@pytest.mark.parametrize("name", RENAMED)
def test_operation_of_old_tensorflow(name, shelf):
    builder = next(builder for each, builder in CASES if each == RENAMED[name])
    source, outputs = source_of(built(builder))
    for node in source.graph_def.node:
        if node.op == RENAMED[name]:
            node.op = name
    source.graph_def.versions.producer = 8
    check(source, outputs, shelf, name)


def check(source, outputs, shelf, title):
    conversion = convert(source, outputs)
    try:
        proof = conversion.prove()
        assert not proof.failed, f"{failures(proof)}\n{conversion.text}"
        assert proof.proved, [level.reason for level in proof.levels]
        if not conversion.report["only_tensorflow"]:
            conversion.shelve(shelf, title)
    finally:
        conversion.close()


def test_every_operation_has_a_case():
    registered = {name for name, forms in OPS.items() if any(isinstance(each, OpRule) for each in forms)}
    tested = {name for name, _ in CASES} | RENAMED.keys() | GONE
    assert not registered - tested, f"no case for {', '.join(sorted(registered - tested))}"
    assert not tested - registered, f"cases for what is not registered: {', '.join(sorted(tested - registered))}"


def test_every_form_has_a_case(request):
    """An operation may be written in several ways; each of them was, above."""
    if request.session.testscollected < len(CASES):
        pytest.skip("only some cases ran")
    forms = {(name, each.function.__name__) for name, all_ in OPS.items() for each in all_ if isinstance(each, OpRule)}
    missing = [f"{name} by {function}" for name, function in sorted(forms - WRITTEN) if name not in GONE]
    assert not missing, f"no case for {', '.join(missing)}"


@pytest.mark.parametrize("backend", elsewhere.BACKENDS)
def test_other_backends(backend, shelf):
    """The models that were left on the shelf by the tests above compute the same there."""
    wrong = elsewhere.run(shelf, backend)
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())


def test_rules_are_imported():
    """Operations register themselves when the rules are imported."""
    assert RULES
    assert OPS
