"""Tests of the command `snugnet init`."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from snakemake.utils import update_config

from snugnet.config.study import Study
from snugnet.datasets import windows
from snugnet.datasets.prepare import prepare
from tests.paths import ROOT
from tests.unit.cli import foreign_models

ACTIVITIES = ("jumping", "lying", "running", "sitting", "stairs", "walking")


@pytest.fixture
def data_folder(tmp_path):
    """Six activities of ten people: an .npz with names of its own, and a .csv."""
    rng = np.random.default_rng(0)
    label, subject = np.array(ACTIVITIES).repeat(20), np.tile(np.arange(10), 12)
    signals = rng.normal(size=(120, 64, 3)).astype(np.float32)
    arrays = {"signals": signals, "label": label, "subject": subject}
    np.savez(tmp_path / "Belt-2025.npz", **arrays)
    with (tmp_path / "belt.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["y", "group", *(f"v{i}" for i in range(192))])
        for y, group, x in zip(label, subject, signals.reshape(120, -1), strict=True):
            writer.writerow([y, group, *x])
    return tmp_path


NAMES = ("--array", "x=signals", "--array", "y=label", "--array", "group=subject")


def study_of(path) -> Study:
    """Lay a study over the default one, as Snakemake does, and check it."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(config, yaml.safe_load(path.read_text()))
    return Study(config)


@pytest.mark.parametrize(
    ("file", "more"), [("Belt-2025.npz", NAMES), ("belt.csv", ("--window", "64,3"))]
)
def test_init_writes_study_when_only_data_is_given(command_json, data_folder, file, more):
    output = data_folder / "mine.yaml"
    code, result = command_json("init", "--data", data_folder / file, *more, "--output", output)
    assert code == 0, result
    assert result["shape"] == [64, 3, 1]
    assert result["command"].endswith(f"--configfile {output}")
    # Whole people are in one split.
    assert [result["splits"][name]["groups"] for name in ("train", "val", "test")] == [6, 2, 2]
    assert set(result["splits"]["train"]["classes"]) == set(ACTIVITIES)
    study = study_of(output)
    assert len(study.cells) == 4 * 5
    name = study.cells[0].model
    assert study.config.models[name].architecture == "smartwatch"
    assert study.config.datasets[study.dataset_of(name)].scaling == "standardize"


@pytest.mark.parametrize(
    ("name", "form", "layout"),
    [("conv1d", "keras", "time_channel"), ("resnet", "h5", "image"), ("binary", "h5", "image")],
)
def test_init_writes_study_when_model_and_data_are_given(
    command_json, keras, tmp_path, name, form, layout
):
    model = foreign_models.save_model_file(name, form, tmp_path)
    shape = foreign_models.BUILDERS[name]().input_shape[1:]
    y = np.arange(60) % (2 if name == "binary" else 4)
    x = np.random.default_rng(0).normal(size=(60, *shape)).astype(np.float32)
    np.savez(tmp_path / "mine.npz", x=x, y=y)
    output = tmp_path / "mine.yaml"
    code, result = command_json(
        "init", "--data", tmp_path / "mine.npz", "--model", model, "--output", output
    )
    assert code == 0, result
    assert tuple(result["shape"]) == shape
    config = study_of(output).config
    assert config.models["mine"].architecture == "file"
    assert config.models["mine"].file == str(model)
    assert config.datasets["mine"].layout == layout
    assert config.datasets["mine"].scaling == "none"


@pytest.mark.parametrize(
    ("shape", "layout", "folded"),
    [
        ((64, 3), "time_channel", (64, 3)),
        ((3, 64), "channel_time", (64, 3)),
        ((192,), "time_channel", (64, 3)),
        ((32, 6), None, None),
        ((3, 8, 8), None, None),
    ],
)
def test_init_keeps_sample_order_when_samples_are_reshaped(
    command_json, keras, tmp_path, shape, layout, folded
):
    model = foreign_models.save_model_file("conv1d", "h5", tmp_path)
    x = np.random.default_rng(0).normal(size=(40, *shape)).astype(np.float32)
    np.savez(tmp_path / "mine.npz", x=x, y=np.arange(40) % 4)
    output = tmp_path / "m.yaml"
    request = ("init", "--data", tmp_path / "mine.npz", "--model", model, "--output", output)
    code, result = command_json(*request)
    if layout is None:
        assert code == 2
        assert f"samples have shape {shape}, but the model takes (64, 3)" in result["error"]
        return
    assert code == 0, result
    settings = study_of(output).config.datasets["mine"]
    assert (settings.layout, settings.shape) == (layout, folded)
    prepared = prepare(windows.load(settings, tmp_path, 0), settings, "mine", 0).splits["train"].x
    expected = (
        x.reshape(40, -1, 3) if len(shape) == 1 else x if shape == (64, 3) else x.swapaxes(1, 2)
    )
    assert all((row == expected).all(axis=(1, 2)).any() for row in prepared)


