"""Keras 3 layers for what TensorFlow 1 code did and Keras has no layer for. They need keras alone."""

from porter.layers.adjust_hue import AdjustHue
from porter.layers.adjust_saturation import AdjustSaturation
from porter.layers.audio_spectrogram import AudioSpectrogram
from porter.layers.average_pooling_gradient import AveragePoolingGradient
from porter.layers.axis_insertion import AxisInsertion
from porter.layers.band_part import BandPart
from porter.layers.batch_gather import BatchGather
from porter.layers.batch_statistics_normalization import BatchStatisticsNormalization
from porter.layers.batch_to_space import BatchToSpace
from porter.layers.biased_multi_head_attention import BiasedMultiHeadAttention
from porter.layers.bincount import Bincount
from porter.layers.block_lstm import BlockLSTM
from porter.layers.categorical_sample import CategoricalSample
from porter.layers.combined_non_max_suppression import CombinedNonMaxSuppression
from porter.layers.complex_number import ComplexNumber
from porter.layers.crop_and_resize import CropAndResize
from porter.layers.cropping_like import CroppingLike
from porter.layers.ctc_greedy_decoder import CTCGreedyDecoder
from porter.layers.cumulative_log_sum_exp import CumulativeLogSumExp
from porter.layers.digamma import Digamma
from porter.layers.drop_in_step import drop_in_step
from porter.layers.dynamic_slice import DynamicSlice
from porter.layers.edge_average_pooling import EdgeAveragePooling
from porter.layers.equalized_learning_rate import EqualizedLearningRate
from porter.layers.extended_lstm_cell import ExtendedLSTMCell
from porter.layers.extract_patches import ExtractPatches
from porter.layers.fake_quantization import FakeQuantization
from porter.layers.gather_nd import GatherNd
from porter.layers.glimpse import Glimpse
from porter.layers.grayscale_dilation import GrayscaleDilation
from porter.layers.hsv_to_rgb import HSVToRGB
from porter.layers.instance_normalization import InstanceNormalization
from porter.layers.kernel_gradient import KernelGradient
from porter.layers.l1_normalization import L1Normalization
from porter.layers.l1_normalized import l1_normalized
from porter.layers.l2_normalization import L2Normalization
from porter.layers.l2_normalized import l2_normalized
from porter.layers.larger import larger
from porter.layers.legacy_batch_normalization import LegacyBatchNormalization
from porter.layers.legacy_group_normalization import LegacyGroupNormalization
from porter.layers.legacy_hard_sigmoid import legacy_hard_sigmoid
from porter.layers.legacy_resizing import LegacyResizing
from porter.layers.legacy_spectral_normalization import LegacySpectralNormalization
from porter.layers.lent_layers import lent_config, with_lent
from porter.layers.list_difference import ListDifference
from porter.layers.local_response_normalization import LocalResponseNormalization
from porter.layers.locally_connected1d import LocallyConnected1D
from porter.layers.locally_connected2d import LocallyConnected2D
from porter.layers.log_gamma import LogGamma
from porter.layers.matrix_diag import MatrixDiag
from porter.layers.matrix_diag_part import MatrixDiagPart
from porter.layers.matrix_set_diag import MatrixSetDiag
from porter.layers.max_pooling_gradient import MaxPoolingGradient
from porter.layers.max_pooling_with_argmax import MaxPoolingWithArgmax
from porter.layers.mfcc import MFCC
from porter.layers.min_max_normalization import MinMaxNormalization
from porter.layers.min_max_normalized import min_max_normalized
from porter.layers.non_max_suppression import NonMaxSuppression
from porter.layers.number_lookup import NumberLookup
from porter.layers.parameter import Parameter
from porter.layers.patch_normalized_conv2d import PatchNormalizedConv2D
from porter.layers.places import Places
from porter.layers.position_embedding import PositionEmbedding
from porter.layers.projective_transform import ProjectiveTransform
from porter.layers.quantize_and_dequantize import QuantizeAndDequantize
from porter.layers.ragged_gather import RaggedGather
from porter.layers.ragged_range import RaggedRange
from porter.layers.ragged_to_sparse import RaggedToSparse
from porter.layers.random_shuffle import RandomShuffle
from porter.layers.random_tensor import RandomTensor
from porter.layers.real_and_imaginary import RealAndImaginary
from porter.layers.reduction_along import ReductionAlong
from porter.layers.repeat_while import repeat_while
from porter.layers.reverse_sequence import ReverseSequence
from porter.layers.rgb_to_hsv import RGBToHSV
from porter.layers.scale_and_translate import ScaleAndTranslate
from porter.layers.scaled_bessel import ScaledBessel
from porter.layers.segment_reduction import SegmentReduction
from porter.layers.sequence_mask import SequenceMask
from porter.layers.set_operation import SetOperation
from porter.layers.sized_transposed_convolution import SizedTransposedConvolution
from porter.layers.smaller import smaller
from porter.layers.space_to_batch import SpaceToBatch
from porter.layers.sparse_dense_matmul import SparseDenseMatMul
from porter.layers.sparse_fill_empty_rows import SparseFillEmptyRows
from porter.layers.sparse_reshape import SparseReshape
from porter.layers.sparse_softmax import SparseSoftmax
from porter.layers.split_by_sizes import SplitBySizes
from porter.layers.standard_score import StandardScore
from porter.layers.standard_scored import standard_scored
from porter.layers.standardized_conv1d import StandardizedConv1D
from porter.layers.standardized_conv2d import StandardizedConv2D
from porter.layers.standardized_conv3d import StandardizedConv3D
from porter.layers.standardized_depthwise_conv2d import StandardizedDepthwiseConv2D
from porter.layers.stitch import Stitch
from porter.layers.transposed_convolution import TransposedConvolution
from porter.layers.unique import Unique
from porter.layers.weight_normalization import WeightNormalization
from porter.layers.weight_standardization import WeightStandardization
from porter.layers.without_mask import WithoutMask

