"""`CroppingLike`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class CroppingLike(layers.Layer):
    """Cuts a picture to the rows and columns of another, which are at most its own.

    Args: centered: cut on both sides, one more behind where the number is odd; else behind only.

    Call arguments: x [batch, rows, columns, channels], and `like`, of whose shape the axes in the middle count. Clips have
    one axis more.
    """

    def __init__(self, centered=False, **kwargs):
        super().__init__(**kwargs)
        self.centered = centered

    def call(self, x, like):
        cut = [slice(None)]
        for own, size in zip(ops.shape(x)[1:-1], ops.shape(like)[1:-1]):
            before = (own - size) // 2 if self.centered else 0
            cut.append(slice(before, before + size))
        return x[tuple(cut)]

    def compute_output_spec(self, x, like):
        return keras.KerasTensor((x.shape[0], *like.shape[1:-1], x.shape[-1]), dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "centered": self.centered}
