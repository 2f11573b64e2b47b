"""Whole numbers that are written out and hashed."""

from porter.rule import layers, require, rule


@rule
def hashed_number(tf, number):
    """Raise the hash of a whole number's text to `Hashing`, which writes numbers out itself.

    Shapes: any. Left as ops: numbers that are written in a form of their own.
    Source: tensorflow/python/feature_column/feature_column_v2.py, class HashedCategoricalColumn, 1.15.
    """
    return tf.StringToHashBucketFast(tf.AsString(number)).named("hash")


@hashed_number.to_keras
def _(number, hash):
    require(number.dtype.startswith("int"), "not a whole number", hash)
    return layers.Hashing(int(hash["num_buckets"]))(number)


@hashed_number.example("tf.as_string before tf.strings.to_hash_bucket_fast", "Hashing")
def _(tf):
    number = tf.placeholder(tf.int32, [None, 3], "number")
    return tf.one_hot(tf.strings.to_hash_bucket_fast(tf.as_string(number), 7), 7)


RULES = (hashed_number,)
