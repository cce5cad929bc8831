"""Columns of metrics.csv that describe a deployed file: a .tflite file or an Akida program.

The attributes of the data classes have the names of the columns; docs/reference/metrics.md
describes them.
"""

import gzip
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from snugnet.core.microcontrollers import name_column


@dataclass(frozen=True)
class FileSize:
    """Size of a file in bytes, uncompressed and compressed with gzip at level 9."""

    size_bytes: int
    size_gzip_bytes: int


@dataclass(frozen=True)
class WeightSummary:
    """Weights of a .tflite file; the figures of all tensors are joined into one text."""

    int8_weights: int
    float_weights: int
    file_zeros: float | None
    tensor_zeros: str
    tensor_ranks: str
    dead_layers: str | None


@dataclass(frozen=True)
class VerificationSummary:
    """Verification of a .tflite file; all values are None without a certificate."""

    arena_bytes: int | None = None
    litert_ref: str | None = None
    tflm: str | None = None
    verification: str | None = None
    xnnpack_worst_lsb: int | None = None
    xnnpack_decisions_changed: int | None = None


@dataclass(frozen=True)
class FirmwareSummary:
    """Costs of the C code of a .tflite file; values are None where they were not measured."""

    firmware: str | None = None
    firmware_costs: str | None = None
    flash_bytes_cortex_m0: int | None = None
    ram_bytes_cortex_m0: int | None = None
    instructions_cortex_m0: int | None = None
    flash_bytes_cortex_m4: int | None = None
    ram_bytes_cortex_m4: int | None = None
    instructions_cortex_m4: int | None = None
    flash_bytes_cortex_m33: int | None = None
    ram_bytes_cortex_m33: int | None = None
    instructions_cortex_m33: int | None = None
    flash_bytes_cortex_m55: int | None = None
    ram_bytes_cortex_m55: int | None = None
    instructions_cortex_m55: int | None = None


@dataclass(frozen=True)
class TfliteFootprint:
    """Description of a .tflite file.

    Attributes:
        size: Size of the file.
        contract_findings: Deviations of the file from its scheme.
        weights: Weights of the file.
        verification: Verification of the file.
        firmware: Costs of its C code.
    """

    size: FileSize
    contract_findings: tuple[str, ...]
    weights: WeightSummary
    verification: VerificationSummary
    firmware: FirmwareSummary = FirmwareSummary()

    def to_json(self) -> dict[str, Any]:
        """Return the values by column."""
        return {
            **asdict(self.size),
            "contract_findings": list(self.contract_findings),
            **asdict(self.weights),
            **asdict(self.verification),
            **asdict(self.firmware),
        }


@dataclass(frozen=True)
class AkidaMapping:
    """The device that a program is mapped on, and the resources that the program takes there."""

    akida_device: str
    akida_hardware: bool
    akida_processors: int | None
    akida_program_bytes: int | None
    akida_smallest_device: str | None


@dataclass(frozen=True)
class AkidaAgreement:
    """Agreement of the simulated program with the quantized Keras model."""

    akida_beyond_train: int
    akida_beyond_program: int
    akida_potentials: str
    akida_potentials_equal: float
    akida_decisions_equal: float
    akida_quantizeml_equal: float | None
    akida_worst: int
    akida_first_layer: str | None


@dataclass(frozen=True)
class AkidaFootprint:
    """Description of a program for Akida.

    Attributes:
        size: Size of the program file.
        is_trained: Whether the model was fine-tuned with its quantizers (QAT).
        reason: Why the device does not run all of the program; None if it does.
        mapping: The mapping on the device.
        agreement: The agreement with the quantized Keras model.
    """

    size: FileSize
    is_trained: bool
    reason: str | None
    mapping: AkidaMapping
    agreement: AkidaAgreement

    def to_json(self) -> dict[str, Any]:
        """Return the values by column."""
        # The zeros were counted before QAT, so the counts do not apply after it.
        unknown = {"nonzero": None, "model_zeros": None} if self.is_trained else {}
        return {
            **asdict(self.size),
            **unknown,
            "reason": self.reason,
            **asdict(self.mapping),
            **asdict(self.agreement),
        }


Footprint = TfliteFootprint | AkidaFootprint


def describe_tflite(
    path: str | Path,
    weight_report: Mapping[str, Any],
    certificate: Mapping[str, Any] | None,
    firmware: Mapping[str, Any] | None = None,
) -> TfliteFootprint:
    """Describe a .tflite file: size, weights, verification and costs of its C code.

    Args:
        path: Path of the file.
        weight_report: Content of contract.json: `findings`, `weights`, `int8_weights`,
            `float_weights`, `zeros` and `dead_layers` of the file.
        certificate: Certificate of the file, as `certify` returns it; None for a file that is not
            full-integer.
        firmware: Content of footprint.json; None without C code.
    """
    return TfliteFootprint(
        size=measure_file_size(path),
        contract_findings=tuple(weight_report["findings"]),
        weights=_describe_weights(weight_report),
        verification=_describe_verification(certificate),
        firmware=_describe_firmware(firmware),
    )


