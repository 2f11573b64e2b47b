"""Resizing of pictures, in the four interpolations and three pixel rules that TensorFlow 1 has."""

from functools import cache

import numpy as np

from porter.rule import at_run_time, is_size, layers, one_of, op, ops, porter_layers, require, rule

INTERPOLATIONS = {
    "ResizeBilinear": "bilinear",
    "ResizeNearestNeighbor": "nearest",
    "ResizeBicubic": "bicubic",
    "ResizeArea": "area",
}
LARGEST = 2048  # rows for which a nearest neighbour is checked to be the one that repetition gives


@rule
def resizing(tf, x, size):
    """Raise a resized picture to `UpSampling2D`, `Resizing`, or `LegacyResizing` with TensorFlow 1's pixel rule.

    The size may be constant, the picture's own times something, or that of another picture.
    Shapes: x [batch, rows, columns, channels].
    Source: tensorflow/python/ops/image_ops_impl.py, function resize_images, 1.15.
    """
    kinds = [getattr(tf, name)(*inputs).named("resize") for name in INTERPOLATIONS for inputs in ((x,), (x, size))]
    return one_of(*kinds)


@resizing.to_keras
def _(x, size, resize):
    interpolation = INTERPOLATIONS[resize.node.op]
    corners, centers = resize.get("align_corners", False), resize.get("half_pixel_centers", False)
    require(x.rank == 4, "not a picture", resize)
    target, factor, like = _target(x, resize, size)
    plain = x.dtype == "float32" and not corners
    if factor is not None and factor == (1, 1) and interpolation in ("nearest", "bilinear") and plain:
        return layers.Identity()(x)
    if interpolation == "nearest" and factor and not corners and all(_repeats(times, centers) for times in factor):
        return layers.UpSampling2D(factor)(x)
    if interpolation == "bilinear" and centers and plain and like is None:
        if factor:
            return layers.UpSampling2D(factor, interpolation="bilinear")(x)
        return layers.Resizing(*target)(x)
    options = {"interpolation": interpolation, "align_corners": corners, "half_pixel_centers": centers}
    if target:
        return porter_layers.LegacyResizing(target, **options)(x)
    if factor:
        return porter_layers.LegacyResizing(factor=factor, **options)(x)
    return porter_layers.LegacyResizing(**options)(x, like)


@op(*INTERPOLATIONS)
def resizing_to_numbers(x, size, *, node, align_corners=False, half_pixel_centers=False):
    """A size that the data name, or that follows from several shapes."""
    require(x.rank == 4, "not a picture", node)
    options = {"align_corners": align_corners, "half_pixel_centers": half_pixel_centers}
    resized = porter_layers.LegacyResizing(interpolation=INTERPOLATIONS[node.op], **options)(x, like=size)
    return resized if is_size(size) else at_run_time(resized)


