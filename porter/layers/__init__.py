"""Keras 3 layers for what TensorFlow 1 code did and Keras has no layer for. They need keras alone."""

from porter.layers.adjust_hue import AdjustHue
from porter.layers.adjust_saturation import AdjustSaturation
from porter.layers.batch_to_space import BatchToSpace
from porter.layers.complex_number import ComplexNumber
from porter.layers.crop_and_resize import CropAndResize
from porter.layers.extract_patches import ExtractPatches
from porter.layers.gather_nd import GatherNd
from porter.layers.grayscale_dilation import GrayscaleDilation
from porter.layers.hsv_to_rgb import HSVToRGB
from porter.layers.max_pooling_with_argmax import MaxPoolingWithArgmax
from porter.layers.min_max_normalization import MinMaxNormalization
from porter.layers.parameter import Parameter
from porter.layers.projective_transform import ProjectiveTransform
from porter.layers.real_and_imaginary import RealAndImaginary
from porter.layers.reverse_sequence import ReverseSequence
from porter.layers.rgb_to_hsv import RGBToHSV
from porter.layers.space_to_batch import SpaceToBatch

__all__ = [
    "AdjustHue",
    "AdjustSaturation",
    "BatchToSpace",
    "ComplexNumber",
    "CropAndResize",
    "ExtractPatches",
    "GatherNd",
    "GrayscaleDilation",
    "HSVToRGB",
    "MaxPoolingWithArgmax",
    "MinMaxNormalization",
    "Parameter",
    "ProjectiveTransform",
    "RGBToHSV",
    "RealAndImaginary",
    "ReverseSequence",
    "SpaceToBatch",
]
