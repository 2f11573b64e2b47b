"""SARIF 2.1.0, which code hosts and editors read."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from porter import __version__
from porter.check.result import Result
from porter.check.rules import ALL_RULES
from porter.lint import Finding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def to_sarif(result: Result) -> str:
    """One run with all rules; findings that the baseline knows are there with `baselineState: unchanged`, suppressed."""
    findings = [*result.new, *result.known]
    indices = {rule.code: index for index, rule in enumerate(ALL_RULES)}
    counts: dict[tuple[str, str, str], int] = {}
    known = {id(each) for each in result.known}
    results = [_result(each, indices[each.code], counts, id(each) in known) for each in findings]
    run = {
        "tool": {
            "driver": {
                "name": "porter",
                "semanticVersion": _semantic(__version__),
                "rules": [
                    {
                        "id": rule.code,
                        "name": "".join(word.capitalize() for word in rule.name.split("-")),
                        "shortDescription": {"text": rule.what},
                        "fullDescription": {"text": rule.why},
                        "help": {"text": f"{rule.instead}\n\nporter rules {rule.code} says more."},
                        "defaultConfiguration": {"level": "error"},
                    }
                    for rule in ALL_RULES
                ],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "The root of what was checked."}}},
        "invocations": [{"executionSuccessful": True, "exitCode": result.exit_code}],
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False) + "\n"


def _result(finding: Finding, index: int, counts: dict[tuple[str, str, str], int], known: bool) -> dict[str, Any]:
    number = counts[finding.key] = counts.get(finding.key, 0) + 1
    print_ = hashlib.sha256("\0".join((*finding.key, str(number))).encode(errors="replace")).hexdigest()[:32]
    place = {"artifactLocation": _artifact(finding.path)}
    region: dict[str, Any] = {
        "startLine": finding.line, "startColumn": finding.column,
        "endLine": finding.end_line, "endColumn": finding.end_column,
    }  # fmt: skip
    if finding.text:  # a model has no lines
        place["region"] = region | {"snippet": {"text": finding.text}}
    content: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"porter/v1": print_},
        "baselineState": "unchanged" if known else "new",
    }
    if known:
        content["suppressions"] = [{"kind": "external", "justification": "It is in the baseline."}]
    if finding.edits:
        content["fixes"] = [
            {
                "description": {"text": "What porter check --fix writes."},
                "artifactChanges": [
                    {
                        "artifactLocation": _artifact(finding.path),
                        "replacements": [
                            {
                                "deletedRegion": {
                                    "startLine": edit.line, "startColumn": edit.column + 1,
                                    "endLine": edit.end_line, "endColumn": edit.end_column + 1,
                                },
                                "insertedContent": {"text": edit.text},
                            }
                            for edit in finding.edits
                        ],
                    }
                ],
            }
        ]  # fmt: skip
    return content


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(path, errors="replace"), "uriBaseId": "ROOT"}


def _semantic(version: str) -> str:
    """A version of Python's kind as SemVer has it: at least three numbers."""
    numbers = version.split(".")
    return ".".join([*numbers, "0", "0"][: max(3, len(numbers))])