def test_init_omits_variants_when_model_does_not_allow_them(command_json, keras, tmp_path):
    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="elu", name="odd"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.save(tmp_path / "odd.h5")
    np.savez(tmp_path / "mine.npz", x=np.zeros((30, 8, 8, 1), np.float32), y=np.arange(30) % 3)
    options = ("--model", tmp_path / "odd.h5", "--output", tmp_path / "m.yaml")
    code, result = command_json("init", "--data", tmp_path / "mine.npz", *options)
    assert code == 0, result
    assert result["variants"] == ["original", "pruned"]
    assert set(result["unfit"]) == {"original_qat", "pruned_qat"}
    assert "odd" in result["unfit"]["original_qat"]
    assert "# original_qat is left out: " in (tmp_path / "m.yaml").read_text()
    assert {cell.variant for cell in study_of(tmp_path / "m.yaml").cells} == {"original", "pruned"}


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_init_accepts_labels_when_they_are_one_hot(command_json, tmp_path, dtype):
    y = np.eye(4, dtype=dtype)[np.arange(40) % 4]
    np.savez(tmp_path / "a.npz", x=np.zeros((40, 8, 2), np.float32), y=y)
    request = ("init", "--data", tmp_path / "a.npz", "--output", tmp_path / "m.yaml")
    code, result = command_json(*request)
    assert code == 0, result
    assert result["task"] == "multiclass"
    assert list(result["splits"]["train"]["classes"]) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("form", ["npz", "csv"])
def test_init_asks_for_order_when_classes_have_names(command, command_json, keras, tmp_path, form):
    """The names in alphabetical order would be those of other outputs."""
    model = foreign_models.save_model_file("conv1d", "h5", tmp_path)
    y = np.array(["walk", "run", "sit", "fall"])[np.arange(40) % 4]
    x = np.random.default_rng(0).normal(size=(40, 64, 3)).astype(np.float32)
    data = tmp_path / f"d.{form}"
    if form == "npz":
        np.savez(data, x=x, y=y)
    else:
        table = pd.DataFrame(x.reshape(40, -1), columns=[f"v{i}" for i in range(192)])
        table.assign(y=y).to_csv(data, index=False)
    window = ("--window", "64,3") if form == "csv" else ()
    request = ("init", "--data", data, "--model", model, *window, "--output", tmp_path / "m.yaml")
    code, _, complaint = command(*request)
    assert code == 2
    assert "Which one is output 0" in complaint
    assert not (tmp_path / "m.yaml").exists()
    code, result = command_json(*request, "--labels", "walk,run,sit,fall")
    assert code == 0, result
    assert list(result["splits"]["train"]["classes"]) == ["walk", "run", "sit", "fall"]
    assert study_of(tmp_path / "m.yaml").config.datasets["d"].classes == (
        "walk",
        "run",
        "sit",
        "fall",
    )


