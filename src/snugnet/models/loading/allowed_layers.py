"""What the description of a model from an untrusted file may contain.

Everything here computes with numbers only. Left out are layers that run code of the file (Lambda),
read other files (vocabularies of text layers), or hold functions by name.
"""

# Layers whose settings are plain values.
LAYERS = frozenset(
    {
        *("Activation", "ActivityRegularization", "Add", "AdditiveAttention", "AlphaDropout"),
        *("Attention", "Average", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
        *("BatchNormalization", "CategoryEncoding", "CenterCrop", "Concatenate", "Conv1D"),
        *("Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose"),
        *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Cropping1D", "Cropping2D", "Cropping3D"),
        *("Dense", "DepthwiseConv1D", "DepthwiseConv2D", "Discretization", "Dot", "Dropout"),
        *("ELU", "EinsumDense", "Embedding", "Flatten", "GRU", "GaussianDropout"),
        *("GaussianNoise", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
        *("GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
        *("GlobalMaxPooling3D", "GroupNormalization", "Identity", "InputLayer", "LSTM"),
        *("LayerNormalization", "LeakyReLU", "LocallyConnected1D", "LocallyConnected2D"),
        *("Masking", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Maximum", "Minimum"),
        *("MultiHeadAttention", "Multiply", "Normalization", "PReLU", "Permute"),
        *("RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomHeight"),
        *("RandomRotation", "RandomTranslation", "RandomWidth", "RandomZoom", "ReLU"),
        *("RepeatVector", "Rescaling", "Reshape", "Resizing", "SeparableConv1D"),
        *("SeparableConv2D", "SimpleRNN", "Softmax", "SpatialDropout1D", "SpatialDropout2D"),
        *("SpatialDropout3D", "Subtract", "ThresholdedReLU", "UnitNormalization"),
        *("UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D"),
        "ZeroPadding3D",
    }
)
# Those that Keras builds in a moment, whatever their settings are, if their weights are small and a
# recurrent layer is not unrolled. Others copy or split a tensor piece by piece.
QUICK_LAYERS = frozenset(
    {
        *("Activation", "Add", "AdditiveAttention", "Attention", "Average", "AveragePooling1D"),
        *("AveragePooling2D", "BatchNormalization", "Concatenate", "Conv1D", "Conv1DTranspose"),
        *("Conv2D", "Conv2DTranspose", "Conv3D", "Cropping1D", "Cropping2D", "Dense"),
        *("DepthwiseConv1D", "DepthwiseConv2D", "Dot", "Dropout", "ELU", "Embedding", "Flatten"),
        *("GRU", "GRUCell", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D"),
        *("GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
        *("GroupNormalization", "Identity", "InputLayer", "LSTM", "LSTMCell"),
        *("LayerNormalization", "LeakyReLU", "MaxPooling1D", "MaxPooling2D", "Maximum"),
        *("Minimum", "MultiHeadAttention", "Multiply", "PReLU", "Permute", "ReLU"),
        *("RepeatVector", "Rescaling", "Reshape", "SeparableConv1D", "SeparableConv2D"),
        *("SimpleRNN", "SimpleRNNCell", "Softmax", "SpatialDropout1D", "SpatialDropout2D"),
        *("Subtract", "UnitNormalization", "ZeroPadding1D", "ZeroPadding2D"),
    }
)
MODELS = frozenset({"Functional", "Model", "Sequential"})
# Layers with other layers in their settings: the settings that hold them.
WRAPPERS = {
    "Bidirectional": ("layer", "backward_layer"),
    "RNN": ("cell",),
    "StackedRNNCells": ("cells",),
    "TimeDistributed": ("layer",),
}
CELLS = frozenset({"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"})
ACTIVATIONS = frozenset(
    {
        *("elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh"),
        *("leaky_relu", "linear", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid"),
        *("silu", "softmax", "softplus", "softsign", "swish", "tanh"),
    }
)
# Layers that may be the activation of another layer.
ACTIVATION_LAYERS = frozenset({"ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"})
INITIALIZERS = frozenset(
    {
        *("Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform"),
        *("LecunNormal", "LecunUniform", "Ones", "Orthogonal", "RandomNormal", "RandomUniform"),
        *("TruncatedNormal", "VarianceScaling", "Zeros"),
    }
)
# Settings of initializers, besides the seed.
INITIALIZER_NUMBERS = frozenset({"gain", "maxval", "mean", "minval", "scale", "stddev", "value"})
INITIALIZER_CHOICES = {
    "mode": ("fan_in", "fan_out", "fan_avg"),
    "distribution": ("normal", "truncated_normal", "uniform", "untruncated_normal"),
}
REGULARIZERS = frozenset({"L1", "L1L2", "L2", "OrthogonalRegularizer"})
CONSTRAINTS = frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "RadialConstraint", "UnitNorm"})
# Descriptions of the numbers in which a layer computes.
TYPES = frozenset({"DTypePolicy", "Policy", "PolicyV1"})
# Keras 2: TensorFlow functions that a functional model may call.
FUNCTIONS = frozenset(
    {
        *(f"__operators__.{name}" for name in ("add", "getitem", "matmul", "multiply", "ne")),
        *("cast", "clip_by_value", "compat.v1.transpose", "concat", "convert_to_tensor"),
        *("expand_dims", "identity", "linalg.matmul", "pad", "reshape", "shape", "split"),
        *("squeeze", "stack", "strided_slice", "tile", "transpose", "unstack"),
        *(f"math.{name}" for name in ("abs", "add", "argmax", "ceil", "cos", "divide")),
        *(f"math.{name}" for name in ("divide_no_nan", "erf", "exp", "floor", "floordiv")),
        *(f"math.{name}" for name in ("l2_normalize", "log", "log1p", "log_sigmoid", "maximum")),
        *(f"math.{name}" for name in ("minimum", "multiply", "negative", "pow", "reciprocal")),
        *(f"math.{name}" for name in ("reduce_max", "reduce_mean", "reduce_min", "reduce_sum")),
        *(f"math.{name}" for name in ("reduce_std", "reduce_variance", "round", "rsqrt")),
        *(f"math.{name}" for name in ("scalar_mul", "sigmoid", "sign", "sin", "softmax")),
        *(f"math.{name}" for name in ("softplus", "sqrt", "square", "squared_difference")),
        *(f"math.{name}" for name in ("subtract", "tanh", "truediv")),
        *(f"nn.{name}" for name in ("avg_pool", "avg_pool1d", "avg_pool2d", "bias_add", "elu")),
        *(f"nn.{name}" for name in ("gelu", "l2_normalize", "leaky_relu", "log_softmax")),
        *(f"nn.{name}" for name in ("max_pool", "max_pool1d", "max_pool2d", "moments", "relu")),
        *(f"nn.{name}" for name in ("relu6", "selu", "sigmoid", "silu", "softmax", "softplus")),
        *(f"nn.{name}" for name in ("swish", "tanh")),
    }
)
# Functions with many outputs, or whose constants Keras computes at once.
SLOW_FUNCTIONS = frozenset({"split", "stack", "tile", "unstack"})
# Keras 3: operations that a functional model may call, such as the sum `x + y`.
OPERATIONS = frozenset(
    {
        *("Absolute", "Add", "Average", "Clip", "Concatenate", "Divide", "Exp", "ExpandDims"),
        *("GetItem", "LeakyRelu", "Log", "Matmul", "Max", "Maximum", "Mean", "Min", "Minimum"),
        *("Multiply", "Negative", "Pad", "Power", "Relu", "Relu6", "Reshape", "Sigmoid", "Silu"),
        *("Softmax", "Sqrt", "Square", "Squeeze", "Subtract", "Sum", "Tanh", "Transpose"),
        "TrueDivide",
    }
)
# Layers of tfmot around or between the layers of a model: removed, and their own weights dropped.
PRUNING_WRAPPER = "PruneLowMagnitude"
QUANTIZERS = frozenset(
    {"QuantizeAnnotate", "QuantizeLayer", "QuantizeWrapper", "QuantizeWrapperV2"}
)
