"""Images, windows over them, rearranged pixels, fake quantisation; convolutions whose kernels are computed."""

from operations import Case

RATES = [1, 2, 2, 1]


def bright(tf, image):
    """Colours that are not so near to black that their hue is lost."""
    return 0.1 + 0.9 * tf.sigmoid(image)


def warp(tf, image, **how):
    moves = tf.constant([[1.0, 0.1, -1.0, 0.05, 0.9, 0.5, 0.0, 0.0]])
    return tf.raw_ops.ImageProjectiveTransformV2(images=image, transforms=moves, output_shape=[6, 7], **how)


def scaled(kernel, antialias):
    """Pictures that grow one way and shrink the other, moved by part of a pixel."""
    where = {"size": [5, 11], "scale": [0.6, 1.4], "translation": [0.5, -1.0]}
    return lambda tf, image: tf.raw_ops.ScaleAndTranslate(
        images=image, **where, kernel_type=kernel, antialias=antialias
    )


def _to_range(tf, image):
    """Every picture as large as its shorter side allows, and how large that is."""
    image = tf.placeholder(tf.float32, [None, None, None, 3], "pictures") + 0.0 * image[0, 0, 0]

    def one(picture):
        rows, columns = (tf.cast(tf.shape(picture)[axis], tf.float32) for axis in (0, 1))
        larger = tf.cast(tf.round(tf.stack([rows, columns]) * 9.0 / tf.minimum(rows, columns)), tf.int32)
        smaller = tf.cast(tf.round(tf.stack([rows, columns]) * 12.0 / tf.maximum(rows, columns)), tf.int32)
        size = tf.cond(tf.reduce_max(larger) > 12, lambda: smaller, lambda: larger)
        resized = tf.squeeze(tf.image.resize_bilinear(tf.expand_dims(picture, 0), size), 0)
        return resized - tf.constant([0.1, 0.2, 0.3]), tf.stack([size[0], size[1], 3])

    return tf.map_fn(one, image, dtype=(tf.float32, tf.int32))


