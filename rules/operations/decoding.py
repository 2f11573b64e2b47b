"""Labels out of logits, and data out of bytes."""

from porter.rule import many, op, porter_layers, refuse, require, warn


@op("CTCGreedyDecoder")
def ctc_greedy_decoder(x, lengths, *, merge_repeated=False, blank_index=-1):
    require(blank_index == -1, "a blank that is not the last class")
    warn(
        "how many labels come out depends on the values: it runs eagerly on every backend, compiled on TensorFlow alone"
    )
    return many(porter_layers.CTCGreedyDecoder(merge_repeated=merge_repeated)(x, lengths), 4)


refuse(
    "EditDistance",
    reason="it measures sparse labels, which no Keras model holds; name the labels or the logits with --outputs",
)
refuse(
    "CTCBeamSearchDecoder",
    reason="keras.ops has no beam search over CTC; name its logits with --outputs, and decode behind the model",
)
refuse(
    "ParseExample", "ParseExampleV2", "ParseSingleExample", "ParseSequenceExample", "ParseSequenceExampleV2",
    "ParseSingleSequenceExample", "ParseTensor", "DecodeProtoV2", "DecodeRaw", "DecodePaddedRaw", "DecodeCSV",
    "DecodeCompressed", "DecodeJSONExample", "DecodeJpeg", "DecodePng", "DecodeBmp", "DecodeGif", "DecodeImage",
    "DecodeAndCropJpeg", "DecodeWav", "EncodeJpeg", "EncodePng", "EncodeWav", "EncodeBase64", "DecodeBase64", "ReadFile",
    "SerializeTensor", "ExtractJpegShape", "RemoteCall", "WholeFileReaderV2", "ReaderReadV2",
    reason="a Keras model takes tensors of numbers, not bytes to be decoded; name the decoded tensors behind this operation "
    "with --inputs, and decode before the model",
)  # fmt: skip
refuse(
    "PyFunc", "PyFuncStateless", "EagerPyFunc", "CudnnRNN", "CudnnRNNV2", "CudnnRNNV3",
    reason="what it computes is not in the graph; name its outputs with --inputs to convert what stands behind it",
)  # fmt: skip
