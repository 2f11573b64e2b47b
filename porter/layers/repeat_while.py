"""`repeat_while`."""

import keras
from keras import ops


def repeat_while(go_on, step, state, grows=False):
    """`ops.while_loop` for steps in which sizes depend on the data. JAX compiles a loop even where nothing else is
    compiled, and cannot compile these: there it is a loop of Python's.

    grows: whether the state has other sizes after a step. TensorFlow then takes the first step apart from the others,
    which tells it which sizes are not to be relied on.
    """
    if grows and keras.backend.backend() == "tensorflow":
        true = [ops.all(ops.logical_or(each == each, each != each)) for each in state]  # but not before it runs
        first = ops.all(ops.stack([go_on(*state), *true]))
        state = ops.cond(first, lambda: tuple(step(*state)), lambda: tuple(state))
    if keras.backend.backend() != "jax":
        return ops.while_loop(go_on, step, state)
    while go_on(*state):
        state = step(*state)
    return state