def test_init_names_possible_group_when_array_is_unused(command_json, command, tmp_path):
    x, y = np.zeros((60, 8, 2), np.float32), np.arange(60) % 3
    np.savez(tmp_path / "a.npz", x=x, y=y, wearer=np.arange(60) // 6, noise=np.arange(60) % 7)
    request = ("init", "--data", tmp_path / "a.npz", "--output", tmp_path / "m.yaml")
    code, result = command_json(*request)
    assert code == 0
    assert result["possible_groups"] == ["wearer"]
    assert "--array group=wearer" in command(*request, "--force")[1]
    code, result = command_json(*request, "--force", "--array", "group=wearer")
    assert code == 0
    assert result["possible_groups"] == []
    assert result["splits"]["test"]["groups"] == 2


@pytest.mark.parametrize(
    ("y", "message"), [((np.arange(40) % 4)[:, np.newaxis], "y has shape (40, 1). Save y[:, 0]")]
)
def test_init_fails_when_labels_have_two_dimensions(command, tmp_path, y, message):
    np.savez(tmp_path / "a.npz", x=np.zeros((40, 8, 2), np.float32), y=y)
    request = ("init", "--data", tmp_path / "a.npz", "--output", tmp_path / "m.yaml")
    code, _, complaint = command(*request)
    assert code == 2
    assert message in complaint


def test_init_reads_csv_when_header_is_quoted(command_json, command, tmp_path):
    path = tmp_path / "r.csv"
    rows = [f'"p{i % 6}",{i % 2},{i % 3 == 0:d},{i},{i * 2}' for i in range(60)]
    path.write_text('"group","y_mi","y_af","a","b"\n' + "\n".join(rows))
    output = tmp_path / "m.yaml"
    request = ("init", "--data", path, "--output", output)
    code, _, complaint = command(*request, "--array", "group=subject")
    assert code == 2
    assert "`arrays.group`: no column subject; last columns: group, y_mi, y_af" in complaint
    code, result = command_json(*request)
    assert code == 0, result
    assert result["task"] == "multilabel"
    assert result["shape"] == [2, 1, 1]
    assert result["splits"]["test"]["groups"] == 1


def test_init_reads_csv_when_columns_have_other_names(command_json, command, tmp_path):
    path = tmp_path / "r.csv"
    rows = [f"p{i % 6},{i},{i * 2},{('sit', 'run')[i % 2]}" for i in range(60)]
    path.write_text("who,a,b,what\n" + "\n".join(rows))
    output = tmp_path / "m.yaml"
    request = ("init", "--data", path, "--output", output)
    code, _, complaint = command(*request)
    assert code == 2
    assert (
        "r.csv: column y not found. Found: who, a, b, what. Name the labels with --array y=NAME"
    ) in complaint
    code, result = command_json(*request, "--array", "y=what", "--array", "group=who")
    assert code == 0, result
    assert result["splits"]["test"]["groups"] == 1
    assert study_of(output).settings.dataset("r")["arrays"] == {"y": "what", "group": "who"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            (),
            "Belt-2025.npz: array x not found. Found: signals, label, subject. "
            "Name it with --array x=NAME.",
        ),
        (
            ("--array", "x=signals"),
            "array y not found. Found: signals, label, subject. Name it with --array y=NAME.",
        ),
        (
            ("--array", "x=signals", "--array", "y=lable"),
            "array lable not found. Found: signals, label, ",
        ),
        (("--array", "z=signals"), "--array z=signals: unknown role. Roles: x, y, group"),
        ((*NAMES, "--name", "My Belt"), "--name My Belt: use lower-case letters, digits and _"),
        (
            (*NAMES, "--name", "on"),
            "--name on: use lower-case letters, digits and _, with a letter first; "
            "YAML keywords are not allowed.",
        ),
        ((*NAMES, "--window", "64x3"), "--window 64x3: expected TIME,CHANNELS"),
        ((*NAMES, "--window", "64,3"), "--window is for .csv files only"),
        (
            (*NAMES, "--output", "nowhere/mine.yaml"),
            "--output nowhere/mine.yaml: folder nowhere does not exist",
        ),
        (
            (*NAMES, "--name", "digits_cnn"),
            "--name digits_cnn: this name is already used in config.yaml (models)",
        ),
        ((*NAMES, "--model", "none.h5"), "none.h5"),
    ],
)
def test_init_writes_nothing_when_request_is_wrong(command, data_folder, options, message):
    before = sorted(data_folder.iterdir())
    options = (
        *options,
        *(() if "--output" in options else ("--output", data_folder / "mine.yaml")),
    )
    code, output, complaint = command("init", "--data", data_folder / "Belt-2025.npz", *options)
    assert code == 2
    assert message in complaint
    assert output == ""
    assert sorted(data_folder.iterdir()) == before


