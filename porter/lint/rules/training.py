"""What belongs to training and saving: optimizers, losses and metrics, savers, summaries, estimators."""

from collections.abc import Iterator

from porter.lint.finding import Finding
from porter.lint.module import Module
from porter.lint.replacements import findings, replaces, to
from porter.lint.rule import SourceRule

MIGRATE = "https://www.tensorflow.org/guide/migrate"

OPTIMIZERS = SourceRule(
    code="PT107",
    name="train-optimizer",
    what="Optimizers, learning rates and moving averages of `tf.train`.",
    why="They minimise a tensor of a graph; in Keras an optimizer is handed to `compile`, or gets gradients from a tape. Some "
    "defaults differ: Adam's epsilon is 1e-8 there and 1e-7 here, RMSProp's 1e-10 and 1e-7.",
    instead="`model.compile(keras.optimizers.Adam(1e-3, epsilon=1e-8), loss)` and `model.fit`.",
    references=("https://keras.io/api/optimizers/",),
)

LOSSES = SourceRule(
    code="PT113",
    name="v1-losses-and-metrics",
    what="Functions of `tf.losses` and `tf.metrics` that only TensorFlow 1 had.",
    why="They put their loss into a collection, or counted in local variables that a session had to initialise and update.",
    instead="Loss and metric objects of Keras, handed to `compile`. Cross entropies took logits: write from_logits=True. "
    "Predictions came second there as well: `loss(y_true, y_pred)`.",
    references=("https://keras.io/api/losses/", "https://keras.io/api/metrics/"),
)

SAVERS = SourceRule(
    code="PT108",
    name="saver",
    what="`tf.train.Saver`, meta graphs, frozen graphs, and SavedModel builders.",
    why="What they write holds a graph and variables by name, which Keras 3 does not load.",
    instead="`model.save('model.keras')` and `keras.saving.load_model`; `model.save_weights` and `load_weights`. For what is "
    "there already: `porter convert model.ckpt`.",
    references=("https://keras.io/api/models/model_saving_apis/",),
)

SUMMARIES = SourceRule(
    code="PT109",
    name="v1-summary",
    what="Summaries as operations of a graph: `merge_all`, `FileWriter`, and those of before 1.0.",
    why="They are run in a session; in TensorFlow 2 a summary is written when its function is called.",
    instead="`keras.callbacks.TensorBoard`; or, on TensorFlow, `with tf.summary.create_file_writer(dir).as_default(): "
    "tf.summary.scalar(name, value, step=step)`.",
    references=("https://keras.io/api/callbacks/tensorboard/", f"{MIGRATE}/tensorboard"),
)

ESTIMATORS = SourceRule(
    code="PT112",
    name="estimator",
    what="`tf.estimator` and the parts of feature columns that went with it.",
    why="Estimators were removed in TensorFlow 2.16, from tf.compat.v1 as well.",
    instead="A `keras.Model` with `compile` and `fit`; for features, Keras' preprocessing layers or `keras.utils.FeatureSpace`.",
    references=(f"{MIGRATE}/migrating_estimator", "https://keras.io/api/utils/feature_space/"),
)

