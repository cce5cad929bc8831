"""Targets of a study: the files of each stage, and all files that the study exists for."""

from collections.abc import Callable, Collection, Sequence

from snugnet.config.cells import Cell, families
from snugnet.config.folds import list_fold_models
from snugnet.config.lineage import ancestry, has_quantizers, network_of, parent_of
from snugnet.config.overlay import has_parent, variant_settings
from snugnet.config.schema import Configuration
from snugnet.config.tasks import has_decisions
from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.paths import ResultPath
from snugnet.core.settings.factorization import FactorizationSettings
from snugnet.core.tflite_schemes import FULL_INTEGER, SCHEMES

# The schemes whose cells each analysis covers.
ANALYSES = {
    "layers": ("fiq_int8",),
    "sensitivity": ("fiq_int8",),
    "mistakes": ("fiq_int8", "fiq_uint8"),
}
# The analysis and the file of each stage that looks for causes of accuracy loss.
ANALYSIS_STAGES = {
    "debugged": ("layers", ResultPath.LAYERS),
    "traced": ("layers", ResultPath.TRACE),
    "sensitivity": ("sensitivity", ResultPath.SENSITIVITY),
    "mistakes": ("mistakes", ResultPath.MISTAKES),
}
# Stages that convert the model again, which takes a variant without quantizers.
CONVERTING = ("debugged", "sensitivity")
SPLITS = ("train", "val", "calib", "test")
# The stages whose files the report shows beside the table.
REPORTED = (
    "data",
    "records",
    "models",
    "histories",
    "designs",
    "tflite",
    "contracts",
    "certificates",
    "footprints",
    "conversions",
    "programs",
    "metrics",
    *ANALYSIS_STAGES,
    "searches",
    "calibrations",
)
# The stages of which the target `all` requires every file, and the files that it requires too.
DELIVERED = (
    "data",
    "records",
    "models",
    "histories",
    "stats",
    "designs",
    "calibrations",
    "tflite",
    "contracts",
    "searches",
    "certificates",
    "firmware",
    "footprints",
    "conversions",
    "programs",
    "agreements",
    "predictions",
    "pooled",
    "metrics",
    *ANALYSIS_STAGES,
)
REPORT_FILES = (
    ResultPath.TABLE,
    ResultPath.SEEDS,
    ResultPath.GROUPS,
    ResultPath.MARKDOWN,
    ResultPath.PAGE,
    ResultPath.FIGURES,
    ResultPath.GATE,
    ResultPath.PASSED,
    ResultPath.MANIFEST,
)
# The file of each cell in stages whose cells are those of some schemes.
CELL_FILES: dict[str, tuple[Collection[str], ResultPath]] = {
    "tflite": (SCHEMES, ResultPath.TFLITE),
    "contracts": (SCHEMES, ResultPath.CONTRACT),
    "certificates": (FULL_INTEGER, ResultPath.CERTIFICATE),
    "searches": (("mixed",), ResultPath.CANDIDATES),
    "conversions": (AKIDA_SCHEMES, ResultPath.CONVERSION),
    "programs": (AKIDA_SCHEMES, ResultPath.PROGRAM),
    "preflights": (AKIDA_SCHEMES, ResultPath.PREFLIGHT),
    "akida_metrics": (AKIDA_SCHEMES, ResultPath.METRICS),
    "agreements": (AKIDA_SCHEMES, ResultPath.AGREEMENT),
    "predictions": ((*SCHEMES, *AKIDA_SCHEMES), ResultPath.PREDICTIONS),
    "metrics": ((*SCHEMES, *AKIDA_SCHEMES), ResultPath.METRICS),
}


