"""What belongs to training, to input pipelines and to files: known, and no part of a model that answers."""

from porter.rule import refuse

refuse(
    "ApplyAdaMax", "ApplyAdadelta", "ApplyAdagrad", "ApplyAdam", "ApplyCenteredRMSProp", "ApplyFtrl", "ApplyFtrlV2",
    "ApplyGradientDescent", "ApplyMomentum", "ApplyProximalAdagrad", "ApplyRMSProp", "ResourceApplyAdagrad",
    "ResourceApplyAdam", "ResourceApplyFtrl", "ResourceApplyFtrlV2", "ResourceApplyGradientDescent",
    "ResourceApplyKerasMomentum", "ResourceApplyMomentum", "ResourceApplyRMSProp", "SparseApplyAdagrad",
    "SparseApplyAdam", "SparseApplyFtrl", "SparseApplyMomentum", "ResourceSparseApplyAdagrad",
    "ResourceSparseApplyFtrl",
    reason="it is a step of an optimizer, which Keras takes with model.fit; name an output in front of the loss with "
    "--outputs",
)  # fmt: skip
refuse(
    "AvgPool3DGrad", "AvgPoolGrad", "BiasAddGrad", "BroadcastGradientArgs", "Conv2DBackpropFilter",
    "Conv3DBackpropFilter", "Conv3DBackpropFilterV2", "DepthwiseConv2dNativeBackpropFilter",
    "DepthwiseConv2dNativeBackpropInput", "EluGrad",
    "FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3", "InvGrad", "LRNGrad", "LeakyReluGrad",
    "MaxPool3DGrad", "MaxPoolGrad", "MaxPoolGradGrad", "MaxPoolGradV2", "MaxPoolGradWithArgmax", "MirrorPadGrad",
    "ReciprocalGrad", "Relu6Grad", "ReluGrad",
    "ResizeBicubicGrad", "ResizeBilinearGrad", "ResizeNearestNeighborGrad", "RsqrtGrad", "SeluGrad", "SigmoidGrad",
    "SoftplusGrad", "SoftsignGrad", "SqrtGrad", "StridedSliceGrad", "TanhGrad", "BatchCholeskyGrad", "BlockLSTMGrad",
    "BlockLSTMGradV2", "CholeskyGrad", "CropAndResizeGradBoxes", "CropAndResizeGradImage", "Dilation2DBackpropFilter",
    "Dilation2DBackpropInput", "FractionalAvgPoolGrad", "FractionalMaxPoolGrad", "GRUBlockCellGrad", "LSTMBlockCellGrad",
    "RandomGammaGrad", "ScaleAndTranslateGrad", "SparseSegmentMeanGrad", "SparseSegmentSqrtNGrad", "TileGrad",
    reason="it computes a derivative, which Keras has no function for, and which its backends find by themselves in "
    "training; name an output of the network itself with --outputs",
)  # fmt: skip
refuse(
    "BatchDatasetV2", "FIFOQueue", "FIFOQueueV2", "IteratorGetNext", "IteratorToStringHandle", "IteratorV2",
    "MakeIterator", "MapDataset", "OneShotIterator", "PaddingFIFOQueueV2", "ParallelMapDataset", "PrefetchDataset",
    "QueueCloseV2", "QueueDequeue", "QueueDequeueMany", "QueueDequeueManyV2", "QueueDequeueUpToV2", "QueueDequeueV2",
    "QueueEnqueue", "QueueEnqueueMany", "QueueEnqueueManyV2", "QueueEnqueueV2", "QueueSizeV2", "RandomShuffleQueueV2",
    "RepeatDataset", "ShuffleDataset", "TensorSliceDataset",
    reason="it is part of an input pipeline, which stands before a Keras model; name the tensors that come out of it with "
    "--inputs",
)  # fmt: skip
refuse(
    "AudioSummaryV2", "HistogramSummary", "ImageSummary", "MergeSummary", "MergeV2Checkpoints", "RestoreV2", "Restore",
    "RestoreSlice", "Save", "SaveSlices", "SaveV2", "ScalarSummary", "ShardedFilename", "ShardedFilespec",
    "TensorSummary", "TensorSummaryV2",
    reason="it writes or reads a file; name an output of the network itself with --outputs",
)  # fmt: skip
refuse(
    "Assign", "AssignAdd", "AssignAddVariableOp", "AssignSub", "AssignSubVariableOp", "AssignVariableOp", "ScatterAdd",
    "ScatterNdUpdate", "ScatterSub", "ScatterUpdate", "ResourceScatterAdd", "ResourceScatterUpdate", "VariableShape",
    "IsVariableInitialized", "VarIsInitializedOp",
    reason="it changes a variable, or asks about one; a Keras model that answers leaves its weights alone. Name an output "
    "that does not depend on it with --outputs",
)  # fmt: skip
