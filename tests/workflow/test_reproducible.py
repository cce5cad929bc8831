"""Two clean copies of the project give the same weights, the same files and the same figures."""

import json

import h5py
import numpy as np

MODEL = "digits_fc/original"


def weights(path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(path, "r") as file:
        file["model_weights"].visititems(
            lambda name, node: (
                found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None
            )
        )
    return found


def test_two_clean_copies_agree_to_the_byte(tiny, project):
    metrics = f"results/tiny/metrics/{MODEL}/fiq_int8/litert.json"
    targets = [metrics, f"results/tiny/tflite/{MODEL}/drq/model.tflite"]
    project.snakemake("--cores", "1", *targets, "--configfile", "config/tiny.yaml")
    compared = 0
    for path in project.results.rglob("*"):
        relative = path.relative_to(project.results)
        other = tiny.results / relative
        if path.suffix in (".tflite", ".npz") and "predictions" not in relative.parts:
            assert path.read_bytes() == other.read_bytes(), relative
            compared += 1
    assert compared == 4 + 3  # four splits; float32, drq and fiq_int8
    ours, theirs = (weights(p.results / f"models/{MODEL}/model.h5") for p in (project, tiny))
    assert ours.keys() == theirs.keys() and len(ours) == 6
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name])
    rows = [json.loads((p.folder / metrics).read_text()) for p in (project, tiny)]
    for row in rows:
        assert row.pop("latency_us_median") > 0
        assert row.pop("latency_us_p95") > 0
    assert rows[0] == rows[1]
