"""What belongs to programs around a model: flags and files, input queues, recurrent cells, and names that moved."""

from collections.abc import Iterator

from porter.lint.finding import Finding
from porter.lint.module import Module
from porter.lint.replacements import findings, replaces, to
from porter.lint.rule import SourceRule

MIGRATE = "https://www.tensorflow.org/guide/migrate"

APP = SourceRule(
    code="PT110",
    name="tf-app",
    what="`tf.app`, `tf.flags`, `tf.logging`, `tf.gfile`, `tf.resource_loader`.",
    why="These were wrappers around other libraries and left TensorFlow.",
    instead="absl-py: `from absl import app, flags, logging`; or argparse and logging. Files: `tf.io.gfile`, or Python's own.",
    references=("https://abseil.io/docs/python/quickstart",),
)

INPUT = SourceRule(
    code="PT111",
    name="input-queue",
    what="Queue runners, readers, batches of `tf.train`, and iterators over a Dataset that a session ran.",
    why="Queues need a session and threads; TensorFlow 2 has them in tf.compat.v1 only.",
    instead="`tf.data.Dataset`, which `fit` takes as it is on every backend; `keras.utils.PyDataset`; or numpy arrays.",
    references=(f"{MIGRATE}/tf1_vs_tf2", "https://www.tensorflow.org/guide/data"),
)

CELLS = SourceRule(
    code="PT114",
    name="rnn-cell",
    what="`tf.nn.rnn_cell` and the functions that ran cells: `tf.nn.dynamic_rnn` and its kin.",
    why="They are in tf.compat.v1 only. Keras' layers order their gates differently and have other defaults.",
    instead="`keras.layers.LSTM(units, return_sequences=True)`, `GRU(units, reset_after=False)`, `Bidirectional`; for your own "
    "cell, `keras.layers.RNN(cell)`. `sequence_length` becomes a mask. `porter convert` rearranges trained weights.",
    references=("https://keras.io/api/layers/recurrent_layers/",),
)

RENAMED = SourceRule(
    code="PT115",
    name="renamed",
    what="Functions of TensorFlow 1 that TensorFlow 2 has under another name only.",
    why="The old name is gone; the function is the very same. (`keras.ops` has most of them for all backends.)",
    instead="The new name, which `porter check --fix` writes.",
    references=("https://www.tensorflow.org/guide/migrate/upgrade", "https://keras.io/api/ops/"),
    fixable=True,
)

REMOVED = SourceRule(
    code="PT116",
    name="removed",
    what="Other names that TensorFlow 2 has no longer, or in tf.compat.v1 only.",
    why="The line raises AttributeError under TensorFlow 2.",
    instead="What the finding names; where it names nothing, look for it in `keras.ops` or in TensorFlow's migration guide.",
    references=(MIGRATE, "https://keras.io/api/ops/"),
)

