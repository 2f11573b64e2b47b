"""Traps of training and inference: flags that are never passed, and updates that never run."""

import ast
from collections.abc import Iterator

from porter.lint.finding import Finding
from porter.lint.module import Module
from porter.lint.rule import SourceRule

UPDATES = SourceRule(
    code="PT305",
    name="update-ops",
    what="Batch normalization that is trained without running UPDATE_OPS.",
    why="tf.layers and tf.contrib put the updates of the moving mean and variance into a collection. If nothing runs it, they stay "
    "0 and 1, and the model is wrong at inference however well it trained.",
    instead="In TensorFlow 1, `with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)): train_op = ...`. In "
    "Keras 3 the layer updates them itself. porter convert warns where a checkpoint shows that they never ran.",
)

FLAG = SourceRule(
    code="PT306",
    name="training-flag",
    what="Dropout or batch normalization of `tf.layers` or `tf.contrib.layers` whose training flag is never passed.",
    why="tf.layers' default is training=False: such a dropout never drops, such a batch normalization never learns its "
    "statistics. tf.contrib.layers' is is_training=True: such a dropout drops at inference, and such a batch normalization "
    "takes the statistics of the batch there.",
    instead="Pass the flag. Keras 3's layers follow `fit` and `predict` by themselves, or take `training=`.",
)

NORMALIZATIONS = {
    "tf.layers.batch_normalization",
    "tf.layers.BatchNormalization",
    "tf.contrib.layers.batch_norm",
    "tf.contrib.slim.batch_norm",
}
RUN_UPDATES = ("create_train_op", "optimize_loss", "Estimator")


@UPDATES.find
def _(module: Module) -> Iterator[Finding]:
    if "UPDATE_OPS" in module.text or "update_ops" in module.text or "updates_collections" in module.text:
        yield from _unused(module)
        return
    if (
        any(word in module.text for word in RUN_UPDATES)
        or ".updates" in module.text
        or "get_updates_for" in module.text
    ):
        return
    trains = [
        call
        for call in module.nodes(ast.Call)
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("minimize", "apply_gradients")
    ]
    if not trains or not any(
        use.name.startswith("tf.train.") and use.name.endswith("Optimizer") for use in module.uses
    ):
        return
    for call in module.nodes(ast.Call):
        name = module.called(call)
        if name not in NORMALIZATIONS:
            continue
        flag = next((k.value for k in call.keywords if k.arg in ("training", "is_training")), None)
        trained = flag is not None if name.startswith("tf.layers.") else True
        if (
            name == "tf.layers.BatchNormalization"
            or not trained
            or (isinstance(flag, ast.Constant) and flag.value is False)
        ):
            continue
        yield module.finding(
            "PT305", call, "The moving mean and variance of this batch normalization are never updated: nothing in this file "
            "that trains it runs tf.GraphKeys.UPDATE_OPS",
        )  # fmt: skip


def _unused(module: Module) -> Iterator[Finding]:
    """`update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)` of which nothing is made."""
    for call in module.nodes(ast.Call):
        if module.called(call) != "tf.get_collection" or not call.args:
            continue
        if module.names.get(call.args[0], "") != "tf.GraphKeys.UPDATE_OPS":
            continue
        parent = module.parents.get(call)
        if isinstance(parent, ast.Expr):
            yield module.finding("PT305", call, "UPDATE_OPS are collected here, and then nothing runs them")
        if not (
            isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name)
        ):
            continue
        name = parent.targets[0].id
        home = module.function(call)
        loads = [n for n in ast.walk(home) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
        shared = [n for n in ast.walk(home) if isinstance(n, ast.Global | ast.Nonlocal) and name in n.names]
        if not loads and not shared and home is not module.tree:
            yield module.finding("PT305", call, f"UPDATE_OPS are collected into {name}, and then nothing runs them")


FUNCTIONAL = {
    "tf.layers.dropout": ("training", 4, "it never drops anything"),
    "tf.layers.batch_normalization": (
        "training",
        13,
        "it never learns its moving statistics, and is a fixed scale and shift",
    ),
    "tf.contrib.layers.dropout": ("is_training", 3, "it drops at inference too"),
    "tf.contrib.layers.batch_norm": ("is_training", 9, "it takes the statistics of the batch at inference too"),
}
OBJECTS = {
    "tf.layers.Dropout": "it never drops anything",
    "tf.layers.BatchNormalization": "it never learns its moving statistics",
}


@FLAG.find
def _(module: Module) -> Iterator[Finding]:
    scoped = "arg_scope" in module.text
    for call in module.nodes(ast.Call):
        name = module.called(call)
        if name in FUNCTIONAL:
            flag, position, effect = FUNCTIONAL[name]
            if len(call.args) > position or _passes(call, flag):
                continue
            if flag == "is_training" and (scoped or _asked(module, call) or _fed(call, name)):
                continue
            yield module.finding(
                "PT306", call, f"{flag} is never passed to {name}, whose default is {flag == 'is_training'}: {effect}"
            )
        elif (made := module.called(call.func)) in OBJECTS and len(call.args) == 1 and not _passes(call, "training"):
            yield module.finding("PT306", call, f"training is never passed, and False without: {OBJECTS[made]}")
    yield from _objects(module)


def _asked(module: Module, node: ast.AST) -> bool:
    """Whether a node runs under a test of the mode: `if mode == TRAIN:` stands for the flag."""
    inner = node
    for above in module.above(node):
        if isinstance(above, ast.If | ast.IfExp) and inner is not above.test:
            words = {getattr(each, "attr", getattr(each, "id", "")).lower() for each in ast.walk(above.test)}
            if any("train" in word or "mode" in word or "phase" in word for word in words):
                return True
        inner = above
    return False


def _fed(call: ast.Call, name: str) -> bool:
    """Whether a dropout's keep_prob is no number: what is fed at inference is 1 then."""
    given = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "keep_prob"), None)
    if given is None or not name.endswith("dropout"):
        return False
    return any(isinstance(each, ast.Name | ast.Attribute) for each in ast.walk(given))


