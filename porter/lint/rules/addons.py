"""Libraries of layers that ended: TensorFlow Addons and keras-contrib."""

from collections.abc import Iterator

from porter.lint.finding import Finding
from porter.lint.module import Module
from porter.lint.replacements import Replacement, to
from porter.lint.rule import SourceRule

ADDONS = SourceRule(
    code="PT201",
    name="tensorflow-addons",
    what="Anything of TensorFlow Addons.",
    why="TensorFlow Addons ended in May 2024 and does not import with Keras 3.",
    instead="Much of it is in Keras 3 now; the finding says what, and which defaults differ.",
    references=("https://github.com/tensorflow/addons/issues/2807", "https://keras.io/api/"),
)

CONTRIB = SourceRule(
    code="PT202",
    name="keras-contrib",
    what="Anything of keras-contrib.",
    why="keras-contrib ended with Keras 2.2; its layers import modules of Keras that are gone.",
    instead="The layer that Keras 3 has now, where there is one; its InstanceNormalization divides by std + epsilon and has one "
    "gamma for all channels unless axis is given, which no layer of Keras 3 does: porter convert writes one that does.",
    references=("https://github.com/keras-team/keras-contrib", "https://keras.io/api/layers/"),
)

ADDONS_TABLE = {
    "tfa": to("Keras 3 where it has the same, else a layer of your own"),
    "tfa.layers.GroupNormalization": to(
        "keras.layers.GroupNormalization",
        "groups is 32 in both since Addons 0.12, and 2 before; before 0.7 it grouped NHWC wrongly",
    ),
    "tfa.layers.InstanceNormalization": to("keras.layers.GroupNormalization(groups=-1)", "epsilon is 0.001 in both"),
    "tfa.layers.WeightNormalization": to(
        "a layer of your own: Keras 3 has none (keras.layers.SpectralNormalization is another)"
    ),
    "tfa.layers.SpectralNormalization": to("keras.layers.SpectralNormalization"),
    "tfa.layers.Maxout": to("keras.ops.max over a reshape"),
    "tfa.layers.GELU": to('keras.layers.Activation("gelu")', approximate="approximate is True there, and False here"),
    "tfa.layers.AdaptiveAveragePooling2D": to("keras.ops.mean over windows of your own"),
    "tfa.layers.MultiHeadAttention": to(
        "keras.layers.MultiHeadAttention", "the order of inputs is query, value, key here"
    ),
    "tfa.activations.gelu": to(
        "keras.activations.gelu", approximate="approximate was True in some versions, and is False here"
    ),
    "tfa.activations.mish": to("keras.activations.mish"),
    "tfa.activations.hardshrink": to("keras.activations.hard_shrink"),
    "tfa.activations.softshrink": to("keras.activations.soft_shrink"),
    "tfa.activations.tanhshrink": to("keras.activations.tanh_shrink"),
    "tfa.activations.sparsemax": to("keras.activations.sparsemax"),
    "tfa.optimizers.AdamW": to(
        "keras.optimizers.AdamW", "weight_decay is not scaled by the learning rate there, and is here"
    ),
    "tfa.optimizers.LAMB": to("keras.optimizers.Lamb"),
    "tfa.optimizers.MovingAverage": to("an optimizer with use_ema=True"),
    "tfa.optimizers.SWA": to("an optimizer with use_ema=True"),
    "tfa.losses.SigmoidFocalCrossEntropy": to("keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True)"),
    "tfa.losses.GIoULoss": to("a loss of your own, or keras_hub"),
    "tfa.metrics.F1Score": to("keras.metrics.F1Score"),
    "tfa.metrics.FBetaScore": to("keras.metrics.FBetaScore"),
    "tfa.metrics.RSquare": to("keras.metrics.R2Score"),
    "tfa.image.rotate": to("keras.ops.image.affine_transform, or keras.layers.RandomRotation"),
    "tfa.image.transform": to("keras.ops.image.affine_transform"),
    "tfa.image.gaussian_filter2d": to("keras.ops.image.gaussian_blur"),
    "tfa.text.crf_log_likelihood": to("a layer of your own: Keras 3 has none"),
    "tfa.rnn.LayerNormLSTMCell": to("a cell of your own in keras.layers.RNN"),
    "tfa.callbacks.TQDMProgressBar": to("the bar of fit"),
}

