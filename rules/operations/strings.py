"""Strings that no Keras layer makes; what one makes of them stands in `tables`."""

from porter.rule import refuse

refuse(
    "HashTable", "HashTableV2", "MutableHashTable", "MutableHashTableV2", "MutableDenseHashTableV2",
    "MutableHashTableOfTensors", "MutableHashTableOfTensorsV2", "AnonymousHashTable", "LookupTableExportV2",
    "LookupTableInsertV2", "LookupTableRemoveV2",
    reason="of tables Keras can only look up in one, in which one value stands beside each key; look the keys up before the "
    "model, and name what was found with --inputs (or what is looked up last with --outputs)",
)  # fmt: skip
refuse(
    "AsString", "StringJoin", "StringFormat", "StringLength", "StringLower", "StringUpper", "StringNGrams", "StringSplit",
    "StringSplitV2", "StringStrip", "StringToHashBucket",
    "StringToNumber", "Substr", "RegexReplace", "RegexFullMatch", "StaticRegexReplace", "StaticRegexFullMatch",
    "ReduceJoin", "UnicodeDecode", "UnicodeDecodeWithOffsets", "UnicodeEncode", "UnicodeScript", "UnicodeTranscode",
    "UnsortedSegmentJoin",
    reason="Keras has no layer for it; name what was made of the text with --inputs",
)  # fmt: skip
