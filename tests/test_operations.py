"""Every single operation that porter writes as a call, on a small graph: what comes out is what TensorFlow computes."""

from __future__ import annotations

import pytest
from lab import convert, failures, source_of
from operations import built, elementwise, images, linear_algebra, reductions, shapes

from porter.rule.rule import OPS, OpRule
from porter.rules import RULES

FAMILIES = (elementwise, shapes, reductions, linear_algebra, images)
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
    "QuantizeAndDequantize": "QuantizeAndDequantizeV2",
}
# Operations that today's TensorFlow does not know.
GONE = {"Addons>ImageProjectiveTransformV2", "ImageProjectiveTransform"}

WRITTEN: set[tuple[str, str]] = set()  # (operation, name of the function) that some case went through


@pytest.fixture(autouse=True)
def spy(monkeypatch):
    """Notes which functions wrote an operation down."""
    propose = OpRule.propose
    written: set[tuple[str, str]] = set()

    def noted(self, node):
        proposed = propose(self, node)
        written.add((self.name, self.function.__name__))
        return proposed

    monkeypatch.setattr(OpRule, "propose", noted)
    yield written
    WRITTEN.update(written)


def titles():
    count: dict[str, int] = {}
    for name, _ in CASES:
        count[name] = count.get(name, 0) + 1
        yield name if count[name] == 1 else f"{name}-{count[name]}"


@pytest.mark.parametrize(("name", "builder"), CASES, ids=titles())
def test_operation(name, builder, spy):
    source, outputs = source_of(built(builder))
    check(name, source, outputs, spy)


@pytest.mark.parametrize("name", RENAMED)
def test_operation_of_old_tensorflow(name, spy):
    builder = next(builder for each, builder in CASES if each == RENAMED[name])
    source, outputs = source_of(built(builder))
    for node in source.graph_def.node:
        if node.op == RENAMED[name]:
            node.op = name
    source.graph_def.versions.producer = 8
    check(name, source, outputs, spy)


def check(name, source, outputs, written):
    conversion = convert(source, outputs)
    try:
        assert name in {each for each, _ in written}, f"{name} was not asked for, but {sorted(written)}"
        proof = conversion.prove()
        assert not proof.failed, f"{failures(proof)}\n{conversion.text}"
        assert proof.proved, [level.reason for level in proof.levels]
    finally:
        conversion.close()


def test_every_operation_has_a_case():
    registered = {name for name, forms in OPS.items() if any(isinstance(each, OpRule) for each in forms)}
    tested = {name for name, _ in CASES} | RENAMED.keys() | GONE
    assert sorted(registered - tested) == []
    assert sorted(tested - registered) == [], "cases for operations that are not registered"


def test_every_form_has_a_case(request):
    """An operation may be written in several ways; each of them was, above."""
    if request.session.testscollected < len(CASES):
        pytest.skip("only some cases ran")
    forms = {(name, each.function.__name__) for name, all_ in OPS.items() for each in all_ if isinstance(each, OpRule)}
    assert sorted(form for form in forms - WRITTEN if form[0] not in GONE) == []


def test_rules_are_imported():
    """Operations register themselves when the rules are imported."""
    assert RULES
    assert OPS
