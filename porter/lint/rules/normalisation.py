"""Traps of hand-written normalisations: the batch axis, folded space, the unshifted maximum, patches that are pixels."""

import ast
from collections.abc import Iterator

from porter.lint import tensors
from porter.lint.finding import WARNING, Finding
from porter.lint.flow import Term, argument
from porter.lint.module import Module
from porter.lint.rule import SourceRule

BATCH = SourceRule(
    code="PT301",
    name="batch-axis-reduction",
    what="A normalisation whose minimum, maximum, mean or norm is taken over the batch as well.",
    why="One sample's answer then depends on the others in its batch: it changes with the size of the batch, and a single "
    "picture gets another answer than the same picture among others.",
    instead="Reduce over the sample's own axes: `keras.ops.min(x, axis=(1, 2, 3), keepdims=True)`. porter convert does so, says so "
    "in its report, and keeps the original arithmetic with --exact.",
)

FOLDED = SourceRule(
    code="PT302",
    name="space-in-batch",
    what="`reshape(x, (-1, C))` of a convolution's output, with its channels as C, before a normalisation.",
    why="Unless the picture is 1 x 1 by then, its rows and columns become part of the batch: each pixel is a sample of its "
    "own, and `fit` fails because inputs and outputs differ in length.",
    instead="Keep the batch: `keras.layers.Reshape((-1, C))(x)`, and normalise over the axes that are meant.",
)

UNSHIFTED = SourceRule(
    code="PT303",
    name="unshifted-maximum",
    what="`(x - min(x)) / max(x)`: a min-max normalisation by the maximum of the tensor before it was shifted.",
    why="The result is not in [0, 1]: its largest value is (max - min) / max. It divides by zero where the maximum is 0.",
    instead="Divide by what is left after the shift: `x = x - min(x); x = x / max(x)`, or by `max(x) - min(x)`.",
)

PIXELS = SourceRule(
    code="PT310",
    name="pixel-patch",
    what="A normalisation that is called one of patches and reduces over the channels of each pixel only.",
    why="No neighbouring pixel takes part, so that it is no patch: the name promises what the arithmetic does not do.",
    instead="If pixels are meant: `keras.layers.UnitNormalization(axis=-1)` or the like, under its own name. If patches are meant: "
    "norms over a window, such as an average pooling with stride 1 over the squares.",
)


def _apart(module: Module, node: ast.AST) -> bool:
    return any(word in name for name in tensors.around(module, node) for word in tensors.APART)


@BATCH.find
def _(module: Module) -> Iterator[Finding]:
    for each in tensors.normalisations(module):
        coupled = [one for one in each.reductions if tensors.takes_batch(one.axes)]
        if not coupled or _apart(module, each.node) or tensors.is_kernel(each.of):
            continue
        if any(one.kind in ("mean", "std") for one in each.reductions) and _keeps_statistics(module, each.node):
            continue
        sure = tensors.batched(each.of, module)
        pictures = all(
            one.kind in ("min", "max") and isinstance(one.axes, tuple) and 0 in one.axes and len(one.axes) >= 3
            for one in coupled
        )
        if sure or pictures:
            kinds = " and ".join(
                dict.fromkeys({"norm": "norm", "std": "deviation"}.get(o.kind, o.kind) for o in coupled)
            )
            where = "no axis is given" if coupled[0].axes is None else f"axis {list(coupled[0].axes)} holds 0"
            yield module.finding(
                "PT301", each.node, f"The {kinds} of this normalisation runs over the batch ({where}): each sample's answer "
                "depends on its neighbours. Reduce over axes 1 and up, with keepdims=True",
            )  # fmt: skip


def _keeps_statistics(module: Module, node: ast.AST) -> bool:
    """A batch normalisation by hand: it is meant to reduce over the batch, and keeps what it found."""
    if any("batch" in name or "bn" in name.split("_") for name in tensors.around(module, node)):
        return True
    home = module.function(node)
    words = {getattr(each, "attr", getattr(each, "id", "")) for each in ast.walk(home)}
    return any("moving" in word or "MovingAverage" in word or word in ("assign", "moments") for word in words)


