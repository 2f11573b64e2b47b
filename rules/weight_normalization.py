"""Weight normalisation: kernels that are learned as a direction and a length."""

from porter.rule import Scalar, Weight, WeightRef, layers, one_of, require, reshaped, rule
from porter.rules.statistics import along, count
from porter.rules.windows import biased, per_filter


@rule
def weight_normalization(
    tf, layer, v: Weight, gain: Weight, at_least: Scalar, within: Scalar, least: Scalar, added: Scalar
):  # fmt: skip
    """Wrap a layer whose kernel is v / norm(v) * gain in `WeightNormalization`.

    Shapes: v as the layer has its kernel; norms over all axes but one, or over all; gain one number for each norm.
    Left as a fixed kernel: norms that keep several axes.
    Source: "Weight Normalization" (Salimans and Kingma, 2016); TensorFlow Addons; heads that compare directions.
    """
    squares = tf.Sum(one_of(tf.Square(v), v * v, tf.Pow(v, 2))).named("total")
    guarded = one_of(tf.Maximum(squares, at_least), squares + within, squares)
    length = one_of(tf.Sqrt(squares), tf.Pow(squares, 0.5), tf.EuclideanNorm(v).named("total"))
    size = one_of(
        tf.Maximum(length, least), length + added, tf.Sqrt(guarded), tf.Pow(guarded, 0.5),
        tf.EuclideanNorm(v).named("total"),
    )  # fmt: skip
    divisor, inverse = reshaped(size), reshaped(tf.Rsqrt(guarded))
    factor = reshaped(one_of(gain / divisor, gain * inverse))
    scaled = tf.Mul(v, gain)
    unit, whole = (
        one_of(tf.RealDiv(each, divisor).named("over"), tf.Mul(each, inverse).named("over")) for each in (v, scaled)
    )
    return one_of(tf.Mul(v, factor).named("over"), whole, unit * gain, unit)


@weight_normalization.to_keras
def _(layer, v, gain, at_least, within, least, added, total, over):
    shape = v.value.shape
    rank = len(shape)
    total.get("keepdims")
    axes = total["axes"]
    kept = [axis for axis in range(rank) if axis not in axes]
    require(len(kept) <= 1, f"norms that keep the axes {kept}", total)
    for each in over.node.inputs:
        lies = each.shape == shape or along(v.value, WeightRef(each)) <= set(kept)
        require(lies, "norms that lie along another axis than they were taken for", over)
    if gain is not None:
        size = shape[kept[0]] if kept else 1
        require(count(gain) == size and along(v.value, gain) <= set(kept), "not one gain for each norm", total)
        gain = gain.reshape((size,)) if gain.value.shape != (size,) else gain
    guards = {"squares": at_least, "sum": within, "floor": least, "norm": added}
    guard, epsilon = next(((each, number) for each, number in guards.items() if number is not None), ("squares", 0.0))
    axis = None if not kept else kept[0] - rank
    made = layer.bind(kernel=v).wrapped(
        "WeightNormalization", axis=axis, epsilon=epsilon, guard=guard, scale=gain is not None
    )
    return made.bind(gain=gain)


weight_normalization.place = "kernels"


@rule
def weight_normalized_dense(tf, x, v: Weight, gain: Weight, bias: Weight, within: Scalar, at_least: Scalar):
    """Raise (x @ v) * (gain / norm(v)) + bias to `WeightNormalization` of a `Dense`.

    Shapes: x [batch, inputs], v [inputs, units]; gain, norms and bias one number per unit.
    Source: "Weight Normalization" (Salimans and Kingma, 2016), function dense of its TensorFlow 1 code.
    """
    squares = tf.Sum(one_of(tf.Square(v), v * v, tf.Pow(v, 2))).named("total")
    guarded = one_of(tf.Maximum(squares, at_least), squares + within, squares)
    factor = one_of(gain / reshaped(tf.Sqrt(guarded)), gain * reshaped(tf.Rsqrt(guarded)))
    scaled = tf.Mul(tf.MatMul(x, v).named("matmul"), reshaped(factor)).named("over")
    return biased(tf, scaled, bias)