EPSILON = "epsilon is 1e-8 there and 1e-7 here"
SCHEDULES = {
    "exponential_decay": "ExponentialDecay", "cosine_decay": "CosineDecay", "cosine_decay_restarts": "CosineDecayRestarts",
    "polynomial_decay": "PolynomialDecay", "inverse_time_decay": "InverseTimeDecay",
    "piecewise_constant": "PiecewiseConstantDecay", "piecewise_constant_decay": "PiecewiseConstantDecay",
}  # fmt: skip
replaces(
    "PT107",
    {
        "tf.train.Optimizer": to("keras.optimizers.Optimizer"),
        "tf.train.GradientDescentOptimizer": to("keras.optimizers.SGD(learning_rate)"),
        "tf.train.MomentumOptimizer": to(
            "keras.optimizers.SGD(learning_rate, momentum=momentum)",
            "The velocity holds the learning rate here and not there, which matters where the rate changes",
        ),
        "tf.train.AdamOptimizer": to("keras.optimizers.Adam(learning_rate)", epsilon=EPSILON),
        "tf.train.AdagradOptimizer": to(
            "keras.optimizers.Adagrad(learning_rate)", "epsilon is 1e-7 here, and 0 there"
        ),
        "tf.train.AdadeltaOptimizer": to("keras.optimizers.Adadelta(learning_rate)", epsilon=EPSILON),
        "tf.train.RMSPropOptimizer": to(
            "keras.optimizers.RMSprop(learning_rate, rho=decay)", epsilon="epsilon is 1e-10 there and 1e-7 here"
        ),
        "tf.train.FtrlOptimizer": to("keras.optimizers.Ftrl(learning_rate)"),
        "tf.train.ProximalAdagradOptimizer": to("keras.optimizers.Adagrad, with regularizers"),
        "tf.train.ProximalGradientDescentOptimizer": to("keras.optimizers.SGD, with regularizers"),
        "tf.train.SyncReplicasOptimizer": to("keras.distribution, or tf.distribute"),
        "tf.train.get_global_step": to("optimizer.iterations"),
        "tf.train.get_or_create_global_step": to("optimizer.iterations"),
        "tf.train.create_global_step": to("optimizer.iterations"),
        "tf.train.global_step": to("optimizer.iterations"),
        "tf.train.natural_exp_decay": to(
            "keras.optimizers.schedules.ExponentialDecay(rate, decay_steps, exp(-decay_rate))"
        ),
        **{f"tf.train.{old}": to(f"keras.optimizers.schedules.{new}") for old, new in SCHEDULES.items()},
    },
)  # fmt: skip
replaces(
    "PT113",
    {
        "tf.losses": to("keras.losses"),
        "tf.losses.softmax_cross_entropy": to("keras.losses.CategoricalCrossentropy(from_logits=True)"),
        "tf.losses.sparse_softmax_cross_entropy": to("keras.losses.SparseCategoricalCrossentropy(from_logits=True)"),
        "tf.losses.sigmoid_cross_entropy": to("keras.losses.BinaryCrossentropy(from_logits=True)"),
        "tf.losses.log_loss": to("keras.losses.BinaryCrossentropy()"),
        "tf.losses.absolute_difference": to("keras.losses.MeanAbsoluteError()"),
        "tf.losses.huber_loss": to("keras.losses.Huber()"),
        "tf.losses.hinge_loss": to("keras.losses.Hinge()"),
        "tf.losses.cosine_distance": to(
            "keras.losses.CosineSimilarity()", "It is 1 - similarity there, -similarity here"
        ),
        "tf.losses.get_regularization_losses": to("model.losses"),
        "tf.losses.get_regularization_loss": to("sum(model.losses)"),
        "tf.losses.get_total_loss": to("the loss of compile; fit adds model.losses"),
        "tf.losses.get_losses": to("model.losses"),
        "tf.losses.add_loss": to("self.add_loss in a layer"),
        "tf.losses.compute_weighted_loss": to("sample_weight= of a loss"),
        "tf.metrics": to("keras.metrics"),
        "tf.metrics.accuracy": to("keras.metrics.Accuracy()"),
        "tf.metrics.auc": to("keras.metrics.AUC()"),
        "tf.metrics.mean": to("keras.metrics.Mean()"),
        "tf.metrics.mean_iou": to("keras.metrics.MeanIoU(num_classes)"),
        "tf.metrics.precision": to("keras.metrics.Precision()"),
        "tf.metrics.recall": to("keras.metrics.Recall()"),
        "tf.metrics.root_mean_squared_error": to("keras.metrics.RootMeanSquaredError()"),
    },
)
replaces(
    "PT108",
    {
        "tf.train.Saver": to("model.save_weights and load_weights; porter convert for checkpoints that exist"),
        "tf.train.import_meta_graph": to("porter convert, then keras.saving.load_model"),
        "tf.train.export_meta_graph": to("model.save"),
        "tf.train.NewCheckpointReader": to("tf.train.load_checkpoint"),
        "tf.train.checkpoint_exists": to("tf.train.latest_checkpoint, or a look at the folder"),
        "tf.train.init_from_checkpoint": to("model.load_weights"),
        "tf.train.warm_start": to("model.load_weights"),
        "tf.train.update_checkpoint_state": to("keras.callbacks.ModelCheckpoint"),
        "tf.graph_util": to("model.export; porter convert for graphs that exist"),
        "tf.saved_model": to("model.export, model.save; porter convert for SavedModels that exist"),
        "tf.GraphDef": to("porter convert, for graphs that exist"),
        "tf.MetaGraphDef": to("porter convert, for graphs that exist"),
    },
)
replaces(
    "PT109",
    {
        "tf.summary": to("keras.callbacks.TensorBoard"),
        "tf.Summary": to("tf.summary.scalar(name, value, step=step)"),
        "tf.summary.FileWriter": to("keras.callbacks.TensorBoard, or tf.summary.create_file_writer"),
        "tf.summary.merge_all": to("nothing: a summary is written when it is called"),
        "tf.summary.merge": to("nothing: a summary is written when it is called"),
        "tf.train.SummaryWriter": to("keras.callbacks.TensorBoard, or tf.summary.create_file_writer"),
        "tf.merge_all_summaries": to("nothing: a summary is written when it is called"),
        "tf.merge_summary": to("nothing: a summary is written when it is called"),
        "tf.scalar_summary": to("tf.summary.scalar(name, value, step=step)"),
        "tf.image_summary": to("tf.summary.image(name, value, step=step)"),
        "tf.histogram_summary": to("tf.summary.histogram(name, value, step=step)"),
    },
)
replaces(
    "PT112",
    {
        "tf.estimator": to("a keras.Model with compile and fit"),
        "tf.feature_column.input_layer": to("keras.layers.Concatenate over preprocessing layers"),
        "tf.feature_column.linear_model": to("keras.layers.Dense(1) over preprocessing layers"),
    },
)