@FOLDED.find
def _(module: Module) -> Iterator[Finding]:
    seen = set()
    for each in tensors.normalisations(module):
        for of in (each.of, each.shifted):
            if of[0] != "call" or of[1] not in ("tf.reshape", "keras.backend.reshape", "tf.keras.backend.reshape"):
                continue
            shape = argument(of, "shape", 1)
            if shape is None or shape[0] != "list" or len(shape) != 3 or shape[1] != ("const", -1) or of in seen:
                continue
            channels = tensors.filters(of[2][0])
            if channels is not None and (shape[2] == channels or _own_channels(shape[2], of[2][0])):
                seen.add(of)
                yield module.finding(
                    "PT302", each.node, "What is normalised here was reshaped to (-1, channels): unless rows and columns are "
                    "1 x 1, they are part of the batch now. Keep it: keras.layers.Reshape((-1, channels))(x)",
                    WARNING,
                )  # fmt: skip


def _own_channels(size: Term, picture: Term) -> bool:
    """x.shape[-1], x.get_shape()[3], x.get_shape().as_list()[-1] and the like."""
    if size[0] == "attr" and size[2] == "value":
        size = size[1]
    if size[0] != "item" or size[2] not in (("const", -1), ("const", 3)):
        return False
    shape = size[1]
    while (
        shape[0] == "call"
        and not isinstance(shape[1], str)
        and shape[1][0] == "attr"
        and shape[1][2] in ("as_list", "get_shape")
    ):
        shape = shape[1][1]
    if shape[0] == "attr" and shape[2] == "shape":
        shape = shape[1]
    return shape == picture


@UNSHIFTED.find
def _(module: Module) -> Iterator[Finding]:
    for each in tensors.normalisations(module):
        if each.shift is None or each.shift.kind != "min" or len(each.scale) != 1:
            continue
        (scale,) = each.scale
        if scale.kind == "max" and scale.of == each.of:
            yield module.finding(
                "PT303", each.node, "The maximum is that of the tensor before its minimum was taken off: the result is not in "
                "[0, 1]. Divide by max(x) - min(x), or by the maximum of the shifted tensor",
            )  # fmt: skip


@PIXELS.find
def _(module: Module) -> Iterator[Finding]:
    for each in tensors.normalisations(module):
        names = tensors.around(module, each.node)
        if not any("patch" in name and ("norm" in name or "standard" in name) for name in names):
            continue
        home = module.function(each.node)
        words = {getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(home)}
        if any(word.startswith(("extract_", "avg_pool", "conv", "depthwise")) or "Pooling" in word for word in words):
            continue
        if any("reshape" in word or "transpose" in word for word in words):
            continue
        if all(one.axes in ((-1,), (3,)) for one in each.reductions):
            yield module.finding(
                "PT310", each.node, "This is called a normalisation of patches, but reduces over the channels of each pixel only: "
                "no neighbour takes part",
                WARNING,
            )  # fmt: skip


