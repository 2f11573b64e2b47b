"""`tf.layers`."""

from collections.abc import Iterator

from porter.lint.finding import Finding
from porter.lint.module import Module
from porter.lint.replacements import findings, replaces, to
from porter.lint.rule import SourceRule

LAYERS = SourceRule(
    code="PT103",
    name="tf-layers",
    what="Functions and classes of `tf.layers`.",
    why="`tf.layers` went with TensorFlow 1. It lives on in tf.compat.v1, but only where tf-keras is installed, and Keras 3 "
    "cannot save or load what it makes. Weights lived in the graph's scopes; in Keras they live in layer objects.",
    instead="Make the layer of the same name once and call it: `keras.layers.Conv2D(32, 3)(x)`; "
    "call it twice where reuse= shared weights. The defaults of convolutions "
    "and dense layers are the same; those of batch normalization, dropout and pooling are not: `training` is False "
    "there unless given, and here whatever `fit` or `predict` runs; strides of pooling must be given there, and are the "
    "pool's size here.",
    references=("https://keras.io/api/layers/", "https://www.tensorflow.org/guide/migrate/tf1_vs_tf2"),
)

TRAINING = "training is False there, and here what fit (True) or predict (False) runs"
STRIDES = "strides must be given there, and here are pool_size"
BATCH_NORMALIZATION = to(
    "keras.layers.BatchNormalization()(x)",
    "momentum 0.99 and epsilon 0.001 are the same; fused=, renorm=, virtual_batch_size= and adjustment= have no "
    "counterpart, and Keras updates the moving statistics by itself, without UPDATE_OPS",
    training=TRAINING,
)
DROPOUT = to("keras.layers.Dropout(rate)(x)", rate="rate is 0.5 there, and must be given here", training=TRAINING)

CONVOLUTIONS = {
    "conv1d": "Conv1D", "conv2d": "Conv2D", "conv3d": "Conv3D", "conv2d_transpose": "Conv2DTranspose",
    "conv3d_transpose": "Conv3DTranspose", "separable_conv1d": "SeparableConv1D", "separable_conv2d": "SeparableConv2D",
}  # fmt: skip
POOLING = {
    f"{kind}_pooling{n}d": f"{new}Pooling{n}D"
    for kind, new in (("max", "Max"), ("average", "Average"))
    for n in (1, 2, 3)
}

replaces(
    "PT103",
    {
        "tf.layers": to("keras.layers"),
        "tf.layers.dense": to("keras.layers.Dense(units)(x)"),
        "tf.layers.Dense": to("keras.layers.Dense"),
        "tf.layers.flatten": to("keras.layers.Flatten()(x)"),
        "tf.layers.Flatten": to("keras.layers.Flatten"),
        "tf.layers.batch_normalization": BATCH_NORMALIZATION,
        "tf.layers.BatchNormalization": to(
            "keras.layers.BatchNormalization",
            "Where it is called, training is False there unless given, and here what fit or predict runs",
        ),
        "tf.layers.dropout": DROPOUT,
        "tf.layers.Dropout": to(
            "keras.layers.Dropout",
            "Where it is called, training is False there unless given, and here what fit or predict runs",
            rate="rate is 0.5 there, and must be given here",
        ),
        "tf.layers.Input": to("keras.Input"),
        "tf.layers.InputSpec": to("keras.layers.InputSpec"),
        "tf.layers.Layer": to(
            "keras.layers.Layer", "add_variable became add_weight, and the weights are made in build"
        ),
        **{f"tf.layers.{old}": to(f"keras.layers.{new}(...)(x)") for old, new in CONVOLUTIONS.items()},
        **{f"tf.layers.{new}": to(f"keras.layers.{new}") for new in CONVOLUTIONS.values()},
        **{
            f"tf.layers.{old}": to(f"keras.layers.{new}(pool_size)(x)", strides=STRIDES) for old, new in POOLING.items()
        },
        **{f"tf.layers.{new}": to(f"keras.layers.{new}", strides=STRIDES) for new in POOLING.values()},
    },
)


@LAYERS.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT103", module)


LAYERS.example(
    "through aliases of every kind",
    """
import tensorflow as tf
import tensorflow.compat.v1 as tf1
import tensorflow as tensorflow1
from tensorflow import layers as L  # !

def network(x):
    x = tf.layers.conv2d(x, 32, 3)  # !
    x = tf1.layers.dense(x, 10)  # !
    x = tensorflow1.layers.flatten(x)  # !
    layers = tf.layers  # !
    return layers.batch_normalization(x, training=True), L.dropout(x)  # !!
""",
)
LAYERS.counterexample(
    "Keras, another library's layers, and a parameter of that name",
    """
import tensorflow as tf
from tensorflow import keras
import lasagne.layers as layers

def network(x, tf=None):
    x = keras.layers.Dense(3)(x)
    return layers.dense(tf.layers.dense(x))
""",
)
LAYERS.counterexample(
    "code for both versions",
    """
import tensorflow as tf

def dense(x):
    if tf.__version__.startswith("1"):
        return tf.layers.dense(x, 3)
    return tf.keras.layers.Dense(3)(x)
""",
)

RULES = (LAYERS,)
