"""Activations: TensorFlow's own, and those that people wrote by hand."""

import math

from porter.rule import Scalar, Weight, layers, one_of, op, ops, require, rule

# TensorFlow's operations by the name of Keras' activation. All take float tensors.
NAMED = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Selu": "selu",
    "Elu": "elu",
}


def activation(x, name, **arguments):
    """`layers.Activation(name)` behind a layer, `ops.<name>` in the middle of arithmetic.

    Layers would turn other floats than float32 into float32, so those are ops too.
    """
    if x.node.op.startswith("layers.") and x.dtype == "float32" and not arguments:
        return layers.Activation(name)(x)
    return getattr(ops, name)(x, **arguments)


def _register(operation, name):
    @op(operation)
    def _(x):
        return activation(x, name)


for _operation, _name in NAMED.items():
    _register(_operation, _name)


@op("Relu")
def relu(x):
    """`ReLU`; integers and other floats than float32 stay what they are."""
    if x.dtype == "float32":
        return layers.ReLU()(x)
    return ops.relu(x) if x.dtype.startswith("float") else ops.maximum(x, 0)


@op("Relu6")
def relu6(x):
    if x.dtype == "float32":
        return layers.ReLU(max_value=6.0)(x)
    return ops.relu6(x) if x.dtype.startswith("float") else ops.clip(x, 0, 6)


@op("LeakyRelu")
def leaky_relu(x, *, alpha=0.2):
    return _leaky(x, alpha)


def _leaky(x, slope):
    if x.dtype == "float32":
        return layers.LeakyReLU(negative_slope=slope)(x)
    return ops.leaky_relu(x, negative_slope=slope)


@op("Softmax")
def softmax(x):
    return _softmax(x, -1)


@op("LogSoftmax")
def log_softmax(x):
    return activation(x, "log_softmax")


def _softmax(x, axis):
    if x.dtype == "float32" and (x.rank is None or x.rank > 1):
        return layers.Softmax(axis=axis)(x)
    return ops.softmax(x, axis=axis)


@rule
def softmax_by_hand(tf, x):
    """Raise exp(x - max x) / sum(exp(x - max x)) to `Softmax`.

    Shapes: x [..., n, ...]; maximum and sum keep the reduced axes as 1.
    Left as ops: exp(x) / sum(exp(x)), which overflows where Softmax does not.
    Source: hand-written TensorFlow 1 code, such as attention over positions.
    """
    top = tf.Max(x).named("top")
    powers = tf.Exp(x - one_of(tf.StopGradient(top), top))
    return powers / tf.Sum(powers).named("total")


@softmax_by_hand.to_keras
def _(x, top, total):
    axes = total["axes"]
    require(axes == top["axes"], f"the maximum is over {top['axes']}, the sum over {axes}", total)
    require(
        axes and top.get("keepdims", False) and total.get("keepdims", False), "the reduced axes are not kept", total
    )
    require(x.rank is not None and 0 not in axes, "the batch is among the axes", total)
    return _softmax(x, _last(axes, x.rank))


def _last(axes, rank):
    """One axis as a number, -1 for the last; several as they are."""
    if len(axes) > 1:
        return axes
    return -1 if axes[0] == rank - 1 else axes[0]


@rule
def softmax_on_axis(tf, x, rows, back):
    """Raise the transposes and reshapes that `tf.nn.softmax` puts around its kernel to `Softmax(axis)`.

    Shapes: x [..., n, ...]; before TensorFlow 1.13 the kernel took [rows, n] only, and always the last axis.
    Source: tensorflow/python/ops/nn_ops.py, function _softmax, 1.4 and 1.15; slim's softmax in contrib/layers.
    """
    ahead = tf.Transpose(x).named("ahead")
    flat = one_of(
        tf.Reshape(one_of(ahead, x)).named("flatten"),
        tf.Reshape(one_of(ahead, x), rows).named("flatten"),
        ahead,
    )
    result = tf.Softmax(flat).named("softmax")
    full = one_of(tf.Reshape(result).named("restore"), tf.Reshape(result, back).named("restore"), result)
    return one_of(tf.Transpose(full).named("behind"), full)


