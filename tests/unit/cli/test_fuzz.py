"""Fuzz test of the command line."""

import csv
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snugnet.cli import app
from snugnet.core import installation
from snugnet.core.files import sha256_of
from snugnet.int8 import load
from snugnet.tflite.flatbuffer import read_graph
from tests.paths import ROOT
from tests.unit.int8 import models

EXAMPLES = 500 if os.environ.get("SNUGNET_EXAMPLES") else 40
# The arguments of each command: a word, or one of several alternatives.
TFLITE, KERAS, DATA = ("model.tflite",), ("model.h5",), ("x.npz", "x.npy", "labels.npz")
REQUESTS = (
    ("inspect", TFLITE),
    ("inspect", TFLITE, "--diff", TFLITE),
    ("run", TFLITE, DATA),
    ("verify", TFLITE, "--data", DATA, "--samples", "3"),
    ("explain", TFLITE, DATA, "--operator", ("0", "1"), "--element", ("0,0,0,0", "0,1,0,1")),
    ("export", TFLITE, "--to", ("c", "npz", "json"), "--output", ("out.c", "out.npz")),
    ("benchmark", "--model", TFLITE, "--data", DATA, "--runs", "10", "--baseline", TFLITE),
    ("quantize", "--model", KERAS, "--output", ("out.tflite",), "--data", ("labels.npz",)),
    ("init", "--data", ("labels.npz", "x.csv"), "--output", ("out.yaml",)),
    ("akida", "check", KERAS),
    (("0", "check", "--", "é"),),
)
OPTIONS = (
    *("--json", "--help", "--diff", "--profile", "--raw", "--data", "--samples", "--traced"),
    *("--operator", "--element", "--sample", "--to", "--output", "--model", "--baseline"),
    *("--threads", "--runs", "--warm-up", "--method", "--scheme", "--epochs", "--calibration"),
    *("--seed", "--allow-code", "--name", "--array", "--window", "--force", "--device"),
)
# Numbers that would keep a machine busy are no news.
WORDS = (
    *("0", "1", "-1", "7", "1e3", "nan", "0,1", "0,0,0,0", "c", "npz", "json", "tflm", "check"),
    *("fiq_int8", "akida_v1_w4a4", "post_training", "x=x", "y=", "8,2", "", "--", "é", "\\0"),
)
FILES = (
    *("model.tflite", "damaged.tflite", "short.tflite", "x.npz", "x.npy", "x.csv", "odd.npz"),
    *("labels.npz", "text.h5", "none.tflite", "folder", "out.c", "out.npz", "out.tflite"),
    *("out.yaml", "text.tflite", "text.npz", "text.csv", "empty.csv", "text.keras", "model.h5"),
)


def write_files(folder: Path) -> None:
    """Lay out files that are whole, damaged, of another kind, or of another shape."""
    model = models.network()
    x = np.random.default_rng(0).normal(0, 5, (4, 8, 8, 2)).astype(np.float32)
    (folder / "model.tflite").write_bytes(model)
    (folder / "damaged.tflite").write_bytes(model[:300] + b"\xff" * 20 + model[320:])
    (folder / "short.tflite").write_bytes(model[: len(model) // 2])
    np.savez(folder / "x.npz", x=x)
    np.save(folder / "x.npy", x)
    np.savez(folder / "odd.npz", x=x[:, :3], y=np.array(["a", "b", "c", "d"]))
    np.savez(folder / "labels.npz", x=np.repeat(x, 5, axis=0), y=np.arange(20) % 3)
    for name in ("text.h5", "text.tflite", "text.npz", "text.csv", "text.keras"):
        (folder / name).write_text("no such thing\n")
    (folder / "empty.csv").write_text("")
    (folder / "folder").mkdir()
    with (folder / "x.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["y", *range(128)], [1, *x[0].ravel()], [0, *x[1].ravel()]])


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in folder.iterdir() if path.is_file()}


def is_complete(path: Path) -> bool:
    """Return whether a file is complete and of the type that its name states."""
    if path.suffix == ".tflite":
        read_graph(path)
    elif path.suffix in (".npz", ".json"):
        load(path)
    elif path.suffix == ".yaml":
        return "models" in yaml.safe_load(path.read_text())
    elif path.suffix == ".h":
        return path.read_text().rstrip().endswith("_H_")
    return path.stat().st_size > 0


def word(data: st.DataObject, allowed: tuple[str, ...]) -> str:
    """Draw one of the allowed words or, one time in four, any other word."""
    is_random = data.draw(st.sampled_from((False, False, False, True)))
    return data.draw(st.sampled_from((*WORDS, *FILES) if is_random else allowed))


@pytest.mark.filterwarnings("ignore")
def test_command_prints_no_traceback_when_arguments_are_random(
    tmp_path_factory, monkeypatch, capfd, keras
):
    folder = tmp_path_factory.mktemp("fuzz")
    write_files(folder)
    network = keras.tf_keras.Sequential(
        [keras.tf_keras.layers.Flatten(), keras.tf_keras.layers.Dense(3, "softmax")]
    )
    network.build((None, 8, 8, 2))
    network.save(folder / "model.h5")
    # As in a clone, `init` writes the configuration alone.
    shutil.copy(ROOT / "config.yaml", folder)
    monkeypatch.setattr(installation, "CLONE", folder)
    monkeypatch.chdir(folder)
    before, paths = digests(folder), {path.name: path for path in folder.iterdir()}
    originals = {name: path.read_bytes() for name, path in paths.items() if path.is_file()}
    anything = st.sampled_from((*OPTIONS, *WORDS, *FILES))
    exit_codes: Counter[tuple[str, int]] = Counter()

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(REQUESTS), st.none() | st.lists(anything, max_size=3), st.data())
    def check(request: tuple, rest: list[str] | None, data: st.DataObject) -> None:
        rest = rest or []
        arguments = [*(one if isinstance(one, str) else word(data, one) for one in request), *rest]
        code = app.run(arguments)
        exit_codes[arguments[0], code] += 1
        printed, complaint = capfd.readouterr()
        assert code in (app.DONE, app.FAILED, app.WRONG), arguments
        # Nor may it end with a bug of Snugnet, whose message has this hint.
        assert "Traceback" not in complaint, arguments
        assert "SNUGNET_TRACEBACK" not in complaint, arguments
        if code == app.WRONG:
            assert "snugnet: " in complaint, arguments
        if "--json" in rest and "--help" not in rest and printed:
            json.loads(printed)
        after = digests(folder)
        changed = {name for name in after if after[name] != before.get(name)}
        assert set(before) <= set(after), arguments
        # A wrong request writes nothing; a valid one writes only complete files that it names.
        requested = {Path(word).stem for word in arguments}
        assert {Path(name).stem for name in changed} <= requested, (arguments, changed)
        if code == app.WRONG:
            assert not changed, (arguments, changed)
        for name in changed:
            assert is_complete(folder / name), (arguments, name)
            (folder / name).unlink()
            if name in originals:
                (folder / name).write_bytes(originals[name])

    check()
    # The requests were not all wrong, and not all right.
    if EXAMPLES >= 500:
        for command in ("inspect", "run", "verify", "explain", "export", "benchmark", "quantize"):
            assert min(exit_codes[command, app.DONE], exit_codes[command, app.WRONG]) >= 5, (
                exit_codes
            )