def _target(x, resize, size):
    """The size, or how many times the own size it is, or the picture whose size it is: two of the three are None."""
    if size is None:
        target = resize["size"]
        rows = x.shape[1:3]
        if None not in rows and all(new % old == 0 for new, old in zip(target, rows, strict=True)):
            return target, tuple(new // old for new, old in zip(target, rows, strict=True)), None
        return target, None, None
    rows, columns = _sides(size, resize)
    fits = rows[0] is columns[0] and (rows[1], columns[1]) == (1, 2)
    require(fits, "rows and columns are not those of one other tensor", resize)
    source, factor = rows[0], (rows[2], columns[2])
    if source is x:
        return None, factor, None
    require(factor == (1, 1) and source.rank == 4, "the size follows from another tensor's by arithmetic", resize)
    return None, None, source


def _sides(size, resize):
    """For rows and columns: the tensor whose size they come from, its axis, and how many times that."""
    node = size.node
    if node.op == "Stack" and len(node.inputs) == 2:
        return [_side(value, resize)[0] for value in node.inputs]
    return _side(size, resize)


def _side(value, resize):
    """The sizes that an integer or a vector of two consists of, see `_sides`. Raises `Miss`."""
    node, times = value.node, [1, 1]
    while node.op in ("Mul", "Cast"):
        if node.op == "Mul":
            first, second = (each.node for each in node.inputs)
            constant, node = (first, second) if first.op == "Const" else (second, first)
            require(constant.op == "Const", "the size follows from two tensors", resize)
            numbers = np.broadcast_to(constant.attrs["value"].reshape(-1), 2)
            times = [own * other for own, other in zip(times, numbers.tolist(), strict=True)]
        else:
            node = node.inputs[0].node
    require(all(number == int(number) for number in times), f"a size times {times}", resize)
    shape = node.inputs[0].node if node.op == "StridedSlice" else node
    require(shape.op == "Shape" and len(node.attrs.get("slices", ())) == 1, "the size is not a tensor's own", resize)
    (taken,) = node.attrs["slices"]
    axes = [taken] if isinstance(taken, int) else list(range(4))[taken] if isinstance(taken, slice) else []
    require(len(axes) == (1 if value.rank == 0 else 2), "the size is not a tensor's own", resize)
    return [(shape.inputs[0], axis % 4, int(number)) for axis, number in zip(axes, times, strict=False)]


@cache
def _repeats(times, centers):
    """True if the nearest neighbour in a picture `times` as large is always the pixel that repetition puts there."""
    if centers:
        return True
    for rows in range(1, LARGEST):
        places = np.arange(rows * times, dtype=np.float32) * (np.float32(rows) / np.float32(rows * times))
        if not np.array_equal(places.astype(int), np.arange(rows * times) // times):
            return False
    return True


@op("ConcatV2")
def repeated_elements(*values, axis):
    """Split into single rows, each of which is joined several times: how Keras wrote UpSampling1D in TensorFlow 1."""
    split, count = values[0].node, len(values[0].node.outputs)
    require(split.op == "ops.split" and split.attrs["kwargs"].get("axis") == axis, "not the parts of one tensor")
    x, times = split.inputs[0], len(values) // count
    require(x.shape is not None and x.shape[axis] == count and times > 1, "not single rows, repeated")
    order = [value.index for value in values]
    whole = all(value.node is split for value in values) and order == [i for i in range(count) for _ in range(times)]
    require(whole, "not every row as often, in order")
    if x.rank == 3 and axis == 1:
        return layers.UpSampling1D(times)(x)
    return ops.repeat(x, times, axis=axis)


@resizing.example("nearest neighbour, twice the size", "UpSampling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5, 3], "x")
    return tf.image.resize_nearest_neighbor(x, [8, 10])


@resizing.example("twice the size where that is unknown", "UpSampling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 3], "x")
    return tf.image.resize_nearest_neighbor(x, tf.shape(x)[1:3] * tf.constant([2, 3]))


@resizing.example("bilinear with half pixels, as TensorFlow 2 and late TensorFlow 1 do", "Resizing")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5, 3], "x")
    return tf.image.resize_bilinear(x, [7, 11], half_pixel_centers=True)


@resizing.example("bilinear as TensorFlow 1 did by default", "LegacyResizing")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 3], "x")
    return tf.image.resize_bilinear(x, [7, 11])


@resizing.example("bicubic, corners aligned, twice an unknown size", "LegacyResizing")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 3], "x")
    return tf.image.resize_bicubic(x, [2 * tf.shape(x)[1], 2 * tf.shape(x)[2]], align_corners=True)


@resizing.example("area", "LegacyResizing")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    return tf.image.resize_area(x, [4, 3])


@resizing.example("to the size of another picture", "LegacyResizing")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5, 3], "x")
    y = tf.placeholder(tf.float32, [None, None, None, 3], "y")
    return tf.image.resize_bilinear(x, tf.shape(y)[1:3], align_corners=True) + y


@resizing.counterexample("corners aligned is no repetition", "UpSampling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5, 3], "x")
    return tf.image.resize_nearest_neighbor(x, [8, 10], align_corners=True)


RULES = (resizing,)
