"""Embedding: rows of a table, by number."""

from math import prod

from porter.rule import Weight, layers, ops, require, rule

SMALL = 32  # a constant with no more numbers is no table of weights


@rule
def embedding(tf, table: Weight, ids):
    """Raise the lookup of rows in a table to `Embedding`.

    Shapes: table [rows, width], or [rows] for one number each, such as the biases of users; ids [batch, ...], integers.
    Left as ops: lookups in tables with more axes, of a single row, and in small constant tables.
    TensorFlow on a CPU raises an error for an id outside the table; Keras' backends each do as they do.
    Source: tensorflow/python/ops/embedding_ops.py, function embedding_lookup, 1.15.
    """
    return tf.GatherV2(table, ids).named("lookup")


@embedding.to_keras
def _(table, ids, lookup):
    value = table.value
    require(lookup["axis"] == 0, "the lookup is along another axis", lookup)
    require(value.rank in (1, 2) and value.dtype.startswith(("float", "bfloat")), "not a table of vectors", lookup)
    require(ids.rank is not None and ids.rank > 0, "a single row", lookup)
    require(value.node.op != "Const" or prod(value.shape) > SMALL, "a small constant table", lookup)
    own = {} if value.dtype == "float32" else {"dtype": value.dtype}
    if value.rank == 2:
        return layers.Embedding(*value.shape, **own).bind(embeddings=table)(ids)
    rows = layers.Embedding(*value.shape, 1, **own).bind(embeddings=table.reshape((*value.shape, 1)))(ids)
    return ops.squeeze(rows, axis=-1)


@embedding.example("tf.nn.embedding_lookup", "Embedding")
def _(tf):
    ids = tf.placeholder(tf.int32, [None, None], "ids")
    return tf.nn.embedding_lookup(tf.get_variable("embeddings", [20, 3], use_resource=False), ids)


@embedding.example("tf.gather of 64-bit ids, one for each sample", "Embedding")
def _(tf):
    return tf.gather(tf.get_variable("table", [20, 3], use_resource=False), tf.placeholder(tf.int64, [None], "ids"))


@embedding.example("one number for each id", "Embedding", "ops.squeeze")
def _(tf):
    ids = tf.placeholder(tf.int32, [None], "ids")
    return tf.nn.embedding_lookup(tf.get_variable("biases", [40], use_resource=False), ids)


@embedding.counterexample("along another axis", "Embedding")
def _(tf):
    ids = tf.placeholder(tf.int32, [None], "ids")
    return tf.gather(tf.get_variable("table", [3, 20], use_resource=False), ids, axis=1)


@embedding.counterexample("rows of a tensor", "Embedding")
def _(tf):
    x = tf.placeholder(tf.float32, [20, 3], "x")
    return tf.gather(x, tf.placeholder(tf.int32, [None], "ids"))


RULES = (embedding,)
