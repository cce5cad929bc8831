"""From a Keras model to a .tflite file of one scheme."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from tensorflow.lite.python.util import modify_model_io_type
from tensorflow.lite.tools.flatbuffer_utils import (
    convert_bytearray_to_object,
    convert_object_to_bytearray,
)
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from snugnet.core.errors import InputError
from snugnet.core.progress import progress
from snugnet.core.tflite_schemes import FULL_INT8, Scheme
from snugnet.models.loading.keras2 import tf, tf_keras

# Schemes whose files hold the same network if weights are frozen first; those of `float16` do not.
FROZEN = ("float32", "drq", *FULL_INT8)
DTYPES = {"float32": tf.float32, "int8": tf.int8, "uint8": tf.uint8}


def convert(
    model: tf_keras.Model,
    scheme: Scheme,
    calibration: np.ndarray | None = None,
    quantized: bool = False,
) -> bytes:
    """Convert a model.

    The batch is fixed at 1: with an open batch the converter surrounds every Reshape with SHAPE
    and PACK operators. An interpreter can resize the input to a batch all the same.

    Args:
        model: An uncompiled Keras model with one input and one output.
        scheme: What to make.
        calibration: Inputs that estimate activation ranges, (n, ...); needed where
            `scheme.calibrated`, unless the model is quantized.
        quantized: Whether the model has quantizers, whose trained ranges are then used; only for
            schemes that compute in int8.

    Returns:
        The flatbuffer. Equal models, schemes and calibration give equal bytes.

    Raises:
        InputError: If calibration is needed and missing.
    """
    converter = converter_of(model, scheme, calibration, quantized, scheme.name in FROZEN)
    flatbuffer: bytes = converter.convert()
    return flatbuffer


def converter_of(
    model: tf_keras.Model,
    scheme: Scheme,
    calibration: np.ndarray | None = None,
    quantized: bool = False,
    frozen: bool = False,
) -> tf.lite.TFLiteConverter:
    """Configure a converter as `convert` uses it.

    Args:
        model: An uncompiled Keras model with one input and one output.
        scheme: What to make.
        calibration: Inputs that estimate activation ranges, (n, ...).
        quantized: Whether the model has quantizers.
        frozen: Whether weights become constants before the converter saves and loads the model,
            which takes it a second for the variables of a small one.

    Raises:
        InputError: If calibration is needed and missing.
    """
    shape = (1, *model.input_shape[1:])
    function = tf.function(lambda x: model(x, training=False), autograph=False)
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32, name="input"))
    # A bare holder of the weights: given the Keras model itself, the converter would first save all
    # its layers, each with its own traced functions, for seconds and to no effect on the result.
    holder = tf.Module()
    if frozen:
        concrete = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    else:
        holder.variables_to_save = model.variables
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], holder)
    _configure(converter, scheme)
    if quantized:
        # Asked for int8 operators only, the converter would demand calibration, to no effect.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    elif scheme.calibrated:
        if calibration is None or len(calibration) == 0:
            raise InputError(f"scheme {scheme.name} requires calibration samples")
        converter.representative_dataset = lambda: one_by_one(calibration, "calibrating")
    return converter


def change_io_types(flatbuffer: bytes, scheme: Scheme, quantized: bool = False) -> bytes:
    """Give an int8 network with float32 input and output the ones of another scheme.

    Args:
        flatbuffer: A file of scheme `fiq_float32` that `convert` made.
        scheme: `fiq_int8` or `fiq_uint8`.
        quantized: As for `convert`.

    Returns:
        The flatbuffer: graph, weights and quantization as `convert` makes them for `scheme`,
        without calibrating or quantizing again.
    """
    dtype = DTYPES[scheme.input_output]
    changed = bytes(modify_model_io_type(flatbuffer, dtype, dtype))
    if quantized or scheme.input_output != "int8":
        return changed
    return _numbered_as_calibrated(changed, flatbuffer)


def _numbered_as_calibrated(flatbuffer: bytes, original: bytes) -> bytes:
    """Number and name tensors as the quantizer of calibrated models does: the input comes first.

    Args:
        flatbuffer: A file with an int8 input and output.
        original: The file that it was made from.
    """
    model, before = (convert_bytearray_to_object(data) for data in (flatbuffer, original))
    graph, old = model.subgraphs[0], before.subgraphs[0]
    first = graph.inputs[0]
    graph.tensors[first].name = old.tensors[old.inputs[0]].name
    graph.tensors[graph.outputs[0]].name = old.tensors[old.outputs[0]].name
    graph.tensors.insert(0, graph.tensors.pop(first))
    places = {index: index + 1 for index in range(first)} | {first: 0}
    for table in (graph, *graph.operators):
        table.inputs = _renumbered(table.inputs, places)
        table.outputs = _renumbered(table.outputs, places)
    for operator in graph.operators:
        operator.intermediates = _renumbered(operator.intermediates, places)
    for signature in model.signatureDefs or ():
        for end in (*signature.inputs, *signature.outputs):
            end.tensorIndex = places.get(end.tensorIndex, end.tensorIndex)
    return bytes(convert_object_to_bytearray(model))


def _renumbered(tensors: Sequence[int] | None, places: Mapping[int, int]) -> list[int] | None:
    return None if tensors is None else [places.get(index, index) for index in tensors]


def _configure(converter: tf.lite.TFLiteConverter, scheme: Scheme) -> None:
    if scheme.weights == "float32":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme.weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if scheme.activations == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if scheme.activations == "int16":
        ops = tf.lite.OpsSet
        converter.target_spec.supported_ops = [
            ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
    if scheme.is_full_integer:
        converter.inference_input_type = DTYPES[scheme.input_output]
        converter.inference_output_type = DTYPES[scheme.input_output]


def one_by_one(samples: np.ndarray, description: str) -> Iterator[list[np.ndarray]]:
    """Yield samples, (n, ...), as batches of one in float32, with a progress line in the log."""
    with progress(len(samples), description) as meter:
        for sample in samples:
            yield [sample[np.newaxis].astype(np.float32)]
            meter.update(1)