@OPTIMIZERS.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT107", module)


@LOSSES.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT113", module)


@SAVERS.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT108", module)


@SUMMARIES.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT109", module)


@ESTIMATORS.find
def _(module: Module) -> Iterator[Finding]:
    yield from findings("PT112", module)


OPTIMIZERS.example(
    "optimizers and schedules",
    """
import tensorflow as tf
from tensorflow.train import AdamOptimizer  # !

step = tf.train.get_or_create_global_step()  # !
rate = tf.train.exponential_decay(0.1, step, 100, 0.9)  # !
op = tf.train.MomentumOptimizer(rate, 0.9).minimize(loss)  # !
""",
)
OPTIMIZERS.counterexample(
    "optimizers of Keras, and what tf.train still has",
    """
import tensorflow as tf

optimizer = tf.keras.optimizers.Adam(1e-3)
average = tf.train.ExponentialMovingAverage(0.99)
latest = tf.train.latest_checkpoint("models")
""",
)
LOSSES.example(
    "losses and metrics",
    """
import tensorflow as tf

loss = tf.losses.softmax_cross_entropy(labels, logits) + tf.losses.get_regularization_loss()  # !!
accuracy, update = tf.metrics.accuracy(labels, predictions)  # !
""",
)
LOSSES.counterexample(
    "what has that name in TensorFlow 2",
    """
import tensorflow as tf

loss = tf.losses.MeanSquaredError()
metric = tf.metrics.Accuracy()
logits = tf.nn.softmax_cross_entropy_with_logits(labels, logits)
""",
)
SAVERS.example(
    "a saver",
    """
import tensorflow as tf

saver = tf.train.Saver(max_to_keep=3)  # !
saver = tf.train.import_meta_graph("model.meta")  # !
builder = tf.saved_model.builder.SavedModelBuilder("export")  # !
""",
)
SAVERS.counterexample(
    "what TensorFlow 2 has",
    """
import tensorflow as tf

checkpoint = tf.train.Checkpoint()
tf.saved_model.save(checkpoint, "export")
""",
)
SUMMARIES.example(
    "a writer",
    """
import tensorflow as tf

merged = tf.summary.merge_all()  # !
writer = tf.summary.FileWriter("logs")  # !
""",
)
SUMMARIES.counterexample(
    "as TensorFlow 2 writes them",
    """
import tensorflow as tf

with tf.summary.create_file_writer("logs").as_default():
    tf.summary.scalar("loss", 1.0, step=3)
""",
)
ESTIMATORS.example(
    "an estimator",
    """
import tensorflow.compat.v1 as tf

estimator = tf.estimator.Estimator(model_fn)  # !
""",
)
ESTIMATORS.counterexample(
    "scikit-learn's word",
    """
import tensorflow as tf
from sklearn.base import BaseEstimator as estimator

tf.random.set_seed(1)
estimator()
""",
)

RULES = (OPTIMIZERS, LOSSES, SAVERS, SUMMARIES, ESTIMATORS)
