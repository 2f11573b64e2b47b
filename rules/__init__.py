"""Every rule of porter, in the order in which they are tried: larger clusters first.

A new rule is one file here and one line in this list. `@op` functions (single operations) register themselves; the
modules that hold them are imported below.
"""

from porter.rules import (
    activations,
    batch_normalization,
    cells,
    convolution,
    dense,
    depthwise_convolution,
    dropout,
    embedding,
    flattening,
    frames,
    group_normalization,
    grouped_convolution,
    local_response,
    min_max,
    normalization,
    padding,
    partitioned_embedding,
    pooling,
    rescaling,
    resizing,
    standard_score,
    standardized_convolution,
    transposed_convolution,
    unit_norm,
)
from porter.rules import operations as operations

RULES = (
    *min_max.RULES,
    *batch_normalization.RULES,
    *group_normalization.RULES,
    *standard_score.RULES,
    *unit_norm.RULES,
    *normalization.RULES,
    *dropout.RULES,
    *cells.RULES,
    *dropout.IN_LOOPS,
    *standardized_convolution.RULES,
    *grouped_convolution.RULES,
    *depthwise_convolution.RULES,
    *transposed_convolution.RULES,
    *convolution.RULES,
    *frames.RULES,
    *pooling.RULES,
    *partitioned_embedding.RULES,
    *embedding.RULES,
    *dense.RULES,
    *activations.RULES,
    *padding.RULES,
    *flattening.RULES,
    *rescaling.RULES,
    *pooling.GLOBAL,
    *local_response.RULES,
    *resizing.RULES,
)
