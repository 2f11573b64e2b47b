"""What convolutions and pooling have in common: windows that slide over the spatial axes.

Nothing here is a rule. `biased` and `dilated` are parts of formulas, the rest reads what they bound. Tensors are
channels_last here, whatever the original had: porter/canonical/channels.py sees to it.
"""

from porter.rule import layers, one_of, require


def biased(tf, y, bias):
    """`y` with a bias behind it, or without."""
    return one_of(tf.BiasAdd(y, bias), tf.Add(y, bias), y)


def dilated(tf, x, convolve, block, paddings, crops):
    """`convolve(x)`, or SpaceToBatchND, `convolve`, BatchToSpaceND: how TensorFlow 1 writes a dilated convolution.

    block, paddings and crops stay unbound where they are constants.
    """
    to_batch = one_of(tf.SpaceToBatchND(x).named("to_batch"), tf.SpaceToBatchND(x, block, paddings).named("to_batch"))
    y = convolve(to_batch)
    to_space = one_of(tf.BatchToSpaceND(y).named("to_space"), tf.BatchToSpaceND(y, block, crops).named("to_space"))
    return one_of(to_space, convolve(x))


class Window:
    """How a window moves over a tensor, in the words of Keras' layers.

    dimension: 1, 2 or 3. size, strides, dilation_rate: a number per spatial axis. padding: "same" or "valid".
    zeros: pairs of zeros to add along each axis first; None for none.
    """

    def __init__(self, view, size, dimension=None):
        """view: the operation. size: the window's, per spatial axis.

        dimension: where the operation has one axis more than the tensor (1D written as 2D), the tensor's.
        Raises `Miss` where Keras has no such window.
        """
        rank = view.node.inputs[0].rank
        require(rank is not None, "the rank of the input is unknown", view)
        self.dimension = dimension or rank - 2
        self.size = tuple(size)
        self.strides = self._per_axis(view, "strides", rank)
        self.dilation_rate = self._per_axis(view, "dilations", rank)
        self.padding, self.zeros = view["padding"].lower(), None
        if self.padding == "explicit":
            flat = view["explicit_paddings"]
            zeros = self._last([(flat[2 * axis], flat[2 * axis + 1]) for axis in range(rank)])
            require(sum(map(sum, zeros)) == sum(flat), "explicit padding of batch or channels", view)
            self._pad(zeros)
        require(self.padding in ("same", "valid"), f"padding {self.padding}", view)

    def _last(self, per_axis):
        """Of one entry for each axis, those of the spatial axes; of 1D written as 2D, the last of them."""
        return tuple(per_axis[-1 - self.dimension : -1])

    def _per_axis(self, view, name, rank):
        numbers = tuple(view.get(name, (1,) * rank))
        require(numbers[0] == 1 and numbers[-1] == 1, f"{name} over batch or channels", view)
        return self._last(numbers)

    def _pad(self, zeros):
        self.padding = "valid"
        self.zeros = tuple(zeros) if any(map(any, zeros)) else None

    def dilate(self, to_batch, to_space):
        """Take in the SpaceToBatchND and BatchToSpaceND around the operation, if there are any.

        What they add in all must be the same at any size: `paddings` less what `crops` takes off again.
        Raises `Miss` if it is not, or if the operation between them does anything but valid steps of one.
        """
        if to_space is None:
            return
        require(self.padding == "valid" and not self.zeros, "padding between SpaceToBatchND and its inverse", to_space)
        steps = {*self.strides, *self.dilation_rate}
        require(steps == {1}, "strides between SpaceToBatchND and its inverse", to_space)
        rates, same = (self._spread(_blocks(view), 1, view) for view in (to_batch, to_space))
        require(rates == same, "two block shapes", to_space)
        starts, crops = _starts(to_batch, "paddings"), _starts(to_space, "crops")
        require(starts is not None and crops is not None, "where it pads is not known before it runs", to_batch)
        require(not any(crops), "BatchToSpaceND crops at the start", to_space)
        x, y = to_batch.node.inputs[0], to_space.out
        require(x.probe is not None and y.probe is not None, "the sizes around it are not known", to_batch)
        reach = [(size - 1) * rate for size, rate in zip(self.size, rates, strict=True)]
        added = [y.probe[axis] - x.probe[axis] + far for axis, far in enumerate(reach, 1)]
        starts = self._spread(starts, 0, to_batch)
        zeros = tuple((first, both - first) for first, both in zip(starts, added, strict=True))
        fits = all(pad >= 0 for pair in zeros for pad in pair)
        require(fits, "BatchToSpaceND crops more than was padded", to_space)
        self.dilation_rate = rates
        if zeros == tuple((far // 2, far - far // 2) for far in reach):
            self.padding = "same"
        else:
            self._pad(zeros)

    def _spread(self, numbers, fill, view):
        """Block shapes and paddings start at axis 1 and may end early."""
        require(len(numbers) <= self.dimension or set(numbers[self.dimension :]) == {fill}, "it moves channels", view)
        return (*numbers[: self.dimension], *[fill] * (self.dimension - len(numbers)))

    def unstride(self, x, view):
        """Let the window move by single steps, and give the strides it had: Keras knows no strides with dilation.

        What is left of the result is then every so many steps. Raises `Miss` where the padding is not known.
        """
        if self.padding == "same":
            sizes = x.shape[1:-1]
            require(None not in sizes, "strides together with dilation, and sizes that are unknown", view)
            zeros = []
            for n, stride, size, rate in zip(sizes, self.strides, self.size, self.dilation_rate, strict=True):
                both = max((-(-n // stride) - 1) * stride + (size - 1) * rate + 1 - n, 0)
                zeros.append((both // 2, both - both // 2))
            self._pad(zeros)
        require(self.padding == "valid", "strides together with dilation, and causal padding", view)
        strides, self.strides = self.strides, (1,) * self.dimension
        return strides

    def drop(self, axis):
        """Leave a spatial axis out, along which the tensor has size 1."""
        self.dimension -= 1
        for name in ("size", "strides", "dilation_rate", "zeros"):
            numbers = getattr(self, name)
            setattr(self, name, numbers and (*numbers[:axis], *numbers[axis + 1 :]))

    def padded(self, x):
        """`x` with the zeros around it that have to be added before the window starts."""
        return zero_padding(x, self.zeros) if self.zeros else x


def zero_padding(x, zeros):
    """`x` in a ZeroPadding layer. zeros: a pair per spatial axis."""
    return getattr(layers, f"ZeroPadding{len(zeros)}D")(padding=zeros[0] if len(zeros) == 1 else zeros)(x)


def per_filter(bias, filters):
    """The bias as [filters], None for none. Raises `Miss` unless it holds one number per filter."""
    if bias is None:
        return None
    shape = bias.value.shape
    fits = shape[-1:] == (filters,) and all(dim == 1 for dim in shape[:-1])
    require(fits, f"a bias of shape {shape} for {filters} filters", bias.value)
    return bias if len(shape) == 1 else bias.reshape((filters,))


def lifted(kernel, lift, view):
    """A kernel over one axis, which got or already has a first axis of size 1, as it is without."""
    if lift is not None:
        require(lift["axis"] == 0, "the kernel gets an axis that is not its first", lift)
        return kernel, kernel.value.shape
    shape = kernel.value.shape
    require(shape[0] == 1, "the kernel has rows", view)
    return kernel.reshape(shape[1:]), shape[1:]


def unlifted(expand, squeeze):
    """Check that the steps became columns of a single row before, and are steps again behind."""
    require(expand["axis"] == 1 and squeeze.get("axes") == (1,), "not a single row", squeeze)


def _blocks(view):
    """The block shape, whether it is an attribute or, beside computed paddings, still a constant input."""
    if len(view.node.inputs) == 1:
        return view["block_shape"]
    block = view.node.inputs[1].node
    require(block.op == "Const", "the block shape is not constant", view)
    return tuple(block.attrs["value"].tolist())


def _starts(view, name):
    """The first number of each pair in paddings or crops: constants, also in stacks of computed pairs. Else None."""
    if len(view.node.inputs) == 1:
        return tuple(first for first, _ in view[name])
    node = view.node.inputs[2].node
    while node.op == "StridedSlice" and node.out.shape == node.inputs[0].shape:
        node = node.inputs[0].node
    if node.op == "Const":
        return tuple(first for first, _ in node.attrs["value"].tolist())
    if node.op != "Stack":
        return None
    firsts = [row.node.inputs[0].node if row.node.op == "Stack" else row.node for row in node.inputs]
    if any(first.op != "Const" for first in firsts):
        return None
    return tuple(int(first.attrs["value"].flat[0]) for first in firsts)