@softmax_on_axis.to_keras
def _(x, softmax, ahead, flatten, restore, behind):
    require((flatten is None) == (restore is None), "a reshape on one side only", softmax)
    require((ahead is None) == (behind is None), "a transpose on one side only", softmax)
    require(flatten or ahead, "a plain softmax", softmax)
    require(x.rank is not None, "the rank is not known", softmax)
    order = tuple(range(x.rank))
    if ahead:
        order = ahead["perm"]
        require(all(behind["perm"][order[i]] == i for i in order), "the transposes do not undo each other", behind)
    axis = order[-1]
    if flatten:
        flatten.get("shape"), restore.get("shape")
        before, flat, after = (ahead or flatten).node.inputs[0], flatten.out, restore.out
        require(flat.rank and flat.shape[-1] is not None, "the last axis is of unknown size", flatten)
        require(flat.shape[-1] == x.shape[axis], "the softmax is not over one axis of its input", flatten)
        inner = ahead.out if ahead else before
        same = inner.shape == after.shape and (inner.shape.count(None) < 2 or inner.probe == after.probe)
        require(same, "the reshapes do not undo each other", restore)
    require(axis > 0, "a softmax over the batch", softmax)
    return _softmax(x, _last((axis,), x.rank))


@rule
def leaky_relu_as_maximum(tf, x, slope: Scalar):
    """Raise max(x, slope x) to `LeakyReLU`.

    Shapes: any. With a slope above 1 it is slope x for positive x, and x for negative. That is written as a choice, for
    TensorFlow's graph optimizer takes the maximum for a leaky ReLU all the same, and then computes another function.
    Source: hand-written TensorFlow 1 code of before `tf.nn.leaky_relu`, such as DCGAN.
    """
    return tf.Maximum(slope * x, x)


@leaky_relu_as_maximum.to_keras
def _(x, slope):
    require(slope >= 0, f"the slope is {slope}")
    if slope > 1:
        return ops.where(ops.greater(x, 0), ops.multiply(x, slope), x)
    return _leaky(x, slope)


@rule
def leaky_relu_by_hand(tf, x, slope: Scalar, half: Scalar, other: Scalar):
    """Raise relu(x) - slope relu(-x) and p x + q |x| to `LeakyReLU`.

    Shapes: any. Left as ops: factors that do not make x of a positive x.
    Source: hand-written TensorFlow 1 code, such as pix2pix.
    """
    return one_of(tf.Relu(x) - slope * tf.Relu(tf.Neg(x)), half * x + other * tf.Abs(x))


@leaky_relu_by_hand.to_keras
def _(x, slope, half, other):
    if half is not None:
        require(abs(half + other - 1) < 1e-6, f"{half} x + {other} |x| is not x for positive x")
        slope = round(half - other, 6)
    require(slope >= 0, f"the slope is {slope}")
    return _leaky(x, slope)


@rule
def relu_by_hand(tf, x):
    """Raise max(x, 0) to `ReLU`."""
    return tf.Maximum(x, 0)


@relu_by_hand.to_keras
def _(x):
    require(x.dtype == "float32", f"an integer or {x.dtype} maximum")
    return layers.ReLU()(x)


@rule
def clip_by_hand(tf, x, low: Scalar, high: Scalar):
    """Raise what `tf.clip_by_value` is made of to `ops.clip`, and min(max(x, 0), n) to `ReLU(max_value)`."""
    return one_of(tf.Maximum(tf.Minimum(x, high), low), tf.Minimum(tf.Maximum(x, low), high))


@clip_by_hand.to_keras
def _(x, low, high):
    require(low <= high, f"the lower end {low} is above the upper end {high}")
    if x.dtype == "float32" and low == 0 and high == 6:
        return layers.ReLU(max_value=high)(x)
    return ops.clip(x, low, high)


@rule
def swish(tf, x):
    """Raise x sigmoid(x) to `silu`. With a factor in the sigmoid it stays as it is written."""
    return x * tf.Sigmoid(x)


@swish.to_keras
def _(x):
    return activation(x, "silu")


@rule
def mish(tf, x):
    """Raise x tanh(softplus(x)) to `mish`."""
    return x * tf.Tanh(one_of(tf.Softplus(x), tf.Log(1 + tf.Exp(x))))


