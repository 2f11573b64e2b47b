"""Convolutions in groups as TensorFlow 1 had to write them: split, convolve each part, concatenate."""

import inspect

from porter.rule import Rule, Weight, layers, require
from porter.rules.windows import Window, biased, per_filter

GROUPS = (2, 3, 4, 8, 16, 32)


def _formula(groups):
    """The formula for so many groups. Patterns have a fixed number of inputs, so there is one for each number."""

    def formula(tf, x, kernel, bias):
        parts = [
            tf.Conv2D(tf.Split(x).named("split")[part], tf.Split(kernel).named("split_kernel")[part]).named(
                f"conv_{part}"
            )
            for part in range(groups)
        ]
        return biased(tf, tf.ConcatV2(*parts).named("join"), bias)

    formula.__name__ = f"convolution_in_{groups}_groups"
    formula.__doc__ = f"""Raise {groups} convolutions, of parts of a tensor with parts of one kernel, to one `Conv2D`.

    Shapes: x [batch, rows, columns, channels], kernel [rows, columns, channels / groups, filters].
    Left apart: convolutions whose kernels are variables of their own.
    Source: hand-written TensorFlow 1 code, such as AlexNet's.
    """
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("tf", "x")]
    weights = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Weight)
        for name in ("kernel", "bias")
    ]
    formula.__signature__ = inspect.Signature([*parameters, *weights])
    return formula


def _raise(x, kernel, bias, split, split_kernel, join, **convolutions):
    """One convolution with groups, the same in every part."""
    first, *others = convolutions.values()
    groups = len(convolutions)
    for view in (split, split_kernel):
        require(view["axis"] == view.node.inputs[0].rank - 1 and view.get("num_split") == groups, "another split", view)
    require(join["axis"] == join.out.rank - 1, "not joined by channels", join)
    *size, channels, filters = kernel.value.shape
    window = Window(first, size)
    for other in others:
        same = Window(other, size)
        require(vars(same) == vars(window), "the parts are convolved in different ways", other)
    require({*window.dilation_rate} == {1} or {*window.strides} == {1}, "strides together with dilation", first)
    require(x.shape[-1] == channels * groups, "the parts do not fit the kernel", split)
    bias = per_filter(bias, filters)
    layer = layers.Conv2D(
        filters,
        tuple(size),
        strides=window.strides,
        padding=window.padding,
        dilation_rate=window.dilation_rate,
        groups=groups,
        use_bias=bias is not None,
    )
    return layer.bind(kernel=kernel, bias=bias)(window.padded(x))


def _rule(groups):
    made = Rule(_formula(groups))
    names = ["x", "kernel", "bias", "split", "split_kernel", "join", *(f"conv_{part}" for part in range(groups))]

    def to_keras(**bound):
        return _raise(**bound)

    to_keras.__signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    )
    made.to_keras(to_keras)
    return made


RULES = tuple(_rule(groups) for groups in GROUPS)


@RULES[0].example("AlexNet's two groups", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 9, 4], "x")
    w, b = tf.get_variable("conv2/weights", [3, 3, 2, 6]), tf.get_variable("conv2/biases", [6])
    parts = zip(tf.split(x, 2, axis=3), tf.split(w, 2, axis=3), strict=True)
    y = tf.concat([tf.nn.conv2d(part, kernel, [1, 1, 1, 1], "SAME") for part, kernel in parts], axis=3)
    return tf.reshape(tf.nn.bias_add(y, b), [-1, *y.shape[1:]])


@RULES[2].example("four groups, rows and columns unknown", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 8], "x")
    w = tf.get_variable("w", [3, 3, 2, 8])
    parts = zip(tf.split(x, 4, axis=3), tf.split(w, 4, axis=3), strict=True)
    return tf.concat([tf.nn.conv2d(part, kernel, [1, 2, 2, 1], "VALID") for part, kernel in parts], axis=3)


@RULES[0].counterexample("parts that change places", "Split")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 9, 4], "x")
    first, second = tf.split(x, 2, axis=3)
    one, two = tf.split(tf.get_variable("w", [3, 3, 2, 6]), 2, axis=3)
    y = tf.nn.conv2d(first, two, [1, 1, 1, 1], "SAME")
    return tf.concat([y, tf.nn.conv2d(second, one, [1, 1, 1, 1], "SAME")], axis=3)