replaces(
    "PT110",
    {
        "tf.app": to("from absl import app", "app.run(main) hands main the arguments that are left"),
        "tf.app.flags": to("from absl import flags, or argparse"),
        "tf.flags": to("from absl import flags, or argparse"),
        "tf.logging": to("from absl import logging, or Python's logging"),
        "tf.gfile": to("tf.io.gfile, or Python's own files"),
        "tf.resource_loader": to("importlib.resources"),
    },
)
READERS = (
    "TFRecordReader",
    "TextLineReader",
    "WholeFileReader",
    "IdentityReader",
    "FixedLengthRecordReader",
    "LMDBReader",
    "ReaderBase",
)
BATCHES = ("batch", "shuffle_batch", "batch_join", "shuffle_batch_join", "maybe_batch", "maybe_shuffle_batch")
PRODUCERS = ("string_input_producer", "slice_input_producer", "range_input_producer", "input_producer", "limit_epochs")
replaces(
    "PT111",
    {
        **{f"tf.{name}": to("tf.data, such as tf.data.TFRecordDataset or TextLineDataset") for name in READERS},
        **{f"tf.train.{name}": to("tf.data.Dataset.shuffle(...).batch(...)") for name in BATCHES},
        **{f"tf.train.{name}": to("tf.data.Dataset.from_tensor_slices or list_files") for name in PRODUCERS},
        "tf.train.start_queue_runners": to("nothing: fit reads a Dataset by itself"),
        "tf.train.add_queue_runner": to("tf.data.Dataset.prefetch"),
        "tf.train.QueueRunner": to("tf.data.Dataset.prefetch"),
        "tf.train.queue_runner": to("tf.data.Dataset.prefetch"),
        "tf.python_io": to("tf.io"),
        "tf.python_io.tf_record_iterator": to("tf.data.TFRecordDataset"),
        "tf.io.tf_record_iterator": to("tf.data.TFRecordDataset"),
        "tf.data.make_one_shot_iterator": to("fit(dataset), or iter(dataset)"),
        "tf.data.make_initializable_iterator": to("fit(dataset), or iter(dataset)"),
        "tf.parse_single_example": to("tf.io.parse_single_example"),
        "tf.parse_example": to("tf.io.parse_example"),
        "tf.decode_raw": to("tf.io.decode_raw"),
        "tf.decode_csv": to("tf.io.decode_csv"),
        "tf.py_func": to("tf.numpy_function, or tf.py_function"),
    },
)
GATES = (
    "The gates stand in the order i, j, f, o there and i, f, c, o here, and forget_bias is added on each call there; "
    "porter convert rearranges the weights"
)
replaces(
    "PT114",
    {
        "tf.nn.rnn_cell": to("keras.layers, such as LSTM, GRU, RNN"),
        "tf.nn.rnn_cell.BasicLSTMCell": to("keras.layers.LSTM, or LSTMCell in keras.layers.RNN", GATES),
        "tf.nn.rnn_cell.LSTMCell": to("keras.layers.LSTM, or LSTMCell in keras.layers.RNN", GATES),
        "tf.nn.rnn_cell.GRUCell": to(
            "keras.layers.GRU(units, reset_after=False)",
            "reset_after is True by default here; the order of gates differs",
        ),
        "tf.nn.rnn_cell.BasicRNNCell": to("keras.layers.SimpleRNN"),
        "tf.nn.rnn_cell.MultiRNNCell": to("keras.layers.StackedRNNCells, or one layer after the other"),
        "tf.nn.rnn_cell.DropoutWrapper": to(
            "dropout= and recurrent_dropout= of the layer, or keras.layers.Dropout between layers",
            "keep_prob is what is kept, dropout what is dropped",
        ),
        "tf.nn.dynamic_rnn": to(
            "keras.layers.RNN(cell, return_sequences=True, return_state=True), LSTM or GRU",
            "sequence_length becomes mask=",
        ),
        "tf.nn.static_rnn": to("keras.layers.RNN(cell, return_sequences=True)"),
        "tf.nn.rnn": to("keras.layers.RNN(cell, return_sequences=True)"),
        "tf.nn.raw_rnn": to("keras.layers.RNN with a cell of your own"),
        "tf.nn.seq2seq": to("a decoder written with keras.layers.RNN"),
        "tf.nn.bidirectional_dynamic_rnn": to("keras.layers.Bidirectional"),
        "tf.nn.static_bidirectional_rnn": to("keras.layers.Bidirectional"),
    },
)
RESIZE = "Keras and TensorFlow 2 sample at the centres of pixels (half_pixel_centers), TensorFlow 1 at their corners"
ASSERTS = (
    "greater_equal", "integer", "less_equal", "near", "negative", "non_negative", "non_positive", "none_equal", "positive",
    "rank_at_least", "rank_in", "scalar", "type",
)  # fmt: skip
SPARSE = ("add", "concat", "reduce_max", "reduce_sum", "segment_mean", "segment_sqrt_n", "segment_sum", "split")
replaces(
    "PT116",
    {
        **{f"tf.assert_{kind}": to(f"tf.debugging.assert_{kind}, whose parameters differ") for kind in ASSERTS},
        **{f"tf.sparse_{kind}": to(f"tf.sparse.{kind}, whose parameters differ") for kind in SPARSE},
        **{
            f"tf.scatter_{kind}": to("keras.ops.scatter_update, or variable.scatter_update")
            for kind in ("add", "sub", "update")
        },
        "tf.bincount": to("keras.ops.bincount"),
        "tf.random_poisson": to("tf.random.poisson, whose parameters differ"),
        "tf.reduce_join": to("tf.strings.reduce_join"),
        "tf.arg_max": to("keras.ops.argmax"),
        "tf.arg_min": to("keras.ops.argmin"),
        "tf.floor_div": to("keras.ops.floor_divide"),
        "tf.VERSION": to("tf.__version__"),
        "tf.no_regularizer": to("None"),
        "tf.colocate_with": to("nothing: TensorFlow places operations itself"),
        "tf.to_float": to("keras.ops.cast(x, 'float32')"),
        "tf.to_double": to("keras.ops.cast(x, 'float64')"),
        "tf.to_int32": to("keras.ops.cast(x, 'int32')"),
        "tf.to_int64": to("keras.ops.cast(x, 'int64')"),
        "tf.to_bfloat16": to("keras.ops.cast(x, 'bfloat16')"),
        "tf.div": to("/, or // for whole numbers, which is what it did there"),
        "tf.set_random_seed": to("keras.utils.set_random_seed(seed)"),
        "tf.random.set_random_seed": to("keras.utils.set_random_seed(seed)"),
        "tf.multinomial": to("keras.random.categorical"),
        "tf.random.multinomial": to("keras.random.categorical"),
        "tf.truncated_normal": to("keras.random.truncated_normal"),
        "tf.truncated_normal_initializer": to(
            "keras.initializers.TruncatedNormal(stddev=1.0)", stddev="stddev is 1.0 there and 0.05 here"
        ),
        "tf.glorot_uniform_initializer": to("keras.initializers.GlorotUniform()"),
        "tf.glorot_normal_initializer": to("keras.initializers.GlorotNormal()"),
        "tf.orthogonal_initializer": to("keras.initializers.Orthogonal()"),
        "tf.variance_scaling_initializer": to("keras.initializers.VarianceScaling()"),
        "tf.uniform_unit_scaling_initializer": to("keras.initializers.VarianceScaling(distribution='uniform')"),
        "tf.Print": to("print, or tf.print"),
        "tf.Dimension": to("int: dimensions are plain numbers"),
        "tf.image.resize_images": to("keras.ops.image.resize, or keras.layers.Resizing", RESIZE),
        "tf.image.resize_bilinear": to("keras.ops.image.resize, or keras.layers.Resizing", RESIZE),
        "tf.image.resize_nearest_neighbor": to("keras.ops.image.resize(..., interpolation='nearest')", RESIZE),
        "tf.image.resize_bicubic": to("keras.ops.image.resize(..., interpolation='bicubic')", RESIZE),
        "tf.image.extract_image_patches": to("keras.ops.image.extract_patches"),
        "tf.extract_image_patches": to("keras.ops.image.extract_patches"),
        "tf.depth_to_space": to("tf.nn.depth_to_space, or a reshape and transpose in keras.ops"),
        "tf.space_to_depth": to("tf.nn.space_to_depth, or a reshape and transpose in keras.ops"),
        "tf.sparse_to_dense": to("tf.sparse.to_dense, or keras.ops.one_hot"),
        "tf.sparse_tensor_to_dense": to("tf.sparse.to_dense"),
        "tf.nn.softmax_cross_entropy_with_logits_v2": to("tf.nn.softmax_cross_entropy_with_logits"),
        "tf.nn.xw_plus_b": to("keras.layers.Dense(units)(x)"),
        "tf.nn.relu_layer": to('keras.layers.Dense(units, activation="relu")(x)'),
        "tf.nn.fused_batch_norm": to("keras.layers.BatchNormalization()(x)"),
        "tf.count_nonzero": to("keras.ops.count_nonzero"),
        "tf.confusion_matrix": to("tf.math.confusion_matrix"),
        "tf.string_split": to("tf.strings.split"),
        "tf.string_to_number": to("tf.strings.to_number"),
        "tf.substr": to("tf.strings.substr"),
        "tf.distributions": to("the package tensorflow-probability"),
        "tf.spectral": to("tf.signal"),
        "tf.squared_difference": to("keras.ops.square(a - b)"),
        "tf.keras.layers.CuDNNLSTM": to("keras.layers.LSTM", "It takes the fast kernel by itself"),
        "tf.keras.layers.CuDNNGRU": to("keras.layers.GRU", "It takes the fast kernel by itself"),
        "tf.keras.utils.multi_gpu_model": to("keras.distribution.DataParallel"),
        "tf.keras.wrappers": to("the package scikeras, or keras.wrappers.SKLearnClassifier"),
        "tf.keras.utils.HDF5Matrix": to("h5py"),
        "tf.verify_tensor_all_finite": to("tf.debugging.check_numerics"),
        "tf.batch_gather": to("keras.ops.take_along_axis, or tf.gather(batch_dims=)"),
    },
)


