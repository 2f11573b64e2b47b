"""Traps of Keras layers: activations that are forgotten, lambdas that do not load, names that never were."""

import ast
from collections.abc import Iterator

from porter.lint.finding import ERROR, WARNING, Edit, Finding
from porter.lint.module import FUNCTIONS, Module
from porter.lint.rule import SourceRule

ACTIVATION = SourceRule(
    code="PT304",
    name="forgotten-activation",
    what="A subclass of a Keras layer that has an activation, whose own `call` never applies it.",
    why="`MyConv2D(64, 3, activation='relu')` is accepted and computes no ReLU. The network trains, only worse.",
    instead="End `call` with `return self.activation(x)` (it is the identity where none was given), or override Keras 3's "
    "`convolution_op`, which leaves bias and activation to the layer.",
    references=("https://keras.io/api/layers/convolution_layers/convolution2d/",),
)

LAMBDA = SourceRule(
    code="PT308",
    name="lambda-layer",
    what="`Lambda(lambda x: ...)`: a layer that holds Python bytecode.",
    why="Keras 3 refuses to load it (unless safe_mode=False), and bytecode of one version of Python does not run on another. What "
    "the lambda takes from around it is lost.",
    instead="In a functional model call the operation itself: `keras.ops.mean(x, axis=1)`. Or take the layer that does it "
    "(Rescaling, Reshape, UnitNormalization, GlobalAveragePooling2D), or write a registered `keras.layers.Layer`.",
    references=("https://keras.io/api/layers/core_layers/lambda/",),
)

