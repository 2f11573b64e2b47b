"""`repeat_while`."""

import keras
from keras import ops


def repeat_while(go_on, step, state):
    """`ops.while_loop` for steps in which sizes depend on the data. JAX compiles a loop even where nothing else is
    compiled, and cannot compile these: there it is a loop of Python's."""
    if keras.backend.backend() != "jax":
        return ops.while_loop(go_on, step, state)
    while go_on(*state):
        state = step(*state)
    return state
