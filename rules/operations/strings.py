"""Strings and tables, which have no place in a Keras model: they are looked up before it, or behind it."""

from porter.rule import refuse

refuse(
    "HashTable", "HashTableV2", "MutableHashTable", "MutableHashTableV2", "MutableDenseHashTableV2", "LookupTableFind",
    "LookupTableFindV2", "LookupTableSize", "LookupTableSizeV2", "LookupTableImport", "LookupTableImportV2",
    "LookupTableExportV2", "LookupTableInsertV2", "InitializeTable", "InitializeTableV2", "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2",
    reason="a table is filled by an operation beside the graph, from a list or a file that the model does not hold; look the "
    "keys up before the model, and name what was found with --inputs (or what is looked up last with --outputs)",
)  # fmt: skip
refuse(
    "AsString", "StringJoin", "StringFormat", "StringLength", "StringLower", "StringUpper", "StringNGrams", "StringSplit",
    "StringSplitV2", "StringStrip", "StringToHashBucket", "StringToHashBucketFast", "StringToHashBucketStrong",
    "StringToNumber", "Substr", "RegexReplace", "RegexFullMatch", "StaticRegexReplace", "StaticRegexFullMatch",
    "ReduceJoin", "UnicodeDecode", "UnicodeDecodeWithOffsets", "UnicodeEncode", "UnicodeScript", "UnicodeTranscode",
    "UnsortedSegmentJoin",
    reason="a Keras model takes tensors of numbers, not strings; name the numbers made of them with --inputs",
)  # fmt: skip
