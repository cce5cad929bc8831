"""Fit the estimates of code and instructions to emulated runs of many models.

python tools/calibrate_estimates.py results/tflite/*/*/fiq_*/model.tflite …

Writes src/snugnet/firmware/estimates.json. Files of one model (a folder above) are left out
together when errors are measured.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

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
    """Predict each value from a fit without the files of its model."""
    result = np.zeros(len(values))
    for group in set(groups):
        inside = [i for i, name in enumerate(groups) if name == group]
        outside = [i for i, name in enumerate(groups) if name != group]
        fit = Fit([amounts[i] for i in outside], [values[i] for i in outside])
        result[inside] = fit.predict([amounts[i] for i in inside])
    return result


def main() -> None:
    """Emulate all files, fit, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    files = parser.parse_args().files
    programs: list[FirmwareProgram] = []
    measured: dict[str, list[tuple[int, int, int, int]]] = {target: [] for target in TARGETS}
    for number, path in enumerate(files):
        file = ModelFile.read(path)
        model = Model(file.graph, "tflm")
        program = make_program(model)
        samples = draw_random_samples(file.graph, model.inputs[0].shape[0])
        vectors = compute_vectors(model, file.quantize_input(samples))
        programs.append(program)
        for name, target in TARGETS.items():
            cost = emulate_program(program, target, vectors)
            assert cost.exact, path
            figures = (cost.instructions, cost.flash_bytes, cost.stack_bytes)
            measured[name].append((*figures, count_constants(program)))
        print(f"{number + 1} of {len(files)}: {path}", file=sys.stderr)
    groups = [path.parents[2].name or str(path) for path in files]
    work, code = [count_work(p) for p in programs], [count_code(p) for p in programs]
    table = {}
    for name, rows in measured.items():
        instructions, flash, stack, constants = (list(column) for column in zip(*rows, strict=True))
        sizes = [total - known for total, known in zip(flash, constants, strict=True)]
        errors = {
            "instructions_error": relative_error(
                leave_out(work, instructions, groups), instructions
            ),
            "flash_error": relative_error(
                leave_out(code, sizes, groups) + np.array(constants), flash
            ),
        }
        fits = {"instructions": Fit(work, instructions), "code": Fit(code, sizes)}
        table[name] = {
            **{
                key: dict(zip(fit.names, np.round(fit.coefficients, 4).tolist(), strict=True))
                for key, fit in fits.items()
            },
            "stack": max(stack),
            **{key: round(float(np.quantile(e, SHARE)), 3) for key, e in errors.items()},
        }
        print(name, {key: table[name][key] for key in errors}, file=sys.stderr)
    TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
