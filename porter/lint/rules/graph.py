"""What belongs to building and running a graph: variables and scopes, sessions, placeholders."""

from collections.abc import Iterator

from porter.lint.finding import Finding
from porter.lint.module import Module
from porter.lint.replacements import findings, replaces, to
from porter.lint.rule import SourceRule

MIGRATE = "https://www.tensorflow.org/guide/migrate"

VARIABLES = SourceRule(
    code="PT104",
    name="graph-variables",
    what="Variables by name: `tf.get_variable`, `tf.variable_scope`, collections and what looks into them.",
    why="TensorFlow 2 finds variables through Python objects, not through names in a graph; get_variable makes none that "
    "Keras would know, train or save.",
    instead="A `keras.layers.Layer` makes its weights in `build` with `self.add_weight(shape=..., initializer=...)`, or use the "
    "layer that holds such a weight. Sharing (`reuse=True`) is calling one layer twice. Instead of collections: "
    "`model.trainable_variables`, `model.losses`. Without initializer get_variable takes glorot_uniform, as add_weight does.",
    references=(MIGRATE, "https://keras.io/guides/making_new_layers_and_models_via_subclassing/"),
)

SESSIONS = SourceRule(
    code="PT105",
    name="session",
    what="Sessions, their configuration, default graphs, and initializer operations.",
    why="TensorFlow 2 runs eagerly; `tf.Session` is in tf.compat.v1 only, and Keras 3 models do not run in one.",
    instead="Call the model: `model(x)`, `model.predict(x)`, `model.fit(x, y)`. Variables are initialised when they are made. "
    "GPU options are in `tf.config`.",
    references=(MIGRATE,),
)

PLACEHOLDERS = SourceRule(
    code="PT106",
    name="placeholder",
    what="`tf.placeholder` and `tf.placeholder_with_default`.",
    why="There is nothing to feed without a session.",
    instead="For data, `keras.Input(shape=(28, 28, 1))`, without the batch axis. For a switch such as is_training, the `training` "
    "argument of `call`. For keep_prob, `keras.layers.Dropout(1 - keep_prob)`.",
    references=("https://keras.io/guides/functional_api/",),
)

