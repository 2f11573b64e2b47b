"""`tf.contrib`, with slim and `tf.contrib.layers`."""

from collections.abc import Iterator

from porter.lint.finding import Finding
from porter.lint.module import Module
from porter.lint.replacements import findings, replaces, to
from porter.lint.rule import SourceRule

CONTRIB = SourceRule(
    code="PT101",
    name="tf-contrib",
    what="Anything of `tf.contrib`, except its layers, which PT102 has.",
    why="tf.contrib ended with TensorFlow 1; tf.compat.v1 does not have it either, so that this cannot run any more.",
    instead="Most of it has a counterpart in Keras 3 or in a library of its own; the finding names it.",
    references=("https://github.com/tensorflow/community/blob/master/rfcs/20180907-contrib-sunset.md",),
)

SLIM = SourceRule(
    code="PT102",
    name="slim",
    what="Layers, regularizers and initializers of `tf.contrib.layers` and of slim.",
    why="tf.contrib is gone (the package tf_slim carries slim on over tf.compat.v1, not over Keras 3), and its defaults are "
    "easily lost: convolutions and fully connected layers had a ReLU, SAME padding, and no bias beside a normalizer; batch "
    "normalization had decay 0.999 and no scale; pooling had stride 2.",
    instead="Keras layers, with what is no longer the default written out: "
    '`keras.layers.Conv2D(64, 3, padding="same", activation="relu")`; '
    "`keras.layers.BatchNormalization(momentum=0.999, scale=False)`. What arg_scope set goes to each layer.",
    references=("https://keras.io/api/layers/", "https://github.com/google-research/tf-slim"),
)

RELU = 'activation_fn is ReLU there: write activation="relu"'
SAME = 'padding is SAME there: write padding="same"'
BIAS = "with a normalizer_fn there is no bias there: write use_bias=False"
CONVOLUTION = {"activation_fn": RELU, "padding": SAME}
DENSE = to("keras.layers.Dense(units)(x)", BIAS, activation_fn=RELU)
POOL = "stride is 2 there, and here strides are pool_size"
TRAINING = "is_training is True there, and training here what fit (True) or predict (False) runs"
KEEP = "keep_prob is what is kept, rate what is dropped: rate = 1 - keep_prob"

LAYERS = {
    "conv2d": to("keras.layers.Conv2D(filters, kernel_size)(x)", f"rate became dilation_rate; {BIAS}", **CONVOLUTION),
    "conv3d": to("keras.layers.Conv3D(filters, kernel_size)(x)", f"rate became dilation_rate; {BIAS}", **CONVOLUTION),
    "convolution": to("keras.layers.Conv1D, Conv2D or Conv3D", f"rate became dilation_rate; {BIAS}", **CONVOLUTION),
    "convolution2d": to("keras.layers.Conv2D(filters, kernel_size)(x)", f"rate became dilation_rate; {BIAS}", **CONVOLUTION),
    "conv2d_transpose": to("keras.layers.Conv2DTranspose(filters, kernel_size)(x)", BIAS, **CONVOLUTION),
    "convolution2d_transpose": to("keras.layers.Conv2DTranspose(filters, kernel_size)(x)", BIAS, **CONVOLUTION),
    "separable_conv2d": to(
        "keras.layers.SeparableConv2D(filters, kernel_size)(x), or DepthwiseConv2D where num_outputs is None", BIAS,
        **CONVOLUTION,
    ),
    "separable_convolution2d": to(
        "keras.layers.SeparableConv2D(filters, kernel_size)(x), or DepthwiseConv2D where num_outputs is None", BIAS,
        **CONVOLUTION,
    ),
    "fully_connected": DENSE,
    "linear": to("keras.layers.Dense(units)(x)"),
    "relu": to('keras.layers.Dense(units, activation="relu")(x)'),
    "batch_norm": to(
        "keras.layers.BatchNormalization()(x)", "epsilon 0.001 is the same",
        decay="decay is 0.999 there: write momentum=0.999", scale="scale is False there: write scale=False",
        is_training=TRAINING,
    ),
    "layer_norm": to(
        "keras.layers.GroupNormalization(groups=1, epsilon=1e-12)(x), for two axes LayerNormalization(epsilon=1e-12)",
        "It normalises over all axes but the batch, with gamma and beta on the last one only",
        begin_norm_axis="epsilon is 1e-12 there, and 0.001 here",
    ),
    "instance_norm": to(
        "keras.layers.GroupNormalization(groups=-1, epsilon=1e-6)(x)", epsilon="epsilon is 1e-6 there, and 0.001 here"
    ),
    "group_norm": to(
        "keras.layers.GroupNormalization(groups, epsilon=1e-6)(x)", "epsilon is 1e-6 there, and 0.001 here"
    ),
    "dropout": to("keras.layers.Dropout(1 - keep_prob)(x)", KEEP, is_training=TRAINING),
    "max_pool2d": to("keras.layers.MaxPooling2D(pool_size, strides=2)(x)", stride=POOL),
    "avg_pool2d": to("keras.layers.AveragePooling2D(pool_size, strides=2)(x)", stride=POOL),
    "max_pool3d": to("keras.layers.MaxPooling3D(pool_size, strides=2)(x)", stride=POOL),
    "flatten": to("keras.layers.Flatten()(x)"),
    "softmax": to('keras.layers.Activation("softmax")(x)'),
    "one_hot_encoding": to("keras.ops.one_hot(x, num_classes)"),
    "unit_norm": to("keras.layers.UnitNormalization(axis)(x)"),
    "maxout": to("keras.ops.max over a reshape"),
    "repeat": to("a loop over layers"),
    "stack": to("a loop over layers"),
    "embed_sequence": to("keras.layers.Embedding(vocab_size, embed_dim)(x)"),
    "embedding_lookup_unique": to("keras.layers.Embedding"),
    "spatial_softmax": to("a layer of your own with keras.ops.softmax"),
    "xavier_initializer": to(
        'keras.initializers.GlorotUniform(), or GlorotNormal() for uniform=False'
    ),
    "xavier_initializer_conv2d": to('keras.initializers.GlorotUniform(), or GlorotNormal() for uniform=False'),
    "variance_scaling_initializer": to(
        'keras.initializers.VarianceScaling(scale=factor, mode=..., distribution="truncated_normal")',
        factor="factor is 2.0 there, and scale 1.0 here",
    ),
    "l2_regularizer": to(
        "keras.regularizers.L2(scale / 2)", "It computes scale * sum(w²) / 2, Keras' L2 has no half; in Keras fit adds it "
        "to the loss, without the collection REGULARIZATION_LOSSES",
    ),
    "l1_regularizer": to("keras.regularizers.L1(scale)", "In Keras fit adds it to the loss"),
    "l1_l2_regularizer": to("keras.regularizers.L1L2(l1, l2 / 2)", "Keras' L2 has no half"),
    "sum_regularizer": to("one regularizer that adds them"),
    "apply_regularization": to("kernel_regularizer= of each layer"),
    "optimize_loss": to("model.compile(optimizer, loss) and model.fit"),
    "summarize_layer": to("keras.callbacks.TensorBoard"),
    "summarize_collection": to("keras.callbacks.TensorBoard"),
    "summarize_tensors": to("keras.callbacks.TensorBoard"),
    "summarize_activation": to("keras.callbacks.TensorBoard"),
}  # fmt: skip

