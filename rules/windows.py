"""What convolutions and pooling have in common: windows that slide over the spatial axes.

Nothing here is a rule. `biased` and `dilated` are parts of formulas, the rest reads what they bound.
"""

from porter.rule import layers, one_of, require

FORMATS = {"NHWC": "channels_last", "NDHWC": "channels_last", "NCHW": "channels_first", "NCDHW": "channels_first"}


def biased(tf, y, bias):
    """`y` with a bias behind it, in any spelling, or without."""
    folded = tf.Reshape(tf.BiasAdd(tf.Reshape(y).named("fold"), bias).named("add_bias")).named("unfold")  # NCDHW
    return one_of(folded, tf.BiasAdd(y, bias).named("add_bias"), tf.Add(y, bias), y)


def dilated(tf, x, convolve, block, paddings, crops):
    """`convolve(x)`, or SpaceToBatchND, `convolve`, BatchToSpaceND: how TensorFlow 1 writes a dilated convolution.

    block, paddings and crops stay unbound where they are constants.
    """
    to_batch = one_of(tf.SpaceToBatchND(x).named("to_batch"), tf.SpaceToBatchND(x, block, paddings).named("to_batch"))
    y = convolve(to_batch)
    return one_of(tf.BatchToSpaceND(y).named("to_space"), tf.BatchToSpaceND(y, block, crops).named("to_space"), convolve(x))


