"""Spectral normalisation: kernels divided by their largest singular value, which power iteration finds."""

import inspect
from math import prod

from porter.rule import Rule, Scalar, Weight, one_of, require

ITERATIONS = (2, 1)  # written out one after another in TensorFlow 1 code; the longest is looked for first


def _formula(iterations):
    """The formula for so many steps. Each operation of a step has a name of its own, so that its attributes are read."""

    def formula(tf, layer, kernel, u, added, at_least):
        matrix = one_of(tf.Reshape(kernel).named("matrix"), kernel)

        def unit(x, name):
            squares = tf.Sum(one_of(tf.Square(x), x * x, tf.Pow(x, 2))).named(f"{name}_total")
            length = one_of(tf.Sqrt(squares), tf.Pow(squares, 0.5), tf.EuclideanNorm(x).named(f"{name}_total"))
            return one_of(x * tf.Rsqrt(tf.Maximum(squares, at_least)), tf.RealDiv(x, one_of(length + added, length)))

        def times(x, y, name):
            return tf.MatMul(x, one_of(tf.Transpose(y).named(f"{name}_flipped"), y)).named(name)

        def by_rows():
            """u [1, filters]: v = u W', u = v W."""
            u_now, v_now = u, None
            for step in range(iterations):
                v_now = unit(times(u_now, matrix, f"v{step}"), f"v{step}")
                u_now = unit(times(v_now, matrix, f"u{step}"), f"u{step}")
            return stopped(u_now, "u"), stopped(v_now, "v")

        def stopped(x, name):
            return one_of(tf.StopGradient(x).named(f"{name}_stopped"), x)

        u_last, v_last = by_rows()
        value = times(times(v_last, matrix, "left"), u_last, "value")
        sigma = one_of(value, tf.Reshape(value).named("number"), tf.Squeeze(value).named("number"))
        divided = tf.RealDiv(matrix, sigma)
        return one_of(tf.Reshape(divided).named("back"), divided)

    formula.__name__ = "spectral_normalization" + (f"_{iterations}_steps" if iterations > 1 else "")
    formula.__doc__ = """Wrap a layer whose kernel is divided by its spectral norm in `LegacySpectralNormalization`.

    Shapes: kernel as the layer has it, as a matrix [all other axes, filters]; u [1, filters].
    Left as a fixed kernel: an iteration in a while loop; a u on the other side; more than two steps.
    Source: "Spectral Normalization for GANs" (Miyato et al., 2018), as TensorFlow 1 code has it.
    """
    kinds = {"tf": None, "layer": None, "kernel": Weight, "u": Weight, "added": Scalar, "at_least": Scalar}
    formula.__signature__ = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=kind or inspect.Parameter.empty)
            for name, kind in kinds.items()
        ]
    )
    return formula


def _wrap(layer, kernel, u, added, at_least, matrix, back, number, u_stopped, v_stopped, **steps):
    shape = kernel.value.shape
    filters = shape[-1]
    for view in (matrix, back):
        require(view is None or view["shape"], "the matrix", view)
    require(matrix is None or matrix.out.shape == (prod(shape[:-1]), filters), "another matrix of the kernel", matrix)
    require(back is None or back.out.shape == shape, "another kernel comes out", back)
    require(matrix is not None or len(shape) == 2, "no matrix", kernel.value)
    require((u_stopped is None) == (v_stopped is None), "gradients through one of two vectors", u_stopped or v_stopped)
    if number is not None:
        number.get("shape"), number.get("axes")
    require(u.value.node.op in ("Variable", "Const"), "u is the result of more steps", u.value)
    require(u.value.shape == (1, filters), f"u is {u.value.shape}", u.value)
    for name, view in steps.items():
        if view is None:
            continue
        if name.endswith("_total"):
            view.get("keepdims")
            require(set(view["axes"]) >= {1}, "norms of something else than one vector", view)
        elif name.endswith("_flipped"):
            require(view["perm"] == (1, 0), "no transpose", view)
        else:
            require(not view.get("transpose_a", False), "another product", view)
            turned = view.get("transpose_b", False) != (steps[f"{name}_flipped"] is not None)
            require(turned == (name[0] == "v"), "another product", view)  # u W' and v u'; v W is not turned
    made = layer.bind(kernel=kernel).wrapped(
        "LegacySpectralNormalization",
        iterations=sum(name[0] == "u" and name[1:].isdigit() for name in steps),
        epsilon=added if added is not None else at_least or 0.0,
        guard="squares" if at_least is not None else "norm",
        stop_gradient=u_stopped is not None,
    )
    return made.bind(u=u)


def _rule(iterations):
    made = Rule(_formula(iterations))
    labels = [name for name in made.names if name not in ("layer", "kernel", "u", "added", "at_least")]
    names = ["layer", "kernel", "u", "added", "at_least", *labels]

    def to_keras(**bound):
        return _wrap(**bound)

    to_keras.__signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    )
    made.to_keras(to_keras)
    made.place = "kernels"
    return made


RULES = tuple(_rule(iterations) for iterations in ITERATIONS)


@RULES[-1].example("as widely copied", "LegacySpectralNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    kernel = _by_hand(tf, tf.get_variable("kernel", [3, 3, 3, 5]), 1)
    return tf.nn.leaky_relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, [1, 2, 2, 1], "SAME"), tf.get_variable("bias", [5])))


@RULES[-1].example("a dense layer, by tf.nn.l2_normalize", "LegacySpectralNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    kernel, u = tf.get_variable("kernel", [6, 4]), tf.get_variable("u", [1, 4], trainable=False)
    v = tf.nn.l2_normalize(tf.matmul(u, kernel, transpose_b=True))
    new_u = tf.nn.l2_normalize(tf.matmul(v, kernel))
    return tf.matmul(x, kernel / tf.matmul(tf.matmul(v, kernel), new_u, transpose_b=True))


@RULES[0].example("two steps", "LegacySpectralNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 8, 3], "x")
    kernel = _by_hand(tf, tf.get_variable("kernel", [3, 3, 3, 5]), 2)
    return tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "VALID")


@RULES[-1].counterexample("divided by the norm of the last product", "LegacySpectralNormalization")
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
