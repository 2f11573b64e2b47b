"""JSON, for programs of your own."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from porter import __version__
from porter.check.result import Result
from porter.lint import Finding


def to_json(result: Result) -> str:
    """{"schema": 1, "findings": [...], "models": [...], ...}; findings that the baseline knows have "known": true."""
    content = {
        "schema": 1,
        "porter": __version__,
        "findings": [{**_plain(each), "known": False} for each in result.new]
        + [{**_plain(each), "known": True} for each in result.known],
        "gone": [{"path": path, "code": code, "text": text} for path, code, text in result.gone],
        "models": [{key: value for key, value in asdict(each).items() if key != "finding"} for each in result.models],
        "left": [{"path": path, "why": why} for path, why in result.left],
        "files": result.files,
        "seconds": round(result.seconds, 2),
        "exit_code": result.exit_code,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _plain(finding: Finding) -> dict[str, Any]:
    content = asdict(finding)
    content["fixable"] = bool(content.pop("edits"))
    return content
