"""JUnit's XML, which most CI servers show: a test for each file with findings, and for each model."""

from __future__ import annotations

import re
from itertools import groupby
from xml.etree import ElementTree

from porter.check.result import Result

# What XML 1.0 has no way to write.
UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(result: Result) -> str:
    """Findings are failures; models that could not be tried are errors."""
    top = ElementTree.Element("testsuites", name="porter check", time=f"{result.seconds:.2f}")
    source = [each for each in result.new if not each.code.startswith("PT4")]
    suite = ElementTree.SubElement(top, "testsuite", name="source")
    paths = 0
    for path, findings in groupby(sorted(source, key=lambda each: each.path), key=lambda each: each.path):
        case = ElementTree.SubElement(suite, "testcase", classname="source", name=_text(path), file=_text(path))
        listed = list(findings)
        lines = [f"{each.path}:{each.line}:{each.column} {each.code} {each.message}" for each in listed]
        failure = ElementTree.SubElement(case, "failure", type=listed[0].code, message=f"{len(listed)} findings")
        failure.text = _text("\n".join(lines))
        paths += 1
    clean = max(0, result.files - paths)
    if clean:
        ElementTree.SubElement(suite, "testcase", classname="source", name=f"{clean} files without new findings")
    _count(suite)
    suite = ElementTree.SubElement(top, "testsuite", name="models")
    new = {id(each) for each in result.new}
    for model in result.models:
        case = ElementTree.SubElement(
            suite, "testcase", classname="models", name=_text(model.source), time=f"{model.seconds:.2f}"
        )
        if model.status == "skipped":
            ElementTree.SubElement(case, "skipped", message=_text(model.note))
        elif model.finding and id(model.finding) in new:
            kind = "error" if model.status in ("crashed", "over limit") else "failure"
            ElementTree.SubElement(case, kind, type=model.finding.code, message=_text(model.finding.message))
    _count(suite)
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(top, encoding="unicode") + "\n"


def _count(suite: ElementTree.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for kind in ("failures", "errors", "skipped"):
        tag = kind.removesuffix("s") if kind != "skipped" else kind
        suite.set(kind, str(sum(case.find(tag) is not None for case in cases)))


def _text(text: str) -> str:
    return UNWRITABLE.sub("�", text)