def describe_akida_program(
    program: str | Path, conversion: Mapping[str, Any], agreement: Mapping[str, Any]
) -> AkidaFootprint:
    """Describe a program for Akida: size, device and agreement with quantized Keras.

    Args:
        program: Path of the .fbz file.
        conversion: Content of conversion.json.
        agreement: Content of agreement.json, which compares the simulator with the quantized Keras
            model.
    """
    device = conversion["device"]
    mapped = conversion["devices"][device]
    first_layer = agreement.get("first_layer") or {}
    quantizeml = agreement.get("quantizeml") or {}
    return AkidaFootprint(
        size=measure_file_size(program),
        is_trained=conversion["trained"],
        reason=mapped["reason"],
        mapping=AkidaMapping(
            akida_device=device,
            akida_hardware=mapped["hardware"],
            akida_processors=mapped.get("processors"),
            akida_program_bytes=mapped.get("program_bytes"),
            akida_smallest_device=conversion["smallest_device"],
        ),
        agreement=AkidaAgreement(
            akida_beyond_train=conversion["input"]["outside_range"]["test"],
            akida_beyond_program=agreement["saturated_inputs"],
            akida_potentials=agreement["verdict"],
            akida_potentials_equal=agreement["potentials_equal"],
            akida_decisions_equal=agreement["decisions_equal"],
            akida_quantizeml_equal=quantizeml.get("decisions_equal"),
            akida_worst=agreement["worst"],
            akida_first_layer=first_layer.get("layer"),
        ),
    )


def measure_file_size(path: str | Path) -> FileSize:
    """Measure the size of a file."""
    data = Path(path).read_bytes()
    return FileSize(len(data), len(gzip.compress(data, compresslevel=9, mtime=0)))


def _describe_weights(weight_report: Mapping[str, Any]) -> WeightSummary:
    weights = weight_report["weights"]
    return WeightSummary(
        int8_weights=len(weight_report["int8_weights"]),
        float_weights=len(weight_report["float_weights"]),
        file_zeros=weight_report["zeros"],
        tensor_zeros="; ".join(f"{row['name']} {row['zeros']:.4f}" for row in weights),
        tensor_ranks="; ".join(f"{row['name']} {row['rank']}" for row in weights),
        dead_layers="; ".join(weight_report["dead_layers"]) or None,
    )


def _describe_verification(certificate: Mapping[str, Any] | None) -> VerificationSummary:
    if certificate is None:
        return VerificationSummary()
    xnnpack = certificate["xnnpack"] or {}
    findings = [
        _format_finding(profile, certificate[profile]) for profile in ("litert_ref", "tflm")
    ]
    return VerificationSummary(
        arena_bytes=certificate["arena_bytes"],
        litert_ref=certificate["litert_ref"]["verdict"],
        tflm=certificate["tflm"]["verdict"],
        verification="; ".join(filter(None, findings)) or None,
        xnnpack_worst_lsb=xnnpack.get("worst_lsb"),
        xnnpack_decisions_changed=xnnpack.get("decisions_changed"),
    )


def _describe_firmware(firmware: Mapping[str, Any] | None) -> FirmwareSummary:
    """Return the costs on each target, and whether the C code is exact wherever it was run."""
    if firmware is None:
        return FirmwareSummary()
    runs = [firmware["host"], *firmware["targets"].values()]
    verdicts = [run["exact"] for run in runs if run]
    verdict = None if not verdicts else "exact" if all(verdicts) else "differs"
    costs = firmware["targets"] or firmware["estimates"]
    source = None if not costs else "measured" if firmware["targets"] else "estimated"
    columns = {
        name_column(figure, target): entry[figure]
        for target, entry in costs.items()
        for figure in ("flash_bytes", "ram_bytes", "instructions")
    }
    return FirmwareSummary(firmware=verdict, firmware_costs=source, **columns)


def _format_finding(profile: str, comparison: Mapping[str, Any]) -> str | None:
    """Format the reason why a profile is not exact; None if it is exact."""
    if comparison["verdict"] == "exact":
        return None
    if comparison["verdict"] == "unsupported":
        return f"{profile}: {comparison['reason']}"
    first = comparison["first_operator"]
    place = f"operator {first['operator']} {first['name']}" if first else "the output"
    return (
        f"{profile}: {comparison['mismatches']} values differ by up to {comparison['worst_lsb']} "
        f"LSB, first at {place}"
    )
