"""Batch sizes that are fixed in the graph."""

import ast
from collections.abc import Iterator

from porter.lint.finding import WARNING, Finding
from porter.lint.module import Module
from porter.lint.rule import SourceRule

BATCH_SIZE = SourceRule(
    code="PT307",
    name="fixed-batch-size",
    what="An input or a state whose batch size is fixed in the graph.",
    why="The model takes batches of that size only, and so does what is converted from it.",
    instead="None as the first axis: `keras.Input(shape)` leaves the batch out. Where a size is needed, `keras.ops.shape(x)[0]`.",
)

CELLS = ("cell", "rnn", "lstm", "gru")
SIZES = {"batch_size", "batchsize", "batch_sz", "train_batch_size", "test_batch_size", "eval_batch_size"}
SETTINGS = {"flags", "args", "config", "cfg", "hps", "opt"}
PLACES = {"tf.placeholder": ("shape", 1), "tf.placeholder_with_default": ("shape", 1)}
KERAS = ("keras.Input", "tf.keras.Input", "keras.layers.Input", "tf.keras.layers.Input")


@BATCH_SIZE.find
def _(module: Module) -> Iterator[Finding]:
    for call in module.nodes(ast.Call):
        name = module.called(call)
        shape = None
        if name in PLACES:
            keyword, position = PLACES[name]
            shape = next((k.value for k in call.keywords if k.arg == keyword), None)
            if shape is None and len(call.args) > position:
                shape = call.args[position]
        elif name in KERAS and "stateful" not in module.text:
            shape = next((k.value for k in call.keywords if k.arg in ("batch_shape", "batch_input_shape")), None)
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "zero_state" and call.args:
            if not any(word in ast.unparse(call.func.value).lower() for word in CELLS):
                continue
            if (size := _size(module, call.args[0], call)) is not None:
                yield module.finding(
                    "PT307", call, f"The batch size of this state is fixed ({size}): take tf.shape(x)[0]; Keras' layers need none",
                    WARNING,
                )  # fmt: skip
            continue
        if not isinstance(shape, ast.List | ast.Tuple) or len(shape.elts) < 2:
            continue
        first, rest = shape.elts[0], shape.elts[1:]
        size = _size(module, first, call)
        if size is None and isinstance(first, ast.Constant) and type(first.value) is int and first.value > 0:
            # A number alone may be anything; in front of rows, columns and channels, it is a batch.
            last = rest[-1]
            pictures = len(rest) == 3 and isinstance(last, ast.Constant) and last.value in (1, 3, 4)
            size = str(first.value) if pictures or name in KERAS else None
        if size is not None:
            yield module.finding(
                "PT307", call, f"The batch size of this input is fixed ({size}): make its first axis None", WARNING
            )


def _size(module: Module, node: ast.expr, call: ast.Call) -> str | None:
    """The text of an expression that is called a batch size and is a number when the graph is built; None for others."""
    if isinstance(node, ast.Name) and node.id.lower() in SIZES:
        values = _assigned(module, node) or []
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.lower() in SIZES:
        if node.value.id.lower() in SETTINGS:
            return ast.unparse(node)
        values = _assigned_to_self(module, node.attr, call) if node.value.id == "self" else []
    else:
        return None
    return ast.unparse(node) if values and all(map(_number, values)) else None


def _number(value: ast.expr) -> bool:
    """Whether an expression is a number, or a setting that is one."""
    if isinstance(value, ast.Constant):
        return type(value.value) is int
    if isinstance(value, ast.Attribute):
        return isinstance(value.value, ast.Name) and value.value.id.lower() in (
            "flags",
            "args",
            "config",
            "cfg",
            "hps",
            "opt",
        )
    return False


def _assigned(module: Module, name: ast.Name) -> list[ast.expr] | None:
    """The expressions that a name is bound to where the call sees it, None where anything else binds it."""
    holder = module.scope_of[name].holder(name.id)
    if holder is None:
        return None
    values = []
    for binding in holder.bindings[name.id]:
        parent = module.parents.get(binding.node)
        if not isinstance(parent, ast.Assign) or binding.node not in parent.targets:
            return None
        values.append(parent.value)
    return values


def _assigned_to_self(module: Module, name: str, call: ast.Call) -> list[ast.expr]:
    owner = next((above for above in module.above(call) if isinstance(above, ast.ClassDef)), None)
    values = []
    for node in ast.walk(owner) if owner else ():
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr == name:
                    values.append(node.value)
    return values


BATCH_SIZE.example(
    "placeholders and states",
    """
import tensorflow as tf

FLAGS = tf.app.flags.FLAGS
batch_size = 64
x = tf.placeholder(tf.float32, [batch_size, 28, 28, 1])  # !
y = tf.placeholder(tf.float32, shape=(FLAGS.batch_size, 10))  # !
z = tf.placeholder(tf.float32, [16, 224, 224, 3], name="z")  # !
state = cell.zero_state(batch_size, tf.float32)  # !
""",
)
BATCH_SIZE.counterexample(
    "unknown, dynamic, or nothing that is called a batch",
    """
import tensorflow as tf

def network(x, batch_size=None):
    a = tf.placeholder(tf.float32, [None, 28, 28, 1])
    b = tf.placeholder(tf.float32, [batch_size, 28, 28, 1])
    c = tf.placeholder(tf.float32, [3, 4])
    state = cell.zero_state(tf.shape(x)[0], tf.float32)
    batch_size = tf.shape(x)[0]
    return cell.zero_state(batch_size, tf.float32)
""",
)

RULES = (BATCH_SIZE,)