NEVER = SourceRule(
    code="PT309",
    name="never-existed",
    what="Names such as `tf.keras.layers.conv2d` that no version of Keras had.",
    why="The line raises AttributeError when it is reached. Functions in lower case were those of `tf.layers`.",
    instead="The class, which is then called: `keras.layers.Conv2D(32, 3)(x)`.",
    fixable=True,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
WITH_ACTIVATION = {
    "Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "SeparableConv1D",
    "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D", "EinsumDense", "Convolution1D", "Convolution2D", "Convolution3D",
}  # fmt: skip
HOMES = ("tf.keras.layers.", "keras.layers.", "tf.layers.")


def _home(name: str) -> tuple[bool, str]:
    """(whether a name is one of Keras' layers, its last part)"""
    return name.startswith(HOMES), name.rpartition(".")[2]


@ACTIVATION.find
def _(module: Module) -> Iterator[Finding]:
    for node in module.nodes(ast.ClassDef):
        bases = [module.names.get(base, "") for base in node.bases]
        base = next((b for b in bases if b.startswith(HOMES) and _home(b)[1] in WITH_ACTIVATION), None)
        if base is None or len(bases) > 1 or node.keywords:
            continue
        methods = {each.name: each for each in node.body if isinstance(each, FUNCTIONS)}
        call, init = methods.get("call"), methods.get("__init__")
        if call is None or (init is not None and not _takes_activation(init)):
            continue
        if not _applies(node, init):
            yield module.finding(
                "PT304", call, f"{node.name} inherits activation= from {_home(base)[1]}, but its call never applies it: end with "
                "return self.activation(...)",
            )  # fmt: skip


def _takes_activation(init: Function) -> bool:
    """Whether what is given as activation= reaches the base class."""
    given = {each.arg for each in (*init.args.args, *init.args.kwonlyargs)}
    if "activation" in given:
        return not any(
            isinstance(node, ast.Attribute) and node.attr != "activation" and "activation" in node.attr
            for node in ast.walk(init)
        )
    return init.args.kwarg is not None


def _applies(owner: ast.ClassDef, init: Function | None) -> bool:
    """Whether anything in the class, __init__ and get_config aside, mentions the activation or the base class's call."""
    for method in owner.body:
        if method is init or (isinstance(method, FUNCTIONS) and method.name in ("get_config", "from_config")):
            continue
        for node in ast.walk(method):
            if isinstance(node, ast.Attribute) and "activation" in node.attr:
                return True
            if isinstance(node, ast.Attribute) and node.attr in ("call", "_call", "__call__", "convolution_op"):
                return True
            if isinstance(node, ast.Name) and node.id in ("super", "getattr"):
                if isinstance(method, FUNCTIONS) and method.name == "build":
                    continue
                return True
    return False


KNOWN = {
    "tf.reduce_mean": "keras.ops.mean", "tf.reduce_sum": "keras.ops.sum", "tf.reduce_max": "keras.ops.max",
    "tf.expand_dims": "keras.ops.expand_dims", "tf.squeeze": "keras.ops.squeeze", "tf.concat": "keras.layers.Concatenate",
    "tf.image.resize": "keras.layers.Resizing", "tf.reshape": "keras.layers.Reshape", "tf.split": "keras.ops.split",
    "tf.nn.l2_normalize": "keras.layers.UnitNormalization", "tf.transpose": "keras.layers.Permute",
    "tf.cast": "keras.ops.cast", "tf.one_hot": "keras.ops.one_hot", "tf.abs": "keras.ops.abs",
    "l2_normalize": "keras.layers.UnitNormalization", "mean": "keras.ops.mean", "sum": "keras.ops.sum", "max": "keras.ops.max",
    "expand_dims": "keras.ops.expand_dims", "squeeze": "keras.ops.squeeze", "reshape": "keras.layers.Reshape",
    "concatenate": "keras.layers.Concatenate", "stack": "keras.ops.stack", "batch_dot": "keras.layers.Dot", "abs": "keras.ops.abs",
    "one_hot": "keras.ops.one_hot", "cast": "keras.ops.cast", "permute_dimensions": "keras.layers.Permute",
}  # fmt: skip


@LAMBDA.find
def _(module: Module) -> Iterator[Finding]:
    for call in module.nodes(ast.Call):
        name = module.called(call)
        if name not in ("tf.keras.layers.Lambda", "keras.layers.Lambda", "keras.layers.core.Lambda"):
            continue
        given = (
            call.args[0] if call.args else next((each.value for each in call.keywords if each.arg == "function"), None)
        )
        if isinstance(given, ast.Lambda) and not _inside_a_layer(module, call):
            instead = _instead(module, given.body)
            yield module.finding(
                "PT308", call, f"Keras 3 will not load a Lambda layer that holds a lambda: {instead}", WARNING
            )


def _inside_a_layer(module: Module, node: ast.AST) -> bool:
    """Whether a class that Keras saves by itself holds the node: its code makes the lambda again on loading."""
    owners = [above for above in module.above(node) if isinstance(above, ast.ClassDef)]
    bases = [module.names.get(base) or ast.unparse(base) for owner in owners for base in owner.bases]
    return any(base.startswith(("keras.", "tf.keras.")) or base.endswith(("Layer", "Model")) for base in bases)


def _instead(module: Module, body: ast.expr) -> str:
    name = module.called(body)
    known = KNOWN.get(name) or (KNOWN.get(name.rpartition(".")[2]) if ".backend." in name else None)
    if known:
        return f"write {known}"
    if isinstance(body, ast.BinOp) and isinstance(body.op, ast.Div | ast.Mult | ast.Sub | ast.Add):
        numbers = [each for each in ast.walk(body) if isinstance(each, ast.Constant)]
        names = [each for each in ast.walk(body) if isinstance(each, ast.Name)]
        if numbers and len(names) == 1:
            return "write keras.layers.Rescaling"
    if isinstance(body, ast.Subscript):
        return "index the tensor itself, in a functional model"
    return "call keras.ops on the tensor itself, or write a registered keras.layers.Layer"


CLASSES = {
    "Activation", "Add", "AlphaDropout", "Average", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
    "BatchNormalization", "Bidirectional", "Concatenate", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose",
    "Conv2DTranspose", "Conv3DTranspose", "Cropping1D", "Cropping2D", "Cropping3D", "Dense", "DepthwiseConv2D",
    "Dropout", "ELU", "Embedding", "Flatten", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "GlobalMaxPooling3D", "GRU", "GRUCell", "LayerNormalization", "LeakyReLU", "LSTM", "LSTMCell", "MaxPooling1D",
    "MaxPooling2D", "MaxPooling3D", "Permute", "PReLU", "ReLU", "RepeatVector", "Reshape", "SeparableConv1D",
    "SeparableConv2D", "SimpleRNN", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "ThresholdedReLU",
    "TimeDistributed", "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D",
    "ZeroPadding3D",
}  # fmt: skip
# Lower-case functions and modules that some version of Keras did have.
EXISTED = {
    "add",
    "average",
    "concatenate",
    "embeddings",
    "lstm",
    "gru",
    "dropout",
    "reshape",
    "activation",
    "permute",
    "embedding",
}
SPELLED = {name.lower(): name for name in CLASSES if name.lower() not in EXISTED}
SPELLED |= {
    "batch_normalization": "BatchNormalization", "batch_norm": "BatchNormalization", "batchnorm": "BatchNormalization",
    "max_pooling1d": "MaxPooling1D", "max_pooling2d": "MaxPooling2D", "max_pooling3d": "MaxPooling3D",
    "max_pool2d": "MaxPooling2D", "average_pooling1d": "AveragePooling1D", "average_pooling2d": "AveragePooling2D",
    "average_pooling3d": "AveragePooling3D", "avg_pool2d": "AveragePooling2D", "conv2d_transpose": "Conv2DTranspose",
    "conv3d_transpose": "Conv3DTranspose", "separable_conv2d": "SeparableConv2D", "depthwise_conv2d": "DepthwiseConv2D",
    "fully_connected": "Dense", "leaky_relu": "LeakyReLU", "layer_norm": "LayerNormalization",
    "layer_normalization": "LayerNormalization", "global_average_pooling2d": "GlobalAveragePooling2D",
    "global_max_pooling2d": "GlobalMaxPooling2D",
}  # fmt: skip


@NEVER.find
def _(module: Module) -> Iterator[Finding]:
    for call in module.nodes(ast.Call):
        name = module.called(call)
        if not name.startswith(("tf.keras.layers.", "keras.layers.")):
            continue
        home, _, last = name.rpartition(".")
        if home not in ("tf.keras.layers", "keras.layers") or last in CLASSES:
            continue
        real = SPELLED.get(last) or SPELLED.get(last.lower())
        if real is None or last in EXISTED or module.guarded(call):
            continue
        sure = isinstance(call.func, ast.Attribute) and real.lower() == last.lower()
        edits: tuple[Edit, ...] = ()
        if sure and _configures(call):  # a tensor that is handed over is not mended by another name
            line, end = call.func.end_lineno or 0, call.func.end_col_offset or 0
            edits = module.edit(line, end - len(last), last, real)
        yield module.finding(
            "PT309", call.func, f"{name} never existed: keras.layers.{real} is the layer", ERROR, edits
        )


def _configures(call: ast.Call) -> bool:
    """Whether the arguments are those of a constructor: numbers and keywords, no tensor first."""
    first = call.args[0] if call.args else None
    return first is None or isinstance(first, ast.Constant | ast.Tuple | ast.List)


ACTIVATION.example(
    "a standardised convolution that forgets",
    """
import tensorflow as tf
from keras.layers import Dense

class StandardizedConv2D(tf.keras.layers.Conv2D):
    def __init__(self, filters, **kwargs):
        super().__init__(filters, 3, **kwargs)

    def call(self, x):  # !
        kernel = self.kernel - tf.reduce_mean(self.kernel, [0, 1, 2])
        return tf.nn.conv2d(x, kernel, 1, "SAME") + self.bias

class Scaled(Dense):
    def call(self, x):  # !
        return tf.matmul(x, self.kernel) * 2.0
""",
)
ACTIVATION.counterexample(
    "applied, left to the base class, or never taken",
    """
import tensorflow as tf

class A(tf.keras.layers.Conv2D):
    def call(self, x):
        y = tf.nn.conv2d(x, self.kernel, 1, "SAME")
        return self.activation(y)

class B(tf.keras.layers.Dense):
    def call(self, x):
        return super().call(x * 2)

class C(tf.keras.layers.Dense):
    def __init__(self, units):
        super().__init__(units)

    def call(self, x):
        return tf.matmul(x, self.kernel)

class D(tf.keras.layers.Layer):
    def call(self, x):
        return x
""",
)
LAMBDA.example(
    "lambdas",
    """
from tensorflow.keras import backend as K
from tensorflow.keras.layers import Lambda
import keras

x = Lambda(lambda t: K.l2_normalize(t, axis=1))(x)  # !
y = keras.layers.Lambda(function=lambda t: t / 255.0, name="scale")(x)  # !
""",
)
LAMBDA.counterexample(
    "a named function, one that a layer's own code makes again, and another library's Lambda",
    """
import keras
from torchvision.transforms import Lambda

def scale(t):
    return t / 255.0

class Twice(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = keras.layers.Lambda(lambda t: t * 2)

x = keras.layers.Lambda(scale)(x)
y = Lambda(lambda t: t * 2)
""",
)
NEVER.example(
    "functions of tf.layers looked for in Keras",
    """
import tensorflow as tf
from tensorflow import keras

x = tf.keras.layers.conv2d(x, 32, 3)  # !
x = keras.layers.batch_normalization(x)  # !
x = keras.layers.Maxpooling2D((2, 2))(x)  # !
""",
)
NEVER.counterexample(
    "what Keras has in lower case, and aliases that exist",
    """
import tensorflow as tf
from keras.layers import merge
from tensorflow.keras.layers import MaxPool2D, add, concatenate

x = add([tf.keras.layers.multiply([x, y]), concatenate([x, y])])
x = MaxPool2D()(x)
x = tf.layers.conv2d(x, 32, 3)
""",
)

RULES = (ACTIVATION, LAMBDA, NEVER)
