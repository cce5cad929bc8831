"""Columns of metrics.csv that describe a deployed file: a .tflite file or an Akida program."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def describe_tflite(
    path: str | Path, weight_report: Mapping[str, Any], certificate: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Describe a .tflite file: size, weights and verification.

    Args:
        path: Path of the file.
        weight_report: Content of contract.json: `findings`, `weights`, `int8_weights`,
            `float_weights`, `zeros` and `dead_layers` of the file.
        certificate: Certificate of the file, as `certify` returns it; None for a file that is not
            full-integer.

    Returns:
        Values by column.
    """
    return {
        **measure_file_size(path),
        "contract_findings": list(weight_report["findings"]),
        **_describe_weights(weight_report),
        **_describe_verification(certificate),
    }


def describe_akida_program(
    program: str | Path, conversion: Mapping[str, Any], agreement: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe a program for Akida: size, device and agreement with quantized Keras.

    Args:
        program: Path of the .fbz file.
        conversion: Content of conversion.json.
        agreement: Content of agreement.json, which compares the simulator with the quantized Keras
            model.

    Returns:
        Values by column.
    """
    device = conversion["device"]
    mapped = conversion["devices"][device]
    first_layer = agreement.get("first_layer") or {}
    quantizeml = agreement.get("quantizeml") or {}
    # The zeros were counted before QAT, so the counts do not apply after it.
    unknown = {"nonzero": None, "model_zeros": None} if conversion["trained"] else {}
    return {
        **measure_file_size(program),
        **unknown,
        "reason": mapped["reason"],
        "akida_device": device,
        "akida_hardware": mapped["hardware"],
        "akida_processors": mapped.get("processors"),
        "akida_program_bytes": mapped.get("program_bytes"),
        "akida_smallest_device": conversion["smallest_device"],
        "akida_beyond_train": conversion["input"]["outside_range"]["test"],
        "akida_beyond_program": agreement["saturated_inputs"],
        "akida_potentials": agreement["verdict"],
        "akida_potentials_equal": agreement["potentials_equal"],
        "akida_decisions_equal": agreement["decisions_equal"],
        "akida_quantizeml_equal": quantizeml.get("decisions_equal"),
        "akida_worst": agreement["worst"],
        "akida_first_layer": first_layer.get("layer"),
    }


def measure_file_size(path: str | Path) -> dict[str, int]:
    """Measure the size of a file in bytes, uncompressed and compressed with gzip at level 9."""
    data = Path(path).read_bytes()
    return {
        "size_bytes": len(data),
        "size_gzip_bytes": len(gzip.compress(data, compresslevel=9, mtime=0)),
    }


def _describe_weights(weight_report: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the weights of a file; the figures of all tensors are joined into one text."""
    weights = weight_report["weights"]
    return {
        "int8_weights": len(weight_report["int8_weights"]),
        "float_weights": len(weight_report["float_weights"]),
        "file_zeros": weight_report["zeros"],
        "tensor_zeros": "; ".join(f"{row['name']} {row['zeros']:.4f}" for row in weights),
        "tensor_ranks": "; ".join(f"{row['name']} {row['rank']}" for row in weights),
        "dead_layers": "; ".join(weight_report["dead_layers"]) or None,
    }


def _describe_verification(certificate: Mapping[str, Any] | None) -> dict[str, Any]:
    """Describe the verification of a file; all values are None without a certificate."""
    if certificate is None:
        return {
            "arena_bytes": None,
            "litert_ref": None,
            "tflm": None,
            "verification": None,
            "xnnpack_worst_lsb": None,
            "xnnpack_decisions_changed": None,
        }
    xnnpack = certificate["xnnpack"] or {}
    findings = [
        _format_finding(profile, certificate[profile]) for profile in ("litert_ref", "tflm")
    ]
    return {
        "arena_bytes": certificate["arena_bytes"],
        "litert_ref": certificate["litert_ref"]["verdict"],
        "tflm": certificate["tflm"]["verdict"],
        "verification": "; ".join(filter(None, findings)) or None,
        "xnnpack_worst_lsb": xnnpack.get("worst_lsb"),
        "xnnpack_decisions_changed": xnnpack.get("decisions_changed"),
    }


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
