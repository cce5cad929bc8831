"""Run an exported model with NumPy alone: python -m snugnet.int8 model.npz data.npy."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.text import escape_controls, shorten
from snugnet.int8.arrays import read_array
from snugnet.int8.classification_report import (
    ClassificationReport,
    OutputsReport,
    PredictionReport,
    report_predictions,
)
from snugnet.int8.engine import Model, load
from snugnet.int8.node import Profile


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, run the model and print the report.

    Args:
        arguments: Arguments of the command; by default those of the process.

    Returns:
        The exit code: 0 on success, 2 if the request or a file is wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m snugnet.int8", description=__doc__)
    parser.add_argument("model", help="exported .npz or .json, or .tflite file")
    parser.add_argument("data", help=".npy of inputs: the model's integer type, or floats")
    parser.add_argument("--labels", help=".npy of labels: class indices, or one 0 or 1 per output")
    parser.add_argument("--profile", default="litert_ref", choices=[str(p) for p in Profile])
    parser.add_argument(
        "--explain", metavar="OPERATOR:I,J,…", help="print the arithmetic of one element"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    try:
        model = load(options.model, options.profile)
        data = read_array(options.data)
        if options.explain:
            _print_values(dict(_explain(model, data, options.explain)), options.json)
        else:
            labels = None if options.labels is None else read_array(options.labels)
            report = report_predictions(model, data, labels)
            if isinstance(report, ClassificationReport) and report.reason is not None:
                raise InputError(report.reason)
            _print_report(report, options.json)
    except (InputError, OSError) as error:
        print(escape_controls(shorten(str(error))), file=sys.stderr)
        return 2
    return 0


def _explain(model: Model, data: np.ndarray, element: str) -> list[tuple[str, Any]]:
    """Explain an element, such as `3:0,1,2`, for the first invocation of the data."""
    operator, _, index = element.partition(":")
    try:
        request = int(operator), [int(number) for number in index.split(",") if number]
    except ValueError:
        raise InputError(
            f"--explain {element}: expected OPERATOR:ELEMENT, such as 3:0,1,2"
        ) from None
    first = data[: model.inputs[0].shape[0]] if model.inputs[0].shape else data
    return model.explain(first, *request)


def _print_report(report: PredictionReport, as_json: bool) -> None:
    if as_json or isinstance(report, OutputsReport):
        _print_values(report.to_json(), as_json)
    elif report.accuracy is not None:
        print(f"accuracy {report.accuracy:.4f} of {len(report.raw)} samples")
    else:
        for decision, row in zip(report.decision, report.raw, strict=True):
            values = row if isinstance(row, list) else [row]
            print(escape_controls(" ".join(map(str, (decision, *values)))))


def _print_values(values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(values))
    else:
        for name, value in values.items():
            print(escape_controls(f"{name}: {value}"))


if __name__ == "__main__":
    sys.exit(main())