@APP.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT110", module)


@INPUT.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT111", module)


@CELLS.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT114", module)


@RENAMED.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT115", module)


@REMOVED.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT116", module)


APP.example(
    "flags by their usual alias, once",
    """
import tensorflow as tf

flags = tf.app.flags  # !
FLAGS = flags.FLAGS
flags.DEFINE_integer("steps", 10, "")

if __name__ == "__main__":
    tf.logging.info(FLAGS.steps)  # !
    tf.app.run()  # !
""",
)
APP.counterexample(
    "absl",
    """
import tensorflow as tf
from absl import app, flags, logging

with tf.io.gfile.GFile("a") as file:
    logging.info(file.read())
""",
)
INPUT.example(
    "queues",
    """
import tensorflow as tf

names = tf.train.string_input_producer(["a.tfrecord"])  # !
_, record = tf.TFRecordReader().read(names)  # !
batch = tf.train.shuffle_batch([record], 32, 1000, 100)  # !
coordinator = tf.train.Coordinator()
threads = tf.train.start_queue_runners(coord=coordinator)  # !
""",
)
INPUT.counterexample(
    "tf.data",
    """
import tensorflow as tf

data = tf.data.TFRecordDataset(["a.tfrecord"]).shuffle(1000).batch(32)
example = tf.train.Example()
""",
)
CELLS.example(
    "a cell and the function that runs it",
    """
import tensorflow as tf
from tensorflow.nn import rnn_cell  # !

cell = rnn_cell.BasicLSTMCell(64)  # !
outputs, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)  # !
""",
)
CELLS.counterexample(
    "layers of Keras",
    """
import tensorflow as tf

x = tf.keras.layers.LSTM(64)(x)
""",
)
RENAMED.example(
    "functions that moved",
    """
import tensorflow as tf

x = tf.log(tf.random_normal([3]))  # !!
""",
)
RENAMED.counterexample(
    "the new names, and those that tf.compat.v1 has both of",
    """
import tensorflow as tf
import tensorflow.compat.v1 as tf1

x = tf.math.log(tf.random.normal([3])) + tf1.log(3.0)
""",
)
REMOVED.example(
    "names without a namesake",
    """
import tensorflow as tf

x = tf.to_float(tf.div(3, 2))  # !!
""",
)
REMOVED.counterexample(
    "names that are there",
    """
import tensorflow as tf

x = tf.cast(tf.divide(3, 2), tf.float32)
""",
)

RULES = (APP, INPUT, CELLS, RENAMED, REMOVED)
