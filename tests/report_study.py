"""A fake study on disk for tests of the report."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from snugnet.core.files import write_json
from snugnet.evaluation.seeds import summarize_seeds
from snugnet.evaluation.table import build_results_table
from snugnet.report.collect import ReportData, collect
from tests.paths import ROOT

FIVE = ("float32", "drq", "fiq_float32", "fiq_int8", "fiq_uint8")
VARIANTS = ("original", "pruned", "lowrank", "original_qat", "pruned_qat", "lowrank_qat")
PARENTS = {"original": None, "pruned": "original", "lowrank": "pruned"}
STEPS = FIVE[1:]
NAMES = ("model", "variant", "scheme", "runtime")


def parent_of(variant: str) -> str | None:
    return PARENTS[variant] if variant in PARENTS else variant.removesuffix("_qat")


class FakeStudy:
    """Rows and files of a study; it contains only what a test adds."""

    def __init__(self, folder: Path, seed: int = 7) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(seed)
        self.rows: list[dict[str, Any]] = []
        self.evidence: list[str] = []
        self.gate: dict[str, Any] = {"verdict": "pass", "cells": 0}
        self.gate |= {"failures": [], "requirements": []}
        self.recipes: dict[str, Any] = {
            name: {} for name in ("datasets", "models", "variants", "schemes", "lineages")
        }

    def write(self, path: str, value: Any) -> None:
        """Write a file of the study: JSON, a table or bytes."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(value, bytes):
            target.write_bytes(value)
        elif isinstance(value, pd.DataFrame):
            value.to_csv(target, index=False)
        else:
            write_json(target, value)
        self.evidence.append(str(target))

    def dataset(self, name: str, classes: Sequence[str], groups: int | None) -> None:
        split = {"samples": 144, "classes": dict.fromkeys(classes, 24), "outside_range": 0}
        splits = {part: {**split, "groups": groups} for part in ("train", "val", "test")}
        kind = name if name.startswith("synthetic") else "windows"
        self.recipes["datasets"][name] = {"kind": kind, "path": "/home/somebody/data.npz"}
        self.write(f"data/{name}/record.json", {"scaling": {"kind": "none"}, "splits": splits})
        for part in ("train", "val", "calib", "test"):
            self.write(f"data/{name}/{part}.npz", f"{name} {part}".encode())

    def model(
        self,
        name: str,
        dataset: str,
        variants: Sequence[str] = VARIANTS,
        schemes: Sequence[str] = FIVE,
        classes: Sequence[str] = ("walk", "run", "sit"),
        groups: int | None = 12,
        **names: Any,
    ) -> None:
        """Add a model with all that the study makes of it."""
        if dataset not in self.recipes["datasets"]:
            self.dataset(dataset, classes, groups)
        self.recipes["models"][name] = {"architecture": "cnn", "training": {"epochs": 5}}
        for variant in variants:
            self._variant(name, variant)
            for scheme in schemes:
                row = {"model": name, "family": name, "seed": 1, "dataset": dataset, **names}
                row |= {"variant": variant, "scheme": scheme, "runtime": "litert"}
                self.cell({**row, "parent": parent_of(variant), "n_groups": groups}, classes)

    def _variant(self, model: str, variant: str) -> None:
        parent = parent_of(variant)
        lineage = [*(self.recipes["lineages"].get(parent) or [parent] if parent else []), variant]
        self.recipes["lineages"][variant] = lineage
        for step in lineage:
            self.recipes["variants"][f"{model}/{step}"] = {
                "method": "train",
                "parent": parent_of(step),
            }
        history = pd.DataFrame({"epoch": [1, 2], "val_accuracy": [0.5, 0.75]})
        self.write(f"models/{model}/{variant}/history.csv", history)
        self.write(f"models/{model}/{variant}/model.h5", f"{model} {variant}".encode())

    def cell(self, names: Mapping[str, Any], classes: Sequence[str] = ("a", "b")) -> None:
        """Add a cell that could be measured."""
        scheme, place = names["scheme"], "/".join(names[name] for name in NAMES[:3])
        self.recipes["schemes"][f"{names['model']}/{scheme}"] = {}
        row = {**names, **self._measured(names)}
        self.rows.append(row)
        confusion = self.rng.integers(0, 30, (len(classes), len(classes))).tolist()
        self.write(
            f"metrics/{place}/{names['runtime']}.json",
            {"confusion": confusion, "class_names": list(classes)},
        )
        if names["runtime"] == "litert":
            self._deployed(place, scheme)

    def _measured(self, names: Mapping[str, Any]) -> dict[str, Any]:
        scheme = names["scheme"]
        delta = 0.0 if scheme == "float32" else float(self.rng.normal(-0.01, 0.02))
        accuracy = 0.9 + delta
        integer = scheme.startswith("fiq")
        size = int(self.rng.integers(3_000, 9_000) * (4 if scheme == "float32" else 1))
        has_step = scheme in STEPS and not names["variant"].endswith("_qat")
        step = {
            "delta_step": delta / 3,
            "delta_step_low": delta / 3 - 0.01,
            "delta_step_high": delta / 3 + 0.01,
            "p_step": 0.001 if delta < -0.03 else 0.4,
        }
        parent = {"delta_parent": 0.004, "delta_parent_low": -0.01, "delta_parent_high": 0.02}
        exact = {"litert_ref": "exact", "tflm": "exact", "arena_bytes": size // 2}
        return {
            "task": "multiclass",
            "method": "qat" if names["variant"].endswith("_qat") else "train",
            "status": "ok",
            "reason": None,
            "n": 144,
            "accuracy": accuracy,
            "accuracy_low": accuracy - 0.03,
            "accuracy_high": min(1.0, accuracy + 0.03),
            "delta_float": delta,
            "delta_float_low": delta - 0.01,
            "delta_float_high": delta + 0.01,
            "p_float": 0.0001 if delta < -0.03 else 0.5,
            **(step if has_step else {}),
            **({**parent, "p_parent": 0.2} if names.get("parent") else {}),
            "f1": 0.88,
            "size_bytes": size,
            "size_gzip_bytes": size - 500,
            "parameters": 5_000,
            "nonzero": 4_900,
            "macs": 120_000,
            "latency_us_median": float(self.rng.uniform(10, 90)),
            "latency_us_p95": 120.0,
            **(exact if integer else {}),
        }

    def _deployed(self, place: str, scheme: str) -> None:
        self.write(f"tflite/{place}/model.tflite", place.encode())
        weights = [
            {"operator": "CONV_2D", "dtype": "int8", "size": 4_000, "name": "conv"},
            {"operator": "FULLY_CONNECTED", "dtype": "float32", "size": 100, "name": "scores"},
        ]
        contract = {"verdict": "pass", "findings": [], "input": "int8", "output": "int8"}
        self.write(
            f"tflite/{place}/contract.json",
            {**contract, "operators": ["CONV_2D"], "weights": weights},
        )
        if scheme.startswith("fiq"):
            verdict = {"verdict": "exact", "samples": 144, "tensors": 12}
            apart = {"fraction": 0.06, "worst_lsb": 3, "decisions_changed": 0}
            certificate = {"litert_ref": verdict, "tflm": verdict, "xnnpack": apart}
            self.write(f"verify/{place}/certificate.json", certificate)

    def firmware(self, target: str) -> None:
        """Add the costs of C code to all full-integer cells."""
        suffix = target.replace("-", "_")
        for row in self.rows:
            if row["scheme"].startswith("fiq") and row["status"] == "ok":
                row |= {
                    "firmware": "exact",
                    f"flash_bytes_{suffix}": 20_000 + row["size_bytes"],
                    f"ram_bytes_{suffix}": 4_000,
                    f"instructions_{suffix}": 2_500_000,
                }

    def incompatible(self, names: Mapping[str, Any], reason: str) -> None:
        """Add a cell that cannot be."""
        self.recipes["schemes"][f"{names['model']}/{names['scheme']}"] = {}
        row = {"status": "incompatible", "reason": reason, "task": "multiclass", "n": 0}
        self.rows.append({**names, **row})

    def analyses(self, model: str, variants: Sequence[str] = VARIANTS[:3], layers: int = 8) -> None:
        """Add the results of all analyses."""
        for variant in variants:
            place = f"debug/{model}/{variant}/fiq_int8"
            self.write(f"{place}/layers.csv", self._errors(layers))
            trace = self._errors(layers).assign(n=64, sqnr_db=30.5, saturated=0.001)
            self.write(f"{place}/trace.csv", trace)
            self.write(f"{place}/sensitivity.csv", self._sweeps(layers))
            self.write(f"{place}/mistakes.json", MISTAKES)
        self.write(f"models/{model}/original/design_space.csv", DESIGNS)
        self.write(f"tflite/{model}/original/mixed/candidates.csv", CANDIDATES)
        self.write(f"models/{model}/original/calibration.csv", CALIBRATION)

    def _errors(self, layers: int) -> pd.DataFrame:
        errors = pd.DataFrame(
            self.rng.uniform(0, 1, (layers, 7)),
            columns=[
                *("scale", "stddev", "mean_error", "max_abs_error", "mean_squared_error"),
                *("rmse_per_scale", "range_covered"),
            ],
        )
        errors.insert(0, "index", range(layers))
        errors.insert(1, "operator", "CONV_2D")
        errors.insert(
            2, "tensor", [f"model/conv_{i}/Relu;model/conv_{i}/Conv2D" for i in range(layers)]
        )
        return errors.assign(num_elements=1024, zero_point=-128)

    def _sweeps(self, layers: int) -> pd.DataFrame:
        rows = [
            {
                "index": index,
                "operator": "CONV_2D",
                "tensor": f"conv_{index}",
                "quantized": kind,
                "n": 100,
                "accuracy": 0.9,
                "delta_float": -0.01 * index,
                "delta_full": 0.002 * index,
                "p_full": 0.5,
                "size_bytes": 9000,
            }
            for kind in ("only", "all_but")
            for index in range(layers)
        ]
        ends = [{**rows[0], "index": None, "quantized": kind} for kind in ("none", "all")]
        return pd.DataFrame([*rows, *ends])

    def save(self) -> dict[str, Any]:
        """Write the table and the verdict; return the arguments of `collect`."""
        report = self.folder / "report"
        report.mkdir(parents=True, exist_ok=True)
        frame = build_results_table(self.rows)
        frame.to_csv(report / "metrics.csv", index=False)
        summarize_seeds(frame, 0.95).to_csv(report / "seeds.csv", index=False)
        gate = {**self.gate, "cells": len(self.rows)}
        (report / "gate.json").write_text(json.dumps(gate))
        settings = {"statistics": {"confidence": 0.95}, "recipes": self.recipes}
        return {
            "settings": settings,
            "table": str(report / "metrics.csv"),
            "gate": str(report / "gate.json"),
            "evidence": [*self.evidence, str(report / "seeds.csv")],
        }

    def collect(self) -> ReportData:
        return collect(**self.save())


MISTAKES = {
    "n": 144,
    "accuracy": 0.9,
    "saturated": 0.01,
    "mistakes": [
        {
            "name": name,
            "words": words,
            "accuracy": 0.9 + delta,
            "delta": delta,
            "delta_low": delta - 0.02,
            "delta_high": delta + 0.02,
            "p": 0.01,
        }
        for name, words, delta in (
            ("cast", "cast without rounding", -0.004),
            ("wrap", "wrapped instead of saturated", -0.3),
        )
    ],
}
DESIGNS = pd.DataFrame(
    {
        "point": [None, 0, 1],
        "finalist": [None, "yes", "yes"],
        "parameters": [300, 600, 900],
        "macs": [2000, 4000, 9000],
        "weight_error": [1.5, 1.0, 0.4],
        "val_accuracy": [None, 0.7, 0.85],
        "layers": ["{}", "{}", '{"conv": {"rank": [2, 2]}}'],
    }
)
CANDIDATES = pd.DataFrame(
    {
        "candidate": ["fiq_float32", "one_in_float"],
        "in_float": [None, "model/conv_0/Relu;model/conv_0/Conv2D"],
        "operators_in_float": [0, 1],
        "size_bytes": [4000, 5000],
        "n": [100, 100],
        "accuracy": [0.86, 0.9],
        "delta_float": [-0.04, 0.0],
        "within_budget": [False, True],
        "allowed": [True, True],
        "chosen": [False, True],
    }
)
CALIBRATION = pd.DataFrame(
    {
        "rule": ["minmax", "percentile"],
        "setting": [None, 99.9],
        "n": [100, 100],
        "accuracy": [0.86, 0.88],
        "delta_minmax": [0.0, 0.02],
        "chosen": [False, True],
    }
)


def rich_study(folder: Path, models: int = 13) -> FakeStudy:
    """Make a study with everything that there can be; by default of the default study's size."""
    study = FakeStudy(folder)
    for number in range(models):
        dataset = f"synthetic_{number // 2}" if number % 2 else f"recorded_{number // 2}"
        study.model(f"model_{number}", dataset, groups=12 if number % 3 else None)
        study.analyses(f"model_{number}", VARIANTS, layers=12)
    names = {"model": "model_1", "family": "model_1", "seed": 1, "dataset": "synthetic_0"}
    study.incompatible(
        {**names, "variant": "original", "scheme": "akida_v2_w8a8", "runtime": "akida"},
        "pool_1: pool (2, 1), strides (2, 1)",
    )
    return study


def write_page(study: FakeStudy) -> Path:
    """Write the page of a study into its folder."""
    import vl_convert

    from snugnet.report.page import PageParts, render_page

    templates = ROOT / "workflow" / "report"
    parts = PageParts(
        style=(templates / "style.css").read_text(),
        script=(templates / "page.js").read_text(),
        vega=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
    )
    path = study.folder / "index.html"
    path.write_text(render_page(study.collect(), {}, templates / "index.html.j2", parts))
    return path
