"""Layers with a kernel of their own for every place, as Keras 1 and 2 and tf.keras had them."""

from math import prod

from porter.rule import Weight, porter_layers, require, rule
from porter.rules.windows import biased


@rule
def locally_connected(tf, patches, kernel: Weight, bias: Weight):
    """Raise patches of which each meets a kernel of its own to `LocallyConnected1D` or `LocallyConnected2D`.

    Shapes: patches [places, batch, size], joined out of one slice of x for each place; kernel [places, size, filters];
    bias [1, places, filters] or [1, rows, columns, filters], with the 1 or without.
    Left as ops: channels first, a single place, and the layer's other implementations, which store other kernels.
    Source: tensorflow/python/keras/backend.py, function local_conv, 1.15; keras/backend, 2.0 to 2.3.
    """
    product = tf.BatchMatMul(patches, kernel).named("product")
    return biased(tf, tf.Transpose(tf.Reshape(product).named("apart")).named("order"), bias)


@locally_connected.to_keras
def _(patches, kernel, bias, product, apart, order):
    apart.get("shape")
    require(not product.get("adj_x", False) and not product.get("adj_y", False), "a transposed product", product)
    sizes = apart.out.shape
    require(sizes is not None and len(sizes) in (3, 4), "neither one nor two axes of places", apart)
    dimension, filters = len(sizes) - 2, sizes[-1]
    places = sizes[:dimension]
    require(order["perm"] == (dimension, *range(dimension), dimension + 1), "the batch is not put first", order)
    x, size, strides = _window(patches, places)
    width = prod(size) * x.shape[-1]
    require(kernel.value.shape == (prod(places), width, filters), "a kernel of another shape", product)
    if bias is not None:
        shape = bias.value.shape
        require(shape[-dimension - 1 :] == (*places, filters), f"a bias of shape {shape}", bias.value)
        require(
            set(shape[: -dimension - 1]) <= {1} and len(shape) <= len(sizes), f"a bias of shape {shape}", bias.value
        )
        bias = bias.reshape((*places, filters))
    kind = porter_layers.LocallyConnected1D if dimension == 1 else porter_layers.LocallyConnected2D
    some = {} if set(strides) == {1} else {"strides": _short(strides)}
    some |= {} if bias is not None else {"use_bias": False}
    return kind(filters, _short(size), **some).bind(kernel=kernel, bias=bias)(x)


def _window(patches, places):
    """What is sliced, and the slices' size and steps along each axis.

    Raises `Miss` unless there is one slice for each place, in order, equal in size and at equal steps.
    """
    join = patches.node
    require(join.op == "ConcatV2" and join.attrs.get("axis") == 0, "patches that are not joined one by one", join)
    require(len(join.inputs) == prod(places) > 1, "not one patch for each place", join)
    starts, size, x = [], None, None
    for value in join.inputs:
        flat = value.node
        require(flat.op == "Reshape" and value.shape and value.shape[0] == 1, "patches that are not laid flat", flat)
        cut = flat.inputs[0].node
        require(cut.op == "StridedSlice" and "slices" in cut.attrs, "patches that are no slices", flat)
        require(x is None or x is cut.inputs[0], "patches of several tensors", cut)
        x = cut.inputs[0]
        known = x.shape is not None and len(x.shape) == len(places) + 2 and None not in x.shape[1:]
        require(known and value.rank == 3, "a size that is not known", cut)
        slices = [*cut.attrs["slices"], *[slice(None)] * (len(x.shape) - len(cut.attrs["slices"]))]
        plain = all(isinstance(each, slice) and each.step in (None, 1) for each in slices)
        require(plain and len(slices) == len(x.shape), "another slice", cut)
        inner = [each.indices(length) for each, length in zip(slices[1:], x.shape[1:], strict=True)]
        require(slices[0] == slice(None) and inner[-1][:2] == (0, x.shape[-1]), "batch or channels are sliced", cut)
        spans = tuple(stop - start for start, stop, _ in inner[:-1])
        require(size in (None, spans) and min(spans) > 0, "slices of several sizes", cut)
        require(value.shape[2] == prod(spans) * x.shape[-1], "patches that are not laid flat one by one", flat)
        size = spans
        starts.append(tuple(start for start, *_ in inner[:-1]))
    strides = tuple(
        max(max(start[axis] for start in starts) // max(count - 1, 1), 1) for axis, count in enumerate(places)
    )
    require(starts == _grid(places, strides), "patches that do not lie on a grid, row by row", join)
    fits = all(
        (length - own) // step + 1 == count
        for length, own, step, count in zip(x.shape[1:-1], size, strides, places, strict=True)
    )
    require(fits, "places at the end are left out", join)
    return x, size, strides


def _grid(places, strides):
    """Where the patches start, columns fastest."""
    if len(places) == 1:
        return [(at * strides[0],) for at in range(places[0])]
    return [(row * strides[0], column * strides[1]) for row in range(places[0]) for column in range(places[1])]


def _short(numbers):
    """One number where all are the same."""
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


@locally_connected.example("rows and columns, with steps", "LocallyConnected2D")
def _(tf):
    return tf.keras.layers.LocallyConnected2D(3, (2, 3), strides=(2, 1))(
        tf.placeholder(tf.float32, [None, 6, 5, 2], "x")
    )


@locally_connected.example("steps of a sequence, with an activation", "LocallyConnected1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 2], "x")
    return tf.keras.layers.LocallyConnected1D(3, 2, activation="tanh", use_bias=False)(x)


@locally_connected.counterexample("patches in another order", "LocallyConnected1D")
def _(tf):
    x, kernel = tf.placeholder(tf.float32, [None, 4, 2], "x"), tf.get_variable("kernel", [3, 4, 5])
    parts = [tf.reshape(x[:, at : at + 2], [1, -1, 4]) for at in (0, 2, 1)]
    y = tf.matmul(tf.concat(parts, axis=0), kernel)
    return tf.transpose(tf.reshape(y, [3, -1, 5]), [1, 0, 2])


@locally_connected.counterexample("channels first", "LocallyConnected1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 2, 6], "x")
    return tf.keras.layers.LocallyConnected1D(3, 2, data_format="channels_first")(x)


RULES = (locally_connected,)
