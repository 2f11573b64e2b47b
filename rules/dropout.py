"""Dropout as TensorFlow 1 wrote it: random numbers against a rate, switched by is_training or by the rate itself."""

from porter.rule import Knob, Scalar, layers, one_of, require, rule, warn
from porter.rules.draws import keeps_all, mask_of, share_kept, shared_axes, value_of


def _formula(tf, x, keep, keep_knob, rate, rate_knob, scale, scale_knob, training, shape, zero):
    any_keep, any_rate, any_scale = one_of(keep, keep_knob), one_of(rate, rate_knob), one_of(scale, scale_knob)
    mask, kept = mask_of(tf, shape, any_keep, any_rate)
    scaled = one_of((x / any_keep).shared(), (x * any_scale).shared())
    dropped = one_of(
        scaled * mask,
        (x * mask) / any_keep,
        (x * mask) * any_scale,
        x * (mask / any_keep),
        x * (mask * any_scale),
        tf.SelectV2(kept, scaled, zero),
    )
    return one_of(tf.Cond(training, dropped, x), dropped)


@rule
def dropout(
    tf, x, keep: Scalar, keep_knob: Knob, rate: Scalar, rate_knob: Knob, scale: Scalar, scale_knob: Knob,
    training: Knob, shape, zero: Scalar,
):  # fmt: skip
    """Raise x / keep * floor(keep + uniform), and its later spellings, to `Dropout`.

    Shapes: the random numbers are of x's shape, or 1 where a mask is shared along an axis. Left as ops: a mask
    without the scale that makes up for it.
    Source: tensorflow/python/ops/nn_ops.py, function dropout, 0.8 to 1.15.
    """
    return _formula(tf, x, keep, keep_knob, rate, rate_knob, scale, scale_knob, training, shape, zero)


@rule
def dropout_in_loop(
    tf, x, keep: Scalar, keep_knob: Knob, rate: Scalar, rate_knob: Knob, scale: Scalar, scale_knob: Knob,
    training: Knob, shape, zero: Scalar,
):  # fmt: skip
    """Raise a dropout inside a loop to `Dropout`, whose mask is another in each step.

    Left as ops: one that drops out in inference too.
    """
    return _formula(tf, x, keep, keep_knob, rate, rate_knob, scale, scale_knob, training, shape, zero)


dropout_in_loop.place = "loops"


@dropout_in_loop.to_keras
def _(x, keep, keep_knob, rate, rate_knob, scale, scale_knob, training, random, zero):
    rests = training is not None or keeps_all(share_kept(keep, keep_knob, rate, rate_knob, "inference"))
    require(rests, "it drops out in inference too", random)
    return _layer(x, keep, keep_knob, rate, rate_knob, scale, scale_knob, training, random, zero)


@rule
def dropout_left_out(
    tf, x, keep: Scalar, keep_knob: Knob, rate: Scalar, rate_knob: Knob, scale: Scalar, scale_knob: Knob,
    training: Knob, shape, zero: Scalar,
):  # fmt: skip
    """Leave out a dropout inside a loop that no `Dropout` does, and that does nothing in inference."""
    return _formula(tf, x, keep, keep_knob, rate, rate_knob, scale, scale_knob, training, shape, zero)


dropout_left_out.place = "loops"


@dropout_left_out.to_keras
def _(x, keep, keep_knob, rate, rate_knob, scale, scale_knob, training, random):
    random.get("shape")
    rests = training is not None or keeps_all(share_kept(keep, keep_knob, rate, rate_knob, "inference"))
    require(rests, "it drops out in inference too", random)
    require(training is not None or scale_knob is None or value_of(scale_knob, "inference") == 1, "it scales", random)
    require(training is not None or scale in (None, 1), "it scales", random)
    warn("dropout inside a loop is left out: the model does not drop out there in training")
    return x


@dropout.to_keras
def _layer(x, keep, keep_knob, rate, rate_knob, scale, scale_knob, training, random, zero):
    """The layer for a mask on x."""
    require(not zero, "what is not kept becomes a number other than 0", x)
    kept = share_kept(keep, keep_knob, rate, rate_knob, "training")
    for number, knob in ((scale, scale_knob), (1 / keep if keep else None, None)):
        made_up = number if knob is None else value_of(knob, "training")
        near = 1e-4 if x.dtype != "float16" else 4e-3  # both numbers are rounded to the type of what is dropped
        require(
            made_up is None or abs(made_up * kept - 1) < near, f"{kept} is kept, but what is kept is times {made_up}", x
        )
    if training is None and not keeps_all(share_kept(keep, keep_knob, rate, rate_knob, "inference")):
        warn(
            f"{random.out.name}: the rate is fixed, so that the original drops out in inference too; the model does not"
        )
    rate = round(1 - kept, 6)
    spread = x.rank is not None and shared_axes(x, random)
    if not spread:
        return layers.Dropout(rate)(x)
    if 3 <= x.rank <= 5 and spread == (None, *(1,) * (x.rank - 2), x.shape[-1]):
        return getattr(layers, f"SpatialDropout{x.rank - 2}D")(rate)(x)
    return layers.Dropout(rate, noise_shape=spread)(x)


