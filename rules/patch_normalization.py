"""Convolutions of which every patch is normalised by itself, written with patches or with sums over windows."""

from math import prod

from porter.rule import Scalar, Weight, layers, one_of, porter_layers, require, reshaped, resolved, rule
from porter.rules.statistics import moments, unless
from porter.rules.windows import Window, biased, per_filter


def _norm(tf, absolute, squares, root, added, least, within, at_least):
    """A patch's size in any of its guarded forms, from its sum of absolute values, or of squares, or that one's root."""
    guarded = one_of(tf.Maximum(squares, at_least), squares + within, squares)
    length = reshaped(one_of(tf.Sqrt(squares), tf.Pow(squares, 0.5), root))
    of_squares = one_of(tf.Maximum(length, least), length + added, tf.Sqrt(guarded), tf.Pow(guarded, 0.5), root)
    return one_of(tf.Maximum(absolute, least), absolute + added, of_squares, absolute), tf.Rsqrt(guarded)


def _normalised(tf, patch, added, least, within, at_least):
    """A patch that is normalised, and a function that divides anything else by the patch's size."""
    absolute = reshaped(tf.Sum(tf.Abs(patch)).named("absolute"))
    squares = reshaped(tf.Sum(one_of(tf.Square(patch), patch * patch, tf.Pow(patch, 2))).named("squares"))
    size, inverse = _norm(
        tf, absolute, squares, tf.EuclideanNorm(patch).named("squares"), added, least, within, at_least
    )

    def over(y):
        return one_of(tf.RealDiv(y, reshaped(size)).named("over"), tf.Mul(y, reshaped(inverse)).named("over"))

    mean, _ = map(reshaped, moments(tf, patch))
    _, variance = map(reshaped, moments(tf, patch, "own_mean", "own_variance"))  # tf.math.reduce_std takes its own mean
    centred = tf.Sub(patch, mean).named("centre")
    guarded = one_of(tf.Maximum(variance, at_least), variance + within, variance)
    deviation = reshaped(one_of(tf.Sqrt(variance), tf.Pow(variance, 0.5)))
    divisor = one_of(tf.Maximum(deviation, least), deviation + added, tf.Sqrt(guarded), tf.Pow(guarded, 0.5))
    score = one_of(
        tf.RealDiv(centred, reshaped(divisor)).named("over"), tf.Mul(centred, reshaped(tf.Rsqrt(guarded))).named("over")
    )
    return one_of(over(patch), score), over


def _product(tf, patch, kernel, bias, flat_shape, back):
    """Patches times a kernel: as a convolution with windows of one place, or as a product of matrices."""
    rows = one_of(tf.Reshape(patch).named("flat"), tf.Reshape(patch, flat_shape).named("flat"), patch)
    product = one_of(tf.MatMul(rows, kernel).named("product"), tf.BatchMatMul(rows, kernel).named("product"))
    with_bias = biased(tf, product, bias)
    image = one_of(tf.Reshape(with_bias).named("image"), tf.Reshape(with_bias, back).named("image"))
    return one_of(tf.Conv2D(patch, kernel).named("conv"), image, product)


@rule
def patch_normalization(
    tf, x, kernel: Weight, bias: Weight, added: Scalar, least: Scalar, within: Scalar, at_least: Scalar,
    flat_shape, back, rows_shape,
):  # fmt: skip
    """Raise patches of an image, each normalised by itself and multiplied by a kernel, to `PatchNormalizedConv2D`.

    Shapes: x [batch, rows, columns, channels]; the patches [batch, new rows, new columns, size], or [batch, places, size],
    or [places of all images, size]; kernel [size, filters], where size is rows * columns * channels of a patch.
    Left as operations: patches that are used otherwise, too; statistics over anything but one whole patch.
    Source: hand-written TensorFlow 1 code around tf.image.extract_image_patches.
    """
    patches = tf.ExtractImagePatches(x).named("patches")
    patch = one_of(patches, tf.Reshape(patches).named("rows"), tf.Reshape(patches, rows_shape).named("rows"))
    normal, over = _normalised(tf, patch, added, least, within, at_least)
    inner = _product(tf, normal, kernel, bias, flat_shape, back)
    return one_of(biased(tf, inner, bias), biased(tf, over(_product(tf, patch, kernel, None, flat_shape, back)), bias))


