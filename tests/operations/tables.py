"""Lookups in tables, hashes of text, and text that is compared with a word."""

import numpy as np

from operations import Case

WORDS = ["red", "green", "blue", "pink"]


def found(tf, keys, values, tensor, default):
    """What is looked up in a table that the graph itself fills."""
    keys, values = tf.constant(keys), tf.constant(values)
    table = tf.raw_ops.HashTableV2(key_dtype=keys.dtype, value_dtype=values.dtype)
    tf.raw_ops.InitializeTableV2(table_handle=table, keys=keys, values=values)
    return tf.raw_ops.LookupTableFindV2(
        table_handle=table, keys=tensor, default_value=tf.constant(default, values.dtype)
    )


def numbered(tf, text, default, words=WORDS):
    return found(tf, words, np.arange(len(words)), text, default)


CASES: list[Case] = [
    ("LookupTableFindV2", lambda tf, text: numbered(tf, text, -1)),
    ("LookupTableFindV2", lambda tf, text: numbered(tf, text, -1, ["[UNK]", *WORDS])),
    ("LookupTableFindV2", lambda tf, text: numbered(tf, text, 0)),
    ("LookupTableFindV2", lambda tf, text: numbered(tf, text, 1)),
    ("LookupTableFindV2", lambda tf, text: numbered(tf, text, 7)),
    ("LookupTableFindV2", lambda tf, text: found(tf, WORDS, np.arange(1, 5), text, 0)),
    ("LookupTableFindV2", lambda tf, text: found(tf, WORDS, np.arange(3, 7), text, 2)),
    ("LookupTableFindV2", lambda tf, text: found(tf, WORDS, np.array([0.5, -1, 2, 4], "float32"), text, 9.0)),
    ("LookupTableFindV2", lambda tf, text: found(tf, [str(i) for i in range(40)], np.arange(40.0) ** 2, text, -1.0)),
    ("LookupTableFindV2", lambda tf, text: found(tf, WORDS, [w.upper() for w in WORDS], text, "NONE")),
    (
        "LookupTableFindV2",
        lambda tf, long: found(tf, np.array([11, -3, 5]), np.array([1.5, 2, 4], "float32"), long, -1),
    ),
    ("LookupTableFindV2", lambda tf, long: found(tf, np.arange(4), WORDS, long, "none")),
    ("LookupTableFindV2", lambda tf, long: found(tf, np.arange(5), ["a", "b", "a", "none", "c"], long, "none")),
    ("LookupTableFindV2", lambda tf, long: found(tf, np.array([7, 2, 4, -1]), WORDS, long, "none")),
    ("StringToHashBucketFast", lambda tf, text: tf.strings.to_hash_bucket_fast(text, 7)),
    ("StringToHashBucketStrong", lambda tf, text: tf.strings.to_hash_bucket_strong(text, 7, [12345, 678])),
    ("Equal", lambda tf, text: tf.equal(text, "red")),
    ("NotEqual", lambda tf, text: tf.not_equal("", text)),
]
