"""Tests of the C code of each operator on emulated microcontrollers against the engine."""

import os

import numpy as np
import pytest

from snugnet.core.errors import InputError, ModelFormatError
from snugnet.firmware.emulator import emulate_program
from snugnet.firmware.golden import Vectors
from snugnet.firmware.program import make_program
from snugnet.firmware.targets import TARGETS
from snugnet.int8.engine import Model
from snugnet.tflite.flatbuffer import parse_graph
from tests.unit.firmware.test_emulator import needs_toolchain
from tests.unit.int8.cases import CASES, Case, with_cases

# Random operators of each kind; each takes half a second.
EXAMPLES = 4 if os.environ.get("SNUGNET_EXAMPLES") else 2

pytestmark = [pytest.mark.slow, pytest.mark.firmware, needs_toolchain]


@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("name", CASES)
def test_emulated_code_equals_engine_when_operator_is_random(name, target):
    @with_cases(name, EXAMPLES, number=2)
    def check(case: Case) -> None:
        try:
            model = Model(parse_graph(case.file, name), "tflm")
            outputs = model.predict(case.inputs)
        except (InputError, ModelFormatError):
            return
        outputs = outputs if isinstance(outputs, list) else [outputs]
        inputs = case.inputs if isinstance(case.inputs, list | tuple) else [case.inputs]
        vectors = Vectors(
            tuple(np.ascontiguousarray(array).reshape(1, -1) for array in inputs),
            tuple(np.ascontiguousarray(array).reshape(1, -1) for array in outputs),
        )
        assert emulate_program(make_program(model), TARGETS[target], vectors).exact

    check()