@patch_normalization.to_keras
def _(
    x, kernel, bias, added, least, within, at_least, patches, rows, flat, image, product, conv, over, centre,
    absolute, squares, batch_mean, batch_mean_rest, own_mean, own_variance, own_mean_rest,
):  # fmt: skip
    window = _Patches(patches)
    require(x.shape is not None and x.shape[-1] is not None, "the number of channels is unknown", patches)
    patch = patches.out if rows is None else rows.out
    size, filters = prod(window.size) * x.shape[-1], kernel.value.shape[-1]
    require(prod(kernel.value.shape[:-1]) == size, f"a kernel for {kernel.value.shape} and not for {size}", patches)
    require(patch.shape, "patches of unknown shape", patches)
    ends = (patch.shape[-count:] for count in (1, 2, 3))  # size; places and channels; rows, columns and channels
    last = next((len(end) for end in ends if None not in end and prod(end) == size), None)
    require(last, "rows that are not one patch each", rows or patches)
    require(last == 1 or flat is not None, "a product with a part of each patch", patches)
    of_patch = tuple(range(patch.rank - last, patch.rank))
    for view in (absolute, squares, batch_mean, batch_mean_rest, own_mean, own_variance, own_mean_rest):
        if view is not None:
            view.get("keepdims")
            require(view["axes"] == of_patch, f"statistics over {view['axes']} and not over a patch", view)
    for view in (over, centre):
        others = [] if view is None else [each for each in view.node.inputs if each.shape and each.shape[-1] == 1]
        require(view is None or all(each.rank == view.out.rank for each in others), "sizes along another axis", view)
        require(view is None or len(others) == 1, "not one size for each patch", view)
    for view in (rows, flat, image):
        if view is not None:
            view.get("shape")
    made = _layer(window, filters, _kind(absolute, squares), added, least, within, at_least, bias)
    weight = resolved(kernel).reshape((*window.size, x.shape[-1], filters))
    y = made.bind(kernel=weight, bias=per_filter(bias, filters))(x)
    return _shaped(y, patches, conv, product, image, filters)


class _Patches(Window):
    """The window that ExtractImagePatches moves."""

    def __init__(self, patches):
        sizes, rates = patches["ksizes"], patches.get("rates", (1, 1, 1, 1))
        super().__init__(patches, sizes[1:-1])
        require({sizes[0], sizes[-1], rates[0], rates[-1]} == {1}, "patches over batch or channels", patches)
        self.dilation_rate = tuple(rates[1:-1])


def _kind(absolute, squares):
    return "l1" if absolute is not None else "l2" if squares is not None else "z-score"


def _layer(window, filters, norm, added, least, within, at_least, bias):
    guards = {"norm": added, "floor": least, "sum": within, "squares": at_least}
    guard, epsilon = next(((each, number) for each, number in guards.items() if number is not None), ("norm", 0.0))
    options = {
        "strides": window.strides,
        "padding": window.padding,
        "dilation_rate": window.dilation_rate,
        "epsilon": epsilon,
        "guard": guard,
        "use_bias": bias is not None,
    }
    usual = {"strides": (1, 1), "padding": "valid", "dilation_rate": (1, 1), "epsilon": 0.0, "guard": "norm"}
    given = {name: value for name, value in options.items() if value != {**usual, "use_bias": True}[name]}
    return porter_layers.PatchNormalizedConv2D(filters, window.size, norm=norm, **given)


def _shaped(y, patches, conv, product, image, filters):
    """The layer's output in the shape that the original gave it."""
    if conv is not None:
        strides, rates = conv["strides"], conv.get("dilations", (1, 1, 1, 1))
        require({*strides, *rates} == {1}, "the patches' convolution strides", conv)
        kernel = conv.node.inputs[1].shape
        conv.get("padding")
        require(kernel[:2] == (1, 1), "a convolution over several patches", conv)
        return y
    last = product if image is None else image
    for name in ("transpose_a", "transpose_b", "adj_x", "adj_y"):
        require(not product.get(name, False), "a transposed product", product)
    out = last.out
    require(out.shape is not None and out.rank > 2, "the places of all images in one axis", last)
    places = patches.out.probe and (*patches.out.probe[:3], filters)
    if places and out.probe == places:
        return y
    require(
        places and out.rank == 3 and out.probe == (places[0], places[1] * places[2], filters), "another shape", last
    )
    return layers.Reshape((-1, filters))(y)


