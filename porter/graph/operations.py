"""Groups of operations that several stages tell apart, by their names in the canonical form."""

from __future__ import annotations

# These compute each element from the elements in its place, and care for no axis: UNARY from one tensor, BROADCASTING from
# several. `Select` is not among them: its condition may be a vector.
UNARY = frozenset({
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cast", "Ceil", "Cos", "Cosh", "Elu", "Erf", "Erfc", "Exp",
    "Expm1", "Floor", "IsFinite", "IsInf", "IsNan", "LeakyRelu", "Log", "Log1p", "LogicalNot", "Neg", "OnesLike",
    "Reciprocal", "Relu", "Relu6", "Rint", "Round", "Rsqrt", "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus",
    "Softsign", "Sqrt", "Square", "StopGradient", "Tan", "Tanh", "ZerosLike",
})  # fmt: skip
BROADCASTING = frozenset({
    "Add", "AddN", "Atan2", "ClipByValue", "Div", "DivNoNan", "Equal", "FloorDiv", "FloorMod", "Greater", "GreaterEqual",
    "Less", "LessEqual", "LogicalAnd", "LogicalOr", "Maximum", "Minimum", "Mul", "NotEqual", "Pow", "RealDiv",
    "SelectV2", "SquaredDifference", "Sub", "Xdivy", "Xlogy",
})  # fmt: skip
# These draw random numbers: what depends on one need not be the same twice.
DRAWN = frozenset(
    {"RandomStandardNormal", "RandomUniform", "TruncatedNormal"}
)  # numbers of the shape that is their input
RANDOM = DRAWN | {
    "ExtractGlimpse", "Multinomial", "ParameterizedTruncatedNormal", "RandomCrop", "RandomGamma", "RandomPoisson",
    "RandomPoissonV2", "RandomShuffle", "RandomUniformInt",
}  # fmt: skip
