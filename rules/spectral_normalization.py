"""Spectral normalisation: kernels divided by their largest singular value, which power iteration finds."""

import inspect
from math import prod

from porter.rule import Rule, Scalar, Weight, one_of, require

ITERATIONS = (5, 4, 3, 2, 1)  # steps one after another, from loops as well; the most are looked for first

# Which factors of each product are transposed: W is the kernel as a matrix, and u a row or a column.
PRODUCTS = {
    "filters": {"v": (False, True), "u": (False, False), "left": (False, False), "value": (False, True)},
    "inputs": {"v": (True, False), "u": (False, False), "left": (True, False), "value": (False, False)},
}


def _formula(iterations, side):
    """The formula for so many steps. Each operation of a step has a name of its own, so that its attributes are read."""

    def formula(tf, layer, kernel, u, added, at_least):
        matrix = one_of(tf.Reshape(kernel).named("matrix"), kernel)

        def unit(x, name):
            squares = tf.Sum(one_of(tf.Square(x), x * x, tf.Pow(x, 2))).named(f"{name}_total")
            length = one_of(tf.Sqrt(squares), tf.Pow(squares, 0.5), tf.EuclideanNorm(x).named(f"{name}_total"))
            return one_of(x * tf.Rsqrt(tf.Maximum(squares, at_least)), tf.RealDiv(x, one_of(length + added, length)))

        def times(x, y, name):
            factors = []
            for place, each in enumerate((x, y)):
                label = f"{name}_flipped{place}"
                # where an axis has size one, its transpose is a reshape
                factors.append(one_of(tf.Transpose(each).named(label), each, tf.Reshape(each).named(label)))
            return tf.MatMul(*factors).named(name)

        def stopped(x, name):
            return one_of(tf.StopGradient(x).named(f"{name}_stopped"), x)

        u_now, v_now = u, None
        for step in range(iterations):
            before = u_now
            v_now = times(before, matrix, f"v{step}") if side == "filters" else times(matrix, before, f"v{step}")
            v_now = unit(v_now, f"v{step}")
            u_now = times(v_now, matrix, f"u{step}") if side == "filters" else times(matrix, v_now, f"u{step}")
            u_now = unit(u_now, f"u{step}")
        u_last, v_last = stopped(u_now, "u"), stopped(v_now, "v")
        if side == "filters":
            value = times(times(v_last, matrix, "left"), u_last, "value")
        else:
            value = times(times(u_last, matrix, "left"), v_last, "value")
        numbers = (shorter(value).named("number") for shorter in (tf.Reshape, tf.Squeeze, tf.StridedSlice))
        sigma = one_of(value, *numbers)
        divided = tf.RealDiv(matrix, sigma)
        return one_of(tf.Reshape(divided).named("back"), divided)

    formula.__name__ = f"spectral_normalization_{iterations}_by_{side}"
    formula.__doc__ = f"""Wrap a layer whose kernel is divided by its spectral norm in `LegacySpectralNormalization`.

    Shapes: kernel as the layer has it, as a matrix W [all other axes, filters]; u has an entry for each of the {side}.
    Left as a fixed kernel: more than five steps.
    Source: "Spectral Normalization for GANs" (Miyato et al., 2018), as TensorFlow 1 code and tf.contrib.gan have it.
    """
    kinds = {"tf": None, "layer": None, "kernel": Weight, "u": Weight, "added": Scalar, "at_least": Scalar}
    formula.__signature__ = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=kind or inspect.Parameter.empty)
            for name, kind in kinds.items()
        ]
    )
    return formula


def _wrap(side, layer, kernel, u, added, at_least, matrix, back, number, u_stopped, v_stopped, **steps):
    shape = kernel.value.shape
    inputs, filters = prod(shape[:-1]), shape[-1]
    for view in (matrix, back):
        require(view is None or view["shape"], "the matrix", view)
    require(matrix is None or matrix.out.shape == (inputs, filters), "another matrix of the kernel", matrix)
    require(back is None or back.out.shape == shape, "another kernel comes out", back)
    require(matrix is not None or len(shape) == 2, "no matrix", kernel.value)
    require((u_stopped is None) == (v_stopped is None), "gradients through one of two vectors", u_stopped or v_stopped)
    if number is not None:
        number.get("shape"), number.get("axes"), number.get("slices")
    require(u.value.node.op in ("Variable", "Const"), "u is the result of more steps", u.value)
    require(u.value.shape == ((1, filters) if side == "filters" else (inputs, 1)), f"u is {u.value.shape}", u.value)
    for name, view in steps.items():
        if view is None:
            continue
        if name.endswith("_total"):
            view.get("keepdims")
            along = 1 if side == "filters" else 0
            require(along in view["axes"], "norms of something else than one vector", view)
        elif "_flipped" in name:
            before, after = view.node.inputs[0].shape, view.out.shape
            view.get("shape"), view.get("perm")
            vector = view.node.op == "Transpose" or before is not None and 1 in before
            require(vector and before is not None and before[::-1] == after, "no transpose", view)
        else:
            turned = tuple(
                view.get(f"transpose_{letter}", False) != (steps[f"{name}_flipped{place}"] is not None)
                for place, letter in enumerate("ab")
            )
            require(turned == PRODUCTS[side][name.rstrip("0123456789")], "another product", view)
    options = {} if side == "filters" else {"side": side}
    made = layer.bind(kernel=kernel).wrapped(
        "LegacySpectralNormalization",
        iterations=sum(name[0] == "u" and name[1:].isdigit() for name in steps),
        epsilon=added if added is not None else at_least or 0.0,
        guard="squares" if at_least is not None else "norm",
        **options,
        stop_gradient=u_stopped is not None,
    )
    return made.bind(u=u if side == "filters" else u.reshape((1, inputs)))


