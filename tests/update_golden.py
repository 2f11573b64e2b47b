"""Writes fixtures/NAME/expected.py anew, for all fixtures or those named: `python tests/update_golden.py [NAME...]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import conftest  # noqa: F401  what has to be set before TensorFlow is imported
import test_fixtures as fixtures

from porter.convert import convert
from porter.errors import PorterError
from porter.options import Options


def main(names: list[str]) -> None:
    for name in names or fixtures.NAMES:
        folder, about = fixtures.FIXTURES / name, fixtures.described(name)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                done = convert(folder / about["source"], Path(scratch) / name, Options())
                if sorted(row["tensor"] for row in done.report["outputs"]) != sorted(about["outputs"]):
                    done = convert(folder / about["source"], Path(scratch) / "named", Options(outputs=about["outputs"]))
            except PorterError as problem:
                print(f"{name}: {problem}", file=sys.stderr)
                continue
        expected = folder / "expected.py"
        if not expected.exists() or expected.read_text() != done.source:
            expected.write_text(done.source)
            print(expected.relative_to(Path.cwd()) if expected.is_relative_to(Path.cwd()) else expected)


if __name__ == "__main__":
    main(sys.argv[1:])