SLIM_ONLY = {
    "arg_scope": to("the arguments written at each layer, or functools.partial(keras.layers.Conv2D, ...)"),
    "learning": to("model.compile and model.fit"),
    "evaluation": to("model.evaluate"),
    "losses": to("keras.losses"),
    "metrics": to("keras.metrics"),
    "get_or_create_global_step": to("optimizer.iterations"),
    "get_variables_to_restore": to("model.load_weights"),
    "assign_from_checkpoint_fn": to("model.load_weights after porter convert"),
    "assign_from_checkpoint": to("model.load_weights after porter convert"),
    "model_variable": to("self.add_weight in a keras.layers.Layer"),
    "variable": to("self.add_weight in a keras.layers.Layer"),
    "nets": to("keras.applications"),
}

replaces(
    "PT102",
    {
        **{f"tf.contrib.{home}.{name}": each for home in ("layers", "slim") for name, each in LAYERS.items()},
        **{f"tf.contrib.slim.{name}": each for name, each in SLIM_ONLY.items()},
        "tf.contrib.layers": to("keras.layers, whose defaults differ"),
        "tf.contrib.slim": to("keras.layers, whose defaults differ"),
        "tf.contrib.framework.arg_scope": SLIM_ONLY["arg_scope"],
        "tf.contrib.framework.add_arg_scope": SLIM_ONLY["arg_scope"],
    },
)

