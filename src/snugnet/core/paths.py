"""Paths of results below the results folder. They are written here and nowhere else."""

import re
from enum import StrEnum
from functools import cache
from typing import Protocol, TypedDict, Unpack, cast


class Wildcards(TypedDict, total=False):
    """Values of the wildcards in paths of results."""

    dataset: str
    split: str
    model: str
    variant: str
    scheme: str
    runtime: str


class CellNames(Protocol):
    """The names of a cell; a row of the results has them, too."""

    @property
    def model(self) -> str:
        """Name of the model."""

    @property
    def variant(self) -> str:
        """Name of the variant."""

    @property
    def scheme(self) -> str:
        """Name of the scheme."""

    @property
    def runtime(self) -> str:
        """Name of the runtime."""


class ResultPath(StrEnum):
    """Path of a result, with wildcards in braces."""

    SPLIT = "data/{dataset}/{split}.npz"
    TRAIN = "data/{dataset}/train.npz"
    VAL = "data/{dataset}/val.npz"
    CALIB = "data/{dataset}/calib.npz"
    TEST = "data/{dataset}/test.npz"
    RECORD = "data/{dataset}/record.json"

    MODEL = "models/{model}/{variant}/model.h5"
    QUANTIZED = "models/{model}/{variant}/quantized.h5"
    HISTORY = "models/{model}/{variant}/history.csv"
    STATS = "models/{model}/{variant}/stats.json"
    CALIBRATION = "models/{model}/{variant}/calibration.csv"
    DESIGN_SPACE = "models/{model}/{variant}/design_space.csv"

    TFLITE = "tflite/{model}/{variant}/{scheme}/model.tflite"
    CONTRACT = "tflite/{model}/{variant}/{scheme}/contract.json"
    CANDIDATES = "tflite/{model}/{variant}/{scheme}/candidates.csv"

    CERTIFICATE = "verify/{model}/{variant}/{scheme}/certificate.json"
    NETWORK = "verify/{model}/{variant}/network.npz"

    FIRMWARE = "firmware/{model}/{variant}/{scheme}/source"
    FOOTPRINT = "firmware/{model}/{variant}/{scheme}/footprint.json"

    PREFLIGHT = "akida/{model}/preflight/{scheme}.json"
    PROGRAM = "akida/{model}/{variant}/{scheme}/program"
    CONVERSION = "akida/{model}/{variant}/{scheme}/conversion.json"
    AGREEMENT = "akida/{model}/{variant}/{scheme}/agreement.json"
    AKIDA_QUANTIZED = "akida/{model}/{variant}/{scheme}/quantized.h5"
    AKIDA_HISTORY = "akida/{model}/{variant}/{scheme}/history.csv"
    AKIDA_OWN = "akida/{model}/{variant}/{scheme}/{runtime}_own.npz"

    PREDICTIONS = "predictions/{model}/{variant}/{scheme}/{runtime}.npz"
    # The predictions of all folds of a cross-validation.
    POOLED = "pooled/{model}/{variant}/{scheme}/{runtime}.npz"
    METRICS = "metrics/{model}/{variant}/{scheme}/{runtime}.json"

    LAYERS = "debug/{model}/{variant}/{scheme}/layers.csv"
    TRACE = "debug/{model}/{variant}/{scheme}/trace.csv"
    SENSITIVITY = "debug/{model}/{variant}/{scheme}/sensitivity.csv"
    MISTAKES = "debug/{model}/{variant}/{scheme}/mistakes.json"

    TABLE = "report/metrics.csv"
    MARKDOWN = "report/metrics.md"
    SEEDS = "report/seeds.csv"
    GROUPS = "report/groups.csv"
    PAGE = "report/index.html"
    FIGURES = "report/figures"
    GATE = "report/gate.json"
    PASSED = "report/gate.passed"
    AKIDA_PAGE = "report/akida.md"
    PREFLIGHT_PAGE = "report/preflight.md"
    MANIFEST = "manifest.json"
    VEGA = "vega.js"

    def of(self, **wildcards: Unpack[Wildcards]) -> str:
        """Return the path with values for all of its wildcards.

        Args:
            wildcards: Values by wildcard; those that the path does not have are ignored.

        Raises:
            KeyError: If a wildcard has no value.
        """
        return self.value.format(**wildcards)

    def of_cell(self, cell: CellNames) -> str:
        """Return the path for a cell."""
        return self.of(
            model=cell.model, variant=cell.variant, scheme=cell.scheme, runtime=cell.runtime
        )

    def parse(self, path: str) -> Wildcards | None:
        """Return the values of the wildcards in a path; None if the path is of another kind."""
        match = _compile(self.value).fullmatch(path)
        return None if match is None else cast(Wildcards, match.groupdict())


@cache
def _compile(path: str) -> re.Pattern[str]:
    """Compile a path to a pattern with one named group for each wildcard."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))