@weight_normalized_dense.to_keras
def _(x, v, gain, bias, within, at_least, total, matmul, over):
    total.get("keepdims")
    units = v.value.shape[1]
    turned = matmul.get("transpose_a", False) or matmul.get("transpose_b", False)
    require(not turned, "a transposed product", matmul)
    require(total["axes"] == (0,), "norms of something else than units", total)
    per_unit = [each.shape for each in over.node.inputs if each.node is not matmul.node]
    require(per_unit in ([(units,)], [(1, units)]) and count(gain) == units, "not one factor for each unit", over)
    bias = per_filter(bias, units)
    guard, epsilon = ("sum", within) if within is not None else ("squares", at_least or 0.0)
    dense = layers.Dense(units, use_bias=bias is not None).bind(kernel=v, bias=bias)
    gain = gain.reshape((units,)) if gain.value.shape != (units,) else gain
    return dense.wrapped("WeightNormalization", epsilon=epsilon, guard=guard).bind(gain=gain)(x)


@weight_normalized_dense.example("as its authors wrote it", "WeightNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    v, g, b = tf.get_variable("V", [6, 4]), tf.get_variable("g", [4]), tf.get_variable("b", [4])
    factor = g / tf.sqrt(tf.reduce_sum(tf.square(v), [0]))
    return tf.reshape(factor, [1, 4]) * tf.matmul(x, v) + tf.reshape(b, [1, 4])


@weight_normalized_dense.counterexample("norms of the inputs' rows", "WeightNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4], "x")
    v, g = tf.get_variable("V", [4, 4]), tf.get_variable("g", [4])
    return g / tf.sqrt(tf.reduce_sum(tf.square(v), [1])) * tf.matmul(x, v)


@weight_normalization.example("tf.nn.l2_normalize times a gain", "WeightNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    v, g = tf.get_variable("v", [3, 3, 3, 5]), tf.get_variable("g", [5])
    kernel = tf.reshape(g, [1, 1, 1, 5]) * tf.nn.l2_normalize(v, [0, 1, 2])
    y = tf.nn.conv2d(x, kernel, [1, 2, 2, 1], "SAME")
    return tf.nn.relu(tf.nn.bias_add(y, tf.get_variable("b", [5])))


@weight_normalization.example("by tf.norm, a dense layer", "WeightNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    v, g = tf.get_variable("v", [6, 4]), tf.get_variable("g", [4])
    return tf.matmul(x, v * (g / tf.norm(v, axis=0))) + tf.get_variable("b", [4])


@weight_normalization.example("directions alone, as heads compare them", "WeightNormalization")
def _(tf):
    x = tf.nn.l2_normalize(tf.placeholder(tf.float32, [None, 6], "x"), 1)
    return tf.matmul(x, tf.nn.l2_normalize(tf.get_variable("w", [6, 4]), 0))


@weight_normalization.example("a transposed convolution, which has its filters third", "WeightNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [2, 5, 5, 3], "x")
    v, g = tf.get_variable("v", [3, 3, 4, 3]), tf.get_variable("g", [4])
    kernel = tf.reshape(g, [1, 1, 4, 1]) * v / tf.sqrt(tf.reduce_sum(v * v, [0, 1, 3], keepdims=True) + 1e-6)
    return tf.nn.conv2d_transpose(x, kernel, [2, 10, 10, 4], [1, 2, 2, 1], "SAME")


@weight_normalization.example("one axis", "WeightNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12, 3], "x")
    v, g = tf.get_variable("v", [4, 3, 5]), tf.get_variable("g", [5])
    return tf.nn.conv1d(x, g * tf.nn.l2_normalize(v, [0, 1]), 1, "SAME")


@weight_normalization.counterexample("a norm for each channel and filter", "WeightNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    kernel = tf.nn.l2_normalize(tf.get_variable("v", [3, 3, 3, 5]), [0, 1])
    return tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME")


@weight_normalization.counterexample("a norm over units where inputs and units are as many", "WeightNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5], "x")
    v = tf.get_variable("v", [5, 5])
    return tf.matmul(x, v / tf.norm(v, axis=1))  # divides by the wrong axis, as the original does


OF_ACTIVATIONS = (weight_normalized_dense,)
RULES = (weight_normalization,)