def test_init_fails_when_model_does_not_fit_data(command, keras, data_folder):
    model = foreign_models.save_model_file("conv1d", "h5", data_folder)
    code, _, complaint = command(
        "init",
        "--data",
        data_folder / "Belt-2025.npz",
        *NAMES,
        "--labels",
        ",".join(ACTIVITIES),
        "--model",
        model,
        "--output",
        data_folder / "m.yaml",
    )
    assert code == 2
    assert "the model has 4 outputs, but the dataset has 6 classes" in complaint
    assert not (data_folder / "m.yaml").exists()


def test_init_leaves_out_variants_when_model_is_recurrent(command, keras, tmp_path):
    model = foreign_models.save_model_file("lstm", "h5", tmp_path)
    np.savez(tmp_path / "d.npz", x=np.zeros((40, 16, 4), np.float32), y=np.arange(40) % 4)
    output = tmp_path / "m.yaml"
    code, out, _ = command(
        "init", "--data", tmp_path / "d.npz", "--model", model, "--output", output, "--json"
    )
    assert code == 0
    assert json.loads(out)["variants"] == ["original"]
    assert "QAT does not support ''lstm'' (LSTM)" in output.read_text()


def linear_model(tmp_path, outputs: int, inputs: int = 6):
    from tf_keras import Sequential, layers

    path = tmp_path / "linear.h5"
    Sequential([layers.Input((inputs, 1)), layers.Flatten(), layers.Dense(outputs)]).save(path)
    return path


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("outputs", "y", "task", "scores"),
    [
        (1, RNG.normal(size=60), "regression", "probabilities"),
        (2, RNG.normal(size=(60, 2)), "regression", "probabilities"),
        (1, np.arange(60) % 2, "binary", "logits"),
        (3, np.arange(60) % 3, "multiclass", "logits"),
        (6, np.arange(60) % 2, "reconstruction", "probabilities"),
        (6, None, "reconstruction", "probabilities"),
    ],
)
def test_init_finds_task_when_last_layer_has_no_activation(
    command, keras, tmp_path, outputs, y, task, scores
):
    arrays = {"x": RNG.normal(size=(60, 6)).astype(np.float32)} | ({} if y is None else {"y": y})
    np.savez(tmp_path / "d.npz", **arrays)
    output, model = tmp_path / "m.yaml", linear_model(tmp_path, outputs)
    code, _, complaint = command(
        "init", "--data", tmp_path / "d.npz", "--model", model, "--output", output
    )
    assert code == 0, complaint
    dataset = yaml.safe_load(output.read_text())["datasets"]["d"]
    assert dataset["task"] == task
    assert dataset.get("scores", "probabilities") == scores


def test_init_uses_task_when_it_is_requested(command, keras, tmp_path):
    np.savez(tmp_path / "d.npz", x=RNG.normal(size=(60, 6)), y=np.arange(60) % 3)
    output, model = tmp_path / "m.yaml", linear_model(tmp_path, 1)
    request = ("init", "--data", tmp_path / "d.npz", "--model", model, "--output", output)
    assert command(*request, "--task", "regression")[0] == 0
    assert yaml.safe_load(output.read_text())["datasets"]["d"]["task"] == "regression"


def test_init_finds_regression_when_targets_are_fractions(command, tmp_path):
    np.savez(tmp_path / "d.npz", x=RNG.normal(size=(60, 16, 2)), y=RNG.normal(size=60))
    output = tmp_path / "m.yaml"
    assert command("init", "--data", tmp_path / "d.npz", "--output", output)[0] == 0
    assert yaml.safe_load(output.read_text())["datasets"]["d"]["task"] == "regression"


def test_init_warns_when_test_split_has_few_groups(command, tmp_path):
    x, group = RNG.normal(size=(80, 16, 2)), np.repeat(np.arange(8), 10)
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(80) % 2, group=group)
    code, out, _ = command("init", "--data", tmp_path / "d.npz", "--output", tmp_path / "m.yaml")
    assert code == 0
    text = " ".join(out.split())
    assert "warning: only 2 groups in the test samples" in text
    assert "folds: leave_one_group_out" in text


