"""Layers as Keras had them before it became TensorFlow's, where today's of the name compute something else."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras


class OlderUpSampling2D(tf_keras.layers.UpSampling2D):
    """Bilinear upsampling whose grids meet at the corner of the first pixel, not at the pixels' centres.

    Source: Keras 2.3.1, `resize_images` of its TensorFlow backend, which calls TensorFlow 1's resize_bilinear.
    """

    def call(self, inputs: Any) -> Any:
        first = self.data_format == "channels_first"
        x = tf.transpose(inputs, (0, 2, 3, 1)) if first else inputs
        sizes = [
            tf.shape(x)[axis] * factor if x.shape[axis] is None else x.shape[axis] * factor
            for axis, factor in zip((1, 2), self.size, strict=True)
        ]
        x = tf.compat.v1.image.resize_bilinear(x, sizes)
        return tf.transpose(x, (0, 3, 1, 2)) if first else x
