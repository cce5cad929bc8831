"""Conversion of Keras models to .tflite files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tensorflow.lite.python.util import modify_model_io_type
from tensorflow.lite.tools.flatbuffer_utils import (
    convert_bytearray_to_object,
    convert_object_to_bytearray,
)
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from snugnet.core.errors import InputError
from snugnet.core.inputs import has_several_inputs, split_inputs
from snugnet.core.progress import progress
from snugnet.core.tflite_schemes import FULL_INT8, Scheme
from snugnet.models.loading.keras2 import tf, tf_keras
from snugnet.models.loading.unroll_rnn import RECURRENT, list_recurrent_layers, unroll
from snugnet.tflite.flatbuffer import count_inputs, count_subgraphs, list_signature_inputs

# Schemes whose files hold the same network if variables are frozen first; float16 files do not.
FROZEN = ("float32", "drq", *FULL_INT8)
DTYPES = {"float32": tf.float32, "int8": tf.int8, "uint8": tf.uint8}


def convert(
    model: tf_keras.Model,
    scheme: Scheme,
    calibration: np.ndarray | None = None,
    quantized: bool = False,
) -> bytes:
    """Convert a Keras model to TFLite.

    The batch size is fixed at 1: with an open batch size, the converter surrounds every Reshape
    with SHAPE and PACK operators. An interpreter can still resize the input to a larger batch.

    Args:
        model: An uncompiled Keras model with one output.
        scheme: The quantization scheme.
        calibration: Calibration samples, (n, ...); for several inputs, see `core.inputs`. Required
            if `scheme.calibrated`, unless the model has quantizers.
        quantized: Whether the model has quantizers. The converter then uses their ranges. Only for
            schemes that compute in int8.

    Returns:
        Content of the .tflite file. Equal models, schemes and calibration samples give equal bytes.

    Raises:
        InputError: If calibration samples are required and missing.
    """
    converter = make_converter(model, scheme, calibration, quantized)
    flatbuffer: bytes = converter.convert()
    if len(model.inputs) == 1:
        return flatbuffer
    return _name_inputs(flatbuffer)


def _name_inputs(flatbuffer: bytes) -> bytes:
    """Name the inputs of a file as in Keras: some conversions change their names."""
    names = list_signature_inputs(flatbuffer)
    model = convert_bytearray_to_object(flatbuffer)
    graph = model.subgraphs[0]
    for index, name in zip(graph.inputs, names, strict=True):
        graph.tensors[index].name = name
    return bytes(convert_object_to_bytearray(model))


def make_converter(
    model: tf_keras.Model,
    scheme: Scheme,
    calibration: np.ndarray | None = None,
    quantized: bool = False,
    frozen: bool | None = None,
) -> tf.lite.TFLiteConverter:
    """Make the configured converter that `convert` uses.

    Args:
        model: An uncompiled Keras model with one output.
        scheme: The quantization scheme.
        calibration: Calibration samples, (n, ...).
        quantized: Whether the model has quantizers.
        frozen: Whether to replace variables by constants before the converter saves and loads the
            model. This saves one second for a small model. None for the schemes in `FROZEN`,
            whose network is then the same.

    Returns:
        The converter.

    Raises:
        InputError: If calibration samples are required and missing.
    """
    concrete = _trace_call(model)
    # A module that holds only the weights. With the Keras model itself, the converter would first
    # save all layers with their traced functions. That takes seconds and does not change the file.
    holder = tf.Module()
    if frozen or (frozen is None and scheme.name in FROZEN):
        concrete = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    else:
        holder.variables_to_save = model.variables
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], holder)
    _configure(converter, scheme)
    if quantized:
        # With int8 operators only, the converter would require calibration samples without need.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    elif scheme.calibrated:
        if calibration is None or len(calibration) == 0:
            raise InputError(f"scheme {scheme.name} requires calibration samples")
        converter.representative_dataset = lambda: iterate_samples(calibration, "calibrating")
    return converter


def _trace_call(model: tf_keras.Model) -> Any:
    """Trace the call of a model with a batch of one sample, as a concrete function."""
    if len(model.inputs) == 1:
        specs = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="input")]
        function = tf.function(lambda x: model(x, training=False), autograph=False)
        return function.get_concrete_function(*specs)
    # The converter changes their order, but keeps their names in the signature of the file.
    shapes = dict(zip(model.input_names, model.inputs, strict=True))
    names = sorted(shapes)
    specs = [tf.TensorSpec((1, *shapes[name].shape[1:]), tf.float32, name=name) for name in names]

    def call(*arrays: Any) -> Any:
        return model(dict(zip(names, arrays, strict=True)), training=False)

    return tf.function(call, autograph=False).get_concrete_function(*specs)


def change_io_types(flatbuffer: bytes, scheme: Scheme, quantized: bool = False) -> bytes:
    """Change the input and output types of an int8 network with float32 input and output.

    Args:
        flatbuffer: Content of a file of scheme `fiq_float32` that `convert` made.
        scheme: `fiq_int8` or `fiq_uint8`.
        quantized: Whether the model had quantizers.

    Returns:
        Content of the .tflite file. Graph, weights and quantization are those that `convert` makes
        for `scheme`, without a second calibration or quantization.
    """
    dtype = DTYPES[scheme.input_output]
    changed = bytes(modify_model_io_type(flatbuffer, dtype, dtype))
    if count_inputs(flatbuffer) > 1:
        return _name_inputs(changed)
    if quantized or scheme.input_output != "int8":
        return changed
    return _renumber_as_calibrated(changed, flatbuffer)


def _renumber_as_calibrated(flatbuffer: bytes, original: bytes) -> bytes:
    """Number and name tensors as the quantizer of calibrated models does: the input comes first.

    Args:
        flatbuffer: Content of a file with int8 input and output.
        original: Content of the file that it was made from.
    """
    model = convert_bytearray_to_object(flatbuffer)
    original_model = convert_bytearray_to_object(original)
    graph, original_graph = model.subgraphs[0], original_model.subgraphs[0]
    input_name = original_graph.tensors[original_graph.inputs[0]].name
    output_name = original_graph.tensors[original_graph.outputs[0]].name
    input_index = graph.inputs[0]
    graph.tensors[input_index].name = input_name
    graph.tensors[graph.outputs[0]].name = output_name
    graph.tensors.insert(0, graph.tensors.pop(input_index))
    new_indices = {index: index + 1 for index in range(input_index)} | {input_index: 0}
    for table in (graph, *graph.operators):
        table.inputs = _renumber(table.inputs, new_indices)
        table.outputs = _renumber(table.outputs, new_indices)
    for operator in graph.operators:
        operator.intermediates = _renumber(operator.intermediates, new_indices)
    for signature in model.signatureDefs or ():
        for end in (*signature.inputs, *signature.outputs):
            end.tensorIndex = new_indices.get(end.tensorIndex, end.tensorIndex)
    return bytes(convert_object_to_bytearray(model))


def _renumber(indices: Sequence[int] | None, new_indices: Mapping[int, int]) -> list[int] | None:
    return None if indices is None else [new_indices.get(index, index) for index in indices]


def _configure(converter: tf.lite.TFLiteConverter, scheme: Scheme) -> None:
    """Set the options of a converter that depend on the scheme."""
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


def iterate_samples(
    samples: np.ndarray, description: str
) -> Iterator[list[np.ndarray] | dict[str, np.ndarray]]:
    """Yield samples one by one, with progress lines in the log.

    Args:
        samples: (n, ...).
        description: Start of each progress line.

    Yields:
        A batch of one sample, float32 (1, ...), as the converter expects it: a list with the only
        input, or a mapping from the names of several inputs.
    """
    arrays = split_inputs(samples)
    with progress(len(samples), description) as meter:
        for i in range(len(samples)):
            batch = {name: array[i : i + 1].astype(np.float32) for name, array in arrays.items()}
            yield batch if has_several_inputs(samples) else list(batch.values())
            meter.update(1)


def unroll_loops(
    model: tf_keras.Model, convert: Callable[[tf_keras.Model], bytes]
) -> tuple[Any, bytes]:
    """Convert a model to float32, after unrolling recurrent layers if TFLite needs loops for them.

    Args:
        model: The model.
        convert: Converts a model to a float32 .tflite file.

    Returns:
        The model, unrolled if necessary, and its float32 .tflite file.

    Raises:
        InputError: If a loop cannot be unrolled.
    """
    content = convert(model)
    if count_subgraphs(content) == 1:
        return model, content
    # A plain LSTM is one operator of TFLite. It is unrolled only if it is what loops.
    for kinds in (RECURRENT[:-1], RECURRENT):
        unrolled = unroll(model, kinds)
        if unrolled is model:
            continue
        content = convert(unrolled)
        if count_subgraphs(content) == 1:
            return unrolled, content
    layers = ", ".join(list_recurrent_layers(model)) or "a layer"
    raise InputError(
        f"{layers} contains a loop over time that cannot be unrolled. Replace it with "
        f"{', '.join(RECURRENT[:-1])} or {RECURRENT[-1]}."
    )