def test_init_overwrites_output_only_when_force_is_set(command, data_folder):
    output = data_folder / "mine.yaml"
    output.write_text("precious")
    request = ("init", "--data", data_folder / "Belt-2025.npz", *NAMES, "--output", output)
    code, _, complaint = command(*request)
    assert code == 2
    assert "--force" in complaint
    assert output.read_text() == "precious"
    assert command(*request, "--force")[0] == 0
    assert study_of(output).cells


def test_init_prints_summary_and_command_when_json_is_not_set(command, data_folder):
    output = data_folder / "mine.yaml"
    printed = command("init", "--data", data_folder / "Belt-2025.npz", *NAMES, "--output", output)[
        1
    ]
    assert "sample shape: 64 x 3 x 1, task: multiclass" in printed
    assert "train: 72 samples from 6 groups" in printed
    assert f"snakemake --cores 2 all --configfile {output}" in printed


def test_init_quotes_names_when_yaml_would_misread_them(command_json, tmp_path):
    labels = np.array(['no: "1"', "# two"]).repeat(10)
    data = tmp_path / "a b \U0001f600.npz"
    np.savez(data, x=np.zeros((20, 8, 2)), **{"on: [": labels})
    output = tmp_path / "m y.yaml"
    code, result = command_json(
        "init", "--data", data, "--name", "a", "--array", "y=on: [", "--output", output
    )
    assert code == 0, result
    dataset = study_of(output).settings.dataset("a")
    assert dataset["arrays"] == {"y": "on: ["}
    assert dataset["path"] == data.name
    assert result["command"].endswith(f"--configfile '{output}'")
    classes = output.read_text().partition("classes ")[2].partition(".\n")[0]
    assert yaml.safe_load(classes) == ["# two", 'no: "1"']


@pytest.fixture
def own_folder(data_folder, monkeypatch):
    """An empty folder that is no clone of Snugnet, next to the data."""
    folder = data_folder / "study"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


OWN = ("init", "--data", "../Belt-2025.npz", *NAMES, "--name", "belt")


def test_init_writes_complete_study_when_outside_a_clone(command_json, own_folder):
    code, result = command_json(*OWN)
    assert code == 0, result
    assert result["command"] == "snakemake --cores 2 all"
    files = {"Snakefile", "config.yaml", "profiles/default/profile.yaml"}
    assert set(result["files"]) == files
    paths = (path for path in own_folder.rglob("*") if path.is_file())
    assert {path.relative_to(own_folder).as_posix() for path in paths} == files
    study = study_of(own_folder / "config.yaml")
    assert len(study.cells) == 4 * 5
    assert study.config.datasets_dir == ".."
    text = (own_folder / "config.yaml").read_text()
    assert "snakemake --cores 2 all\n" in text
    assert "docs/" not in text
    assert yaml.safe_load(text).keys() == {
        *("results_dir", "datasets_dir", "study", "datasets", "models")
    }


@pytest.mark.parametrize(
    ("path", "target", "message"),
    [
        (".snakemake/pip-deployments/jax.py", None, "Snakemake runs the Python modules"),
        (".snakemake", "elsewhere", ".snakemake: a symbolic link to elsewhere"),
        ("results", "elsewhere", "results: a symbolic link"),
        ("results/belt", "elsewhere", "results/belt: a symbolic link"),
        ("profiles", "elsewhere", "profiles: a symbolic link"),
        ("config.yaml", "elsewhere", "config.yaml: this is a symbolic link"),
    ],
)
def test_init_fails_when_folder_was_prepared(command, own_folder, path, target, message):
    (own_folder / path).parent.mkdir(parents=True, exist_ok=True)
    if target is None:
        (own_folder / path).write_text("open('ran', 'w')")
    else:
        (own_folder / path).symlink_to(target)
    code, _, complaint = command(*OWN)
    assert code == 2
    assert message in complaint
    assert not (own_folder / "Snakefile").exists()
    assert not (own_folder / "ran").exists()


