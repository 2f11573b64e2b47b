"""Attention with several heads, as tf.keras' own layer writes it: Einstein sums all through."""

from porter.rule import Scalar, Weight, one_of, require, rule
from porter.rules.heads import EXACT, is_causal_bias, layer_of, rate_of
from porter.rules.windows import biased

APART, TOGETHER = "abc,cde->abde", "abcd,cde->abe"  # a: batch, b: steps, c: inputs or heads
FROM_KEYS, FROM_QUERIES = "aecd,abcd->acbe", "abcd,aecd->acbe"
SEEN = "acbe,aecd->abcd"


@rule
def einsum_attention(
    tf, x, y, query_kernel: Weight, query_bias: Weight, key_kernel: Weight, key_bias: Weight, value_kernel: Weight,
    value_bias: Weight, scale: Scalar, added, kernel: Weight, bias: Weight,
):  # fmt: skip
    """Raise attention of Einstein sums to `MultiHeadAttention`; x asks, y is what is looked at.

    With a mask, to `BiasedMultiHeadAttention`, which adds to the scores what the original adds: where a step sees nothing
    at all, Keras 3 on PyTorch gives something else than Keras 2 did. A mask that lets each step see itself and what came
    before is an argument of `MultiHeadAttention`.

    Shapes: x [batch, steps, inputs], y [batch, others, inputs], kernels [inputs, heads, size], the last [heads, size, units].
    Left apart: attention over more than one axis, another scale than 1 / sqrt(size), heads that are used by themselves,
    values of another width than keys without dropout, which Keras' layer cannot take on JAX.
    Source: tensorflow/python/keras/layers/multi_head_attention.py, 2.4.
    """
    query = biased(tf, tf.Einsum(x, query_kernel).named("query"), query_bias)
    key = biased(tf, tf.Einsum(y, key_kernel).named("key"), key_bias)
    value = biased(tf, tf.Einsum(y, value_kernel).named("value"), value_bias)
    asks = one_of(query * scale, query)
    products = one_of(tf.Einsum(key, asks).named("from_keys"), tf.Einsum(asks, key).named("from_queries"))
    scores = one_of(products * scale, products)
    weights = tf.Softmax(one_of(scores + added, scores))
    dropped = one_of(getattr(tf, "layers.Dropout")(weights).named("dropped"), weights)
    return biased(tf, tf.Einsum(tf.Einsum(dropped, value).named("seen"), kernel).named("projected"), bias)


@einsum_attention.to_keras
def _(
    x, y, query_kernel, query_bias, key_kernel, key_bias, value_kernel, value_bias, scale, added, kernel, bias,
    query, key, value, from_keys, from_queries, dropped, seen, projected,
):  # fmt: skip
    for product, equation in (
        (query, APART), (key, APART), (value, APART), (from_keys, FROM_KEYS), (from_queries, FROM_QUERIES),
        (seen, SEEN), (projected, TOGETHER),
    ):  # fmt: skip
        if product is not None:
            require(_lettered(product["equation"]) == _lettered(equation), "another sum", product)
    (_, heads, size), others = query_kernel.value.shape, value_kernel.value.shape[2]
    require(scale is not None and abs(scale * size**0.5 - 1) < EXACT, f"scores are multiplied by {scale}")
    causal = added is not None and is_causal_bias(added)
    layer = layer_of(
        heads, size, others, (query_kernel, key_kernel, value_kernel), (query_bias, key_bias, value_bias), kernel, bias,
        rate_of(dropped), None if causal else added, None, causal=causal,
    )  # fmt: skip
    return layer(x, y)


def _lettered(equation):
    """The equation with its letters named in the order in which they come."""
    letters = {letter: place for place, letter in enumerate(dict.fromkeys(filter(str.isalpha, equation)))}
    return [letters.get(each, each) for each in equation]


def _heads(tf, x, name, size):
    kernel = tf.get_variable(f"{name}/kernel", [x.shape[-1], 2, size])
    return tf.einsum("abc,cde->abde", x, kernel) + tf.get_variable(f"{name}/bias", [2, size])


def _attended(tf, x, y, size=4, added=None, equation="aecd,abcd->acbe", factor=None, wide=4):
    query, key, value = _heads(tf, x, "query", size), _heads(tf, y, "key", size), _heads(tf, y, "value", wide)
    scores = tf.einsum(equation, key, query * (size**-0.5 if factor is None else factor))
    weights = tf.nn.softmax(scores if added is None else scores + added)
    seen = tf.einsum("acbe,aecd->abcd", weights, value)
    return tf.einsum("abcd,cde->abe", seen, tf.get_variable("out/kernel", [2, wide, 5])) + tf.get_variable(
        "out/bias", [5]
    )


@einsum_attention.example("of one sequence to another", "MultiHeadAttention")
def _(tf):
    x, y = tf.placeholder(tf.float32, [None, None, 6], "x"), tf.placeholder(tf.float32, [None, None, 5], "y")
    return _attended(tf, x, y)


@einsum_attention.example("to what came before", "MultiHeadAttention")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    visible = tf.expand_dims(tf.linalg.band_part(tf.ones((1, 5, 5), tf.bool), -1, 0), axis=1)
    return _attended(tf, x, x, added=(1.0 - tf.cast(visible, tf.float32)) * -1e9)


@einsum_attention.example("with a mask", "BiasedMultiHeadAttention", "ops.subtract", "ops.multiply")
def _(tf):
    x, mask = tf.placeholder(tf.float32, [None, 5, 6], "x"), tf.placeholder(tf.float32, [None, 1, 5, 5], "mask")
    return _attended(tf, x, x, added=(1.0 - mask) * -1e9, wide=3)


@einsum_attention.counterexample("queries and keys that change places", "MultiHeadAttention")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    return _attended(tf, x, x, equation="abcd,aecd->acbe")


@einsum_attention.counterexample("values that are not as wide as keys", "MultiHeadAttention")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    return _attended(tf, x, x, wide=3)


@einsum_attention.counterexample("another scale", "MultiHeadAttention")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    return _attended(tf, x, x, factor=0.4)


RULES = (einsum_attention,)
