"""Patches of images and volumes, put into the channels."""

from porter.rule import call, op, porter_layers, require


@op("ExtractImagePatches")
def extract_image_patches(x, *, ksizes, strides, rates, padding):
    return _patches(x, ksizes, strides, rates, padding)


@op("ExtractVolumePatches")
def extract_volume_patches(x, *, ksizes, strides, padding):
    return _patches(x, ksizes, strides, (1,) * len(ksizes), padding)


def _patches(x, sizes, strides, rates, padding):
    require(padding in ("SAME", "VALID"), f"padding {padding}")
    require(x.shape is not None and x.shape[-1] is not None, "the number of channels must be known", x)
    outer = [(each[0], each[-1]) for each in (sizes, strides, rates)]
    require(all(pair == (1, 1) for pair in outer), "patches reach over the batch or the channels")
    size, strides, rates = (tuple(each[1:-1]) for each in (sizes, strides, rates))
    padding = padding.lower()
    if x.dtype != "float32" or len(size) == 3 or (set(rates) != {1} and set(strides) != {1}):
        return porter_layers.ExtractPatches(size, strides, rates, padding)(x)
    dilation = {} if set(rates) == {1} else {"dilation_rate": rates}
    return call("ops.image.extract_patches", x, size, strides=strides, padding=padding, **dilation)
