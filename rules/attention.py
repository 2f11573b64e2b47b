"""Attention with several heads, as BERT, GPT-2 and the like wrote it out."""

from porter.rule import Scalar, Weight, constant, one_of, require, rule
from porter.rules.heads import EXACT, is_causal_bias, layer_of, rate_of


def _dense(tf, x, kernel, bias, name):
    """x times a kernel, perhaps with a bias; the product is called `name`."""
    product = tf.BatchMatMul(x, kernel).named(name)
    return one_of(tf.BiasAdd(product, bias), product + bias, product)


def _heads(tf, x, name):
    """[batch, steps, heads times size] as [batch, heads, steps, size]."""
    return tf.Transpose(tf.Reshape(x).named(f"{name}_apart")).named(f"{name}_order")


def _softmax(tf, scores):
    """Softmax over the last axis, also by hand."""
    top = tf.Max(scores).named("top")
    powers = tf.Exp(scores - one_of(tf.StopGradient(top), top))
    return one_of(tf.Softmax(scores), powers / tf.Sum(powers).named("total"))


def _attention(tf, query, key, value, scale, divisor, added, visible, large, kernel, bias):
    """What the heads see, put together and projected. query, key, value: [batch, steps, heads times size]."""
    q, k, v = _heads(tf, query, "query"), _heads(tf, key, "key"), _heads(tf, value, "value")
    products = tf.BatchMatMul(one_of(q * scale, q), k).named("scores")
    scores = one_of(products * scale, products / divisor, products)
    hidden = ((1.0 - visible).shared() * large).shared()  # the same for all layers
    masked = one_of(
        scores * visible - hidden,
        scores * visible + hidden,
        scores + added,
        scores,
    )
    weights = _softmax(tf, masked)
    dropped = one_of(getattr(tf, "layers.Dropout")(weights).named("dropped"), weights)
    seen = tf.Transpose(tf.BatchMatMul(dropped, v).named("seen")).named("seen_order")
    return _dense(tf, tf.Reshape(seen).named("together"), kernel, bias, "projected")


@rule
def attention(
    tf, x, y, query_kernel: Weight, query_bias: Weight, key_kernel: Weight, key_bias: Weight,
    value_kernel: Weight, value_bias: Weight, scale: Scalar, divisor: Scalar, added, visible, large: Scalar,
    kernel: Weight, bias: Weight,
):  # fmt: skip
    """Raise attention with several heads to `MultiHeadAttention`; x asks, y is what is looked at.

    Shapes: x [batch, steps, inputs], y [batch, others, inputs], kernels [inputs, heads times size] and [heads times size,
    units]. `added` is a mask of large negative numbers, or anything else that is added to the scores; `visible` is 1 or 0.
    Left as ops: heads that are used by themselves, another scale than 1 / sqrt(size), and some products with a bias
    and some without.
    Source: modeling.py of google-research/bert; common_attention.py of tensor2tensor.
    """
    query = _dense(tf, x, query_kernel, query_bias, "query")
    key, value = _dense(tf, y, key_kernel, key_bias, "key"), _dense(tf, y, value_kernel, value_bias, "value")
    return _attention(tf, query, key, value, scale, divisor, added, visible, large, kernel, bias)


@attention.to_keras
def _(
    x, y, query_kernel, query_bias, key_kernel, key_bias, value_kernel, value_bias, scale, divisor, added, visible, large,
    kernel, bias, query, key, value, projected, query_apart, query_order, key_apart, key_order, value_apart, value_order,
    scores, top, total, dropped, seen, seen_order, together,
):  # fmt: skip
    for product in (query, key, value, projected):
        _plain(product)
    heads, size = _check_heads(query_apart, query_order, key_apart, key_order, scores)
    _, others = _check_heads(value_apart, value_order, value_apart, value_order, None)
    _check_scores(size, scale, divisor, visible, large, top, total)
    _check_together(seen, seen_order, together)
    causal = _is_causal(visible) or added is not None and is_causal_bias(added)
    return layer_of(
        heads, size, others, (query_kernel, key_kernel, value_kernel), (query_bias, key_bias, value_bias), kernel, bias,
        rate_of(dropped), None if causal else added, visible, causal=causal,
    )(x, y)  # fmt: skip


@rule
def attention_at_once(
    tf, x, inner_kernel: Weight, inner_bias: Weight, scale: Scalar, divisor: Scalar, added, visible, large: Scalar,
    kernel: Weight, bias: Weight,
):  # fmt: skip
    """Raise attention of a sequence to itself, with one product for queries, keys and values, to `MultiHeadAttention`.

    Shapes: x [batch, steps, inputs], inner_kernel [inputs, 3 heads times size].
    Source: model.py of openai/gpt-2.
    """
    inner = _dense(tf, x, inner_kernel, inner_bias, "inner")
    parts = tf.Split(inner).named("parts")
    return _attention(tf, parts[0], parts[1], parts[2], scale, divisor, added, visible, large, kernel, bias)