__all__ = [
    "ScaledBessel",
    "Glimpse",
    "MaxPoolingGradient",
    "KernelGradient",
    "AveragePoolingGradient",
    "AdjustHue",
    "AdjustSaturation",
    "AudioSpectrogram",
    "AxisInsertion",
    "BandPart",
    "BatchGather",
    "BatchStatisticsNormalization",
    "BatchToSpace",
    "BiasedMultiHeadAttention",
    "Bincount",
    "BlockLSTM",
    "CTCGreedyDecoder",
    "CategoricalSample",
    "CombinedNonMaxSuppression",
    "ComplexNumber",
    "CropAndResize",
    "CroppingLike",
    "CumulativeLogSumExp",
    "Digamma",
    "DynamicSlice",
    "EdgeAveragePooling",
    "EqualizedLearningRate",
    "ExtendedLSTMCell",
    "ExtractPatches",
    "FakeQuantization",
    "GatherNd",
    "GrayscaleDilation",
    "HSVToRGB",
    "InstanceNormalization",
    "L1Normalization",
    "L2Normalization",
    "LegacyBatchNormalization",
    "LegacyGroupNormalization",
    "LegacyResizing",
    "LegacySpectralNormalization",
    "ListDifference",
    "LocalResponseNormalization",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "LogGamma",
    "MFCC",
    "MatrixDiag",
    "MatrixDiagPart",
    "MatrixSetDiag",
    "MaxPoolingWithArgmax",
    "MinMaxNormalization",
    "NonMaxSuppression",
    "NumberLookup",
    "Parameter",
    "PatchNormalizedConv2D",
    "Places",
    "PositionEmbedding",
    "ProjectiveTransform",
    "QuantizeAndDequantize",
    "RGBToHSV",
    "RaggedGather",
    "RaggedRange",
    "RaggedToSparse",
    "RandomShuffle",
    "RandomTensor",
    "RealAndImaginary",
    "ReductionAlong",
    "ReverseSequence",
    "ScaleAndTranslate",
    "SegmentReduction",
    "SequenceMask",
    "SetOperation",
    "SizedTransposedConvolution",
    "SpaceToBatch",
    "SparseDenseMatMul",
    "SparseFillEmptyRows",
    "SparseReshape",
    "SparseSoftmax",
    "SplitBySizes",
    "StandardScore",
    "StandardizedConv1D",
    "StandardizedConv2D",
    "StandardizedConv3D",
    "StandardizedDepthwiseConv2D",
    "Stitch",
    "TransposedConvolution",
    "Unique",
    "WeightNormalization",
    "WeightStandardization",
    "WithoutMask",
    "drop_in_step",
    "l1_normalized",
    "l2_normalized",
    "larger",
    "legacy_hard_sigmoid",
    "lent_config",
    "min_max_normalized",
    "repeat_while",
    "smaller",
    "standard_scored",
    "with_lent",
]