LSTM = (
    "The gates stand in the order i, j, f, o there and i, f, c, o here, and forget_bias is added on each call there; "
    "porter convert rearranges the weights"
)
replaces(
    "PT101",
    {
        "tf.contrib": to(""),
        "tf.contrib.rnn": to("keras.layers, such as LSTM, GRU, RNN"),
        "tf.contrib.rnn.BasicLSTMCell": to("keras.layers.LSTM, or LSTMCell in keras.layers.RNN", LSTM),
        "tf.contrib.rnn.LSTMCell": to("keras.layers.LSTM, or LSTMCell in keras.layers.RNN", LSTM),
        "tf.contrib.rnn.LSTMBlockCell": to("keras.layers.LSTM, or LSTMCell in keras.layers.RNN", LSTM),
        "tf.contrib.rnn.LSTMBlockFusedCell": to("keras.layers.LSTM", LSTM),
        "tf.contrib.rnn.GRUCell": to(
            "keras.layers.GRU(units, reset_after=False)", "reset_after is True by default here; the order of gates differs"
        ),
        "tf.contrib.rnn.BasicRNNCell": to("keras.layers.SimpleRNN"),
        "tf.contrib.rnn.MultiRNNCell": to("keras.layers.StackedRNNCells, or one layer after the other"),
        "tf.contrib.rnn.DropoutWrapper": to(
            "dropout= and recurrent_dropout= of the layer, or keras.layers.Dropout between layers",
            "keep_prob is what is kept, dropout what is dropped",
        ),
        "tf.contrib.rnn.static_rnn": to("keras.layers.RNN(cell, return_sequences=True)"),
        "tf.contrib.rnn.static_bidirectional_rnn": to("keras.layers.Bidirectional"),
        "tf.contrib.rnn.stack_bidirectional_dynamic_rnn": to("keras.layers.Bidirectional, one after the other"),
        "tf.contrib.cudnn_rnn": to("keras.layers.LSTM and GRU, which take the fast kernel by themselves"),
        "tf.contrib.seq2seq": to("a decoder written with keras.layers.RNN, or keras_hub for whole models"),
        "tf.contrib.crf": to("a layer of your own: Keras 3 has none"),
        "tf.contrib.learn": to("model.fit, evaluate and predict"),
        "tf.contrib.learn.datasets": to("keras.datasets"),
        "tf.contrib.legacy_seq2seq": to("keras.layers.RNN"),
        "tf.contrib.training.HParams": to("a dataclass or a dict"),
        "tf.contrib.framework.get_or_create_global_step": to("optimizer.iterations"),
        "tf.contrib.framework.nest": to("keras.tree"),
        "tf.contrib.data": to("tf.data"),
        "tf.contrib.image": to("keras.layers.Random*, keras.ops.image"),
        "tf.contrib.opt": to("keras.optimizers"),
        "tf.contrib.opt.AdamWOptimizer": to("keras.optimizers.AdamW"),
        "tf.contrib.losses": to("keras.losses"),
        "tf.contrib.metrics": to("keras.metrics"),
        "tf.contrib.lookup": to("keras.layers.StringLookup and IntegerLookup, or tf.lookup"),
        "tf.contrib.eager": to("nothing: execution is eager"),
        "tf.contrib.keras": to("keras"),
        "tf.contrib.estimator": to("model.fit"),
        "tf.contrib.distribute": to("keras.distribution, or tf.distribute"),
        "tf.contrib.distributions": to("the package tensorflow-probability"),
        "tf.contrib.tensorboard": to("keras.callbacks.TensorBoard; the package tensorboard for its plugins"),
        "tf.contrib.quantize": to("model.quantize, or LiteRT's tools"),
        "tf.contrib.lite": to("tf.lite"),
        "tf.contrib.tpu": to("keras.distribution, or tf.distribute.TPUStrategy"),
        "tf.contrib.gan": to("a keras.Model with a train_step; the package tensorflow-gan for TensorFlow"),
        "tf.contrib.ffmpeg": to("the package tensorflow-io"),
        "tf.contrib.memory_stats": to("tf.config.experimental.get_memory_info"),
        "tf.contrib.predictor": to("porter convert, then model.predict"),
        "tf.contrib.saved_model": to("porter convert, then keras.saving.load_model"),
        "tf.contrib.graph_editor": to("keras.models.clone_model, or functional models"),
        "tf.contrib.session_bundle": to("porter convert"),
        "tf.contrib.tensorrt": to("tf.experimental.tensorrt, or NVIDIA's own tools"),
        "tf.contrib.util.make_tensor_proto": to("tf.make_tensor_proto"),
        "tf.contrib.autograph": to("nothing: tf.function has it built in"),
        "tf.examples": to("keras.datasets, such as keras.datasets.mnist.load_data()", "TensorFlow ships its tutorials no more"),
    },
)  # fmt: skip


@CONTRIB.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT101", module)


@SLIM.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT102", module)


CONTRIB.example(
    "imports and uses",
    """
import tensorflow.compat.v1 as tf
from tensorflow.contrib import rnn  # !
from tensorflow.examples.tutorials.mnist import input_data  # !

cell = tf.contrib.rnn.GRUCell(64)  # !
lstm = rnn.BasicLSTMCell(64)  # !
""",
)
CONTRIB.counterexample(
    "an import that has a fallback, and contrib of others",
    """
try:
    from tensorflow.contrib import rnn
except ImportError:
    from tensorflow.compat.v1.nn import rnn_cell as rnn
from django.contrib import admin
import tensorflow as tf

cell = rnn.BasicLSTMCell(64)
""",
)
SLIM.example(
    "slim by its usual names",
    """
import tensorflow as tf
from tensorflow.contrib import slim  # !
import tensorflow.contrib.layers as layers  # !

def network(x):
    with slim.arg_scope([slim.conv2d], padding="VALID"):  # !!
        x = slim.conv2d(x, 64, 3)  # !
    x = layers.batch_norm(x, scale=True)  # !
    return tf.contrib.layers.fully_connected(x, 10)  # !
""",
)
SLIM.counterexample(
    "a module of your own that is called slim",
    """
import tensorflow as tf
from nets import slim

def network(x):
    return slim.conv2d(x, 64, 3)
""",
)

RULES = (CONTRIB, SLIM)
