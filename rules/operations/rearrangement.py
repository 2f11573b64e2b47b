"""Blocks of space moved into the channels or into the batch, and back."""

from porter.rule import constant, op, ops, porter_layers, require


@op("SpaceToDepth")
def space_to_depth(x, *, block_size, data_format="NHWC"):
    return _channels_last(ops.space_to_depth, x, block_size, data_format)


@op("DepthToSpace")
def depth_to_space(x, *, block_size, data_format="NHWC"):
    return _channels_last(ops.depth_to_space, x, block_size, data_format)


def _channels_last(function, x, block_size, data_format):
    """Keras' backends order the channels of channels_first differently, so it is always channels_last."""
    require(data_format in ("NHWC", "NCHW"), f"the data format {data_format} exists on GPUs alone")
    if data_format == "NHWC":
        return function(x, block_size)
    return ops.transpose(function(ops.transpose(x, (0, 2, 3, 1)), block_size), (0, 3, 1, 2))


@op("SpaceToBatchND")
def space_to_batch(x, *, block_shape, paddings):
    return porter_layers.SpaceToBatch(block_shape, paddings)(x)


@op("SpaceToBatchND")
def space_to_batch_by_input(x, block_shape, paddings):
    return porter_layers.SpaceToBatch(_block(block_shape))(x, paddings)


@op("BatchToSpaceND")
def batch_to_space(x, *, block_shape, crops):
    return porter_layers.BatchToSpace(block_shape, crops)(x)


@op("BatchToSpaceND")
def batch_to_space_by_input(x, block_shape, crops):
    return porter_layers.BatchToSpace(_block(block_shape))(x, crops)


@op("SpaceToBatch")
def space_to_batch_2d(x, *, block_size, paddings):
    return porter_layers.SpaceToBatch((block_size, block_size), paddings)(x)


@op("BatchToSpace")
def batch_to_space_2d(x, *, block_size, crops):
    return porter_layers.BatchToSpace((block_size, block_size), crops)(x)


def _block(block_shape):
    """The block's shape as a tuple."""
    known = constant(block_shape)
    require(known is not None, "the block's shape is known only when the model runs", block_shape)
    return tuple(known.tolist())