def _passes(call: ast.Call, flag: str) -> bool:
    spread = any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords)
    return spread or any(each.arg == flag for each in call.keywords)


def _objects(module: Module) -> Iterator[Finding]:
    """`self.drop = tf.layers.Dropout(...)`, and in the same class `self.drop(x)`."""
    for owner in module.nodes(ast.ClassDef):
        made = {}
        for node in ast.walk(owner):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and module.called(node.value) in OBJECTS:
                target = node.targets[0]
                if (
                    isinstance(target, ast.Attribute)
                    and isinstance(target.value, ast.Name)
                    and target.value.id == "self"
                ):
                    made[target.attr] = OBJECTS[module.called(node.value)]
        for node in ast.walk(owner) if made else ():
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            called = node.func
            if called.attr not in made or len(node.args) != 1 or _passes(node, "training"):
                continue
            if isinstance(called.value, ast.Name) and called.value.id == "self":
                said = f"training is never passed to self.{called.attr}, and False without: {made[called.attr]}"
                yield module.finding("PT306", node, said)


UPDATES.example(
    "trained without them, and collected for nothing",
    """
import tensorflow as tf

def network(x, training):
    x = tf.layers.batch_normalization(x, training=training)  # !
    return tf.layers.dense(x, 10)

def train(loss):
    return tf.train.AdamOptimizer().minimize(loss)
""",
)
UPDATES.example(
    "collected into a name that nothing reads",
    """
import tensorflow as tf

def train(loss):
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)  # !
    return tf.train.AdamOptimizer().minimize(loss)
""",
)
UPDATES.counterexample(
    "run beside the training step",
    """
import tensorflow as tf

def train(x, loss, training):
    x = tf.layers.batch_normalization(x, training=training)
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        return tf.train.AdamOptimizer().minimize(loss)
""",
)
UPDATES.counterexample(
    "a network that another file trains, and one that is never in training mode",
    """
import tensorflow as tf

def network(x, training):
    return tf.layers.batch_normalization(x, training=training)
""",
)
FLAG.example(
    "functions and objects",
    """
import tensorflow as tf
from tensorflow.contrib import layers

class Net:
    def __init__(self):
        self.drop = tf.layers.Dropout(0.5)

    def __call__(self, x):
        x = tf.layers.dropout(x, 0.5)  # !
        x = tf.layers.batch_normalization(x, momentum=0.9)  # !
        x = layers.batch_norm(x)  # !
        x = tf.layers.Dropout(0.5)(x)  # !
        return self.drop(x)  # !
""",
)
FLAG.counterexample(
    "passed, spread, set by arg_scope, or a layer of Keras",
    """
import tensorflow as tf
from tensorflow.contrib import layers, slim

def network(x, training, **options):
    with slim.arg_scope([layers.batch_norm], is_training=training):
        x = layers.batch_norm(x)
    x = tf.layers.dropout(x, 0.5, training=training)
    x = tf.layers.dropout(x, 0.5, None, None, training)
    x = tf.layers.batch_normalization(x, **options)
    x = tf.keras.layers.Dropout(0.5)(x)
    return tf.layers.Dropout(0.5)(x, training=training)
""",
)
FLAG.counterexample(
    "under a test of the mode, and fed",
    """
import tensorflow as tf

def network(x, mode, keep_prob):
    x = tf.contrib.layers.dropout(x, keep_prob)
    if mode == tf.estimator.ModeKeys.TRAIN:
        x = tf.contrib.layers.dropout(x, 0.5)
    return x
""",
)
RULES = (UPDATES, FLAG)
