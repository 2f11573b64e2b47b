"""Lookups in a table that was cut into pieces, as for several parameter servers."""

import inspect

import numpy as np

from porter.rule import Rule, Scalar, Weight, constant, layers, one_of, require

PIECES = (*range(2, 17), 20, 24, 32, 64)


def _formula(count):
    """The formula for so many pieces. Patterns have a fixed number of inputs, so there is one for each number."""

    def formula(tf, ids, places, more, less, extra, pieces, back, *rows):
        # "div": the first `extra` pieces have `more` rows, the others `less`
        late = ids - extra
        piece = tf.Maximum(tf.FloorDiv(ids, more), tf.FloorDiv(late, less))
        row = tf.Select(tf.Less(piece, extra), tf.FloorMod(ids, more), tf.FloorMod(late, less))
        # "mod": the rows are dealt out like cards
        ways = (row, piece), (tf.FloorDiv(ids, pieces), tf.FloorMod(ids, pieces))
        stitched = one_of(*(each for way in ways for each in _stitched(tf, places, rows, *way)))
        return one_of(tf.Reshape(stitched).named("restore"), tf.Reshape(stitched, back).named("restore"), stitched)

    formula.__name__ = f"embedding_in_{count}_pieces"
    formula.__doc__ = f"""Raise a lookup in a table of {count} pieces to one `Embedding`.

    Shapes: ids [batch, ...], the pieces [rows, width] each.
    Left as ops: pieces whose sizes do not follow from the way in which the ids are dealt out.
    Source: tensorflow/python/ops/embedding_ops.py, function _embedding_lookup_and_transform, 1.15.
    """
    kinds = dict.fromkeys(("more", "less", "extra", "pieces"), Scalar) | dict.fromkeys(_rows(count), Weight)
    names = ("tf", "ids", "places", "more", "less", "extra", "pieces", "back", *_rows(count))
    formula.__signature__ = inspect.Signature(
        [_parameter(name, kinds.get(name, inspect.Parameter.empty)) for name in names]
    )
    return formula


def _rows(count):
    return [f"rows_{k}" for k in range(count)]


def _parameter(name, annotation=inspect.Parameter.empty):
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation)


def _stitched(tf, places, rows, row, piece):
    """Ids are sorted by piece, looked up in theirs, and what was found is put in the order of the ids again."""
    for sorted_by in (tf.Cast(piece), piece):
        order = tf.DynamicPartition(places, sorted_by).named("order")
        dealt = tf.DynamicPartition(row, sorted_by).named("dealt")
        found = [tf.GatherV2(table, dealt[k]).named(f"lookup_{k}") for k, table in enumerate(rows)]
        back = [order[k] for k in range(len(rows))]
        yield tf.ParallelDynamicStitch(*back, *found)
        yield tf.DynamicStitch(*back, *found)


def _raise(ids, places, more, less, extra, pieces, order, dealt, restore, **bound):
    tables = [table for name, table in bound.items() if name.startswith("rows_")]
    lookups = [view for name, view in bound.items() if name.startswith("lookup_")]
    for view in lookups:
        require(view["axis"] == 0, "the lookup is along another axis", view)
    order.get("num_partitions"), dealt.get("num_partitions")
    sizes = [table.value.shape for table in tables]
    require(all(len(size) == 2 and size[1] == sizes[0][1] for size in sizes), f"pieces of the shapes {sizes}")
    total, width, count = sum(size[0] for size in sizes), sizes[0][1], len(sizes)
    numbers = constant(places)
    in_order = places.node.op == "Range" if numbers is None else np.array_equal(numbers, np.arange(numbers.size))
    require(in_order, "the order of the ids is not kept", order)
    less_rows, more_pieces = divmod(total, count)
    expected = [less_rows + (k < more_pieces) for k in range(count)]
    require([size[0] for size in sizes] == expected, f"pieces of the sizes {sizes}")
    table = tables[0]
    if pieces is not None:
        require(pieces == count, f"ids dealt out to {pieces} pieces", order)
        table = table.join(*tables[1:], axis=0).deal(count)
    else:
        require((more, less, extra) == (less_rows + 1, less_rows, more_pieces), "ids dealt out in another way", order)
        table = table.join(*tables[1:], axis=0)
    if restore is not None:
        restore.get("shape")
        ids = _before(ids, restore.out, width)
    return layers.Embedding(total, width).bind(embeddings=table)(ids)


def _before(flat, out, width):
    """The ids before they were flattened. Raises `Miss` unless the result has their shape."""
    ids = flat.node.inputs[0] if flat.node.op == "Reshape" else flat
    require(ids.shape is not None and out.shape == (*ids.shape, width), "the ids had another shape", flat)
    same = None in ids.shape and ids.shape.count(None) > 1
    require(not same or (ids.probe and out.probe and out.probe[:-1] == ids.probe), "the ids had another shape", flat)
    return ids


def _rule(count):
    made = Rule(_formula(count))
    names = ["ids", "places", "more", "less", "extra", "pieces", "order", "dealt", "restore"]

    def to_keras(**bound):
        return _raise(**bound)

    to_keras.__signature__ = inspect.Signature(
        [_parameter(name) for name in (*names, *_rows(count), *(f"lookup_{k}" for k in range(count)))]
    )
    made.to_keras(to_keras)
    return made


RULES = tuple(_rule(count) for count in PIECES)


def _tables(tf, *rows):
    return [tf.get_variable(f"table/part_{k}", [size, 3], use_resource=False) for k, size in enumerate(rows)]


@RULES[1].example('tf.nn.embedding_lookup with partition_strategy="div"', "Embedding")
def _(tf):
    ids = tf.placeholder(tf.int64, [None, 5], "ids")
    return tf.nn.embedding_lookup(_tables(tf, 4, 3, 3), ids, partition_strategy="div")


@RULES[0].example('tf.nn.embedding_lookup with partition_strategy="mod"', "Embedding")
def _(tf):
    ids = tf.placeholder(tf.int32, [None], "ids")
    return tf.nn.embedding_lookup(_tables(tf, 4, 3), ids, partition_strategy="mod")


@RULES[0].counterexample("the pieces in another order than the ids are dealt out in")
def _(tf):
    ids = tf.placeholder(tf.int32, [None], "ids")
    return tf.nn.embedding_lookup(_tables(tf, 4, 3)[::-1], ids, partition_strategy="mod")
