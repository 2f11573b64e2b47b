"""Single TensorFlow operations as calls of `keras.ops`, by family."""

from porter.rules.operations import arithmetic as arithmetic
from porter.rules.operations import reductions as reductions
from porter.rules.operations import shapes as shapes