@rule
def patch_normalization_by_windows(
    tf, x, kernel: Weight, bias: Weight, ones: Weight, added: Scalar, least: Scalar, within: Scalar,
    at_least: Scalar,
):  # fmt: skip
    """Raise a convolution over the norms of its windows, which a kernel of ones sums up, to `PatchNormalizedConv2D`.

    Shapes: kernel [rows, columns, channels, filters]; ones [rows, columns, channels, 1 or filters], or depthwise.
    Left as operations: windows of another size, or that move otherwise, than the convolution's.
    Source: hand-written TensorFlow 1 code, such as cosine similarity with every filter.
    """

    def summed(y):
        by_channel = tf.DepthwiseConv2dNative(y, ones).named("by_channel")
        return one_of(
            tf.Conv2D(tf.Sum(y).named("over_channels"), ones).named("box"),
            tf.Conv2D(y, ones).named("box"),
            tf.Sum(by_channel).named("over_channels"),
            by_channel,
        )

    absolute = summed(tf.Abs(x).named("absolute"))
    squares = summed(
        one_of(tf.Square(x).named("squares"), tf.Mul(x, x).named("squares"), tf.Pow(x, 2).named("squares"))
    )
    size, inverse = _norm(tf, absolute, squares, tf.Sqrt(squares), added, least, within, at_least)
    y = tf.Conv2D(x, kernel).named("conv")
    return biased(tf, one_of(tf.RealDiv(y, size), tf.Mul(y, inverse)), bias)


@patch_normalization_by_windows.to_keras
def _(x, kernel, bias, ones, added, least, within, at_least, conv, box, by_channel, over_channels, absolute, squares):
    *size, channels, filters = kernel.value.shape
    window, sums = Window(conv, size), Window(box or by_channel, ones.value.shape[:2])
    require(vars(window) == vars(sums) and not window.zeros, "norms of other windows", box or by_channel)
    require(x.shape and x.shape[-1] == channels, "a convolution in groups", conv)
    require(unless(ones, 1.0) is None, "the norms are weighted", box or by_channel)
    inner, outer = ones.value.shape[2:]
    if over_channels is not None:
        over_channels.get("keepdims")
        kept = over_channels["axes"] == (3,) and over_channels.out.rank == 4
        require(kept and outer == 1, "a sum that is not over the channels", over_channels)
    elif by_channel is not None:
        require(channels == 1, "a norm for each channel", by_channel)
    else:
        require(inner == channels and outer in (1, filters), "norms of other channels", box)
    made = _layer(window, filters, _kind(absolute, squares), added, least, within, at_least, bias)
    return made.bind(kernel=kernel, bias=per_filter(bias, filters))(x)


@patch_normalization_by_windows.example("cosine similarity", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    y = tf.nn.conv2d(x, tf.get_variable("w", [3, 3, 3, 4]), [1, 2, 2, 1], "SAME")
    squares = tf.nn.conv2d(tf.square(x), tf.ones([3, 3, 3, 1]), [1, 2, 2, 1], "SAME")
    return y / tf.sqrt(squares + 1e-3)


@patch_normalization_by_windows.example("l1, by a depthwise filter", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 3], "x")
    y = tf.nn.conv2d(x, tf.get_variable("w", [3, 2, 3, 4]), [1, 1, 1, 1], "VALID")
    sums = tf.nn.depthwise_conv2d(tf.abs(x), tf.ones([3, 2, 3, 1]), [1, 1, 1, 1], "VALID")
    return y / (tf.reduce_sum(sums, -1, keepdims=True) + 1e-2) + tf.get_variable("b", [4])


