"""What dropout and noise have in common: random numbers, and how many of what they meet are kept."""

from porter.rule import one_of, require


def uniform(tf, shape):
    """Random numbers in [0, 1), named "random"."""
    raw = one_of(tf.RandomUniform().named("random"), tf.RandomUniform(shape).named("random"))
    return one_of(raw + 0.0, raw)


def normal(tf, shape, mean, deviation):
    """Random numbers of a normal distribution, named "random"."""
    raw = one_of(tf.RandomStandardNormal().named("random"), tf.RandomStandardNormal(shape).named("random"))
    return one_of(raw * deviation + mean, raw * deviation, raw)


def mask_of(tf, shape, keep, rate):
    """1 for what is kept, and the condition that it was made from."""
    drawn = uniform(tf, shape)
    kept = one_of(tf.GreaterEqual(drawn, rate), tf.Greater(drawn, rate), tf.Less(drawn, keep))
    return one_of(tf.Floor(keep + drawn), tf.Cast(kept)), kept


def value_of(knob, phase):
    """A knob's number, in "training" or in "inference"."""
    return float(knob.attrs[phase])


def share_kept(keep, keep_knob, rate, rate_knob, phase):
    """The share that is kept. Raises `Miss` where it is none, or everything although it is training."""
    if rate is not None or rate_knob is not None:
        kept = 1 - (rate if rate_knob is None else value_of(rate_knob, phase))
    else:
        kept = keep if keep_knob is None else value_of(keep_knob, phase)
    require(0 < kept <= 1, f"the share {kept} is kept in {phase}")
    return kept


def keeps_all(kept):
    """True for a share of one, up to rounding."""
    return abs(kept - 1) < 1e-6


def shared_axes(x, random):
    """The shape of a mask that is shared along some axes, None for an axis as long as x's; () if it is not shared."""
    random.get("shape")
    noise = random.out
    require(noise.rank is None or noise.rank == x.rank, f"a mask of shape {noise.shape} for {x.shape}", random)
    if noise.rank is None or (noise.probe is not None and noise.probe == x.probe) or noise.shape == x.shape:
        return ()
    known = zip(noise.shape, x.shape, strict=True)
    require(
        all(size in (1, None, wide) for size, wide in known), f"a mask of shape {noise.shape} for {x.shape}", random
    )
    if all(size != 1 or wide == 1 for size, wide in zip(noise.shape, x.shape, strict=True)):
        return ()
    return tuple(
        size if size == 1 or wide is not None else None for size, wide in zip(noise.shape, x.shape, strict=True)
    )
