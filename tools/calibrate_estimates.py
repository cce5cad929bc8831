"""Fit the estimates of code and instructions to emulated runs of many models.

python tools/write_random_networks.py FOLDER
python tools/calibrate_estimates.py results/tflite/*/*/fiq_*/model.tflite FOLDER/*/*/*/model.tflite

Writes src/snugnet/firmware/estimates.json. Files of one model (a folder above) are left out
together when errors are measured.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from snugnet.firmware.emulator import emulate_program
from snugnet.firmware.estimates import TABLE, count_code, count_work, relative_error
from snugnet.firmware.golden import compute_vectors
from snugnet.firmware.program import FirmwareProgram, make_program
from snugnet.firmware.source import count_constants
from snugnet.firmware.targets import TARGETS
from snugnet.int8.engine import Model
from snugnet.services.user_data import draw_random_samples
from snugnet.tflite.model_file import ModelFile

# Share of the models whose error is stated.
SHARE = 0.95


class Fit:
    """A linear model with coefficients of at least 0, fitted to relative errors."""

    def __init__(self, amounts: Sequence[Counter[str]], values: Sequence[float]) -> None:
        self.names = sorted({name for counter in amounts for name in counter})
        matrix = self._tabulate(amounts)
        weights = 1 / np.asarray(values, float)
        self.coefficients, _ = nnls(matrix * weights[:, np.newaxis], np.ones(len(values)))

    def _tabulate(self, amounts: Sequence[Counter[str]]) -> np.ndarray:
        return np.array([[counter[name] for name in self.names] for counter in amounts], float)

    def predict(self, amounts: Sequence[Counter[str]]) -> np.ndarray:
        """Return the predicted values."""
        return self._tabulate(amounts) @ self.coefficients


def leave_out(
    amounts: Sequence[Counter[str]], values: Sequence[float], groups: Sequence[str]
) -> np.ndarray:
    """Predict each value from a fit without the files of its model.

    A value is NaN if its file has a kernel that no other model has: it would get no estimate.
    """
    result = np.full(len(values), np.nan)
    for group in set(groups):
        inside = [i for i, name in enumerate(groups) if name == group]
        outside = [i for i, name in enumerate(groups) if name != group]
        fit = Fit([amounts[i] for i in outside], [values[i] for i in outside])
        known = [i for i in inside if set(amounts[i]) <= set(fit.names)]
        if known:
            result[known] = fit.predict([amounts[i] for i in known])
    return result


def measure(path: Path) -> tuple[FirmwareProgram, dict[str, list[int]]]:
    """Emulate a file; return instructions, bytes of flash and of stack by target."""
    file = ModelFile.read(path)
    model = Model(file.graph, "tflm")
    program = make_program(model)
    samples = draw_random_samples(file.graph, model.inputs[0].shape[0])
    vectors = compute_vectors(model, file.quantize_input(samples))
    figures = {}
    for name, target in TARGETS.items():
        cost = emulate_program(program, target, vectors)
        assert cost.exact, path
        figures[name] = [cost.instructions, cost.flash_bytes, cost.stack_bytes]
    return program, figures


def fit_target(
    programs: Sequence[FirmwareProgram], groups: Sequence[str], figures: Sequence[list[int]]
) -> dict[str, Any]:
    """Fit the coefficients of a target, and measure the errors of a fit without each model."""
    instructions, flash, stack = (list(column) for column in zip(*figures, strict=True))
    work, code = [count_work(p) for p in programs], [count_code(p) for p in programs]
    constants = np.array([count_constants(program) for program in programs])
    sizes = (np.array(flash) - constants).tolist()
    predictions = {
        "instructions_error": (leave_out(work, instructions, groups), instructions),
        "flash_error": (leave_out(code, sizes, groups) + constants, flash),
    }
    fits = {"instructions": Fit(work, instructions), "code": Fit(code, sizes)}
    errors = {key: np.array(relative_error(*pair)) for key, pair in predictions.items()}
    return {
        **{
            key: dict(zip(fit.names, np.round(fit.coefficients, 4).tolist(), strict=True))
            for key, fit in fits.items()
        },
        "stack": max(stack),
        **{key: round(float(np.nanquantile(e, SHARE)), 3) for key, e in errors.items()},
    }


def main() -> None:
    """Emulate all files, fit, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--cache", type=Path, help="JSON file that keeps what was measured.")
    options = parser.parse_args()
    is_cached = options.cache is not None and options.cache.exists()
    cache = json.loads(options.cache.read_text()) if is_cached else {}
    programs = []
    for path in options.files:
        if str(path) in cache:
            programs.append(make_program(Model(ModelFile.read(path).graph, "tflm")))
            continue
        program, cache[str(path)] = measure(path)
        programs.append(program)
        print(f"{len(programs)} of {len(options.files)}: {path}", file=sys.stderr)
        if options.cache is not None:
            options.cache.write_text(json.dumps(cache))
    groups = [path.parents[2].name or str(path) for path in options.files]
    table = {
        name: fit_target(programs, groups, [cache[str(path)][name] for path in options.files])
        for name in TARGETS
    }
    for name, entry in table.items():
        print(name, entry["instructions_error"], entry["flash_error"], file=sys.stderr)
    TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