@mish.to_keras
def _(x):
    require(x.dtype == "float32", f"mish of {x.dtype}")
    return layers.Activation("mish")(x)


@rule
def hard_swish(tf, x):
    """Raise x relu6(x + 3) / 6 to `hard_silu`.

    Source: MobileNet V3, hard swish.
    """
    gate = tf.Relu6(x + 3)
    sixth = one_of(gate / 6, gate * (1 / 6))
    return one_of(x * sixth, x * gate / 6, x * gate * (1 / 6))


@hard_swish.to_keras
def _(x):
    return activation(x, "hard_silu")


@rule
def hard_sigmoid(tf, x):
    """Raise relu6(x + 3) / 6 to `hard_sigmoid`. Keras 2's, clip(0.2 x + 0.5), has another slope and stays ops."""
    gate = tf.Relu6(x + 3)
    return one_of(gate / 6, gate * (1 / 6))


@hard_sigmoid.to_keras
def _(x):
    return activation(x, "hard_sigmoid")


def _half(x, factor):
    """x factor / 2 in the orders that people wrote."""
    half = one_of(0.5 * factor, factor / 2)
    return one_of(x * half, (0.5 * x) * factor, 0.5 * (x * factor), (x * factor) / 2, (x / 2) * factor)


@rule
def gelu_erf(tf, x, root: Scalar, inverse: Scalar):
    """Raise x (1 + erf(x / sqrt 2)) / 2, in any order of its factors, to `gelu`.

    Source: the paper, and google-research/bert before it took the approximation.
    """
    inner = one_of(x / root, x * inverse)
    return _half(x, 1 + tf.Erf(inner))


@gelu_erf.to_keras
def _(x, root, inverse):
    factor = inverse if root is None else 1 / root
    require(abs(factor - math.sqrt(0.5)) < 1e-4, f"a factor of {factor} in the error function")
    if x.node.op.startswith("layers.") and x.dtype == "float32":
        return layers.Activation("gelu")(x)
    return ops.gelu(x, approximate=False)


@rule
def gelu_tanh(tf, x, factor: Scalar, small: Scalar):
    """Raise x (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))) / 2 to the approximate `gelu`.

    Source: openai/gpt-2 and google-research/bert.
    """
    cube = one_of(tf.Pow(x, 3), tf.Square(x) * x, (x * x) * x)
    inner = one_of(x + small * cube, x * (1 + small * tf.Square(x)), x * (1 + (small * x) * x), x + (small * x) * x * x)
    return _half(x, 1 + tf.Tanh(factor * inner))


@gelu_tanh.to_keras
def _(x, factor, small):
    require(abs(factor - math.sqrt(2 / math.pi)) < 1e-4, f"a factor of {factor} in the tangent")
    require(abs(small - 0.044715) < 1e-6, f"a factor of {small} before the cube")
    return ops.gelu(x, approximate=True)


@rule
def prelu(tf, x, alpha: Weight):
    """Raise relu(x) + alpha (x - |x|) / 2 and relu(x) - alpha relu(-x) to `PReLU`.

    Shapes: x [batch, ...], alpha one number per entry, or 1 for axes that share it.
    Left as ops: max(alpha x, x), which is another function where alpha exceeds 1.
    Source: hand-written TensorFlow 1 code; tensorflow/python/keras/layers/advanced_activations.py, class PReLU, 1.15.
    """
    negative = x - tf.Abs(x)
    below = one_of(alpha * negative * 0.5, alpha * (negative * 0.5), (alpha * 0.5) * negative, alpha * tf.Minimum(x, 0))
    return one_of(
        tf.Relu(x) + below,
        tf.Maximum(x, 0) + below,
        tf.Relu(x) - alpha * tf.Relu(tf.Neg(x)),
        tf.Relu(x) + tf.Neg(alpha) * tf.Relu(tf.Neg(x)),
        tf.Relu(x) + tf.Neg(alpha * tf.Relu(tf.Neg(x))),
    )


