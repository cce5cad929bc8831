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
from tests.tflite_files import Tensor, single
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


@pytest.mark.parametrize("key", ["filterHeight", "filterWidth", "strideH", "strideW"])
def test_generate_fails_when_window_does_not_fit_its_structure(tmp_path, key):
    """C would take the number modulo 65,536."""
    sizes = {"strideH": 1, "strideW": 1, "filterHeight": 1, "filterWidth": 1, key: 1 << 16}
    ends = [Tensor((1, 1, 1, 4), "int8", 0.1)], [Tensor((1, 1, 1, 4), "int8", 0.1)]
    path = tmp_path / "model.tflite"
    path.write_bytes(single("MAX_POOL_2D", *ends, {"kind": "Pool2DOptions", "padding": 0, **sizes}))
    model = Model(read_graph(path), "tflm")
    with pytest.raises(ModelFormatError, match="windows that are too large for generated code"):
        compile_model(model, tmp_path)