@patch_normalization_by_windows.counterexample("norms of larger windows", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    y = tf.nn.conv2d(x, tf.get_variable("w", [3, 3, 3, 4]), [1, 1, 1, 1], "SAME")
    return y / tf.sqrt(tf.nn.conv2d(tf.square(x), tf.ones([5, 5, 3, 1]), [1, 1, 1, 1], "SAME") + 1e-3)


@patch_normalization_by_windows.counterexample("norms that are weighted", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    y = tf.nn.conv2d(x, tf.get_variable("w", [3, 3, 3, 4]), [1, 1, 1, 1], "SAME")
    return y / tf.sqrt(tf.nn.conv2d(tf.square(x), 0.5 * tf.ones([3, 3, 3, 1]), [1, 1, 1, 1], "SAME") + 1e-3)


@patch_normalization.example("l2, by a product of matrices", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    patches = _extract(tf, x, 3, 1, 1, "SAME")
    patches = tf.reshape(patches, [-1, 27])
    patches = patches / (tf.norm(patches, axis=1, keepdims=True) + 1e-3)
    y = tf.nn.bias_add(tf.matmul(patches, tf.get_variable("w", [27, 4])), tf.get_variable("b", [4]))
    return tf.nn.relu(tf.reshape(y, [-1, 9, 8, 4]))


@patch_normalization.example("l1, by a convolution, strides and rates", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 2], "x")
    patches = _extract(tf, x, 2, 2, 3, "SAME")
    sums = tf.reduce_sum(tf.abs(patches), axis=-1, keepdims=True)
    kernel = tf.reshape(tf.get_variable("w", [2, 2, 2, 5]), [1, 1, 8, 5])
    return tf.nn.conv2d(patches / tf.maximum(sums, 1e-4), kernel, [1, 1, 1, 1], "VALID")


@patch_normalization.example("z-score, on three axes", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    patches = tf.reshape(_extract(tf, x, 3, 2, 1, "VALID"), [-1, 12, 27])
    mean, variance = tf.nn.moments(patches, [2], keepdims=True)
    return tf.matmul((patches - mean) / tf.sqrt(variance + 1e-3), tf.get_variable("w", [27, 4]))


@patch_normalization.example("z-score beside its deviation, by tensordot", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    patches = _extract(tf, x, 3, 1, 1, "VALID")
    centred = patches - tf.expand_dims(tf.reduce_mean(patches, -1), -1)
    deviation = tf.expand_dims(tf.math.reduce_std(patches, -1), -1) + 1e-2
    return tf.tensordot(centred / deviation, tf.get_variable("w", [27, 4]), 1) + tf.get_variable("b", [4])


@patch_normalization.example("tf.nn.l2_normalize, then tf.layers.dense", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    return tf.layers.dense(tf.nn.l2_normalize(_extract(tf, x, 3, 1, 1, "VALID"), -1, epsilon=1e-2), 4)


@patch_normalization.example("divided behind the product", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    patches = _extract(tf, x, 3, 1, 1, "SAME")
    y = tf.nn.conv2d(patches, tf.get_variable("w", [1, 1, 27, 4]), [1, 1, 1, 1], "SAME")
    return y / tf.sqrt(tf.reduce_sum(tf.square(patches), -1, keepdims=True) + 1e-2)


@patch_normalization.example("patches with places and channels apart", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 5, 3], "x")
    patches = tf.image.extract_patches(x, [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
    places = tf.reshape(patches, [-1, 6, 5, 9, 3])
    mean, variance = tf.nn.moments(places, [3, 4], keepdims=True)
    normal = tf.reshape((places - mean) / tf.sqrt(variance + 1e-3), [-1, 27])
    return tf.reshape(tf.matmul(normal, tf.get_variable("kernel", [27, 4])), [-1, 6, 5, 4])


@patch_normalization.counterexample("normalised over all places", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    patches = _extract(tf, x, 3, 1, 1, "SAME")
    sums = tf.reduce_sum(tf.abs(patches), axis=[1, 2, 3], keepdims=True)
    return tf.nn.conv2d(patches / (sums + 1e-3), tf.get_variable("w", [1, 1, 27, 4]), [1, 1, 1, 1], "SAME")


@patch_normalization.counterexample("each channel of a patch by itself", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    patches = tf.reshape(_extract(tf, x, 3, 1, 1, "SAME"), [-1, 9, 3])
    patches = patches / (tf.reduce_sum(tf.abs(patches), axis=1, keepdims=True) + 1e-3)
    y = tf.matmul(tf.reshape(patches, [-1, 27]), tf.get_variable("w", [27, 4]))
    return tf.reshape(y, [-1, 9, 8, 4])


@patch_normalization.counterexample("a convolution over several patches", "PatchNormalizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    patches = _extract(tf, x, 2, 1, 1, "SAME")
    patches = patches / (tf.reduce_sum(tf.abs(patches), axis=-1, keepdims=True) + 1e-3)
    return tf.nn.conv2d(patches, tf.get_variable("w", [2, 2, 12, 4]), [1, 1, 1, 1], "SAME")


def _extract(tf, x, size, step, rate, padding):
    return tf.image.extract_image_patches(x, [1, size, size, 1], [1, step, step, 1], [1, rate, rate, 1], padding)


RULES = (patch_normalization, patch_normalization_by_windows)
