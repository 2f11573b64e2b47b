"""Learned vectors for the steps of a sequence, which are added to it."""

from porter.rule import Weight, WeightRef, is_trained, ops, porter_layers, require, rule

SMALL = 32  # a constant with no more numbers stands in the source
ARRANGED = ("Reshape", "ExpandDims", "Squeeze")


@rule
def position_embedding(tf, x, table: Weight):
    """Raise x + table, one row for each step, to `PositionEmbedding`.

    Shapes: x [batch, steps, width] with a known number of steps; table [steps, width], or the first rows of a longer one.
    Left as ops: tables of one step, constants that are worked out, such as sines, and tables of other axes. A constant one,
    as in a frozen graph, is not trained.
    Source: modeling.py of google-research/bert; model.py of openai/gpt-2.
    """
    return (x + table).named("added")


@position_embedding.to_keras
def _(x, table, added):
    require(x.rank == 3 and None not in x.shape[1:], "no sequence of a known length", added)
    steps, width = x.shape[1:]
    shape = tuple(table.value.shape or ())
    require(shape in ((steps, width), (1, steps, width)) and steps > 1, f"a table of shape {shape}", added)
    require(x.dtype == table.value.dtype == "float32", "not a table of 32 bits", added)
    whole, trained = _rows_of(table.value), is_trained(table)
    length = whole.shape[-2]
    frozen = whole.node.op == "Const" and length * width > SMALL
    require(trained or frozen, "a small table, or one that is worked out", added)
    layer = porter_layers.PositionEmbedding(length, width, **({} if trained else {"trainable": False}))
    return ops.add(x, layer.bind(table__embeddings=WeightRef(whole).reshape((length, width)))(x))


def _rows_of(value):
    """The table whose first rows `value` holds; itself, if there is no longer one."""
    part = value
    while part.node.op in ARRANGED:
        part = part.node.inputs[0]
    node = part.node
    if node.op not in ("Slice", "StridedSlice") or len(node.inputs) != 1 or node.inputs[0].rank != 2:
        return value
    whole, slices, begin = node.inputs[0], node.attrs.get("slices"), node.attrs.get("begin")
    if slices is not None:
        first = slices[0]
        plain = isinstance(first, slice) and not first.start and first.step in (None, 1)
        plain = plain and all(each == slice(None) for each in slices[1:])
    else:
        plain = begin is not None and not any(begin)
    return whole if plain and part.shape == (part.shape[0], whole.shape[1]) else value


@position_embedding.example("a table of its own", "PositionEmbedding")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    return x + tf.get_variable("positions", [1, 5, 6])


@position_embedding.example("the first rows of BERT's table", "Embedding", "PositionEmbedding")
def _(tf):
    ids = tf.placeholder(tf.int32, [None, 5], "ids")
    rows = tf.slice(tf.get_variable("positions", [9, 6]), [0, 0], [5, -1])
    return tf.gather(tf.get_variable("words", [20, 6], use_resource=False), ids) + tf.reshape(rows, [1, 5, 6])


@position_embedding.example("the first rows of a table, by an index", "PositionEmbedding")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    return tf.get_variable("positions", [9, 6])[:5] + x


@position_embedding.example("other rows of a table", "PositionEmbedding")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    return x + tf.get_variable("positions", [9, 6])[2:7]


@position_embedding.example("a table of a frozen graph", "PositionEmbedding")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 7], "x")
    return x + tf.slice(tf.constant([[each * 7.0 + i * i for i in range(7)] for each in range(9)]), [0, 0], [5, -1])


@position_embedding.counterexample("a bias for each entry of a vector", "PositionEmbedding")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    return x + tf.get_variable("bias", [6])


@position_embedding.counterexample("constant waves", "PositionEmbedding")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    return x + tf.sin(tf.reshape(tf.range(30.0), [5, 6]))


RULES = (position_embedding,)
position_embedding.place = "outside"
