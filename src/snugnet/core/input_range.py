"""The ranges of a model's inputs, which its calibration has set, and samples outside of them."""

import numpy as np

from snugnet.core.inputs import list_graph_inputs, order_inputs
from snugnet.core.tflite_graph import Graph, Tensor

# A share of values outside of the range above this is reported.
REPORTED_SHARE = 0.01


def find_quantized_input(graph: Graph, index: int) -> Tensor | None:
    """Find the tensor that holds a quantized input.

    Args:
        graph: A model.
        index: Index of the input's tensor.

    Returns:
        The input itself, or the output of the QUANTIZE operator that follows a float input; None if
        the input is not quantized.
    """
    tensor = graph.tensors[index]
    if len(tensor.scales) and not tensor.dtype.startswith("float"):
        return tensor
    for operator in graph.operators:
        if operator.name == "QUANTIZE" and operator.inputs[0] == tensor.index:
            return graph.tensors[operator.outputs[0]]
    return None


def measure_saturation(graph: Graph, x: np.ndarray) -> float | None:
    """Measure the share of input values that saturate: they lie outside of the calibrated range.

    Args:
        graph: A model.
        x: Samples in real units.

    Returns:
        The share, in 0..1, of all values of all quantized inputs; None if no input is quantized.
    """
    outside = values = 0
    arrays = order_inputs(x, list_graph_inputs(graph), "the model")
    for index, array in zip(graph.inputs, arrays, strict=True):
        tensor = find_quantized_input(graph, index)
        if tensor is None or len(tensor.scales) != 1 or tensor.scales[0] <= 0:
            continue
        info, scale = np.iinfo(tensor.dtype), float(tensor.scales[0])
        zero_point = int(tensor.zero_points[0])
        # Values up to half a step outside are rounded to the last value.
        low = (info.min - zero_point - 0.5) * scale
        high = (info.max - zero_point + 0.5) * scale
        outside += int(np.count_nonzero((array < low) | (array > high)))
        values += array.size
    return outside / values if values else None


def describe_saturation(share: float | None) -> str | None:
    """Describe samples outside of the range; None if their share is small."""
    if share is None or share <= REPORTED_SHARE:
        return None
    return (
        f"{100 * share:.1f} % of the input values are outside of the calibrated range and "
        "saturate. Check the units of the samples, or calibrate with samples like these."
    )
