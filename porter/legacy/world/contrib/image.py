"""`tf.contrib.image`: transforms by the operation that is still there."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v1 as tf


def transform(
    images: Any, transforms: Any, interpolation: str = "NEAREST", output_shape: Any = None, name: str | None = None
) -> Any:
    """images [batch, rows, columns, channels] (or without batch, or without channels) by transforms [8] or [batch, 8]."""
    with tf.name_scope(name, "transform"):
        images = tf.convert_to_tensor(images)
        rank = images.get_shape().ndims
        batch = images[tf.newaxis, ..., tf.newaxis] if rank == 2 else images[tf.newaxis] if rank == 3 else images
        transforms = tf.convert_to_tensor(transforms, tf.float32)
        transforms = transforms[tf.newaxis] if transforms.get_shape().ndims == 1 else transforms
        size = tf.shape(batch)[1:3] if output_shape is None else output_shape
        moved = tf.raw_ops.ImageProjectiveTransformV2(
            images=batch, transforms=transforms, output_shape=size, interpolation=interpolation.upper()
        )
        moved.set_shape([batch.get_shape()[0], None, None, batch.get_shape()[3]])
        if output_shape is None:
            moved.set_shape(batch.get_shape())
        return moved[0, :, :, 0] if rank == 2 else moved[0] if rank == 3 else moved


def angles_to_projective_transforms(angles: Any, image_height: Any, image_width: Any, name: str | None = None) -> Any:
    """Transforms [batch, 8] that turn pictures by `angles` (radians, counterclockwise) about their centre."""
    with tf.name_scope(name, "angles_to_projective_transforms"):
        angles = tf.convert_to_tensor(angles, tf.float32)
        angles = angles[tf.newaxis] if angles.get_shape().ndims == 0 else angles
        cosine, sine = tf.cos(angles)[:, None], tf.sin(angles)[:, None]
        width, height = tf.cast(image_width, tf.float32) - 1, tf.cast(image_height, tf.float32) - 1
        across = (width - (cosine * width - sine * height)) / 2.0
        down = (height - (sine * width + cosine * height)) / 2.0
        nothing = tf.zeros_like(cosine)
        return tf.concat([cosine, -sine, across, sine, cosine, down, nothing, nothing], 1)


def rotate(images: Any, angles: Any, interpolation: str = "NEAREST", name: str | None = None) -> Any:
    """Pictures turned by `angles`, in radians."""
    with tf.name_scope(name, "rotate"):
        images = tf.convert_to_tensor(images)
        first = 0 if images.get_shape().ndims < 4 else 1
        rows, columns = tf.shape(images)[first], tf.shape(images)[first + 1]
        return transform(images, angles_to_projective_transforms(angles, rows, columns), interpolation)