@pytest.mark.parametrize("name", ["snugnet", "numpy", "jax", "argparse", "snakemake"])
def test_study_runs_no_module_of_the_folder_when_it_is_planned(command, own_folder, name):
    (own_folder / f"{name}.py").write_text(f"open({str(own_folder / 'ran')!r}, 'w')")
    assert command(*OWN)[0] == 0
    environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    snakemake = Path(sys.executable).with_name("snakemake")
    done = subprocess.run(
        [snakemake, "--dry-run", "--cores", "1", "data"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (own_folder / "ran").exists()


def test_init_does_not_import_snakemake_when_it_reads_a_study(own_folder):
    """Its import makes Python search the working directory for modules."""
    code = (
        "import sys\n"
        "from snugnet.cli.app import run\n"
        f"assert run({OWN!r}) == 0\n"
        "assert 'snakemake' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("../Belt-2025.npz", "--output ../Belt-2025.npz: an input file"),
        ("Snakefile", "a configuration ends in .yaml, .yml, .json"),
        ("profiles/default/x.yaml", "this folder is for a profile of Snakemake"),
        ("default/x.yaml", "this folder is for a profile of Snakemake"),
    ],
)
def test_init_fails_when_output_has_another_purpose(command, own_folder, output, message):
    before = Path("../Belt-2025.npz").read_bytes()
    code, _, complaint = command(*OWN, "--output", output, "--force")
    assert code == 2
    assert message in complaint
    assert Path("../Belt-2025.npz").read_bytes() == before
    assert list(own_folder.iterdir()) == []


def test_init_ends_quickly_when_snakefile_is_no_small_file(command, own_folder):
    os.mkfifo("Snakefile")
    code, _, complaint = command(*OWN)
    assert code == 2
    assert "Snakefile: this is a device, not a file" in complaint
    Path("Snakefile").unlink()
    with Path("Snakefile").open("wb") as file:
        file.truncate(1 << 40)
    code, _, complaint = command(*OWN)
    assert code == 2
    assert "Snakefile already exists with other content" in complaint


@pytest.mark.parametrize("name", ["Snakefile", "profiles/default/profile.yaml"])
def test_init_trusts_no_folder_when_it_only_looks_like_a_clone(command, own_folder, name):
    from snugnet.core import installation

    for path, text in {
        "workflow/Snakefile": installation.SNAKEFILE.read_text(),
        "config.yaml": installation.DEFAULT_CONFIG.read_text(),
        name: "onstart: print('hostile')\n",
    }.items():
        (own_folder / path).parent.mkdir(parents=True, exist_ok=True)
        (own_folder / path).write_text(text)
    code, _, complaint = command(*OWN, "--output", "config/belt.yaml")
    assert code == 2
    assert f"{name} already exists with other content" in complaint
    assert not (own_folder / "config").exists()


@pytest.mark.parametrize("name", ["Snakefile", "config.yaml", "profiles/default/profile.yaml"])
def test_init_overwrites_study_only_when_force_is_set(command_json, command, own_folder, name):
    (own_folder / name).parent.mkdir(parents=True, exist_ok=True)
    (own_folder / name).write_text("precious: 1\n")
    code, _, complaint = command(*OWN)
    assert code == 2
    assert f"{name} already exists" in complaint
    assert "--force" in complaint
    files = [path for path in own_folder.rglob("*") if path.is_file()]
    assert files == [own_folder / name]
    assert files[0].read_text() == "precious: 1\n"
    assert command_json(*OWN, "--force")[0] == 0
    assert "precious" not in files[0].read_text()


@pytest.mark.parametrize("name", ["study.yaml", 'a "b" é.yaml'])
def test_init_names_study_in_snakefile_when_output_is_set(command_json, own_folder, name):
    code, result = command_json(*OWN, "--output", name)
    assert code == 0, result
    assert result["command"] == "snakemake --cores 2 all"
    snakefile = (own_folder / "Snakefile").read_text()
    assert f"configfile: {json.dumps(name, ensure_ascii=False)}\n" in snakefile
    assert "config.yaml" not in snakefile
    assert command_json(*OWN, "--output", name, "--force")[0] == 0
    second = ("--output", "config.yaml", "--name", "second", "--force")
    code, result = command_json(*OWN, *second)
    assert code == 0, result
    assert result["command"] == "snakemake --cores 2 all --configfile config.yaml"
    assert (own_folder / "Snakefile").read_text() == snakefile


@pytest.mark.parametrize("option", ["--data", "--output"])
def test_init_writes_nothing_when_path_has_line_feeds(command, own_folder, option):
    """The path is part of a comment in the configuration."""
    path = "../a\nstudy: []\n#.npz"
    (own_folder / "../Belt-2025.npz").rename(own_folder / path)
    data = () if option == "--data" else ("--data", "../belt.csv")
    code, _, errors = command("init", *data, option, path)
    assert code == 2
    shown = path.replace("\n", "\\x0a")
    assert errors.startswith(f"snugnet: {option} {shown}: a path with control characters is not")
    assert errors.count("\n") == 1
    assert list(own_folder.iterdir()) == []


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize(
    "name",
    [
        *("profiles/default/profile.v9+.yaml", "profiles/default/config.yaml"),
        *("profiles/default/greedy", "default/profile.yaml", "default"),
    ],
)
def test_init_fails_when_snakemake_prefers_another_profile(command, own_folder, name, force):
    path = own_folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("__use_yte__: true\n")
    code, _, errors = command(*OWN, *force)
    assert code == 2
    shown = "default" if name.startswith("default") else name
    assert f"{shown}: Snakemake could use this instead of profiles/default/profile.yaml" in errors
    assert [file for file in own_folder.rglob("*") if file.is_file()] == [path]


def test_init_writes_study_when_profile_folder_has_hidden_file(command, own_folder):
    (own_folder / "profiles/default").mkdir(parents=True)
    (own_folder / "profiles/default/.DS_Store").touch()
    assert command(*OWN)[0] == 0
    assert command(*OWN, "--force")[0] == 0


def test_init_changes_nothing_when_project_is_another(command, own_folder):
    (own_folder / "workflow").mkdir()
    files = {"config.yaml": "samples: [a]\n", "workflow/Snakefile": "rule all:\n    input: []\n"}
    for name, text in files.items():
        (own_folder / name).write_text(text)
    code, _, complaint = command(*OWN)
    assert code == 2
    assert "config.yaml already exists" in complaint
    written = [path for path in own_folder.rglob("*") if path.is_file()]
    assert {path.relative_to(own_folder).as_posix(): path.read_text() for path in written} == files


def test_init_adds_second_study_when_folder_has_one(command_json, command, own_folder):
    assert command_json(*OWN)[0] == 0
    before = (own_folder / "config.yaml").read_bytes()
    second = ("init", "--data", "../Belt-2025.npz", *NAMES, "--output", "second.yaml")
    code, _, complaint = command(*second, "--name", "belt")
    assert code == 2
    assert "--name belt: this name is already used in config.yaml (models)" in complaint
    code, result = command_json(*second, "--name", "second")
    assert code == 0, result
    assert result["files"] == ["second.yaml"]
    code, result = command_json(*second, "--name", "second", "--force")
    assert (code, result["files"]) == (0, [])
    printed = command(*second, "--name", "second", "--force")[1]
    assert "written: nothing, no file changed\n" in printed
    (own_folder / "Snakefile").write_text("other")
    code, result = command_json(*second, "--name", "second", "--force")
    # A new Snakefile names this study.
    assert (code, result["files"]) == (0, ["Snakefile", "second.yaml"])
    assert result["command"] == "snakemake --cores 2 all"
    assert (own_folder / "config.yaml").read_bytes() == before
    assert study_of(own_folder / "second.yaml").cells[0].model == "second"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "it must be a mapping"),
        ("", "it must be a mapping"),
        ("models: 3", "models must be a mapping"),
        ("{a: [", "not valid YAML"),
        ("[" * 3000, "not valid YAML"),
        (
            "\n".join(
                [
                    "a0: &a0 [1]",
                    *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)),
                ]
            ),
            "with all aliases written out",
        ),
    ],
)
def test_read_base_fails_when_configuration_is_damaged(tmp_path, text, message):
    from snugnet.core.errors import InputError
    from snugnet.services.study_folder import StudyFolder

    (tmp_path / "config.yaml").write_text(text)
    folder = StudyFolder(tmp_path / "a.yaml", "", "", (tmp_path / "config.yaml",))
    with pytest.raises(InputError, match=message):
        folder.read_base("mine")