CONTRIB_TABLE = {
    "keras_contrib": to("Keras 3 where it has the same, else a layer of your own"),
    "keras_contrib.layers.InstanceNormalization": to(
        "a layer of your own; with axis given nearly keras.layers.GroupNormalization(groups=-1)",
        "It divides by std + epsilon, Keras by sqrt(variance + epsilon)",
        axis="axis is None there: one gamma and beta for all channels",
    ),
    "keras_contrib.layers.GroupNormalization": to(
        "keras.layers.GroupNormalization", epsilon="epsilon is 1e-5 there, and 0.001 here"
    ),
    "keras_contrib.layers.CRF": to("a layer of your own: Keras 3 has none"),
    "keras_contrib.layers.Swish": to('keras.layers.Activation("silu")'),
    "keras_contrib.layers.SubPixelUpscaling": to("a reshape and transpose in keras.ops"),
    "keras_contrib.losses.DSSIMObjective": to("a loss of your own"),
    "keras_contrib.callbacks.CyclicLR": to("keras.optimizers.schedules.LearningRateSchedule"),
}


def _findings(module: Module, code: str, table: dict[str, Replacement], root: str, said: str) -> Iterator[Finding]:
    for use in module.uses:
        if use.name != root and not use.name.startswith(root + "."):
            continue
        place = use.statement or use.node
        assert place is not None  # one of the two is there
        if use.statement is None and (use.name.count(".") + 1 <= use.known) or module.guarded(place):
            continue
        entry = use.name
        while entry not in table:
            entry = entry.rpartition(".")[0]
        if use.statement is None and entry.count(".") + 1 <= use.known:
            continue
        node = place
        if use.statement is None:
            for _ in range(use.name.count(".") - max(entry.count("."), min(2, use.name.count(".")))):
                node = node.value  # type: ignore[attr-defined]
        replacement: Replacement = table[entry]
        call = module.parents.get(use.node) if use.node is not None else None
        given = {keyword.arg for keyword in getattr(call, "keywords", ())}
        changed = [text for parameter, text in replacement.defaults if parameter not in given]
        text = f"{use.name if entry == root else entry} {said}: {replacement.keras}"
        text += f". Defaults that change: {'; '.join(changed)}" if changed else ""
        text += f". {replacement.note}" if replacement.note else ""
        yield module.finding(code, node, text)


@ADDONS.find
def _(module: Module) -> Iterator[Finding]:
    yield from _findings(module, "PT201", ADDONS_TABLE, "tfa", "is of TensorFlow Addons, which ended")


@CONTRIB.find
def _(module: Module) -> Iterator[Finding]:
    yield from _findings(module, "PT202", CONTRIB_TABLE, "keras_contrib", "is of keras-contrib, which ended")


ADDONS.example(
    "the import and its uses",
    """
import tensorflow_addons as tfa  # !
from tensorflow_addons.layers import InstanceNormalization  # !

x = tfa.layers.GroupNormalization(groups=8)(x)  # !
x = InstanceNormalization()(x)
""",
)
ADDONS.counterexample(
    "an import that has a fallback",
    """
try:
    import tensorflow_addons as tfa
except ImportError:
    tfa = None
import keras
""",
)
CONTRIB.example(
    "the import of a layer",
    """
from keras_contrib.layers import InstanceNormalization  # !

x = InstanceNormalization(axis=-1)(x)
""",
)
CONTRIB.counterexample(
    "the namesake in Keras",
    """
from keras.layers import GroupNormalization

x = GroupNormalization(groups=-1)(x)
""",
)

RULES = (ADDONS, CONTRIB)
