"""Functions that TensorFlow 2 still has, but with other arguments, or with another meaning."""

import ast
from collections.abc import Iterator

from porter.lint.finding import WARNING, Finding
from porter.lint.module import Module
from porter.lint.rule import SourceRule

RENAMED = SourceRule(
    code="PT117",
    name="renamed-argument",
    what="Arguments that TensorFlow 2 calls by another name: keep_dims, reduction_indices, dim, squeeze_dims, seq_dim.",
    why="The call raises TypeError. (In tf.compat.v1 the old names still do.)",
    instead="The new name, which `porter check --fix` writes.",
    references=("https://www.tensorflow.org/guide/migrate/upgrade",),
    fixable=True,
)

MEANING = SourceRule(
    code="PT118",
    name="changed-meaning",
    what="Calls that still run in TensorFlow 2 and mean something else there.",
    why="No error says so: the numbers are different.",
    instead="What the finding says. `keep_prob` is what dropout kept, `rate` is what it drops; initializers of TensorFlow 1 had a "
    "standard deviation of 1, those of Keras 0.05; losses of TensorFlow 1 gave one number, those of Keras one for each sample.",
    references=("https://www.tensorflow.org/guide/migrate/tf1_vs_tf2",),
)

REDUCE = ("sum", "mean", "max", "min", "prod", "any", "all", "logsumexp")
NEW = {
    **{f"tf.{home}reduce_{kind}": {"keep_dims": "keepdims", "reduction_indices": "axis"}
       for kind in REDUCE for home in ("", "math.")},
    "tf.argmax": {"dimension": "axis"}, "tf.argmin": {"dimension": "axis"},
    "tf.math.argmax": {"dimension": "axis"}, "tf.math.argmin": {"dimension": "axis"},
    "tf.squeeze": {"squeeze_dims": "axis"}, "tf.expand_dims": {"dim": "axis"},
    "tf.nn.softmax": {"dim": "axis"}, "tf.nn.log_softmax": {"dim": "axis"},
    "tf.norm": {"keep_dims": "keepdims"}, "tf.nn.moments": {"keep_dims": "keepdims"},
    "tf.reverse_sequence": {"seq_dim": "seq_axis", "batch_dim": "batch_axis"},
    "tf.nn.softmax_cross_entropy_with_logits": {"dim": "axis"},
}  # fmt: skip


@RENAMED.find
def _(module: Module) -> Iterator[Finding]:
    for use in module.uses:
        if use.compat or use.name not in NEW or use.node is None:
            continue
        call = module.parents.get(use.node)
        if not isinstance(call, ast.Call) or call.func is not use.node or module.guarded(call):
            continue
        given = {keyword.arg for keyword in call.keywords}
        for keyword in call.keywords:
            old = keyword.arg or ""
            new = NEW[use.name].get(old)
            if new is None or new in given:
                continue
            end = keyword.col_offset + len(old)
            edits = module.edit(keyword.lineno, keyword.col_offset, old, new)
            place = ast.copy_location(ast.Name(old), keyword)
            place.end_lineno, place.end_col_offset = keyword.lineno, end
            yield module.finding(
                "PT117", place, f"{use.name} has no argument {old} in TensorFlow 2: it is {new}", edits=edits
            )


INITIALIZERS = {
    "tf.random_normal_initializer": ("stddev", 1, "stddev is 1.0 in TensorFlow 1 and 0.05 in TensorFlow 2: write it out"),
    "tf.initializers.random_normal": ("stddev", 1, "stddev is 1.0 in TensorFlow 1 and 0.05 in TensorFlow 2: write it out"),
    "tf.random_uniform_initializer": (
        "maxval", 1, "it draws from [0, 1) in TensorFlow 1 and from [-0.05, 0.05) in TensorFlow 2: write the bounds out"
    ),
}  # fmt: skip
LOSSES = {
    "tf.losses.mean_squared_error": "it gives one number in TensorFlow 1, and one for each sample here",
    "tf.losses.hinge": "it gives one number in TensorFlow 1, and one for each sample here",
}


@MEANING.find
def _(module: Module) -> Iterator[Finding]:
    if not any(use.name.startswith("tf.") for use in module.uses):
        return
    for use in module.uses:
        call = module.parents.get(use.node) if use.node is not None else None
        if use.compat or not isinstance(call, ast.Call) or call.func is not use.node or module.guarded(call):
            continue
        given = {keyword.arg for keyword in call.keywords}
        if use.name == "tf.nn.dropout":
            second = call.args[1] if len(call.args) > 1 else None
            if "keep_prob" in given:
                yield module.finding("PT118", call, "tf.nn.dropout takes rate in TensorFlow 2: rate = 1 - keep_prob")
            elif second is not None and "keep" in ast.unparse(second).lower() and "1" not in ast.unparse(second):
                yield module.finding(
                    "PT118", call, "The second argument of tf.nn.dropout is what is dropped in TensorFlow 2, and was "
                    f"what is kept: rate=1 - {ast.unparse(second)}",
                )  # fmt: skip
        elif use.name in INITIALIZERS and _legacy(module):
            parameter, position, said = INITIALIZERS[use.name]
            if parameter not in given and len(call.args) <= position and None not in given:
                yield module.finding("PT118", call, f"{use.name}: {said}", WARNING)
        elif use.name in LOSSES and _legacy(module):
            yield module.finding("PT118", call, f"{use.name}: {LOSSES[use.name]}", WARNING)


def _legacy(module: Module) -> bool:
    """Whether a file is surely TensorFlow 1's: it uses what only that had."""
    from porter.lint.replacements import V1, matches

    return any(match.state == V1 and not match.use.compat for match in matches(module))


RENAMED.example(
    "old names",
    """
import tensorflow as tf

x = tf.reduce_sum(x, reduction_indices=[1], keep_dims=True)  # !!
y = tf.expand_dims(x, dim=1)  # !
""",
)
RENAMED.counterexample(
    "new names, tf.compat.v1, and numpy",
    """
import tensorflow as tf
import tensorflow.compat.v1 as tf1

x = tf.reduce_sum(x, axis=[1], keepdims=True)
y = tf1.reduce_sum(x, keep_dims=True)
z = tf.split(x, 3, axis=1)
""",
)
MEANING.example(
    "dropout, an initializer, a loss",
    """
import tensorflow as tf

keep_prob = tf.placeholder(tf.float32)
x = tf.nn.dropout(x, keep_prob)  # !
x = tf.nn.dropout(x, keep_prob=0.5)  # !
w = tf.get_variable("w", [3], initializer=tf.random_normal_initializer())  # !
loss = tf.losses.mean_squared_error(y, x)  # !
""",
)
MEANING.counterexample(
    "code of TensorFlow 2",
    """
import tensorflow as tf

x = tf.nn.dropout(x, 0.5)
x = tf.nn.dropout(x, rate=1 - keep_prob)
x = tf.nn.dropout(x, 1.0 - keep_prob)
w = tf.random_normal_initializer()([3])
loss = tf.losses.mean_squared_error(y, x)
""",
)

RULES = (RENAMED, MEANING)