@rule
def dropout_of_nothing(tf, x, keep: Scalar, rate: Scalar, shape):
    """Leave out a dropout whose rate is the constant 0: its mask is 1 everywhere, its scale was none.

    Source: tf.nn.dropout(x, tf.constant(1.0)), 1.0 to 1.15.
    """
    mask, _ = mask_of(tf, shape, keep, rate)
    return x * mask


@dropout_of_nothing.to_keras
def _(x, keep, rate, random):
    require(keep == 1 or rate == 0, "it drops out", random)
    random.get("shape")
    return x


@dropout.example("tf.nn.dropout by keep_prob, until 1.12", "Dropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    keep_prob = tf.placeholder(tf.float32, name="keep_prob")
    return tf.div(x, keep_prob) * tf.floor(keep_prob + tf.random_uniform(tf.shape(x)))


@dropout.example("tf.nn.dropout by keep_prob, 1.14 and 1.15", "Dropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    rate = 1 - tf.placeholder(tf.float32, [], name="keep_prob")
    return x * (1 / (1 - rate)) * tf.cast(tf.random_uniform(tf.shape(x)) >= rate, tf.float32)


@dropout.example("tf.nn.dropout by rate, of today", "Dropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return tf.nn.dropout(x, rate=tf.placeholder_with_default(0.0, [], name="rate"))


@dropout_of_nothing.example("keep_prob is the constant 1, in the arithmetic of 1.12", "ReLU")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    keep = tf.constant(1.0)
    return tf.nn.relu(x / keep * tf.floor(keep + tf.random_uniform(tf.shape(x))))


@dropout_of_nothing.example("keep_prob is the constant 1, in the arithmetic of 1.15", "ReLU")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    rate = 1.0 - tf.constant(1.0)
    return tf.nn.relu(x * (1.0 / (1.0 - rate)) * tf.cast(tf.random_uniform(tf.shape(x)) >= rate, tf.float32))


@dropout_of_nothing.counterexample("a mask without scale that does drop", "ReLU")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return x * tf.floor(0.5 + tf.random_uniform(tf.shape(x)))


@dropout.example("tf.layers.dropout", "Dropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 6], "x")
    return tf.layers.dropout(x, 0.3, training=tf.placeholder(tf.bool, [], "training"))


@dropout.example("contrib.layers.dropout of 1.4: keep_prob in a cond", "Dropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 6], "x")

    def dropped():
        return x / 0.7 * tf.floor(0.7 + tf.random_uniform(tf.shape(x)))

    return tf.cond(tf.placeholder(tf.bool, [], "training"), dropped, lambda: tf.identity(x))


@dropout.example("one mask for all pixels", "SpatialDropout2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 5, 4], "x")
    keep_prob = tf.placeholder(tf.float32, [], name="keep_prob")
    return x / keep_prob * tf.floor(keep_prob + tf.random_uniform([tf.shape(x)[0], 1, 1, 4]))


@dropout.example("one mask for all samples", "Dropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5], "x")
    return tf.layers.dropout(x, 0.5, noise_shape=[1, 5], training=tf.placeholder(tf.bool, [], "training"))


@dropout.example("by hand, one mask along the time", "Dropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 7, 5], "x")
    keep_prob = tf.placeholder(tf.float32, [], name="keep_prob")
    mask = tf.cast(tf.random_uniform([tf.shape(x)[0], 7, 1]) < keep_prob, tf.float32)
    return x * mask / keep_prob


@dropout.example("keep_prob is itself switched by is_training", "Dropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    keep_prob = tf.cond(tf.placeholder(tf.bool, [], "training"), lambda: tf.constant(0.5), lambda: tf.constant(1.0))
    return tf.nn.dropout(x, rate=1 - keep_prob)


@dropout.example("Keras 2, which multiplies by 1 first", "Dropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")

    def dropped():
        return x * 1.0 / 0.7 * tf.floor(0.7 + tf.random_uniform(tf.shape(x)))

    return tf.cond(tf.placeholder(tf.bool, [], "training"), dropped, lambda: x)


@dropout.example("a fixed rate: the original drops out in inference too", "Dropout")
def _(tf):
    return tf.nn.dropout(tf.placeholder(tf.float32, [None, 6], "x"), rate=0.25)


@dropout.counterexample("a mask that nothing makes up for", "Dropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return x * 1.5 * tf.floor(0.5 + tf.random_uniform(tf.shape(x)))


@dropout_in_loop.example("a recurrent state that is dropped out", "Loop")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    keep_prob = tf.placeholder(tf.float32, [], name="keep_prob")

    def step(index, state):
        return index + 1, tf.tanh(state / keep_prob * tf.floor(keep_prob + tf.random_uniform(tf.shape(state))))

    return tf.while_loop(lambda index, state: index < 3, step, [tf.constant(0), x])[1]


@dropout_left_out.example("one that is made up for in part", "Loop")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    training = tf.placeholder(tf.bool, [], "training")

    def step(index, state):
        mask = tf.floor(0.5 + tf.random_uniform(tf.shape(state)))
        return index + 1, tf.tanh(tf.cond(training, lambda: state * 1.5 * mask, lambda: state))

    return tf.while_loop(lambda index, state: index < 3, step, [tf.constant(0), x])[1]


dropout.place, dropout.in_steps = "outside", True

RULES = (dropout, dropout_of_nothing)
IN_LOOPS = (dropout_in_loop, dropout_left_out)
