"""Check random networks with the vendor's tools, with preflight and with the rules of Snugnet.

python -m tests.unit.akida.outcomes VERSION DEEPEST FIRST LAST

prints a line of JSON a network. It is a program of its own because TensorFlow never gives back the
memory of the graphs that it has traced.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

DEVICE = {"v1": "AKD1000", "v2": "SixNodesIPv2"}
SCHEMES = {"v1": ("akida_v1_w4a4",), "v2": ("akida_v2_w8a8", "akida_v2_w4a4")}


def outcome(version: str, deepest: int, seed: int) -> dict[str, Any]:
    """Check one network in all three ways."""
    from snugnet.akida.obstacles import find_obstacles
    from snugnet.akida.preflight import preflight
    from snugnet.akida.rewrite import prepare_model
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.models.loading.keras2 import tf_keras
    from tests.unit.akida.networks import network

    tf_keras.utils.set_random_seed(seed)  # the same network, whichever came before it
    scheme = AKIDA_SCHEMES[SCHEMES[version][seed % len(SCHEMES[version])]]
    model = network(seed, version, deepest)
    preflight_obstacles = preflight(model, scheme, DEVICE[version])
    rule_obstacles = find_obstacles(prepare_model(model), scheme, DEVICE[version])
    return {
        "seed": seed,
        **convert_and_compare(model, scheme, DEVICE[version]),
        "preflight": [f"{obstacle.layer}: {obstacle.rule}" for obstacle in preflight_obstacles],
        "rules": [f"{obstacle.layer}: {obstacle.rule}" for obstacle in rule_obstacles],
    }


def convert_and_compare(model: Any, scheme: Any, device: str) -> dict[str, bool | None]:
    """Quantize with weights as training leaves them, convert, map, and compare with Keras."""
    from snugnet.akida.convert import convert
    from snugnet.akida.keras_runtime import compute_keras_potentials
    from snugnet.akida.mapping import map_on_device
    from snugnet.akida.quantize import get_potential_scale, quantize
    from snugnet.akida.simulate import simulate_potentials
    from snugnet.core.errors import NotAkidaError

    rng = np.random.default_rng(1)
    weights = zip(model.get_weights(), model.weights, strict=True)
    model.set_weights([_trained(value, rng, variable.name) for value, variable in weights])
    samples = rng.integers(0, 256, (64, *model.input_shape[1:])).astype(np.float32)
    try:
        quantized = quantize(model, scheme, samples)
        program = convert(quantized, scheme)
    except NotAkidaError:
        return {"fits": False, "exact": None}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.fbz"
        program.save(str(path))
        fits = map_on_device(path, device).hardware
    computed = compute_keras_potentials(
        quantized, samples, get_potential_scale(quantized), scheme.version
    )
    return {
        "fits": fits,
        "exact": bool(np.array_equal(computed, simulate_potentials(program, samples))),
    }


def _trained(weight: np.ndarray, rng: np.random.Generator, name: str) -> np.ndarray:
    if "gamma" in name or "variance" in name:
        return rng.uniform(0.5, 1.5, weight.shape)
    return rng.normal(0, 0.1, weight.shape) if weight.ndim == 1 else weight


if __name__ == "__main__":
    from snugnet.models.loading import keras2

    keras2.configure(seed=1, threads=1)
    version, (deepest, first, last) = sys.argv[1], map(int, sys.argv[2:])
    for seed in range(first, last):
        print("outcome", json.dumps(outcome(version, deepest, seed)), flush=True)
