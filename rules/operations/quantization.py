"""Rounding to what few bits can hold, in floating point."""

import numpy as np

from porter.rule import constant, op, ops, porter_layers, refuse, require


@op("FakeQuantWithMinMaxArgs")
def fake_quantization(x, *, min=-6.0, max=6.0, num_bits=8, narrow_range=False):
    """The limits are numbers here, so all that the layer does to them is done now."""
    low, high = np.float32(min), np.float32(max)
    least, most = np.float32(narrow_range), np.float32(2**num_bits - 1)
    scale = (high - low) / (most - least)
    zero = np.clip(np.floor(least - low / scale + np.float32(0.5)), least, most)
    low, high = (float((each - zero) * scale) for each in (least, most))
    inside = ops.subtract(ops.clip(x, low, high), low)
    steps = ops.floor(ops.add(ops.true_divide(inside, float(scale)), 0.5))
    return ops.add(ops.multiply(steps, float(scale)), low)


@op("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel")
def fake_quantization_by_variables(x, low, high, *, num_bits=8, narrow_range=False):
    limits = [constant(each) for each in (low, high)]
    if all(limit is not None and limit.ndim == 0 for limit in limits):
        return fake_quantization(x, min=limits[0], max=limits[1], num_bits=num_bits, narrow_range=narrow_range)
    return porter_layers.FakeQuantization(num_bits=num_bits, narrow_range=narrow_range)(x, low, high)


@op("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4")
def quantize_and_dequantize(
    x,
    low,
    high,
    *,
    signed_input=True,
    num_bits=8,
    range_given=False,
    round_mode="HALF_TO_EVEN",
    narrow_range=False,
    axis=-1,
):
    return _quantize(x, low, high, num_bits, signed_input, range_given, round_mode, narrow_range, axis)


@op("QuantizeAndDequantizeV3")
def quantize_and_dequantize_with_bits(
    x, low, high, bits, *, signed_input=True, range_given=True, narrow_range=False, axis=-1
):
    known = constant(bits)
    require(known is not None, "the number of bits is known only when the model runs", bits)
    return _quantize(x, low, high, int(known), signed_input, range_given, "HALF_TO_EVEN", narrow_range, axis)


@op("QuantizeAndDequantize")
def quantize_and_dequantize_by_attributes(
    x, *, signed_input=True, num_bits=8, range_given=False, input_min=0.0, input_max=0.0
):
    low, high = (input_min, input_max) if range_given else (None, None)
    return porter_layers.QuantizeAndDequantize(num_bits=num_bits, signed=signed_input, low=low, high=high)(x)


def _quantize(x, low, high, bits, signed, range_given, round_mode, narrow_range, axis):
    require(axis == -1, f"a range for each entry of axis {axis}")
    require(round_mode in ("HALF_TO_EVEN", "HALF_UP"), f"rounding {round_mode}")
    limits = [constant(each) for each in (low, high)]
    require(
        not range_given or None not in [each if each is None else 0 for each in limits], "the range is no constant", x
    )
    low, high = (float(each) for each in limits) if range_given else (None, None)
    return porter_layers.QuantizeAndDequantize(
        num_bits=bits, signed=signed, round_mode=round_mode.lower(), narrow_range=narrow_range, low=low, high=high
    )(x)


refuse(
    "Quantize", "QuantizeV2", "Dequantize", "QuantizeDownAndShrinkRange", "Requantize", "RequantizationRange",
    "QuantizedConv2D", "QuantizedMatMul", "QuantizedRelu", "QuantizedRelu6", "QuantizedBiasAdd", "QuantizedMaxPool",
    "QuantizedAvgPool", "QuantizedReshape", "QuantizedConcat", "QuantizedAdd", "QuantizedMul", "QuantizedInstanceNorm",
    "QuantizedBatchNormWithGlobalNormalization", "QuantizedResizeBilinear", "QuantizedReluX",
    reason="the graph computes on 8-bit integers, which Keras layers do not; convert the graph it was quantised from",
)  # fmt: skip
