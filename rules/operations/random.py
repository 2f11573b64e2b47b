"""Random numbers outside of dropout: they differ from call to call, and from TensorFlow's."""

from porter.rule import constant, context, op, ops, porter_layers, require, warn


@op("RandomStandardNormal")
def standard_normal(sizes=None, *, node, shape=None):
    return _drawn(node, "normal")


@op("RandomUniform")
def uniform(sizes=None, *, node, shape=None):
    return _drawn(node, "uniform")


@op("TruncatedNormal")
def truncated_normal(sizes=None, *, node, shape=None):
    return _drawn(node, "truncated_normal")


@op("RandomUniformInt")
def integers(*inputs, node, shape=None):
    low, high = (constant(value) for value in inputs[-2:])
    require(low is not None and high is not None, "the ends of the range depend on the data")
    return _drawn(node, "integers", low=low.item(), high=high.item())


def _drawn(node, distribution, **ends):
    """A `RandomTensor` called on a tensor that has the sizes which only running tells; on any if there are none."""
    out = node.out
    require(out.shape is not None, "the rank depends on the data")
    warn(f"{node.name} draws random numbers: what depends on them differs from the original's, and from call to call")
    like, missing = _like(node, [axis for axis, size in enumerate(out.shape) if size is None])
    for _ in range(missing):
        like = ops.expand_dims(like, axis=0)
    own = {} if out.dtype == "float32" else {"dtype": out.dtype}
    return porter_layers.RandomTensor(
        out.shape, **({} if distribution == "normal" else {"distribution": distribution}), **ends, **own
    )(like)


def _like(node, axes):
    """A tensor with the unknown sizes of the result, on the same axes once it has that many more in front.

    Raises `Miss` if none is at hand. More in front has what a distribution draws: [samples, batch, …].
    """
    out = node.out
    for missing in range(len(out.shape)):
        for value in [*_shown(node), *([] if axes else context().inputs)]:
            if all(axis >= missing and _same_size(value, axis - missing, out, axis) for axis in axes):
                return value, missing
    require(False, "its shape is that of no tensor at hand", node)
    return None


def _shown(node):
    """The tensors whose shapes the shape follows from."""
    seen, stack = set(), [node]
    while stack:
        each = stack.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if each.op == "Shape":
            yield each.inputs[0]
        else:
            stack += [value.node for value in each.inputs]


def _same_size(value, axis, out, own):
    known = value.probe is not None and out.probe is not None and axis < len(value.probe)
    return known and value.probe[axis] == out.probe[own]
