"""Faults planted in the source of converted fixtures: each is found, and told with the layer that it is in.

The edited model gets the weights of the right one, as from somebody who saves a wrong conversion in all its files.
"""

import json
from functools import cache
from pathlib import Path

import pytest

from porter.convert import convert
from porter.emit.build import load_source
from porter.options import Options, options_of, quiet
from porter.report.content import read_report
from porter.reverify import _recut
from porter.stages import open_original
from porter.verify import Reference, prove

FIXTURES = Path(__file__).parent.parent / "fixtures"

# fixture, level that has to find it, what is replaced, by what, the layer to be named, what would make it agree (or what is wrong)
FAULTS = [
    ("mnist_layers_cond_bn", 2, "epsilon=1.001e-5", "epsilon=1e-4", "BatchNormalization bn2", "epsilon is 1"),
    ("mnist_layers_cond_bn", 5, 'momentum=0.9, name="bn1"', 'momentum=0.95, name="bn1"', "BatchNormalization bn1", "momentum is"),
    ("mnist_layers_cond_bn", 5, "Dropout(0.4)", "Dropout(0.5)", "Dropout of drop/cond/Merge", "rate is 0.4"),
    ("mnist_layers_cond_bn", 2, "Dropout(0.4)(x)", "Dropout(0.4)(x, training=True)", "Dropout of", "training=False"),
    ("mnist_layers_cond_bn", 2, 'strides=2, padding="same"', "strides=2", "Conv2D conv2", "padding is 'same'"),
    ("mnist_layers_cond_bn", 2, "MaxPooling2D", "AveragePooling2D", "MaxPooling2D of pool1", "it is MaxPooling2D"),
    ("mnist_layers_cond_bn", 2, 'activation="elu", ', "", "Conv2D conv2", "activation is 'elu'"),
    ("contrib_bn_cond", 2, "layers.ReLU()", "layers.ReLU(max_value=6.0)", "ReLU of", "max_value is None"),
    ("contrib_bn_cond", 2, "negative_slope=0.2", "negative_slope=0.1", "LeakyReLU of", "negative_slope is 0.2"),
    ("contrib_bn_cond", 2, 'name="h0_conv"', 'use_bias=False, name="h0_conv"', "Conv2D h0_conv", "original's bias"),
    ("conv1d_text", 2, "GlobalMaxPooling1D", "GlobalAveragePooling1D", "GlobalMaxPooling1D of", "GlobalMaxPooling1D"),
    ("conv1d_text", 2, 'activation="softmax"', 'activation="sigmoid"', "Dense fc2", "activation is 'softmax'"),
    ("rnn_stacked_dropout", 2, "basic_lstm\")(x)", "basic_lstm\", go_backwards=True)(x)", "LSTM", "go_backwards is False"),
    ("separable_mobile", 2, ", dilation_rate=2", "", "Conv2D dilated", "dilation_rate is (2, 2)"),
    ("separable_mobile", 2, "max_value=6.0", "max_value=12.0", "ReLU of", "max_value is 6"),
    ("separable_mobile", 2, "AveragePooling2D(3, strides=1", "MaxPooling2D(3, strides=1", "AveragePooling2D of", "it is"),
    ("min_max_forms", 2, 'name="per_channel"', 'epsilon=1e-3, name="per_channel"', "MinMaxNormalization", "epsilon is"),
    ("unet_transpose", 2, 'LegacyResizing(', "LegacyResizing(align_corners=True, ", "LegacyResizing", "align_corners"),
    ("norms_of_the_time", 2, "epsilon=1e-12", "epsilon=1e-11", "GroupNormalization LayerNorm", "epsilon is 1e-12"),
    ("half_precision", 2, "ops.tanh(x)", "ops.sigmoid(x)", "ops.tanh of conv2/Tanh", "it is ops.tanh"),
    ("half_precision", 2, "    x = ops.tanh(x)\n", "", "ops.tanh of conv2/Tanh", "is not in the model"),
    ("half_precision", 2, "ops.softmax(x)", "ops.softmax(x, axis=0)", "ops.softmax of probabilities", "axis is -1 instead of 0"),
    ("separable_mobile", 2, "[separable, dilated, ", "[dilated, separable, ", "ops.concatenate of", "order (1, 0, 2, 3)"),
    ("frozen_text", 2, "(advantage - q_2)", "(q_2 - advantage)", "ops.subtract of q/sub_1", "its two operands are swapped"),
    ("frozen_text", 2, "0.007843138", "0.00784", "Rescaling of q/sub", "scale is 0.007843138 instead of 0.00784"),
    ("queue_input", 2, "beta=0.6", "beta=0.5", "LocalResponseNormalization norm2", "beta is 0.6 instead of 0.5"),
    ("gpt_causal", 2, "x, use_causal_mask=True", "x", "MultiHeadAttention h0_attn", "called with use_causal_mask=True"),
    ("min_max_forms", 2, 'name="per_sample"', 'epsilon=1e-3, name="per_sample"', "MinMaxNormalization", "epsilon is 0 instead"),
]  # fmt: skip


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """For a fixture's name: the original, its reference, the report, and the text and weights of the right model."""
    opened = []

    @cache
    def get(name):
        about = json.loads((FIXTURES / name / "fixture.json").read_text())
        folder = tmp_path_factory.mktemp(name) / "model"
        convert(FIXTURES / name / about["source"], folder, Options(outputs=about["outputs"]))
        report = read_report(folder)
        original = open_original(Path(report["source"]["path"]), options_of(report), quiet)
        reference = Reference(original)
        opened.append(reference)
        weights = {each.path: each.numpy() for each in load_source(folder / "model.py").load_model().weights}
        return original, reference, report, (folder / "model.py").read_text(), weights

    yield get
    for reference in opened:
        reference.close()


@pytest.mark.parametrize(("name", "number", "old", "new", "layer", "agrees"), FAULTS)
def test_a_planted_fault_is_found_and_named(converted, tmp_path, name, number, old, new, layer, agrees):
    original, reference, report, text, weights = converted(name)
    assert old in text, text[text.index("def build_model") :]
    start = text.index("def build_model") if old in text[text.index("def build_model") :] else 0
    (tmp_path / "model.py").write_text(text[:start] + text[start:].replace(old, new, 1))
    model = load_source(tmp_path / "model.py").build_model()
    for weight in model.weights:
        if weight.path in weights:
            weight.assign(weights[weight.path])
    proof = prove(
        original, model, report, levels=(number,), reference=reference, recut=_recut(original, options_of(report)),
        exact=report["options"]["exact"],
    )  # fmt: skip
    assert proof.failed, proof.levels[0].reason
    told = proof.first_wrong["told"]
    assert told.startswith(layer), told
    assert agrees in (told.partition("It agrees if")[2] or told), told
