"""Packages that take at least half a second to import, by the Snugnet module that imports them."""

# The fork server imports these packages before it runs a job that can reach the module.
IMPORTS = {
    "snugnet.akida.convert": ("cnn2snn",),
    "snugnet.akida.exact": ("quantizeml.layers.quantizers",),
    "snugnet.akida.keras_runtime": ("quantizeml",),
    "snugnet.akida.quantize": ("quantizeml",),
    "snugnet.evaluation.metrics": ("sklearn.metrics",),
    "snugnet.evaluation.statistics": ("scipy.stats",),
    "snugnet.compress.pruning.magnitude": ("tensorflow_model_optimization.sparsity.keras",),
    "snugnet.compress.quantizers.qat": ("tensorflow_model_optimization",),
    "snugnet.compress.lowrank.tt": ("tensorly.decomposition",),
    "snugnet.compress.lowrank.tucker": ("tensorly.decomposition",),
    "snugnet.datasets.digits": ("sklearn.datasets",),
    "snugnet.datasets.ecgsyn": ("neurokit2", "scipy.signal"),
    "snugnet.datasets.splits": ("sklearn.model_selection",),
    "snugnet.datasets.synthetic_beats": ("scipy.signal",),
    "snugnet.datasets.synthetic_imu": ("scipy.spatial.transform",),
    "snugnet.models.loading.keras2": ("tensorflow", "tf_keras"),
    "snugnet.models.training.fit": ("sklearn.utils.class_weight",),
    # These take less than half a second, but hundreds of short jobs import them.
    "snugnet.tflite.boundary": ("ai_edge_litert.schema_py_generated",),
    "snugnet.tflite.flatbuffer": ("ai_edge_litert.schema_py_generated",),
    "snugnet.tflite.runtimes.litert": ("ai_edge_litert.interpreter",),
    "snugnet.tflite.runtimes.reference": ("ai_edge_litert.interpreter",),
    "snugnet.verification.layer_errors": ("ai_edge_litert.interpreter",),
    "snugnet.tflite.runtimes.micro": ("tflite_micro",),
}
# Packages that import TensorFlow. A process with TensorFlow takes ten times as long to fork as one
# with the other packages. Jobs that import none of these therefore have a fork server of their own.
TENSORFLOW = frozenset(
    {"cnn2snn", "quantizeml", "tensorflow", "tensorflow_model_optimization", "tf_keras"}
)
