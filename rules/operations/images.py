"""Colours, crops and warps of images."""

from porter.rule import constant, is_size, op, ops, porter_layers, refuse, require, warn


@op("AdjustContrastv2")
def adjust_contrast(x, factor):
    """Away from the mean of each image's channel."""
    mean = ops.mean(x, axis=(-3, -2), keepdims=True)
    return ops.add(ops.multiply(ops.subtract(x, mean), factor), mean)


@op("AdjustHue")
def adjust_hue(x, delta):
    known = constant(delta)
    return porter_layers.AdjustHue()(x, delta) if known is None else porter_layers.AdjustHue(float(known))(x)


@op("AdjustSaturation")
def adjust_saturation(x, factor):
    known = constant(factor)
    layer = porter_layers.AdjustSaturation
    return layer()(x, factor) if known is None else layer(float(known))(x)


@op("RGBToHSV")
def rgb_to_hsv(x):
    return porter_layers.RGBToHSV()(x)


@op("HSVToRGB")
def hsv_to_rgb(x):
    return porter_layers.HSVToRGB()(x)


@op("CropAndResize")
def crop_and_resize(images, boxes, box_indices, *, crop_size, method="bilinear", extrapolation_value=0.0):
    require(method in ("bilinear", "nearest"), f"method {method}")
    layer = porter_layers.CropAndResize(crop_size, method=method, extrapolation_value=extrapolation_value)
    return layer(images, boxes, box_indices)


@op("CropAndResize")
def crop_and_resize_by_input(images, boxes, box_indices, crop_size, *, method="bilinear", extrapolation_value=0.0):
    require(method in ("bilinear", "nearest"), f"method {method}")
    if not is_size(crop_size):
        warn("the size of the crops is fed: it runs eagerly on every backend, compiled on TensorFlow alone")
    layer = porter_layers.CropAndResize(method=method, extrapolation_value=extrapolation_value)
    return layer(images, boxes, box_indices, crop_size)


@op(
    "ImageProjectiveTransformV2",
    "ImageProjectiveTransformV3",
    "ImageProjectiveTransform",
    "Addons>ImageProjectiveTransformV2",
)
def projective_transform(images, transforms, *, interpolation, fill_mode="CONSTANT", output_shape=None, fill_value=0.0):
    require(interpolation in ("NEAREST", "BILINEAR"), f"interpolation {interpolation}")
    require(
        fill_mode in ("CONSTANT", "NEAREST"),
        f"fill mode {fill_mode}: what stands outside is only known constant or nearest",
    )
    require(interpolation == "NEAREST" or images.dtype.startswith("float"), "integers are rounded in between", images)
    if output_shape is not None and images.shape is not None and tuple(output_shape) == images.shape[1:3]:
        output_shape = None
    layer = porter_layers.ProjectiveTransform(
        output_shape=output_shape,
        interpolation=interpolation.lower(),
        fill_mode=fill_mode.lower(),
        fill_value=fill_value,
    )
    return layer(images, transforms)


def _numbers(value):
    """The array of a constant, or of the quotient of two that `tf.image.resize` makes; None if it is not known."""
    if value.node.op == "Cast":
        known = _numbers(value.node.inputs[0])
        return None if known is None else known.astype(value.dtype)
    if value.node.op == "RealDiv":
        known = [_numbers(each) for each in value.node.inputs]
        return None if any(each is None for each in known) else known[0] / known[1]
    return constant(value)


@op("ScaleAndTranslate")
def scale_and_translate(x, size, scale, translation, *, kernel_type="lanczos3", antialias=True):
    known = [_numbers(each) for each in (size, scale, translation)]
    require(all(each is not None for each in known), "the size or the scale is known only when the model runs", size)
    require(x.shape is not None and None not in x.shape[1:3], "rows and columns must be known", x)
    size, scale, translation = (tuple(each.tolist()) for each in known)
    layer = porter_layers.ScaleAndTranslate(
        size, scale, translation=translation, kernel=kernel_type, antialias=antialias
    )
    return layer(x)


@op("ExtractGlimpse")
def glimpse(x, size, places, *, node, centered=True, normalized=True, uniform_noise=True, noise="uniform"):
    """A window of each picture; TensorFlow fills what lies outside with random numbers."""
    known = _numbers(size)
    require(known is not None, "the window's size is known only when the model runs", size)
    kind = noise if noise in ("gaussian", "zero") else "uniform" if uniform_noise else "gaussian"
    if kind != "zero":
        warn(f"{node.name} fills what lies outside of the picture with random numbers, others than TensorFlow's")
    size = tuple(int(each) for each in known)
    return porter_layers.Glimpse(size, centered=centered, normalized=normalized, noise=kind)(x, places)


refuse(
    "ExtractGlimpseV2", reason="TensorFlow 1 had none; name the windows with --inputs",
)  # fmt: skip
refuse(
    "SampleDistortedBoundingBox", "SampleDistortedBoundingBoxV2",
    "DrawBoundingBoxes", "DrawBoundingBoxesV2",
    reason="it prepares pictures for training or for people; name the tensors behind it with --inputs",
)  # fmt: skip


refuse(
    "FusedPadConv2D", "FusedResizeAndPadConv2D",
    reason="of a batch TensorFlow's own kernel treats the first sample only as it should; give the input a batch of one "
    "with --shape, or convert the graph from before `optimize_for_inference`",
)  # fmt: skip
