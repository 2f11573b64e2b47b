"""Morphology, and pooling that tells where it found what."""

from porter.rule import many, op, porter_layers, require


@op("Dilation2D")
def dilation(x, kernel, *, strides, rates, padding):
    require(x.dtype.startswith("float"), "integers have no lowest number to pad with that survives the addition", x)
    require(kernel.shape is not None and None not in kernel.shape, "the kernel's size must be known", kernel)
    return porter_layers.GrayscaleDilation(steps=tuple(strides[1:3]), rates=tuple(rates[1:3]), padding=padding.lower())(
        x, kernel
    )


@op("MaxPoolWithArgmax")
def max_pool_with_argmax(x, *, ksize, strides, padding, include_batch_in_index=False, node):
    require(ksize[0] == ksize[-1] == strides[0] == strides[-1] == 1, "pooling over the batch or the channels")
    layer = porter_layers.MaxPoolingWithArgmax(
        tuple(ksize[1:3]),
        tuple(strides[1:3]),
        padding=padding.lower(),
        include_batch=include_batch_in_index,
        index_dtype=node.outputs[1].dtype,
    )
    return many(layer(x), 2)