class Window:
    """How a window moves over `x`, in the words of Keras' layers.

    strides, dilation_rate: a number per spatial axis. padding: "same" or "valid". zeros: pairs of zero rows, columns, ...
    to add first; None for none. axis: that of the channels.
    """

    def __init__(self, view, x, size, rank=None):
        """view: the operation. x: the tensor it moves over. size: the window's, per spatial axis.

        rank: the operation's, where it has one more axis than `x` (1D written as 2D). Raises `Miss` where Keras has no
        such window.
        """
        rank = rank or x.rank
        require(x.rank is not None, "the rank of the input is unknown", view)
        self.data_format = FORMATS[view.get("data_format", "NHWC")]
        self.axis = 1 if self.data_format == "channels_first" else x.rank - 1
        self.spatial = tuple(axis for axis in range(1, x.rank) if axis != self.axis)
        self.size = tuple(size)
        self.strides = self.per_axis(view, "strides", rank)
        self.dilation_rate = self.per_axis(view, "dilations", rank)
        self.zeros = None
        self.padding = view["padding"].lower()
        if self.padding == "explicit":
            flat = view["explicit_paddings"]
            pairs = [(flat[2 * axis], flat[2 * axis + 1]) for axis in range(rank)]
            zeros = self.pick(pairs, rank)
            require(sum(map(sum, zeros)) == sum(flat), "explicit padding of batch, channels or an axis of size 1", view)
            self._pad(zeros)
        require(self.padding in ("same", "valid"), f"padding {self.padding}", view)

    def pick(self, per_axis, rank):
        """Of one entry per axis of the operation, those of the spatial axes; of 1D written as 2D, the last."""
        spatial = per_axis[2:] if self.data_format == "channels_first" else per_axis[1:-1]
        return tuple(spatial)[rank - 2 - len(self.spatial) :]

    def per_axis(self, view, name, rank):
        """A list attribute's entries for the spatial axes; 1 where it is left out. Batch and channels must have 1."""
        numbers = tuple(view.get(name, (1,) * rank))
        spatial = self.pick(numbers, rank)
        first = self.data_format == "channels_first"
        require(numbers[0] == 1 and numbers[1 if first else -1] == 1, f"{name} over batch or channels", view)
        return spatial

    def _pad(self, zeros):
        """Zeros before the window starts: also known as explicit padding."""
        self.padding = "valid"
        self.zeros = zeros if any(map(any, zeros)) else None

    def dilate(self, to_batch, to_space):
        """Take in the SpaceToBatchND and BatchToSpaceND around the operation, if there are any.

        What they add in all must be the same at any size: `paddings` less what `crops` takes off again.
        Raises `Miss` if it is not, or if the operation between them does anything but valid steps of one.
        """
        if to_space is None:
            return
        require(self.padding == "valid" and not self.zeros, "padding between SpaceToBatchND and BatchToSpaceND", to_space)
        require(set(self.strides) == {1} and set(self.dilation_rate) == {1}, "strides of a dilated convolution", to_space)
        rates, same = (self._spread(_blocks(view), 1) for view in (to_batch, to_space))
        require(rates == same, "two block shapes", to_space)
        starts, crops = _starts(to_batch, "paddings"), _starts(to_space, "crops")
        require(starts is not None and crops is not None, "where it pads is not known before it runs", to_batch)
        require(not any(crops), "BatchToSpaceND crops at the start", to_space)
        x, y = to_batch.node.inputs[0], to_space.out
        require(x.probe is not None and y.probe is not None, "the sizes around it are not known", to_batch)
        reach = [(size - 1) * rate for size, rate in zip(self.size, rates, strict=True)]
        added = [y.probe[axis] - x.probe[axis] + far for axis, far in zip(self.spatial, reach, strict=True)]
        zeros = tuple((first, both - first) for first, both in zip(self._spread(starts, 0), added, strict=True))
        require(all(pad >= 0 for pair in zeros for pad in pair), "BatchToSpaceND crops more than was padded", to_space)
        self.dilation_rate = rates
        if zeros == tuple((far // 2, far - far // 2) for far in reach):
            self.padding = "same"
        else:
            self._pad(zeros)

    def _spread(self, numbers, fill):
        """Block shapes and paddings start at axis 1, channels included, and may end early."""
        numbers = [*numbers, *[fill] * (len(self.spatial) + 2)]
        require(self.spatial[0] == 1 or numbers[0] == fill, "SpaceToBatchND over channels")
        require(all(number == fill for number in numbers[self.spatial[-1] :]), "SpaceToBatchND over channels")
        return tuple(numbers[axis - 1] for axis in self.spatial)

    @property
    def dimension(self):
        """1, 2 or 3, as in Conv2D."""
        return len(self.spatial)

    def padded(self, x):
        """`x` with the zeros around it that have to be added before the window starts."""
        if not self.zeros:
            return x
        zeros = self.zeros[0] if self.dimension == 1 else self.zeros
        return getattr(layers, f"ZeroPadding{self.dimension}D")(padding=zeros, data_format=self.data_format)(x)

    def bias(self, bias, filters, add_bias, fold=None, unfold=None):
        """The bias as [filters]. Raises `Miss` unless it holds one number per filter.

        fold, unfold: reshapes around the addition, which NCDHW needs; rows and planes are one axis between them.
        """
        if bias is None:
            return None
        shape = bias.value.shape
        if fold is not None:
            before, between, after = fold.node.inputs[0], fold.out, unfold.out
            fold.get("shape"), unfold.get("shape")
            channels = [y.shape[1] if y.shape else None for y in (before, between, after)]
            require(self.axis == 1 and before.shape == after.shape and channels == [filters] * 3, "a reshape", fold)
            require(between.rank == 4 and between.shape[3] == before.shape[4], "a reshape", fold)
        if add_bias is not None:
            axis = 1 if FORMATS[add_bias.get("data_format", "NHWC")] == "channels_first" else -1
            here = -1 if self.data_format == "channels_last" else 1
            require(axis == here and shape == (filters,), "the bias is added along another axis", add_bias)
            return bias
        places = len(self.spatial) + 2
        shape = (1,) * (places - len(shape)) + shape
        wanted = tuple(filters if axis == self.axis else 1 for axis in range(places))
        require(shape == wanted, f"a bias of shape {bias.value.shape}", bias.value)
        return bias if bias.value.shape == (filters,) else bias.reshape((filters,))


def _blocks(view):
    """The block shape, whether it is an attribute or, beside computed paddings, still a constant input."""
    if len(view.node.inputs) == 1:
        return view["block_shape"]
    block = view.node.inputs[1].node
    require(block.op == "Const", "the block shape is not constant", view)
    return block.attrs["value"].tolist()


def _starts(view, name):
    """The first number of each pair in paddings or crops, constants or constant in stacks of computed pairs; or None."""
    if len(view.node.inputs) == 1:
        return [first for first, _ in view[name]]
    node = view.node.inputs[2].node
    while node.op == "StridedSlice" and node.out.shape == node.inputs[0].shape:
        node = node.inputs[0].node
    if node.op == "Const":
        return [first for first, _ in node.attrs["value"].tolist()]
    if node.op != "Stack":
        return None
    firsts = [row.node.inputs[0].node if row.node.op == "Stack" else row.node for row in node.inputs]
    if any(first.op != "Const" for first in firsts):
        return None
    return [int(first.attrs["value"].flat[0]) for first in firsts]