replaces(
    "PT104",
    {
        "tf.get_variable": to(
            "self.add_weight(shape=, initializer=) in a keras.layers.Layer, or the layer that has such a weight",
            initializer="without initializer both take glorot_uniform (add_weight zeros for integers)",
        ),
        "tf.get_local_variable": to("self.add_weight(trainable=False) in a keras.layers.Layer"),
        "tf.variable_scope": to("a keras.layers.Layer; for reuse=, one layer that is called twice"),
        "tf.VariableScope": to("a keras.layers.Layer"),
        "tf.get_variable_scope": to("one layer that is called twice, instead of reuse_variables()"),
        "tf.variable_op_scope": to("a keras.layers.Layer"),
        "tf.op_scope": to("keras.name_scope"),
        "tf.make_template": to("a keras.layers.Layer or keras.Model, called as often as needed"),
        "tf.AUTO_REUSE": to("one layer that is called twice"),
        "tf.trainable_variables": to("model.trainable_variables"),
        "tf.global_variables": to("model.variables"),
        "tf.all_variables": to("model.variables"),
        "tf.local_variables": to("metric.variables"),
        "tf.model_variables": to("model.variables"),
        "tf.moving_average_variables": to("an optimizer with use_ema=True"),
        "tf.get_collection": to("lists of your own; model.losses, model.trainable_variables"),
        "tf.get_collection_ref": to("lists of your own; model.losses, model.trainable_variables"),
        "tf.add_to_collection": to("lists of your own; self.add_loss for losses"),
        "tf.add_to_collections": to("lists of your own; self.add_loss for losses"),
        "tf.GraphKeys": to("model.losses for REGULARIZATION_LOSSES, nothing for UPDATE_OPS, model.trainable_variables"),
        "tf.assign": to("variable.assign(value)"),
        "tf.assign_add": to("variable.assign_add(value)"),
        "tf.assign_sub": to("variable.assign_sub(value)"),
        "tf.fixed_size_partitioner": to("keras.distribution, or tf.distribute"),
        "tf.min_max_variable_partitioner": to("keras.distribution, or tf.distribute"),
    },
)
replaces(
    "PT105",
    {
        "tf.Session": to("model(x), model.predict(x) or model.fit(x, y)"),
        "tf.InteractiveSession": to("model(x), model.predict(x) or model.fit(x, y)"),
        "tf.ConfigProto": to("tf.config, such as tf.config.experimental.set_memory_growth"),
        "tf.GPUOptions": to("tf.config, such as tf.config.experimental.set_memory_growth"),
        "tf.OptimizerOptions": to("tf.config.optimizer"),
        "tf.GraphOptions": to("tf.config.optimizer"),
        "tf.RunOptions": to("keras.callbacks.TensorBoard(profile_batch=)"),
        "tf.RunMetadata": to("keras.callbacks.TensorBoard(profile_batch=)"),
        "tf.global_variables_initializer": to("nothing: variables are initialised when they are made"),
        "tf.local_variables_initializer": to("nothing: variables are initialised when they are made"),
        "tf.variables_initializer": to("nothing: variables are initialised when they are made"),
        "tf.initialize_all_variables": to("nothing: variables are initialised when they are made"),
        "tf.initialize_local_variables": to("nothing: variables are initialised when they are made"),
        "tf.initialize_variables": to("nothing: variables are initialised when they are made"),
        "tf.initializers.global_variables": to("nothing: variables are initialised when they are made"),
        "tf.initializers.local_variables": to("nothing: variables are initialised when they are made"),
        "tf.tables_initializer": to("nothing: tables are initialised when they are made"),
        "tf.initialize_all_tables": to("nothing: tables are initialised when they are made"),
        "tf.report_uninitialized_variables": to("nothing: variables are initialised when they are made"),
        "tf.is_variable_initialized": to("nothing: variables are initialised when they are made"),
        "tf.get_default_graph": to("the model: its layers and weights are Python objects"),
        "tf.get_default_session": to("model(x)"),
        "tf.reset_default_graph": to("nothing, or keras.utils.clear_session() to free memory"),
        "tf.keras.backend.get_session": to("model(x)"),
        "tf.keras.backend.set_session": to("tf.config"),
        "tf.disable_v2_behavior": to("nothing, once the code is Keras 3"),
        "tf.disable_eager_execution": to("nothing, once the code is Keras 3"),
        "tf.enable_eager_execution": to("nothing: execution is eager"),
        "tf.train.MonitoredSession": to("model.fit with callbacks"),
        "tf.train.MonitoredTrainingSession": to("model.fit with callbacks"),
        "tf.train.SingularMonitoredSession": to("model.fit with callbacks"),
        "tf.train.Supervisor": to("model.fit with callbacks"),
        "tf.train.SessionManager": to("model.fit with callbacks"),
        "tf.train.Scaffold": to("model.fit with callbacks"),
        **{
            f"tf.train.{name}": to("a keras.callbacks.Callback")
            for name in ("SessionRunHook", "StopAtStepHook", "LoggingTensorHook", "CheckpointSaverHook", "NanTensorHook",
                         "StepCounterHook", "SummarySaverHook", "SessionRunArgs", "FinalOpsHook", "FeedFnHook", "ProfilerHook")
        },
    },
)  # fmt: skip
replaces(
    "PT106",
    {
        "tf.placeholder": to("keras.Input(shape), without the batch axis, or an argument of call"),
        "tf.placeholder_with_default": to("an argument of call with a default, such as training=False"),
        "tf.sparse_placeholder": to("keras.Input(shape, sparse=True)"),
        "tf.sparse.placeholder": to("keras.Input(shape, sparse=True)"),
        "tf.ragged.placeholder": to("keras.Input(shape, ragged=True)"),
    },
)


@VARIABLES.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT104", module)


@SESSIONS.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT105", module)


@PLACEHOLDERS.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT106", module)


VARIABLES.example(
    "scopes and variables",
    """
import tensorflow as tf

def dense(x, units):
    with tf.variable_scope("dense", reuse=tf.AUTO_REUSE):  # !!
        w = tf.get_variable("w", [int(x.shape[-1]), units])  # !
    tf.add_to_collection("weights", w)  # !
    return tf.matmul(x, w)
""",
)
VARIABLES.counterexample(
    "what TensorFlow 2 has as well",
    """
import tensorflow as tf

w = tf.Variable(tf.zeros([3]))
with tf.name_scope("sum"):
    w.assign_add(tf.ones([3]))
""",
)
SESSIONS.example(
    "a session",
    """
import tensorflow as tf

def run(y, feed):
    with tf.Session(config=tf.ConfigProto()) as sess:  # !!
        sess.run(tf.global_variables_initializer())  # !
        return sess.run(y, feed)
""",
)
SESSIONS.example(
    "what the compatibility module still runs",
    """
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()  # !

sess = tf.Session()  # !
""",
)
SESSIONS.counterexample(
    "sessions of others",
    """
import onnxruntime as tf
import requests
from keras import ops

session = requests.Session()
other = tf.InferenceSession("model.onnx")
""",
)
PLACEHOLDERS.example(
    "a placeholder, through a name of its own",
    """
from tensorflow import placeholder as hole, float32  # !
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 3])  # !
""",
)
PLACEHOLDERS.counterexample(
    "inputs of Keras",
    """
import tensorflow as tf

x = tf.keras.Input([3])
placeholder = dict(tf=3)
""",
)

RULES = (VARIABLES, SESSIONS, PLACEHOLDERS)
