"""Local response normalisation, as in AlexNet."""

from porter.rule import porter_layers, require, rule


@rule
def local_response(tf, x):
    """Raise `tf.nn.lrn` to `LocalResponseNormalization`.

    Shapes: x [batch, rows, columns, channels].
    Source: tensorflow/python/ops/nn_ops.py, function local_response_normalization, 1.15.
    """
    return tf.LRN(x).named("lrn")


@local_response.to_keras
def _(x, lrn):
    require(x.shape is not None and x.shape[-1] is not None, "the number of channels is unknown", lrn)
    radius, bias, alpha, beta = (
        lrn.get(name, default) for name, default in (("depth_radius", 5), ("bias", 1.0), ("alpha", 1.0), ("beta", 0.5))
    )
    return porter_layers.LocalResponseNormalization(depth_radius=radius, bias=bias, alpha=alpha, beta=beta)(x)


@local_response.example("AlexNet's", "LocalResponseNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6, 8], "x")
    return tf.nn.local_response_normalization(x, depth_radius=2, alpha=2e-05, beta=0.75, bias=1.0)


@local_response.example("with all defaults, rows and columns unknown", "LocalResponseNormalization")
def _(tf):
    return tf.nn.lrn(tf.placeholder(tf.float32, [None, None, None, 8], "x"))


RULES = (local_response,)
