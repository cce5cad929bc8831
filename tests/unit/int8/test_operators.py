"""Tests of each operator of the integer engine against both runtimes."""

import json
import os

import numpy as np
import pytest

from snugnet.core.errors import InputError, ModelFormatError
from snugnet.int8.engine import Model
from snugnet.tflite.flatbuffer import read_graph
from tests.runtimes import litert, tflm
from tests.unit.int8.cases import CASES, Case, with_cases

EXAMPLES = int(os.environ.get("SNUGNET_EXAMPLES", "6"))
# With this seed, each runtime accepts some of the first six examples of each operator.
SEED = 1

# Operators that a runtime rejects in every example.
LACKING: dict[str, tuple[str, ...]] = {
    "litert_ref": ("QUANTIZE int8 int32",),
    "tflm": ("QUANTIZE float32 uint8", "REDUCE_MAX int16", "RELU_N1_TO_1"),
}
# Operators that the engine rejects, because a runtime reads bytes that it never wrote, or its
# results cannot be reproduced: see `ops/sum.py`.
REFUSED: dict[str, tuple[str, ...]] = {"litert_ref": ("SUM int16",), "tflm": ()}
COPIES = (
    *("CONCATENATION", "EXPAND_DIMS", "PACK", "PAD", "PADV2", "RESHAPE", "SHAPE", "SLICE"),
    *("SPLIT", "SQUEEZE", "STRIDED_SLICE", "TRANSPOSE", "UNPACK"),
)


def expected(case: Case, profile: str, tensors: list[int]) -> dict[int, np.ndarray] | None:
    """Give the truth, or None where the runtime refuses the model."""
    try:
        if profile == "litert_ref":
            return litert(case.file, [case.inputs])[0]
        return tflm(case.file, [case.inputs], tensors)[0]
    except RuntimeError:
        return None


@pytest.mark.parametrize("profile", ["litert_ref", "tflm"])
@pytest.mark.parametrize("name", CASES)
def test_operator_equals_runtime_when_model_is_random(name, profile, tmp_path):
    path = tmp_path / "model.tflite"
    ran: list[Case] = []

    @with_cases(name, EXAMPLES, number=SEED)
    def check(case: Case) -> None:
        path.write_bytes(case.file)
        graph = read_graph(path)
        written = [i for operator in graph.operators for i in operator.outputs]
        truth = expected(case, profile, written)
        if truth is None:
            with pytest.raises(ModelFormatError):
                Model(graph, profile)
            return
        if name in REFUSED[profile]:
            with pytest.raises(ModelFormatError):
                Model(graph, profile)
            return
        ran.append(case)
        model = Model(graph, profile)
        computed = model.trace(case.inputs)
        for index in written:
            shape = graph.tensors[index].shape
            np.testing.assert_array_equal(
                computed[index].reshape(shape), np.reshape(truth[index], shape)
            )
        check_explanation(model, case.inputs, computed)

    check()
    assert bool(ran) != (name in LACKING[profile] + REFUSED[profile])


def check_explanation(model: Model, inputs: list[np.ndarray], tensors: dict) -> None:
    """Let the engine explain the last element: it must end in the output."""
    output = model.graph.tensors[model.graph.operators[0].outputs[0]]
    index = tuple(n - 1 for n in output.shape)
    try:
        lines = dict(model.explain(inputs, 0, index))
    except InputError as error:
        assert "computes nothing to explain" in str(error)
        assert model.graph.operators[0].name in COPIES
        return
    assert lines["output"] == np.reshape(tensors[output.index], output.shape)[index]
    json.dumps(lines)  # numbers of Python alone