def _rule(iterations, side):
    made = Rule(_formula(iterations, side))
    labels = [name for name in made.names if name not in ("layer", "kernel", "u", "added", "at_least")]
    names = ["layer", "kernel", "u", "added", "at_least", *labels]

    def to_keras(**bound):
        return _wrap(side, **bound)

    to_keras.__signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    )
    made.to_keras(to_keras)
    made.place = "kernels"
    return made


RULES = tuple(_rule(iterations, side) for side in PRODUCTS for iterations in ITERATIONS)


@RULES[4].example("as widely copied", "LegacySpectralNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    kernel = _by_hand(tf, tf.get_variable("kernel", [3, 3, 3, 5]), 1)
    return tf.nn.leaky_relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, [1, 2, 2, 1], "SAME"), tf.get_variable("bias", [5])))


@RULES[4].example("a dense layer, by tf.nn.l2_normalize", "LegacySpectralNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    kernel, u = tf.get_variable("kernel", [6, 4]), tf.get_variable("u", [1, 4], trainable=False)
    v = tf.nn.l2_normalize(tf.matmul(u, kernel, transpose_b=True))
    new_u = tf.nn.l2_normalize(tf.matmul(v, kernel))
    return tf.matmul(x, kernel / tf.matmul(tf.matmul(v, kernel), new_u, transpose_b=True))


@RULES[3].example("two steps", "LegacySpectralNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    kernel = _by_hand(tf, tf.get_variable("kernel", [3, 3, 3, 5]), 2)
    return tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "VALID")


@RULES[2].example("three steps in a loop, one number of the product", "LegacySpectralNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    kernel = tf.get_variable("kernel", [3, 3, 3, 5])
    matrix, u = tf.reshape(kernel, [-1, 5]), tf.get_variable("u", [1, 5], trainable=False)

    def step(i, u, v):
        v = tf.nn.l2_normalize(tf.matmul(u, matrix, transpose_b=True))
        return i + 1, tf.nn.l2_normalize(tf.matmul(v, matrix)), v

    start = (tf.constant(0), u, tf.zeros([1, 27]))
    _, u_now, v_now = tf.while_loop(lambda i, u, v: i < 3, step, start, back_prop=False)
    u_now, v_now = tf.stop_gradient(u_now), tf.stop_gradient(v_now)
    sigma = tf.matmul(tf.matmul(v_now, matrix), tf.transpose(u_now))[0, 0]
    return tf.nn.conv2d(x, tf.reshape(matrix / sigma, kernel.shape), [1, 1, 1, 1], "SAME")


@RULES[4].example("one unit, whose kernel is a vector", "LegacySpectralNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return tf.matmul(x, _by_hand(tf, tf.get_variable("kernel", [6, 1]), 1)) + tf.get_variable("bias", [1])


@RULES[9].example("tf.contrib.gan.features.spectral_normalize", "LegacySpectralNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    kernel = tf.get_variable("kernel", [3, 3, 3, 5])
    matrix, u = tf.reshape(kernel, [-1, 5]), tf.get_variable("spectral_norm_u", [27, 1], trainable=False)
    v = tf.nn.l2_normalize(tf.matmul(matrix, u, transpose_a=True))
    u = tf.stop_gradient(tf.nn.l2_normalize(tf.matmul(matrix, v)))
    sigma = tf.matmul(tf.matmul(tf.transpose(u), matrix), tf.stop_gradient(v))
    return tf.nn.conv2d(x, tf.reshape(kernel / sigma, kernel.shape), [1, 1, 1, 1], "SAME")


@RULES[4].counterexample("divided by the norm of the last product", "LegacySpectralNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    kernel, u = tf.get_variable("kernel", [6, 4]), tf.get_variable("u", [1, 4], trainable=False)
    v = tf.nn.l2_normalize(tf.matmul(u, kernel, transpose_b=True))
    return tf.matmul(x, kernel / tf.norm(tf.matmul(v, kernel)))


def _by_hand(tf, kernel, iterations):
    def unit(x):
        return x / (tf.reduce_sum(x**2) ** 0.5 + 1e-12)

    matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
    u_now = tf.get_variable("u", [1, kernel.shape[-1]], initializer=tf.random_normal_initializer(), trainable=False)
    for _ in range(iterations):
        v_now = unit(tf.matmul(u_now, tf.transpose(matrix)))
        u_now = unit(tf.matmul(v_now, matrix))
    u_now, v_now = tf.stop_gradient(u_now), tf.stop_gradient(v_now)
    sigma = tf.matmul(tf.matmul(v_now, matrix), tf.transpose(u_now))
    return tf.reshape(matrix / sigma, kernel.shape)
