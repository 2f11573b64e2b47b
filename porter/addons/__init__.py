"""Layers of older versions of Keras, of TensorFlow Addons and of keras-contrib, rebuilt on tf-keras.

They have those packages' own formulas and weights, in the order in which they were stored, and serve as the original
that a conversion is compared with; what becomes of them in Keras 3 is up to the rules.

ADDONS, CONTRIB: classes by the names that files have for them. ACTIVATIONS: functions by name; ADDED_ACTIVATIONS those
of TensorFlow Addons where another package means something else by the name. OF_BOTH: classes of Addons before 0.7 and
of keras-contrib, which have the same names. PLAIN: layers of Keras whose graph is simpler than today's tf-keras builds.
"""

from __future__ import annotations

from typing import Any

from porter.addons import activations, attention, cells, contrib, crf, older_keras, other_layers, pooling, wrappers
from porter.addons import normalizations as norms
from porter.addons.contrib import OlderCapsule
from porter.addons.older_keras import OlderUpSampling2D

ADDONS: dict[str, Any] = {
    "GroupNormalization": norms.GroupNormalization,
    "InstanceNormalization": norms.AddonsInstanceNormalization,
    "FilterResponseNormalization": norms.FilterResponseNormalization,
    "WeightNormalization": wrappers.WeightNormalization,
    "SpectralNormalization": wrappers.SpectralNormalization,
    "Maxout": other_layers.Maxout,
    "TLU": other_layers.TLU,
    "GELU": other_layers.GELU,
    "GeLU": other_layers.GELU,
    "Snake": other_layers.Snake,
    "Sparsemax": other_layers.Sparsemax,
    "NoisyDense": other_layers.NoisyDense,
    "PolynomialCrossing": other_layers.PolynomialCrossing,
    "StochasticDepth": other_layers.StochasticDepth,
    "PoincareNormalize": other_layers.PoincareNormalize,
    "NetVLAD": other_layers.NetVLAD,
    "MultiHeadAttention": attention.MultiHeadAttention,
    "SpatialPyramidPooling2D": pooling.SpatialPyramidPooling2D,
    **pooling.ADAPTIVE,
    "LayerNormLSTMCell": cells.LayerNormLSTMCell,
    "LayerNormSimpleRNNCell": cells.LayerNormSimpleRNNCell,
    "PeepholeLSTMCell": cells.PeepholeLSTMCell,
    "NASCell": cells.NASCell,
    "ESNCell": cells.ESNCell,
    "ESN": cells.ESN,
    "CRF": crf.AddonsCRF,
    "EmbeddingBag": other_layers.EmbeddingBag,
    "MaxUnpooling2D": pooling.MaxUnpooling2D,
    "MaxUnpooling2DV2": pooling.MaxUnpooling2D,
}
CONTRIB: dict[str, Any] = {
    "PELU": contrib.PELU,
    "SReLU": contrib.SReLU,
    "Swish": contrib.Swish,
    "SineReLU": contrib.SineReLU,
    "CosineConvolution2D": contrib.CosineConvolution2D,
    "CosineConv2D": contrib.CosineConvolution2D,
    "CosineDense": contrib.CosineDense,
    "SubPixelUpscaling": contrib.SubPixelUpscaling,
    "Capsule": contrib.Capsule,
    "CRF": crf.CRF,
    "BatchRenormalization": contrib.BatchRenormalization,
    "MaxoutDense": older_keras.MaxoutDense,
    "Highway": older_keras.Highway,
    "ParametricSoftplus": older_keras.ParametricSoftplus,
    "CosineMerge": older_keras.CosineMerge,
    "OlderBatchNormalization": older_keras.OlderBatchNormalization,
    "ConcreteDropout": wrappers.ConcreteDropout,
}
PLAIN = {"LayerNormalization": norms.LayerNormalization}
OF_BOTH = {"GroupNormalization": norms.OlderGroupNormalization, "InstanceNormalization": norms.InstanceNormalization}
ACTIVATIONS, ADDED_ACTIVATIONS = activations.ACTIVATIONS, activations.ADDED_ACTIVATIONS

__all__ = [
    "ACTIVATIONS",
    "ADDED_ACTIVATIONS",
    "ADDONS",
    "CONTRIB",
    "OF_BOTH",
    "PLAIN",
    "OlderCapsule",
    "OlderUpSampling2D",
]
