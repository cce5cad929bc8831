"""Tests of the floating-point precision of multipliers."""

import numpy as np
import pytest

from snugnet.int8 import load
from snugnet.int8.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from tests.runtimes import litert, tflm
from tests.tflite_files import Tensor, constant, single

DEPTH, CASES = 80, 10
MOST = 1_000_000


def telling_sums(seed: int):
    """Yield scales, and a sum whose output depends on the rounding of their product to float32."""
    rng = np.random.default_rng(seed)
    sums = np.arange(-MOST, MOST)
    count = 0
    while count < CASES:
        a, b = np.exp(rng.uniform(-8, 0, 2)).astype(np.float32)
        out = np.float32(a * b * np.exp(rng.uniform(8, 9.3)))
        narrow = np.float64(a * b) / np.float64(out)
        wide = np.float64(a) * np.float64(b) / np.float64(out)
        outputs = [
            np.clip(multiply_by_quantized_multiplier(sums, *quantize_multiplier(real)), -128, 127)
            for real in (narrow, wide)
        ]
        differing = np.flatnonzero(outputs[0] != outputs[1])
        if len(differing):
            count += 1
            yield float(a), float(b), float(out), int(sums[differing[0]])


def factors(total: int) -> tuple[np.ndarray, np.ndarray]:
    """Write a number as a product of two int8 vectors."""
    a, b = np.zeros(DEPTH, np.int8), np.zeros(DEPTH, np.int8)
    sign, rest = (1 if total >= 0 else -1), abs(total)
    for i in range(DEPTH):
        a[i] = min(127, rest)
        b[i] = sign * min(127, rest // max(int(a[i]), 1))
        rest -= int(a[i]) * abs(int(b[i]))
    assert rest == 0
    assert int(a.astype(int) @ b.astype(int)) == total
    return a, b


def fully_connected(a: float, b: float, out: float, total: int):
    x, weights = factors(total)
    kernel = constant(weights[np.newaxis], "int8", scale=b)
    file = single(
        "FULLY_CONNECTED",
        [Tensor((1, DEPTH), "int8", a), kernel, None],
        [Tensor((1, 1), "int8", out)],
        {"kind": "FullyConnectedOptions"},
    )
    return file, [x[np.newaxis]]


def batch_matmul(a: float, b: float, out: float, total: int):
    x, y = factors(total)
    file = single(
        "BATCH_MATMUL",
        [Tensor((1, 1, DEPTH), "int8", a), Tensor((1, DEPTH, 1), "int8", b)],
        [Tensor((1, 1, 1), "int8", out)],
        {"kind": "BatchMatMulOptions"},
    )
    return file, [x.reshape(1, 1, DEPTH), y.reshape(1, DEPTH, 1)]


@pytest.mark.parametrize("profile", ["litert_ref", "tflm"])
@pytest.mark.parametrize("build", [fully_connected, batch_matmul])
def test_multiplier_equals_runtime_when_float32_would_differ(build, profile, tmp_path):
    path = tmp_path / "model.tflite"
    for a, b, out, total in telling_sums(3):
        file, inputs = build(a, b, out, total)
        path.write_bytes(file)
        model = load(path, profile)
        index = model.outputs[0].index
        if profile == "litert_ref":
            truth = litert(file, [inputs])[0][index]
        else:
            truth = tflm(file, [inputs], [index])[0][index]
        np.testing.assert_array_equal(model.predict(inputs), truth)
