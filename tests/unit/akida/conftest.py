"""Small programs for both generations of Akida, made once."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from snugnet.datasets.record import DatasetRecord, SplitRecord

SCALING = {"kind": "uint8", "low": [-2.0], "high": [3.0]}
CLASSES = ("a", "b", "c")
SPLIT = SplitRecord(samples=9, groups=None, classes=dict.fromkeys(CLASSES, 3), outside_range=0)
RECORD = DatasetRecord(SCALING, dict.fromkeys(("train", "val", "test"), SPLIT))
DEVICES = {"v1": "AKD1000", "v2": "SixNodesIPv2"}


def images(n: int, seed: int = 0) -> np.ndarray:
    """Bars whose direction is the class, as integers in float32."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 60, (n, 16, 20, 1)).astype(np.float32)
    for i in range(n):
        place = rng.integers(3, 13)
        if i % 3 == 0:
            x[i, place] += 150
        elif i % 3 == 1:
            x[i, :, place] += 150
    return x


def write(scheme_name: str, folder, scaled: bool = False) -> Any:
    """Quantize a network with weights as training leaves them; write its program into a folder.

    Args:
        scheme_name: Name of the Akida scheme.
        folder: Output folder.
        scaled: Whether inputs are real numbers around zero.
    """
    from snugnet.akida.program import describe_deployment, write_program
    from snugnet.akida.quantize import quantize
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.settings.architectures.akida_cnn import AkidaCnn
    from snugnet.models.architectures import akida_cnn
    from tests.unit.akida.test_rewrite import randomized

    scheme = AKIDA_SCHEMES[scheme_name]
    settings = AkidaCnn(filters=(6, 8), dropout=0.1, batch_norm=True)
    model = randomized(akida_cnn.build(settings, (16, 20, 1), "multiclass", 3))
    x = images(120)
    x = (x - 60) / 40 if scaled else x
    quantized = quantize(model, scheme, x)
    files = {
        "quantized": str(folder / "quantized.h5"),
        "conversion": str(folder / "conversion.json"),
        "program": str(folder / "program"),
    }
    write_program(
        quantized,
        scheme,
        DEVICES[scheme.version],
        describe_deployment(model, RECORD, CLASSES, trained=False),
        x,
        files,
    )
    return SimpleNamespace(model=model, scheme=scheme, folder=folder, files=files, x=x)


@pytest.fixture(scope="session")
def programs(keras, tmp_path_factory) -> dict[str, Any]:
    """A written program by scheme: `model`, `scheme`, `folder`, `files`, `x`."""
    names = ("akida_v1_w4a4", "akida_v2_w8a8", "akida_v2_w4a4")
    return {name: write(name, tmp_path_factory.mktemp(name)) for name in names}