@prelu.to_keras
def _(x, alpha):
    require(x.rank is not None and x.rank > 1 and x.dtype == "float32", "not a batch of floats")
    shape = alpha.value.shape
    require(len(shape) <= x.rank and (len(shape) < x.rank or shape[0] == 1), f"alpha has shape {shape}", alpha.value)
    own = ((1,) * x.rank + shape)[-x.rank :][1:]
    fits = all(mine in (1, size) for mine, size in zip(own, x.shape[1:], strict=True))
    require(fits, f"alpha of shape {shape} for an input of shape {x.shape}", alpha.value)
    shared = tuple(axis for axis, size in enumerate(own, 1) if size == 1)
    alpha = alpha if shape == own else alpha.reshape(own)
    return layers.PReLU(shared_axes=shared or None).bind(alpha=alpha)(x)


def _x(tf, *shape):
    return tf.placeholder(tf.float32, [None, *shape], "x")


@softmax_by_hand.example("attention over positions", "Softmax")
def _(tf):
    x = _x(tf, 5, 3)
    powers = tf.exp(x - tf.reduce_max(x, axis=1, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=1, keepdims=True)


@softmax_by_hand.example("over several axes, as for a heat map", "Softmax")
def _(tf):
    x = _x(tf, 4, 5, 2)
    powers = tf.exp(x - tf.reduce_max(x, axis=[1, 2], keepdims=True))
    return powers / tf.reduce_sum(powers, axis=[1, 2], keepdims=True)


@softmax_by_hand.counterexample("the maximum over another axis than the sum", "Softmax")
def _(tf):
    x = _x(tf, 5, 3)
    powers = tf.exp(x - tf.reduce_max(x, axis=2, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=1, keepdims=True)


@softmax_by_hand.counterexample("over the batch", "Softmax")
def _(tf):
    x = _x(tf, 5)
    powers = tf.exp(x - tf.reduce_max(x, axis=0, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=0, keepdims=True)


@softmax_on_axis.example("tf.nn.softmax over axis 1", "Softmax")
def _(tf):
    return tf.nn.softmax(_x(tf, 5, 3), axis=1)


@softmax_on_axis.example("tf.nn.softmax over axis 1 of unknown size", "Softmax")
def _(tf):
    return tf.nn.softmax(_x(tf, None, None, 3), axis=1)


@softmax_on_axis.example("flattened to rows, as slim and TensorFlow before 1.13 do it", "Softmax")
def _(tf):
    x = _x(tf, 6, 4, 3)
    return tf.reshape(tf.nn.softmax(tf.reshape(x, [-1, 3])), tf.shape(x))


@softmax_on_axis.example("transposed and flattened", "Softmax")
def _(tf):
    x = tf.transpose(_x(tf, 6, 3), [0, 2, 1])
    rows = tf.nn.softmax(tf.reshape(x, [-1, 6]))
    return tf.transpose(tf.reshape(rows, [-1, 3, 6]), [0, 2, 1])


@leaky_relu_as_maximum.example("max(a x, x)", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return tf.maximum(x, 0.2 * x)


@leaky_relu_by_hand.example("relu(x) - a relu(-x)", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return tf.nn.relu(x) - 0.3 * tf.nn.relu(-x)


@leaky_relu_by_hand.example("f1 x + f2 |x|, as in pix2pix", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return (0.5 * (1 + 0.2)) * x + (0.5 * (1 - 0.2)) * tf.abs(x)


@leaky_relu_as_maximum.counterexample("a slope above 1", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return tf.maximum(x, 1.5 * x)


@leaky_relu_by_hand.counterexample("two factors that do not make x of a positive x", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return 0.5 * x + 0.2 * tf.abs(x)


@relu_by_hand.example("max(x, 0)", "ReLU")
def _(tf):
    return tf.maximum(_x(tf, 4), 0.0)


@clip_by_hand.example("min(max(x, 0), 6)", "ReLU")
def _(tf):
    return tf.minimum(tf.maximum(_x(tf, 4), 0.0), 6.0)


@clip_by_hand.example("tf.clip_by_value, as Keras 2's hard sigmoid", "ops.clip")
def _(tf):
    return tf.clip_by_value(0.2 * _x(tf, 4) + 0.5, 0.0, 1.0)


@swish.example("x sigmoid(x)", "ops.silu")
def _(tf):
    x = _x(tf, 4)
    return tf.nn.sigmoid(x) * x


@swish.example("behind a layer", "Dense")
def _(tf):
    x = tf.layers.dense(_x(tf, 4), 3)
    return x * tf.nn.sigmoid(x)


@swish.counterexample("with a factor in the sigmoid", "ops.silu")
def _(tf):
    x = _x(tf, 4)
    return x * tf.nn.sigmoid(1.702 * x)


@swish.counterexample("a gate of another tensor", "ops.silu")
def _(tf):
    return _x(tf, 4) * tf.nn.sigmoid(tf.placeholder(tf.float32, [None, 4], "y"))


@mish.example("x tanh(softplus(x))", "Activation")
def _(tf):
    x = _x(tf, 4)
    return x * tf.tanh(tf.nn.softplus(x))


@hard_swish.example("x relu6(x + 3) / 6", "ops.hard_silu")
def _(tf):
    x = _x(tf, 4)
    return x * tf.nn.relu6(x + 3) / 6


@hard_swish.example("x (relu6(x + 3) 0.1666667)", "ops.hard_silu")
def _(tf):
    x = _x(tf, 4)
    return x * (tf.nn.relu6(x + 3.0) * (1.0 / 6.0))


@hard_sigmoid.example("relu6(x + 3) / 6", "ops.hard_sigmoid")
def _(tf):
    return tf.nn.relu6(_x(tf, 4) + 3) / 6


@gelu_erf.example("0.5 x (1 + erf(x / sqrt 2))", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    return 0.5 * x * (1.0 + tf.math.erf(x / 2.0**0.5))


@gelu_erf.example("google-research/bert: x times the distribution function", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    return x * (0.5 * (1.0 + tf.math.erf(x / tf.sqrt(2.0))))


@gelu_erf.counterexample("another factor in the error function", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    return 0.5 * x * (1.0 + tf.math.erf(x / 1.5))


@gelu_tanh.example("openai/gpt-2", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    return 0.5 * x * (1 + tf.tanh(0.7978845608028654 * (x + 0.044715 * tf.pow(x, 3))))


@gelu_tanh.example("with x x x and the distribution function first", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    cdf = 0.5 * (1.0 + tf.tanh((2 / 3.141592653589793) ** 0.5 * (x + 0.044715 * x * x * x)))
    return x * cdf


@gelu_tanh.counterexample("another cube", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    return 0.5 * x * (1 + tf.tanh(0.7978845608028654 * (x + 0.05 * tf.pow(x, 3))))


@prelu.example("relu(x) + alpha (x - |x|) / 2", "PReLU")
def _(tf):
    x = _x(tf, 4, 5, 3)
    alpha = tf.get_variable("alpha", [3])
    return tf.nn.relu(x) + alpha * (x - tf.abs(x)) * 0.5


@prelu.example("relu(x) - alpha relu(-x), one alpha for all", "PReLU")
def _(tf):
    x = _x(tf, 4)
    return tf.nn.relu(x) - tf.get_variable("alpha", []) * tf.nn.relu(-x)


@prelu.example("tf.keras.layers.PReLU", "PReLU")
def _(tf):
    x = _x(tf, 4, 3)
    return tf.nn.relu(x) + -tf.get_variable("alpha", [1, 3]) * tf.nn.relu(-x)


@prelu.example("max(0, x) + alpha min(0, x), rows and columns unknown", "PReLU")
def _(tf):
    x = _x(tf, None, None, 3)
    return tf.maximum(0.0, x) + tf.get_variable("alpha", [1, 1, 1, 3]) * tf.minimum(0.0, x)


@prelu.counterexample("max(alpha x, x) with a learnt alpha", "PReLU", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return tf.maximum(tf.get_variable("alpha", [4]) * x, x)


@prelu.counterexample("alpha that differs from sample to sample", "PReLU")
def _(tf):
    x = tf.placeholder(tf.float32, [3, 4], "x")
    return tf.nn.relu(x) - tf.get_variable("alpha", [3, 1]) * tf.nn.relu(-x)


RULES = (
    softmax_on_axis,
    softmax_by_hand,
    leaky_relu_as_maximum,
    leaky_relu_by_hand,
    prelu,
    gelu_erf,
    gelu_tanh,
    mish,
    hard_swish,
    hard_sigmoid,
    swish,
    clip_by_hand,
    relu_by_hand,
)