class Targets:
    """The files of a study, below the results folder."""

    def __init__(self, config: Configuration, cells: Sequence[Cell]) -> None:
        self._config = config
        self._cells = cells

    def files(self, stage: str) -> list[str]:
        """List the files of a stage that the study makes, each once."""
        if stage in ANALYSIS_STAGES:
            return self._analysis_files(stage)
        if stage in CELL_FILES:
            schemes, path = CELL_FILES[stage]
            paths = [path.of_cell(cell) for cell in self._cells if cell.scheme in schemes]
        else:
            list_files = self._network_stages()[stage]
            paths = [path for cell in self._cells for path in list_files(cell)]
        return list(dict.fromkeys(paths))

    def deliverables(self) -> list[str]:
        """List all files that the study exists for."""
        stages = [path for stage in DELIVERED for path in self.files(stage)]
        report = [str(path) for path in REPORT_FILES]
        if self.files("akida_metrics"):
            report.append(str(ResultPath.AKIDA_PAGE))
        return [*stages, *report]

    def analysed(self, name: str) -> list[Cell]:
        """List the cells that an analysis covers."""
        selection = getattr(self._config.analyses, name)
        family = families(self._config)
        return [
            cell
            for cell in self._cells
            if cell.scheme in ANALYSES[name]
            and (name == "layers" or has_decisions(self._config, cell.model))
            and (
                selection.models is None or {cell.model, family[cell.model]} & set(selection.models)
            )
            and (selection.variants is None or cell.variant in selection.variants)
        ]

    def _analysis_files(self, stage: str) -> list[str]:
        name, path = ANALYSIS_STAGES[stage]
        return [
            path.of_cell(cell)
            for cell in self.analysed(name)
            if not (stage in CONVERTING and has_quantizers(self._config, cell.variant))
        ]

    def _network_stages(self) -> dict[str, Callable[[Cell], list[str]]]:
        """Return, for each stage of data, networks and folds, a function from a cell to files."""
        return {
            "data": self._split_files,
            "records": lambda cell: [ResultPath.RECORD.of(dataset=self._dataset_of(cell))],
            "models": lambda cell: [self._network_file(cell, ResultPath.MODEL)],
            "stats": lambda cell: [self._network_file(cell, ResultPath.STATS)],
            "histories": lambda cell: [self._network_file(cell, ResultPath.HISTORY)],
            "designs": self._design_spaces,
            "calibrations": self._calibrations,
            "pooled": self._pooled_predictions,
            "firmware": lambda cell: self._firmware_files(cell, ResultPath.FIRMWARE),
            "footprints": lambda cell: self._firmware_files(cell, ResultPath.FOOTPRINT),
        }

    def _pooled_predictions(self, cell: Cell) -> list[str]:
        has_folds = bool(list_fold_models(self._config, cell.model))
        return [ResultPath.POOLED.of_cell(cell)] if has_folds else []

    def has_firmware(self, scheme: str) -> bool:
        """Return whether the study generates C code for the cells of a scheme."""
        return bool(self._config.firmware.targets) and scheme in FULL_INTEGER

    def _firmware_files(self, cell: Cell, path: ResultPath) -> list[str]:
        return [path.of_cell(cell)] if self.has_firmware(cell.scheme) else []

    def _dataset_of(self, cell: Cell) -> str:
        name: str = self._config.models[cell.model].dataset
        return name

    def _split_files(self, cell: Cell) -> list[str]:
        dataset = self._dataset_of(cell)
        return [ResultPath.SPLIT.of(dataset=dataset, split=split) for split in SPLITS]

    def _network_file(self, cell: Cell, path: ResultPath) -> str:
        """Return a file of the network that a cell computes."""
        variant = network_of(self._config, cell.variant, cell.scheme)
        return path.of(model=cell.model, variant=variant)

    def _design_spaces(self, cell: Cell) -> list[str]:
        """List the design spaces from which a cell's variant, or an ancestor, takes a point."""
        spaces = []
        for step in ancestry(self._config, cell.variant):
            if not has_parent(self._config.variants[step]):
                continue
            settings = variant_settings(self._config, cell.model, step)
            if isinstance(settings, FactorizationSettings) and settings.point is not None:
                parent = str(parent_of(self._config, step))
                spaces.append(ResultPath.DESIGN_SPACE.of(model=cell.model, variant=parent))
        return spaces

    def _calibrations(self, cell: Cell) -> list[str]:
        if self._config.variants[cell.variant].method != "calibrate":
            return []
        return [ResultPath.CALIBRATION.of(model=cell.model, variant=cell.variant)]