@attention_at_once.to_keras
def _(
    x, inner_kernel, inner_bias, scale, divisor, added, visible, large, kernel, bias, inner, parts, projected,
    query_apart, query_order, key_apart, key_order, value_apart, value_order,
    scores, top, total, dropped, seen, seen_order, together,
):  # fmt: skip
    _plain(inner), _plain(projected), parts.get("num_split")
    require(parts["axis"] in (2, -1), f"it is split along axis {parts['axis']}", parts)
    heads, size = _check_heads(query_apart, query_order, key_apart, key_order, scores)
    _, others = _check_heads(value_apart, value_order, value_apart, value_order, None)
    _check_scores(size, scale, divisor, visible, large, top, total)
    _check_together(seen, seen_order, together)
    width = heads * size
    places = [(place * width, (place + 1) * width) for place in range(3)]
    kernels = [inner_kernel.columns(*ends) for ends in places]
    biases = [None if inner_bias is None else inner_bias.columns(*ends) for ends in places]
    causal = _is_causal(visible) or added is not None and is_causal_bias(added)
    return layer_of(
        heads, size, others, kernels, biases, kernel, bias, rate_of(dropped), None if causal else added, visible,
        causal=causal,
    )(x, x)  # fmt: skip


def _plain(product):
    require(not product.get("adj_x", False) and not product.get("adj_y", False), "a transposed product", product)


def _check_heads(query_apart, query_order, key_apart, key_order, scores):
    """The number of heads and their size. Raises `Miss` unless queries and keys meet head by head."""
    for apart in (query_apart, key_apart):
        apart.get("shape")
        before, after = apart.node.inputs[0], apart.out
        require(before.rank == 3 and after.rank == 4, "there are no heads", apart)
        same = before.probe and after.probe and before.probe[:2] == after.probe[:2]
        require(same or before.shape[:2] == after.shape[:2], "the steps are taken apart too", apart)
    heads, size = query_apart.out.shape[2:]
    require(key_apart.out.shape[2:] == (heads, size), "queries and keys have not the same heads", key_apart)
    orders = query_order["perm"], key_order["perm"]
    require(orders[0] == (0, 2, 1, 3), "the heads are not put first", query_order)
    if scores is None:
        return heads, size
    turned = scores.get("adj_y", False)
    require(orders[1] == ((0, 2, 1, 3) if turned else (0, 2, 3, 1)), "queries do not meet keys", scores)
    require(not scores.get("adj_x", False), "queries do not meet keys", scores)
    return heads, size


def _check_scores(size, scale, divisor, visible, large, top, total):
    """Raise `Miss` unless scores are scaled as Keras does it, and masked by what is 1 or 0."""
    factor = (scale or 1.0) / (divisor or 1.0)
    require(abs(factor * size**0.5 - 1) < EXACT, f"scores of heads of size {size} are multiplied by {factor:g}")
    if total is not None:
        require(top["axes"] == total["axes"] == (3,), "softmax over another axis", total)
        require(top.get("keepdims", False) and total.get("keepdims", False), "sums lose their axis", total)
    if visible is not None:
        require(abs(large) >= 1e4 and _is_flag(visible), "it is not known that the mask is 1 or 0", visible)


def _is_flag(value):
    """True for what is 1 or 0 because it was true or false."""
    while value.node.op in ("Reshape", "ExpandDims", "Squeeze", "StridedSlice", "Transpose", "Tile"):
        value = value.node.inputs[0]
    return value.node.op == "Cast" and value.node.inputs[0].dtype == "bool"


def _is_causal(flag):
    """True for a mask that says of each step that it sees itself and what came before."""
    if flag is None:
        return False
    while flag.node.op in ("Reshape", "ExpandDims", "StridedSlice", "Cast"):
        flag = flag.node.inputs[0]
    if flag.node.op not in ("GreaterEqual", "LessEqual") or flag.rank != 2:
        return False
    asks, seen = flag.node.inputs if flag.node.op == "GreaterEqual" else flag.node.inputs[::-1]
    return asks.rank == 2 and asks.shape[1] == 1 and _counted(asks) is _counted(seen) is not None


def _counted(value):
    """The numbers 0, 1, 2 and so on that `value` holds, None if it may hold others."""
    while value.node.op in ("ExpandDims", "Reshape", "StridedSlice"):
        if not all(each is None or each == slice(None) for each in value.node.attrs.get("slices", ())):
            return None
        value = value.node.inputs[0]
    if value.node.op == "Add" and value.node.inputs[0].node.op == "Sub":
        (less, number), more = value.node.inputs[0].node.inputs, value.node.inputs[1]
        value = less if number is more else value
    array = constant(value)
    if array is not None:
        return value if array.ndim == 1 and array.tolist() == list(range(array.size)) else None
    ends = [constant(each) for each in value.node.inputs] if value.node.op == "Range" else []
    return value if len(ends) == 3 and ends[0] == 0 and ends[2] == 1 else None


