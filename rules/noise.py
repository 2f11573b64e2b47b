"""Noise that training adds or multiplies by, and the dropout that goes with selu."""

from porter.rule import Knob, Scalar, layers, one_of, require, rule
from porter.rules.draws import keeps_all, mask_of, normal, share_kept, shared_axes, value_of


@rule
def alpha_dropout(
    tf, x, keep: Scalar, keep_knob: Knob, rate: Scalar, rate_knob: Knob, training: Knob, shape,
    low: Scalar, stretch: Scalar, stretch_knob: Knob, shift: Scalar, shift_knob: Knob,
):  # fmt: skip
    """Raise (x * mask + low * (1 - mask)) * stretch + shift to `AlphaDropout`, which goes with selu.

    Source: tf.keras.layers.AlphaDropout, tf.contrib.nn.alpha_dropout, 1.4 to 1.15.
    """
    mask, _ = mask_of(tf, shape, one_of(keep, keep_knob), one_of(rate, rate_knob))
    mixed = x * mask + (1.0 - mask) * low
    dropped = mixed * one_of(stretch, stretch_knob) + one_of(shift, shift_knob)
    return one_of(tf.Cond(training, dropped, x), dropped)


@alpha_dropout.to_keras
def _(x, keep, keep_knob, rate, rate_knob, training, random, low, stretch, stretch_knob, shift, shift_knob):
    kept = share_kept(keep, keep_knob, rate, rate_knob, "training")
    require(abs(low + 1.7580993) < 1e-4, f"what is dropped becomes {low}, not selu's lowest value", x)
    stretch = stretch if stretch_knob is None else value_of(stretch_knob, "training")
    shift = shift if shift_knob is None else value_of(shift_knob, "training")
    wanted = (kept + low**2 * kept * (1 - kept)) ** -0.5
    require(abs(stretch - wanted) < 1e-4, f"what is left is stretched by {stretch}, not {wanted}", x)
    require(abs(shift + wanted * low * (1 - kept)) < 1e-4, f"what is left is shifted by {shift}", x)
    require(not shared_axes(x, random), "one mask along an axis", x)
    always = training is None and not keeps_all(share_kept(keep, keep_knob, rate, rate_knob, "inference"))
    require(not always, "it drops out in inference too", x)
    return layers.AlphaDropout(round(1 - kept, 6))(x)


@rule
def gaussian_noise(tf, x, training: Knob, shape, mean: Scalar, deviation: Scalar):
    """Raise x + normal * deviation, in training alone, to `GaussianNoise`.

    Source: tf.keras.layers.GaussianNoise; by hand in a cond.
    """
    return tf.Cond(training, x + normal(tf, shape, mean, deviation), x)


@gaussian_noise.to_keras
def _(x, random, mean, deviation):
    require(not mean, f"the noise's mean is {mean}", x)
    require(not shared_axes(x, random), "the same noise along an axis", x)
    return layers.GaussianNoise(deviation or 1.0)(x)


@rule
def gaussian_dropout(tf, x, training: Knob, shape, mean: Scalar, deviation: Scalar):
    """Raise x * (1 + normal * deviation), in training alone, to `GaussianDropout`.

    Source: tf.keras.layers.GaussianDropout; the deviation is sqrt(rate / (1 - rate)).
    """
    return tf.Cond(training, x * normal(tf, shape, mean, deviation), x)


@gaussian_dropout.to_keras
def _(x, random, mean, deviation):
    require(mean == 1 and deviation, f"the factor's mean is {mean}", x)
    require(not shared_axes(x, random), "the same factor along an axis", x)
    return layers.GaussianDropout(round(deviation**2 / (1 + deviation**2), 6))(x)


@alpha_dropout.example("tf.keras", "AlphaDropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    rate, low = 0.3, -1.7580993408473766
    stretch = ((1 - rate) * (1 + rate * low**2)) ** -0.5

    def dropped():
        mask = tf.cast(tf.random_uniform(tf.shape(x)) >= rate, tf.float32)
        return stretch * (x * mask + low * (1 - mask)) + -stretch * low * rate

    return tf.cond(tf.placeholder(tf.bool, [], "training"), dropped, lambda: x)


@gaussian_noise.example("tf.keras", "GaussianNoise")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    training = tf.placeholder(tf.bool, [], "training")
    return tf.cond(training, lambda: x + tf.random_normal(tf.shape(x), stddev=0.3), lambda: x)


@gaussian_noise.counterexample("noise in inference too, as when a latent variable is drawn", "GaussianNoise")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return x + tf.random_normal(tf.shape(x), stddev=0.3)


@gaussian_dropout.example("tf.keras", "GaussianDropout")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    training = tf.placeholder(tf.bool, [], "training")
    return tf.cond(training, lambda: x * tf.random_normal(tf.shape(x), 1.0, 0.6), lambda: x)


RULES = (alpha_dropout, gaussian_noise, gaussian_dropout)
for each in RULES:
    each.place, each.in_steps = "outside", True
