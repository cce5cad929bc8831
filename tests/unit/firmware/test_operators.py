"""Tests of the C code of each operator against the engine."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from snugnet.core.errors import InputError, ModelFormatError
from snugnet.int8.engine import Model
from snugnet.tflite.flatbuffer import read_graph
from tests.firmware_build import compile_model, needs_compiler
from tests.unit.int8.cases import CASES, Case, with_cases
from tests.unit.int8.test_operators import LACKING, REFUSED

EXAMPLES = int(os.environ.get("SNUGNET_EXAMPLES", "3"))

pytestmark = needs_compiler


@pytest.mark.parametrize("profile", ["litert_ref", "tflm"])
@pytest.mark.parametrize("name", CASES)
def test_c_code_equals_engine_when_operator_is_random(name, profile):
    compared = 0

    @with_cases(name, EXAMPLES, number=1)
    def check(case: Case) -> None:
        nonlocal compared
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            path.write_bytes(case.file)
            try:
                model = Model(read_graph(path), profile)
                expected = model.predict(case.inputs)
            except (InputError, ModelFormatError):
                return
            results = compile_model(model, Path(folder)).predict(case.inputs)
        expected = expected if isinstance(expected, list) else [expected]
        for result, outputs in zip(results, expected, strict=True):
            np.testing.assert_array_equal(result, outputs)
        compared += 1

    check()
    is_refused = name in LACKING[profile] or name in REFUSED[profile]
    # With fewer examples, the engine may refuse all of them.
    assert compared > 0 or is_refused or EXAMPLES < 6, "the engine refused all examples"
