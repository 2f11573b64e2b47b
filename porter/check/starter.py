"""`porter check --init`: a commented porter.toml from what is in the tree."""

from __future__ import annotations

import json
from pathlib import Path

from porter.check.discover import Found
from porter.check.settings import NAME
from porter.errors import UsageError, writing

HEAD = """\
# What `porter check` does here. Every key may be left out; what is commented out shows the default or an example.

# Files that are not looked at, written as in .gitignore. (What git ignores is not looked at anyway.)
# exclude = ["third_party/", "*_pb2.py"]

# Rules that count, and those that do not: codes or their beginnings. `porter rules` lists them.
# select = ["PT1", "PT3"]
# ignore = ["PT115"]

# Processes at a time (0: as many as processors), seconds for one model, and GiB of memory for one process (0: all that the
# machine has).
# jobs = 0
# timeout = 1800
# memory = 0

# Whether models are looked for that are not named below.
# discover = true

# Where known findings and outcomes are kept.
# baseline = "porter-baseline.json"
# cache = ".porter_cache"
"""

MODEL = """\

[[model]]  # {format}
source = {source}
# checkpoint = "model.ckpt"     # the weights, where source is Python: "net.py:build"
# placeholder = ["x:float32[?,28,28,1]"]  # what such a function is called with
# inputs = ["x:0"]              # cut the graph there
# outputs = ["logits:0"]        # by default what `porter inspect` says
# freeze = {{ keep_prob = 1.0 }}  # placeholders with a fixed value
# shape = {{ x = "?,28,28,1" }}   # of a placeholder that has none
# weights = "auto"              # raw, ema
# exact = false                 # keep arithmetic that couples the samples of a batch
# tolerance = 1e-5              # or "strict", "default", "loose"
# reference = "recording.npz"   # answers of the original, if it cannot run here
# levels = [0, 1, 2, 3, 4]      # of the proof; by default all
# backends = ["tensorflow", "jax"]
# skip = "why it is not tried"
"""


def starter(found: Found) -> str:
    """The text of a porter.toml that does what no porter.toml does, with a section for each model."""
    sections = [
        MODEL.format(format=each.format, source=json.dumps(each.source.as_posix(), ensure_ascii=False))
        for each in found.models
    ]
    return HEAD + "".join(sections or ["\n# No models were found. One would be named like this:\n", _commented()])


def _commented() -> str:
    text = MODEL.format(format="a checkpoint, a frozen graph or a SavedModel", source='"models/model.ckpt"')
    return "".join(f"# {line}\n" for line in text.strip().splitlines())


def write_starter(root: Path, found: Found) -> Path:
    """Write porter.toml. Raises UsageError where there is one."""
    path = root / NAME
    if path.exists():
        raise UsageError(f"{NAME} is there already", where=str(path), todo="edit it, or move it away first")
    with writing(path, "check the permissions of its folder"):
        path.write_text(starter(found), encoding="utf-8")
    return path