CASES: list[Case] = [
    (
        "ResizeBilinear",
        lambda tf, image, x, count: (
            tf.image.resize_bilinear(image, [2 * tf.shape(x)[1], tf.shape(image)[2] // 2]),
            tf.image.resize_bilinear(image, tf.stack([count + 1, 5]), align_corners=True),
        ),
    ),
    ("ResizeBilinear", _to_range),
    ("ResizeNearestNeighbor", lambda tf, image, count: tf.image.resize_nearest_neighbor(image, [count + 3, 5])),
    ("ResizeBicubic", lambda tf, image, count: tf.image.resize_bicubic(image, [count + 3, 5])),
    ("ResizeArea", lambda tf, image, count: tf.image.resize_area(image, [count + 3, 5])),
    ("ScaleAndTranslate", scaled("lanczos3", True)),
    ("ScaleAndTranslate", scaled("triangle", False)),
    ("ScaleAndTranslate", scaled("keyscubic", True)),
    (
        "CropAndResize",
        lambda tf, image, count: tf.image.crop_and_resize(image, [[0.1, 0.2, 0.9, 0.7]], [0], [count + 1, 4]),
    ),
    (
        "Conv2DTranspose",
        lambda tf, image: tf.nn.conv2d_transpose(
            image, image[0, :2, :2, tf.newaxis], [tf.shape(image)[0], 16, 16, 1], 2, "SAME"
        ),
    ),
    (
        "Conv2DTranspose",
        lambda tf, picture, sizes: tf.nn.conv2d_transpose(
            picture, tf.ones([3, 2, 2, 3]) * tf.reshape(tf.range(1.0, 4.0), [3, 1, 1, 1]), sizes, [1, 2, 3, 1], "VALID"
        ),
    ),
    (
        "Conv3DTranspose",
        lambda tf, clip, sizes_3d: tf.nn.conv3d_transpose(
            clip, tf.ones([2, 3, 2, 1, 2]), sizes_3d, [1, 2, 2, 1, 1], "SAME"
        ),
    ),
    (
        "Conv3DTranspose",
        lambda tf, video: tf.nn.conv3d_transpose(
            video, video[0, :2, :2, :2, tf.newaxis], [tf.shape(video)[0], 8, 12, 12, 1], [1, 2, 2, 2, 1], "SAME"
        ),
    ),
    (
        "QuantizeAndDequantizeV4",
        lambda tf, x: tf.raw_ops.QuantizeAndDequantizeV4(input=x, input_min=-1.0, input_max=1.0),
    ),
    ("AdjustContrastv2", lambda tf, image: tf.image.adjust_contrast(image, 1.7)),
    ("AdjustHue", lambda tf, image: tf.image.adjust_hue(tf.sigmoid(image), 0.2)),
    ("AdjustSaturation", lambda tf, image: tf.image.adjust_saturation(bright(tf, image), 1.5)),
    ("RGBToHSV", lambda tf, image: tf.image.rgb_to_hsv(tf.sigmoid(image))),
    ("HSVToRGB", lambda tf, image: tf.image.hsv_to_rgb(tf.sigmoid(image))),
    (
        "CropAndResize",
        lambda tf, image: tf.image.crop_and_resize(image, [[0.1, 0.2, 0.9, 0.7], [0.0, 0.0, 1.2, 1.0]], [0, 0], [4, 5]),
    ),
    (
        "CropAndResize",
        lambda tf, image: tf.image.crop_and_resize(image, [[0.1, 0.2, 0.9, 0.7]], [0], [3, 3], "nearest", 1.5),
    ),
    ("ImageProjectiveTransformV2", lambda tf, image: warp(tf, image, interpolation="BILINEAR")),
    ("ImageProjectiveTransformV2", lambda tf, image: warp(tf, image, interpolation="NEAREST")),
    (
        "ImageProjectiveTransformV3",
        lambda tf, image: tf.raw_ops.ImageProjectiveTransformV3(
            images=image,
            transforms=[[1.0, 0.0, 2.0, 0.0, 1.0, -1.0, 0.0, 0.0]],
            output_shape=[8, 8],
            fill_value=0.5,
            interpolation="BILINEAR",
        ),
    ),
    (
        "Dilation2D",
        lambda tf, image: tf.raw_ops.Dilation2D(
            input=image,
            filter=tf.reshape(tf.range(27.0), [3, 3, 3]) / 9.0,
            strides=RATES,
            rates=[1] * 4,
            padding="SAME",
        ),
    ),
    ("MaxPoolWithArgmax", lambda tf, image: tf.nn.max_pool_with_argmax(image, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")),
    (
        "ExtractImagePatches",
        lambda tf, image: tf.image.extract_image_patches(image, [1, 3, 3, 1], RATES, [1] * 4, "SAME"),
    ),
    (
        "ExtractImagePatches",
        lambda tf, image: tf.image.extract_image_patches(image, [1, 3, 2, 1], [1] * 4, RATES, "VALID"),
    ),
    (
        "ExtractVolumePatches",
        lambda tf, video: tf.extract_volume_patches(video, [1, 2, 2, 2, 1], [1, 2, 2, 2, 1], "VALID"),
    ),
    ("FakeQuantWithMinMaxArgs", lambda tf, x: tf.fake_quant_with_min_max_args(x, -1.5, 2.0, 4)),
    ("FakeQuantWithMinMaxVars", lambda tf, x: tf.fake_quant_with_min_max_vars(x, -1.5, 2.0, 8, narrow_range=True)),
    (
        "FakeQuantWithMinMaxVarsPerChannel",
        lambda tf, x: tf.fake_quant_with_min_max_vars_per_channel(x, [-1.0] * 6, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]),
    ),
    (
        "QuantizeAndDequantizeV2",
        lambda tf, x: tf.raw_ops.QuantizeAndDequantizeV2(input=x, input_min=-1.0, input_max=1.0, range_given=True),
    ),
    (
        "QuantizeAndDequantizeV3",
        lambda tf, x: tf.raw_ops.QuantizeAndDequantizeV3(input=x, input_min=-1.0, input_max=1.0, num_bits=6),
    ),
    (
        "QuantizeAndDequantizeV2",
        lambda tf, x: tf.raw_ops.QuantizeAndDequantizeV2(input=x, input_min=-1.0, input_max=1.0),
    ),
    ("SpaceToDepth", lambda tf, image: tf.space_to_depth(image, 2)),
    ("SpaceToDepth", lambda tf, first: tf.nn.space_to_depth(first, 2, data_format="NCHW")),
    ("DepthToSpace", lambda tf, image: tf.depth_to_space(tf.concat([image] * 4, -1), 2)),
    ("DepthToSpace", lambda tf, first: tf.nn.depth_to_space(first, 2, data_format="NCHW")),
    ("SpaceToBatchND", lambda tf, image: tf.space_to_batch_nd(image, [2, 4], [[1, 1], [0, 0]])),
    ("SpaceToBatchND", lambda tf, image, count: tf.space_to_batch_nd(image, [2, 2], [[0, 2 * count], [0, 0]])),
    (
        "BatchToSpaceND",
        lambda tf, image: tf.batch_to_space_nd(
            tf.space_to_batch_nd(image, [2, 4], [[1, 1], [0, 0]]) * 2.0, [2, 4], [[1, 1], [0, 0]]
        ),
    ),
    (
        "BatchToSpaceND",
        lambda tf, image, count: tf.batch_to_space_nd(
            tf.tile(image, [4, 1, 1, 1]), [2, 2], [[0, tf.minimum(count, 2)], [0, 0]]
        ),
    ),
    ("SpaceToBatch", lambda tf, image: tf.raw_ops.SpaceToBatch(input=image, paddings=[[0, 0], [1, 1]], block_size=2)),
    (
        "BatchToSpace",
        lambda tf, image: tf.raw_ops.BatchToSpace(
            input=tf.tile(image, [4, 1, 1, 1]), crops=[[0, 1], [1, 0]], block_size=2
        ),
    ),
    (
        "Conv2D",
        lambda tf, image: tf.nn.conv2d(image, tf.reshape(image[0, :6, :6], [3, 3, 3, 4]), strides=2, padding="SAME"),
    ),
    (
        "Conv3D",
        lambda tf, video: tf.nn.conv3d(video, tf.reshape(video[0, :2, :2, :2], [2, 2, 2, 2, 1]), [1] * 5, "VALID"),
    ),
    (
        "DepthwiseConv2dNative",
        lambda tf, image: tf.nn.depthwise_conv2d(image, tf.reshape(image[0, :2, :2], [2, 2, 3, 1]), [1] * 4, "SAME"),
    ),
]
