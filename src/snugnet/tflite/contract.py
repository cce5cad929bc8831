"""Contracts: checks that the types in a .tflite file are those of its scheme."""

from dataclasses import asdict, dataclass
from typing import Any

from snugnet.core.tflite_graph import Graph, Operator, Tensor
from snugnet.core.tflite_schemes import Scheme
from snugnet.tflite.layers import BOUNDARY, list_float_tensors

# The operator that indicates an open batch dimension. It reads the shape of the input at run time.
OPEN_BATCH = "SHAPE"
# Operators whose int8 weights have a scale for each channel.
PER_CHANNEL = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")


@dataclass(frozen=True)
class Contract:
    """Whether types and scales in a .tflite file are those that its scheme promises.

    Attributes:
        findings: Violations of the scheme, one text for each; empty if there are none.
        operators: Names of the operators, in order of execution.
        input: Type of the input tensor.
        output: Type of the output tensor.
        int8_weights: Names of the weight tensors in int8.
        float_weights: Names of the weight tensors in float32 or float16.
        in_float: Names of the tensors that operators compute in float32.
    """

    findings: tuple[str, ...]
    operators: tuple[str, ...]
    input: str
    output: str
    int8_weights: tuple[str, ...]
    float_weights: tuple[str, ...]
    in_float: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        """Whether the file keeps all promises of its scheme."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Return all attributes, and the `verdict` `pass` or `fail`, as a mapping for JSON."""
        values = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
        return {"verdict": "pass" if self.is_kept else "fail", **values}


def check_contract(graph: Graph, scheme: Scheme) -> Contract:
    """Compare a file with the promises of its scheme."""
    findings = _check_ends(graph, scheme) + _check_operators(graph) + _check_weights(graph, scheme)
    if scheme.is_full_integer:
        findings += _check_integer(graph, scheme)
    if scheme.activations == "mixed":
        findings += _check_mixed(graph)
    weights = [tensor for _, tensor in graph.weights()]
    return Contract(
        findings=tuple(findings),
        operators=tuple(operator.name for operator in graph.operators),
        input=graph.tensors[graph.inputs[0]].dtype,
        output=graph.tensors[graph.outputs[0]].dtype,
        int8_weights=tuple(tensor.name for tensor in weights if tensor.dtype == "int8"),
        float_weights=tuple(tensor.name for tensor in weights if tensor.dtype.startswith("float")),
        in_float=tuple(list_float_tensors(graph)),
    )


def _check_ends(graph: Graph, scheme: Scheme) -> list[str]:
    findings = []
    if not graph.inputs:
        findings.append("0 inputs instead of 1 or more")
    if len(graph.outputs) != 1:
        findings.append(f"{len(graph.outputs)} outputs instead of 1")
    for end, index in (
        *(("input", i) for i in graph.inputs),
        *(("output", i) for i in graph.outputs),
    ):
        tensor = graph.tensors[index]
        if tensor.dtype != scheme.input_output:
            findings.append(f"{end} is {tensor.dtype} instead of {scheme.input_output}")
        if end == "input" and (not tensor.shape or tensor.shape[0] != 1):
            findings.append(f"input has shape {tensor.shape} instead of a batch of 1")
    return findings


def _check_operators(graph: Graph) -> list[str]:
    return [
        f"operator {i} is {operator.name}: the batch size is not fixed"
        for i, operator in enumerate(graph.operators)
        if operator.name == OPEN_BATCH
    ]


def _check_weights(graph: Graph, scheme: Scheme) -> list[str]:
    findings = []
    allowed = scheme.weights.split(" or ")
    for operator, tensor in graph.weights():
        if tensor.dtype not in allowed:
            findings.append(
                f"weights {tensor.name} of {operator.name} are {tensor.dtype} instead of "
                f"{scheme.weights}"
            )
        is_per_channel = operator.name in PER_CHANNEL and tensor.dtype == "int8"
        if not scheme.calibrated or not is_per_channel:
            continue
        if len(tensor.scales) < _channels(operator, tensor):
            findings.append(
                f"weights {tensor.name} of {operator.name} have {len(tensor.scales)} scale(s) for "
                f"{_channels(operator, tensor)} channels"
            )
    return findings


def _channels(operator: Operator, weights: Tensor) -> int:
    """Output channels: the last dimension of depthwise weights, the first of all others."""
    return weights.shape[-1 if operator.name == "DEPTHWISE_CONV_2D" else 0]


def _check_mixed(graph: Graph) -> list[str]:
    """Each operator computes in integers from int8 weights, or in float32 from float32 weights."""
    findings = []
    for operator, weights in graph.weights():
        computed = graph.tensors[operator.outputs[0]]
        if (computed.dtype == "float32") != (weights.dtype == "float32"):
            findings.append(
                f"{operator.name} computes {computed.name} in {computed.dtype} from weights in "
                f"{weights.dtype}"
            )
    return findings


def _check_integer(graph: Graph, scheme: Scheme) -> list[str]:
    """Full integer: integer biases, and floats at boundary QUANTIZE and DEQUANTIZE only."""
    findings = []
    bias_type = "int64" if scheme.activations == "int16" else "int32"
    for operator, bias in graph.biases():
        if bias.dtype != bias_type:
            findings.append(
                f"bias {bias.name} of {operator.name} is {bias.dtype} instead of {bias_type}"
            )
    ends = {*graph.inputs, *graph.outputs}
    for i, operator in enumerate(graph.operators):
        for index in {*operator.inputs, *operator.outputs} - {-1}:
            tensor = graph.tensors[index]
            boundary = operator.name in BOUNDARY and index in ends
            if tensor.dtype.startswith("float") and not boundary:
                findings.append(f"operator {i} {operator.name} has float tensor {tensor.name}")
        for index in set(operator.outputs) - ends:
            tensor = graph.tensors[index]
            if tensor.dtype != scheme.activations:
                findings.append(
                    f"operator {i} {operator.name} computes {tensor.name} in {tensor.dtype} "
                    f"instead of {scheme.activations}"
                )
    return findings
