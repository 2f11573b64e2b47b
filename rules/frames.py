"""Overlapping frames of a signal."""

import numpy as np

from porter.rule import Scalar, constant, one_of, ops, require, rule


@rule
def frames(tf, x, begin, end, strides, blocks, count, step: Scalar, rows, offsets, index, shape):
    """Raise the blocks, the gather and the reshape of `tf.signal.frame` to `ops.extract_sequences`.

    Shapes: x [..., samples] to [..., frames, length]; blocks are as long as length and step have a divisor in common.
    Left as ops: frames along another axis than the last.
    Source: tensorflow/python/ops/signal/shape_ops.py, function frame, 1.15.
    """
    whole = one_of(tf.StridedSlice(x, begin, end, strides), tf.StridedSlice(x).named("cut"), x)
    cut = one_of(tf.Reshape(whole, blocks).named("blocked"), tf.Reshape(whole).named("blocked"))
    starts = tf.Range(0, count, 1) * step
    starts = one_of(tf.Reshape(starts, rows).named("column"), tf.Reshape(starts).named("column"))
    gathered = tf.GatherV2(cut, one_of(starts + offsets, index)).named("gathered")
    return one_of(tf.Reshape(gathered, shape).named("joined"), tf.Reshape(gathered).named("joined"))


@frames.to_keras
def _(x, begin, end, step, offsets, index, cut, blocked, column, gathered, joined):
    for view in filter(None, (cut, blocked, column, joined)):
        view.get("slices"), view.get("shape")
    rank = x.rank
    require(
        rank is not None and blocked.out.rank == rank + 1, "the signal is not cut into blocks along one axis", blocked
    )
    require(gathered["axis"] == rank - 1, "frames along another axis than the last", gathered)
    block, length = blocked.out.shape[-1], joined.out.shape[-1]
    require(block and length and joined.out.rank == rank + 1, "the frames are not of a known length", joined)
    if cut is not None:
        *others, taken = cut["slices"]
        require(len(others) == rank - 1, "not cut along the signal", cut)
        every = all(
            isinstance(each, slice) and each.start in (0, None) and (each.stop is None or each.stop == size)
            for each, size in zip(others, x.shape[:-1], strict=True)
        )
        require(every and isinstance(taken, slice) and taken.step is None, "not the beginning of the signal", cut)
    elif begin is not None:
        first = constant(begin)
        require(first is not None and not first.any(), "not the beginning of the signal", blocked)
    if step is None:
        known = constant(index)
        require(known is not None and known.ndim == 2, "which blocks make a frame is not known", gathered)
        step = int(known[1, 0] - known[0, 0]) if len(known) > 1 else int(known.shape[1])
        starts, inner = known[:, :1], known - known[:, :1]
        require(
            np.array_equal(starts.ravel(), step * np.arange(len(known))),
            "the frames are not equally far apart",
            gathered,
        )
    else:
        inner = constant(offsets)
        require(inner is not None, "which blocks make a frame is not known", gathered)
    even = np.array_equal(np.unique(inner), np.arange(inner.shape[-1])) and inner.shape[-1] * block == length
    require(even, "a frame is not made of blocks side by side", gathered)
    return ops.extract_sequences(x, length, int(step) * block)


@frames.example("short-time Fourier transform with an unknown batch", "ops.extract_sequences")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 64], "x")
    return tf.abs(tf.signal.stft(x, 16, 12))


@frames.example("frames that do not fill the signal, of unknown length", "ops.extract_sequences")
def _(tf):
    return tf.signal.frame(tf.placeholder(tf.float32, [None, None], "x"), 5, 3)


@frames.example("all sizes known", "ops.extract_sequences")
def _(tf):
    return tf.signal.frame(tf.placeholder(tf.float32, [3, 61], "x"), 8, 4)


@frames.counterexample("frames along another axis", "ops.extract_sequences")
def _(tf):
    return tf.signal.frame(tf.placeholder(tf.float32, [3, 61, 2], "x"), 8, 4, axis=1)


RULES = (frames,)
