"""Run an exported model with NumPy alone: python -m snugnet.int8 model.npz data.npy."""

import argparse
import json
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.errors import InputError
from snugnet.int8.engine import Model, load
from snugnet.int8.node import Profile


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, run the model and print what it says.

    Returns:
        The exit code: 0 done, 2 the request was wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m snugnet.int8", description=__doc__)
    parser.add_argument("model", help=".npz or .json that was exported, or .tflite")
    parser.add_argument("data", help=".npy: inputs of the model's type, or real numbers")
    parser.add_argument(
        "--labels", help=".npy: the class of each sample, or one 0 or 1 for each output"
    )
    parser.add_argument("--profile", default="litert_ref", choices=[str(p) for p in Profile])
    parser.add_argument("--explain", metavar="OPERATOR:I,J,…", help="arithmetic of one element")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    try:
        model = load(options.model, options.profile)
        data = _array(options.data)
        if options.explain:
            _print(dict(_explained(model, data, options.explain)), options.json)
        else:
            _print(_predicted(model, data, options.labels), options.json)
    except (InputError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _array(path: str) -> np.ndarray:
    try:
        array: np.ndarray = np.load(Path(path), allow_pickle=False)
    except (ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no .npy file ({error})") from None
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: no .npy file with one array")
    return array


def _explained(model: Model, data: np.ndarray, place: str) -> list[tuple[str, Any]]:
    operator, _, index = place.partition(":")
    try:
        asked = int(operator), [int(number) for number in index.split(",") if number]
    except ValueError:
        raise InputError(
            f"--explain {place}: an operator and an element are needed, as in 3:0,1,2"
        ) from None
    first = data[: model.inputs[0].shape[0]] if model.inputs[0].shape else data
    return model.explain(first, *asked)


def _predicted(model: Model, data: np.ndarray, labels: str | None) -> dict[str, Any]:
    raw = model.predict(data)
    if isinstance(raw, list):
        if labels is not None:
            raise InputError(f"{labels}: the model has {len(raw)} outputs; labels are for one")
        return {"outputs": [output.tolist() for output in raw]}
    truth = None if labels is None else _array(labels)
    rows = raw.reshape(len(raw), -1) if raw.ndim else raw.reshape(1, 1)
    decision = _decisions(model, rows, several=truth is not None and truth.shape == rows.shape)
    found = {"raw": raw.tolist(), "decision": decision.tolist()}
    if truth is not None:
        if truth.shape not in (decision.shape, (len(decision), 1)):
            raise InputError(
                f"{labels} has shape {list(truth.shape)}; a class for each of {len(rows)} samples, "
                f"or {rows.shape[1]} zeros and ones, is needed"
            )
        found["accuracy"] = float(np.mean(decision == truth.reshape(decision.shape)))
    return found


def _decisions(model: Model, rows: np.ndarray, several: bool) -> np.ndarray:
    """Decide: the largest output, or real numbers of at least 0.5 for one or several labels."""
    if rows.shape[1] > 1 and not several:
        return rows.argmax(axis=1)
    port = model.outputs[0]
    real = rows.astype(np.float32)
    if port.scale:
        real = np.float32(port.scale) * (rows.astype(np.float32) - np.float32(port.zero_point))
    above = (real >= np.float32(0.5)).astype(np.int64)
    return above if rows.shape[1] > 1 else above[:, 0]


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
    elif "accuracy" in found:
        print(f"accuracy {found['accuracy']:.4f} of {len(found['raw'])} samples")
    elif "raw" in found:
        for decision, row in zip(found["decision"], found["raw"], strict=True):
            print(decision, *row if isinstance(row, list) else [row])
    else:
        for name, value in found.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    sys.exit(main())
