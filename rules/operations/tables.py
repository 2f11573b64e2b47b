"""Lookups in tables, and hashes of text: Keras' layers for text, and one of ours where keys are numbers.

A Keras model may take text, though on the TensorFlow backend alone.
"""

import numpy as np

from porter.rule import Words, constant, layers, op, ops, porter_layers, require, warn

SMALL = 32  # a table with no more values stands in the source
UNKNOWN = "[UNK]"  # what Keras calls words outside of a vocabulary


@op("LookupTableFindV2")
def find_text(table, text, default):
    """The value beside a word; `StringLookup` counts words from 1, and any other is 0."""
    keys, values = table.node.inputs
    require(text.dtype == "string", "the keys are numbers", table)
    words, found = _words(constant(keys), keys), constant(values)
    otherwise = _single(default)
    if values.dtype == "string":
        return _word(_places(words, text), found, otherwise, values)
    first = int(found[0]) if found.dtype.kind in "iu" else None
    counted = first is not None and np.array_equal(found, np.arange(len(found)) + first)
    if counted and first == 0 and otherwise == 0 and len(words) > 1:
        return _as(layers.StringLookup(vocabulary=Words(words[1:]), oov_token=words[0])(text), values)
    if counted and first == 0 and otherwise == 1 and len(words) > 2:
        known = Words(words[2:])
        return _as(layers.StringLookup(mask_token=words[0], oov_token=words[1], vocabulary=known)(text), values)
    places = _places(words, text)
    if counted and otherwise == first - 1:
        shift = first - 1
        numbers = places if not shift else ops.add(places, shift) if shift > 0 else ops.subtract(places, -shift)
        return _as(numbers, values)
    if len(found) <= SMALL:
        return ops.take(np.concatenate([[otherwise], found]).astype(found.dtype), places)
    beside = ops.take(values, ops.maximum(ops.subtract(places, 1), 0))
    return ops.where(ops.greater(places, 0), beside, ops.full_like(beside, otherwise.item()))


@op("LookupTableFindV2")
def find_number(table, number, default):
    """The value beside a whole number."""
    keys, values = table.node.inputs
    require(keys.dtype in ("int32", "int64"), f"the keys are {keys.dtype}", table)
    otherwise = _single(default)
    if np.abs(constant(keys)).max(initial=0) >= 2**31:
        warn(f"{table.node.name} has keys of more than 32 bits, which JAX takes for others")
    if values.dtype != "string":
        return porter_layers.NumberLookup(otherwise.item(), dtype=values.dtype)(number, keys, values)
    numbers, found = constant(keys), constant(values)
    if np.array_equal(numbers, np.arange(len(numbers))):
        places = ops.add(number, 1)
    else:
        require(len(numbers) <= SMALL, "the words of a large table are not numbered from 0", table)
        places = porter_layers.NumberLookup(0)(number, numbers, np.arange(1, len(numbers) + 1))
    return _word(places, found, otherwise, values)


def _word(places, found, otherwise, values):
    """The words with these numbers, counted from 1; any other number stands for `otherwise`."""
    words, other = _words(found, values), _words(otherwise, values)[0]
    different = tuple(dict.fromkeys(word for word in words if word != other))
    require(different, "all of its words are the one for other keys", values)
    if words != different:
        numbers = {word: place + 1 for place, word in enumerate(different)}
        require(len(words) <= 4096, "of many words some are alike", values)
        places = ops.clip(places, 0, len(words) + 1)
        places = ops.take(np.array([0, *(numbers.get(word, 0) for word in words), 0]), places)
    places.dtype = "int64"
    return layers.StringLookup(oov_token=other, vocabulary=Words(different), invert=True)(places)


def _places(words, text):
    """The number of each word, counted from 1, and 0 for any other."""
    own = {} if UNKNOWN not in words else {"oov_token": _other(words)}
    places = layers.StringLookup(vocabulary=Words(words), **own)(text)
    places.dtype = "int64"
    return places


def _other(words):
    """What none of the words is."""
    found = UNKNOWN
    while found in words:
        found = f"[{found}]"
    return found


def _as(numbers, like):
    return numbers if like.dtype == "int64" else ops.cast(numbers, like.dtype)


def _single(default):
    value = constant(default)
    require(value is not None and value.size == 1, "what is given for other keys is known only when it runs", default)
    return value.reshape(())


def _words(array, at):
    """Text as Python has it, as Keras takes words."""
    words = [each if isinstance(each, bytes) else str(each).encode() for each in array.reshape(-1).tolist()]
    require(words, "the table is empty", at)
    require(not any(b"\0" in word for word in words), "a word holds a zero byte, which Keras would cut off", at)
    try:
        return tuple(word.decode() for word in words)
    except UnicodeDecodeError:
        require(False, "a word is not written in UTF-8, as Keras takes words", at)


@op("StringToHashBucketFast")
def hashed(text, *, num_buckets):
    return layers.Hashing(int(num_buckets))(text)


@op("StringToHashBucketStrong")
def salted(text, *, num_buckets, key):
    require(len(key) == 2, "the key has not two numbers", text)
    return layers.Hashing(int(num_buckets), salt=[int(each) for each in key])(text)


@op("Equal")
def equal_text(x, y, *, incompatible_shape_error=True):
    return ops.greater(_same(x, y, incompatible_shape_error), 0)


@op("NotEqual")
def other_text(x, y, *, incompatible_shape_error=True):
    return ops.equal(_same(x, y, incompatible_shape_error), 0)


def _same(x, y, incompatible_shape_error):
    """A number that is not 0 where text is that one word."""
    require(x.dtype == "string", "no text", x)
    text, word = (y, constant(x)) if constant(x) is not None else (x, constant(y))
    require(word is not None, "Keras compares text with words that are known alone", x)
    require(word.size == 1 and word.ndim <= (text.rank or 0), "Keras compares text with one word at a time", x)
    require(incompatible_shape_error, "shapes that may not fit each other", x)
    return _places(_words(word, x), text)
