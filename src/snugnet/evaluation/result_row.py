"""The record of one row of metrics.csv."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from snugnet.core.errors import InputError
from snugnet.core.microcontrollers import MICROCONTROLLERS, name_column
from snugnet.evaluation.headline import Headline


@dataclass(frozen=True)
class DeviceCost:
    """What the C code of a cell costs on a microcontroller.

    Attributes:
        flash_bytes: Code and constants.
        ram_bytes: Arena, variables and stack.
        instructions: Instructions of one inference.
    """

    flash_bytes: int
    ram_bytes: int
    instructions: int


@dataclass(frozen=True)
class ResultRow:
    """A row of metrics.csv: the results of one cell.

    The attributes are the columns of metrics.csv, in its order. A value that does not apply to the
    cell is None. docs/reference/metrics.md explains each column.
    """

    model: str
    family: str
    seed: int | None
    dataset: str
    task: str | None
    variant: str
    parent: str | None
    method: str | None
    scheme: str
    runtime: str
    status: str
    reason: str | None
    n: int | None
    accuracy: float | None
    balanced_accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    cohen_kappa: float | None
    binary_accuracy: float | None
    hamming_loss: float | None
    jaccard: float | None
    auc_macro: float | None
    auc_low: float | None
    auc_high: float | None
    n_groups: int | None
    folds: int | None
    accuracy_low: float | None
    accuracy_high: float | None
    mae: float | None
    mae_low: float | None
    mae_high: float | None
    rmse: float | None
    r2: float | None
    delta_float: float | None
    delta_float_low: float | None
    delta_float_high: float | None
    p_float: float | None
    p_holm: float | None
    delta_parent: float | None
    delta_parent_low: float | None
    delta_parent_high: float | None
    p_parent: float | None
    p_parent_holm: float | None
    delta_step: float | None
    delta_step_low: float | None
    delta_step_high: float | None
    p_step: float | None
    p_step_holm: float | None
    decisions_changed: int | None
    size_bytes: int | None
    size_gzip_bytes: int | None
    arena_bytes: int | None
    firmware: str | None
    firmware_costs: str | None
    flash_bytes_cortex_m0: int | None
    ram_bytes_cortex_m0: int | None
    instructions_cortex_m0: int | None
    flash_bytes_cortex_m4: int | None
    ram_bytes_cortex_m4: int | None
    instructions_cortex_m4: int | None
    flash_bytes_cortex_m33: int | None
    ram_bytes_cortex_m33: int | None
    instructions_cortex_m33: int | None
    flash_bytes_cortex_m55: int | None
    ram_bytes_cortex_m55: int | None
    instructions_cortex_m55: int | None
    parameters: int | None
    nonzero: int | None
    macs: int | None
    int8_weights: int | None
    float_weights: int | None
    model_zeros: float | None
    file_zeros: float | None
    tensor_zeros: str | None
    tensor_ranks: str | None
    dead_layers: str | None
    litert_ref: str | None
    tflm: str | None
    verification: str | None
    xnnpack_worst_lsb: int | None
    xnnpack_decisions_changed: int | None
    akida_device: str | None
    akida_hardware: bool | None
    akida_processors: int | None
    akida_program_bytes: int | None
    akida_smallest_device: str | None
    akida_beyond_train: int | None
    akida_beyond_program: int | None
    akida_potentials: str | None
    akida_potentials_equal: float | None
    akida_decisions_equal: float | None
    akida_quantizeml_equal: float | None
    akida_worst: int | None
    akida_first_layer: str | None
    latency_us_median: float | None
    latency_us_p95: float | None

    @classmethod
    def from_columns(cls, values: Mapping[str, Any]) -> Self:
        """Make a row from values by column; other keys are ignored, and absent columns are None."""
        columns: dict[str, Any] = {field.name: values.get(field.name) for field in fields(cls)}
        return cls(**columns)

    @property
    def by_column(self) -> Mapping[str, Any]:
        """The values by column, in the order of metrics.csv."""
        return vars(self)

    @property
    def address(self) -> str:
        """The address of the cell: model/variant/scheme/runtime."""
        return f"{self.model}/{self.variant}/{self.scheme}/{self.runtime}"

    def device_cost(self, target: str) -> DeviceCost | None:
        """Return the cost on a microcontroller; None if it was not measured."""
        names = ("flash_bytes", "ram_bytes", "instructions")
        values = [self.by_column[name_column(name, target)] for name in names]
        return None if None in values else DeviceCost(*map(int, values))

    @property
    def is_measured(self) -> bool:
        """Whether the cell could be measured."""
        return self.status == "ok"

    @property
    def headline(self) -> Headline:
        """The figure by which cells of one dataset are compared.

        Raises:
            InputError: If the row of a measured cell lacks it.
        """
        is_error = self.mae is not None
        value = self.mae if is_error else self.accuracy
        if value is None:
            raise InputError(f"metrics.csv: {self.address} has no accuracy; run Snakemake again")
        if is_error:
            return Headline(value, self.mae_low, self.mae_high, is_error=True)
        return Headline(value, self.accuracy_low, self.accuracy_high, is_error=False)


def list_measured_targets(rows: Sequence[ResultRow]) -> list[str]:
    """List the microcontrollers on which the C code of a cell was measured."""
    return [
        target
        for target in MICROCONTROLLERS
        if any(row.device_cost(target) is not None for row in rows)
    ]