def _check_together(seen, seen_order, together):
    together.get("shape")
    require(not seen.get("adj_x", False) and not seen.get("adj_y", False), "a transposed product", seen)
    require(seen_order["perm"] == (0, 2, 1, 3), "the heads are not put last", seen_order)
    before, after = together.node.inputs[0], together.out
    require(after.rank == 3, "the heads are not put together", together)
    require(before.shape[2] * before.shape[3] == after.shape[2], "the heads are not put together", together)


@attention.example("as BERT has it", "BiasedMultiHeadAttention")
def _(tf):
    x, mask = tf.placeholder(tf.float32, [None, 5, 6], "x"), tf.placeholder(tf.int32, [None, 5], "mask")
    rows = tf.reshape(x, [-1, 6])
    q, k, v = (tf.layers.dense(rows, 6, name=name) for name in ("query", "key", "value"))
    q, k, v = (tf.transpose(tf.reshape(each, [-1, 5, 2, 3]), [0, 2, 1, 3]) for each in (q, k, v))
    scores = tf.multiply(tf.matmul(q, k, transpose_b=True), 1.0 / 3**0.5)
    scores += (1.0 - tf.cast(mask[:, None, None, :], tf.float32)) * -10000.0
    seen = tf.transpose(tf.matmul(tf.nn.softmax(scores), v), [0, 2, 1, 3])
    out = tf.layers.dense(tf.reshape(seen, [-1, 6]), 6) + rows
    return tf.reshape(out, [-1, 5, 6])


@attention.example("of one sequence to another, of unknown lengths, without biases", "MultiHeadAttention")
def _(tf):
    def heads(x, name):
        x = tf.layers.dense(x, 6, use_bias=False, name=name)
        return tf.transpose(tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1], 2, 3]), [0, 2, 1, 3])

    x, y = tf.placeholder(tf.float32, [None, None, 4], "x"), tf.placeholder(tf.float32, [None, None, 5], "y")
    weights = tf.nn.softmax(tf.matmul(heads(x, "q") * 3**-0.5, heads(y, "k"), transpose_b=True))
    seen = tf.transpose(tf.matmul(weights, heads(y, "v")), [0, 2, 1, 3])
    return tf.layers.dense(tf.reshape(seen, [tf.shape(seen)[0], tf.shape(seen)[1], 6]), 4, use_bias=False)


@attention.example("to what came before, by a bias for any number of steps", "MultiHeadAttention")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 6], "x")
    batch, steps = tf.shape(x)[0], tf.shape(x)[1]
    q, k, v = (
        tf.transpose(tf.reshape(tf.layers.dense(x, 6, use_bias=False), [batch, steps, 2, 3]), [0, 2, 1, 3])
        for _ in range(3)
    )
    visible = tf.reshape(tf.linalg.band_part(tf.ones([steps, steps]), -1, 0), [1, 1, steps, steps])
    weights = tf.nn.softmax(tf.matmul(q * 3**-0.5, k, transpose_b=True) + -1e9 * (1.0 - visible))
    seen = tf.transpose(tf.matmul(weights, v), [0, 2, 1, 3])
    return tf.layers.dense(tf.reshape(seen, [batch, steps, 6]), 6, use_bias=False)


@attention.counterexample("scores that are not scaled", "MultiHeadAttention")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    q, k, v = (tf.transpose(tf.reshape(tf.layers.dense(x, 6), [-1, 5, 2, 3]), [0, 2, 1, 3]) for _ in range(3))
    seen = tf.transpose(tf.matmul(tf.nn.softmax(tf.matmul(q, k, transpose_b=True)), v), [0, 2, 1, 3])
    return tf.layers.dense(tf.reshape(seen, [-1, 5, 6]), 6)


@attention_at_once.example("as GPT-2 has it, to what came before", "MultiHeadAttention")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 6], "x")
    batch, steps = tf.shape(x)[0], tf.shape(x)[1]

    def product(x, units):
        w, b = tf.get_variable(f"w{units}", [1, 6, units]), tf.get_variable(f"b{units}", [units])
        return tf.reshape(tf.matmul(tf.reshape(x, [-1, 6]), tf.reshape(w, [-1, units])) + b, [batch, steps, units])

    parts = tf.split(product(x, 18), 3, axis=2)
    q, k, v = (tf.transpose(tf.reshape(each, [batch, steps, 2, 3]), [0, 2, 1, 3]) for each in parts)
    scores = tf.matmul(q, k, transpose_b=True) * 3**-0.5
    visible = tf.cast(tf.range(steps)[:, None] >= tf.range(steps), tf.float32)[None, None]
    scores = scores * visible - 1e10 * (1 - visible)
    powers = tf.exp(scores - tf.reduce_max(scores, axis=-1, keepdims=True))
    seen = tf.matmul(powers / tf.reduce_sum(powers, axis=-1, keepdims=True), v)
    return product(tf.reshape(tf.transpose(seen, [0, 2, 1, 3]), [batch, steps, 6]), 6)


RULES = (attention, attention_at_once)