BATCH.example(
    "what a network gives, over everything",
    """
import tensorflow as tf

def network(X):
    x = tf.layers.conv2d(X, 128, 3)
    e = x - tf.reduce_min(x, keepdims=True)
    return tf.divide(e, tf.reduce_max(e, keepdims=True))  # !
""",
)
BATCH.example(
    "in a function that a network calls, in a layer, in a lambda",
    """
import tensorflow as tf
from keras import backend as K
from keras.layers import Conv2D, Lambda, Layer

def unit(t):
    return t / (tf.norm(t, axis=[0, 1]) + 1e-6)  # !

def network(inputs):
    return unit(tf.nn.relu(tf.layers.dense(inputs, 10)))

class MinMax(Layer):
    def call(self, inputs):
        low = K.min(inputs)
        return (inputs - low) / (K.max(inputs) - low + K.epsilon())  # !

scale = Lambda(lambda x: x / K.max(x))  # !
""",
)
BATCH.counterexample(
    "over each sample, weights, pictures one by one, losses, and batch normalisation by hand",
    """
import tensorflow as tf

def network(X):
    x = tf.layers.conv2d(X, 128, 3)
    e = x - tf.reduce_min(x, axis=[1, 2, 3], keepdims=True)
    return e / tf.reduce_max(e, axis=[1, 2, 3], keepdims=True)

def standardize(kernel):
    return (kernel - tf.reduce_mean(kernel, [0, 1, 2])) / tf.math.reduce_std(kernel, [0, 1, 2])

def picture(path):
    image = tf.image.decode_png(tf.read_file(path))
    return (image - tf.reduce_min(image)) / (tf.reduce_max(image) - tf.reduce_min(image))

def masked_loss(x, mask):
    y = tf.layers.dense(x, 3)
    return y / tf.reduce_sum(y)

def batch_norm(x):
    y = tf.layers.dense(x, 3)
    return (y - tf.reduce_mean(y, 0)) / tf.math.reduce_std(y, 0)

def softmax(x):
    y = tf.exp(tf.layers.dense(x, 3))
    return y / tf.reduce_sum(y, axis=-1, keepdims=True)
""",
)
FOLDED.example(
    "the channels as last axis, the rest in front",
    """
import tensorflow as tf

def network(X):
    x = tf.nn.relu(tf.layers.conv2d(X, 128, 3))
    x = tf.reshape(x, (-1, 128))
    return x / tf.reduce_max(x, axis=0)  # !

def other(X, channels):
    x = tf.layers.conv2d(X, channels, 3)
    y = tf.reshape(x, [-1, x.get_shape().as_list()[-1]])
    y -= tf.reduce_mean(y)
    return y / tf.norm(y)  # !
""",
)
FOLDED.counterexample(
    "flattened, kept apart, and logits for a loss",
    """
import tensorflow as tf

def network(X):
    x = tf.layers.conv2d(X, 64, 3)
    flat = tf.reshape(x, [-1, 7 * 7 * 64])
    flat = flat / tf.norm(flat, axis=1, keepdims=True)
    rows = tf.reshape(x, [-1, 49, 64])
    rows = rows / tf.reduce_max(rows, axis=[1, 2], keepdims=True)
    logits = tf.reshape(x, [-1, 64])
    return tf.nn.softmax_cross_entropy_with_logits(labels=flat, logits=logits), rows
""",
)
UNSHIFTED.example(
    "in one line, and over several",
    """
import tensorflow as tf

def scale(x):
    return (x - tf.reduce_min(x)) / (tf.reduce_max(x) + 1e-8)  # !

def again(x):
    low, high = tf.reduce_min(x, axis=1, keepdims=True), tf.reduce_max(x, axis=1, keepdims=True)
    shifted = x - tf.reduce_min(x, axis=1, keepdims=True)
    return tf.divide(shifted, tf.reduce_max(x, axis=1, keepdims=True))  # !
""",
)
UNSHIFTED.counterexample(
    "true min-max, in its usual spellings",
    """
import tensorflow as tf

def scale(x):
    return (x - tf.reduce_min(x)) / (tf.reduce_max(x) - tf.reduce_min(x))

def again(x):
    x = x - tf.reduce_min(x)
    x = x / tf.reduce_max(x)
    return x

def other(x, y):
    return (x - tf.reduce_min(x)) / tf.reduce_max(y)
""",
)
PIXELS.example(
    "a patch that is a pixel",
    """
import tensorflow as tf

def patch_normalize(x):
    return x / (tf.reduce_sum(tf.abs(x), axis=-1, keepdims=True) + 1e-6)  # !
""",
)
PIXELS.counterexample(
    "another name, and true patches",
    """
import tensorflow as tf

def normalize(x):
    return x / tf.reduce_sum(tf.abs(x), axis=-1, keepdims=True)

def patch_normalize(x):
    patches = tf.extract_image_patches(x, [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
    return patches / tf.reduce_sum(tf.abs(patches), axis=-1, keepdims=True)
""",
)

RULES = (BATCH, FOLDED, UNSHIFTED, PIXELS)
