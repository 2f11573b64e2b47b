"""PatchNormalizedConv2D beside patches that are put into memory: `python benchmarks/patches.py`.

Each figure is taken in a process of its own, with Keras on TensorFlow (or as KERAS_BACKEND says). "patches" is
extract_patches, normalised, times the kernel; "layer" is the layer. Memory is the most that the process needed beyond what
it had before the first call, time the best of several calls, both compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

SETTINGS = (("l1", 3, 16), ("l2", 3, 16), ("z-score", 3, 16), ("l2", 7, 8), ("z-score", 7, 8), ("z-score", 11, 3))
FILTERS, SIDE, BATCH, CALLS = 32, 128, 4, 5
EPSILON = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # a measurement in a process of its own, as JSON
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(*json.loads(given.one))))
        return
    print(f"{BATCH} images of {SIDE} x {SIDE}, {FILTERS} filters. Off: the largest difference, of the spread.\n")
    head = ("norm", "window", "channels", "patches MB", "layer MB", "ratio", "patches ms", "layer ms", "ratio", "off")
    print("  ".join(f"{word:>10}" for word in head))
    for norm, size, channels in SETTINGS:
        patches, layer = (elsewhere(way, norm, size, channels) for way in ("patches", "layer"))
        off = max(abs(a - b) for a, b in zip(patches["answer"], layer["answer"], strict=True))
        off /= max(patches["answer"]) - min(patches["answer"])
        memory = [patches["MB"], layer["MB"], patches["MB"] / max(layer["MB"], 1)]
        spent = [patches["ms"], layer["ms"], patches["ms"] / layer["ms"]]
        cells = [norm, f"{size} x {size}", channels, *(f"{each:.1f}" for each in (*memory, *spent)), f"{off:.0e}"]
        print("  ".join(f"{cell!s:>10}" for cell in cells))


def elsewhere(*what: Any) -> dict[str, Any]:
    words = [sys.executable, __file__, "--one", json.dumps(what)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    return json.loads(done.stdout.splitlines()[-1])


def measure(way: str, norm: str, size: int, channels: int) -> dict[str, Any]:
    """Memory in MB, time in ms, and some of the answer."""
    import keras
    import numpy as np
    from keras import ops

    from porter.layers import PatchNormalizedConv2D

    layer = PatchNormalizedConv2D(FILTERS, size, padding="same", norm=norm, epsilon=EPSILON, use_bias=False)
    layer.build((None, SIDE, SIDE, channels))
    random = np.random.default_rng(1)
    layer.kernel.assign(random.normal(size=layer.kernel.shape))
    x = random.uniform(size=(BATCH, SIDE, SIDE, channels)).astype("float32")
    inputs = keras.Input((SIDE, SIDE, channels))
    matrix = ops.convert_to_numpy(layer.kernel).reshape(-1, FILTERS)
    outputs = layer(inputs) if way == "layer" else by_patches(inputs, matrix, norm, size)
    model = keras.Model(inputs, outputs)
    model.predict(x[:1], verbose=0)  # what is compiled is not counted
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    best, answer = float("inf"), None
    for _ in range(CALLS):
        start = time.perf_counter()
        answer = model.predict(x, batch_size=BATCH, verbose=0)
        best = min(best, time.perf_counter() - start)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert answer is not None
    return {"MB": peak, "ms": 1000 * best, "answer": answer.reshape(-1)[::1009].astype(float).tolist()}


def by_patches(x: Any, matrix: Any, norm: str, size: int) -> Any:
    from keras import ops

    patches = ops.image.extract_patches(x, size, strides=1, padding="same")
    if norm == "z-score":
        patches = patches - ops.mean(patches, axis=-1, keepdims=True)
        length = ops.sqrt(ops.mean(ops.square(patches), axis=-1, keepdims=True))
    elif norm == "l2":
        length = ops.sqrt(ops.sum(ops.square(patches), axis=-1, keepdims=True))
    else:
        length = ops.sum(ops.abs(patches), axis=-1, keepdims=True)
    return ops.matmul(patches / (length + EPSILON), matrix)


if __name__ == "__main__":
    main()
