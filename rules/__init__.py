"""Every rule of porter, in the order in which they are tried: larger clusters first.

A new rule is one file here and one line in this list. `@op` functions (single operations) register themselves; the
modules that hold them are imported below.
"""

from porter.rules import (
    activations,
    batch_normalization,
    convolution,
    dense,
    depthwise_convolution,
    dropout,
    grouped_convolution,
    min_max,
    transposed_convolution,
)
from porter.rules import operations as operations

RULES = (
    *min_max.RULES,
    *batch_normalization.RULES,
    *dropout.RULES,
    *grouped_convolution.RULES,
    *depthwise_convolution.RULES,
    *transposed_convolution.RULES,
    *convolution.RULES,
    *dense.RULES,
    *activations.RULES,
)
