"""What is deployed, in columns of the table: a .tflite file, or a program for Akida."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def tflite_columns(
    path: str | Path, evidence: Mapping[str, Any], certificate: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Describe a .tflite file.

    Args:
        path: The file; its size is measured.
        evidence: `weights`, `int8_weights`, `float_weights`, `zeros` and `dead_layers` of the
            file, as `make_weight_report` gives them.
        certificate: What `certify` found; None for a file that is not full-integer.
    """
    return {**file_size(path), **_evidence(evidence), **_certified(certificate)}


def akida_columns(
    program: str | Path, conversion: Mapping[str, Any], agreement: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe a program for Akida.

    Args:
        program: The .fbz file; its size is measured.
        conversion: What the conversion recorded.
        agreement: How far the simulator agrees with the quantized Keras model.
    """
    device = conversion["device"]
    mapped = conversion["devices"][device]
    first, own = agreement.get("first_layer") or {}, agreement.get("quantizeml") or {}
    # Nobody has counted the zeros of weights that were trained on.
    uncounted = {"nonzero": None, "model_zeros": None} if conversion["trained"] else {}
    return {
        **file_size(program),
        **uncounted,
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
        "akida_quantizeml_equal": own.get("decisions_equal"),
        "akida_worst": agreement["worst"],
        "akida_first_layer": first.get("layer"),
    }


def file_size(path: str | Path) -> dict[str, int]:
    """Measure a file: its bytes, and its bytes when compressed by gzip at level 9."""
    data = Path(path).read_bytes()
    return {
        "size_bytes": len(data),
        "size_gzip_bytes": len(gzip.compress(data, compresslevel=9, mtime=0)),
    }


def _evidence(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Put what a file's weights show into one cell of the table each."""
    weights = evidence["weights"]
    return {
        "int8_weights": len(evidence["int8_weights"]),
        "float_weights": len(evidence["float_weights"]),
        "file_zeros": evidence["zeros"],
        "tensor_zeros": "; ".join(f"{row['name']} {row['zeros']:.4f}" for row in weights),
        "tensor_ranks": "; ".join(f"{row['name']} {row['rank']}" for row in weights),
        "dead_layers": "; ".join(evidence["dead_layers"]) or None,
    }


def _certified(certificate: Mapping[str, Any] | None) -> dict[str, Any]:
    """Take from a certificate what belongs in the table."""
    names = ("arena_bytes", "litert_ref", "tflm", "verification")
    if certificate is None:
        return dict.fromkeys((*names, "xnnpack_worst_lsb", "xnnpack_decisions_changed"))
    departure = certificate["xnnpack"] or {}
    findings = [_finding(profile, certificate[profile]) for profile in ("litert_ref", "tflm")]
    return {
        "arena_bytes": certificate["arena_bytes"],
        "litert_ref": certificate["litert_ref"]["verdict"],
        "tflm": certificate["tflm"]["verdict"],
        "verification": "; ".join(filter(None, findings)) or None,
        "xnnpack_worst_lsb": departure.get("worst_lsb"),
        "xnnpack_decisions_changed": departure.get("decisions_changed"),
    }


def _finding(profile: str, found: Mapping[str, Any]) -> str | None:
    """Say in words what keeps a profile from being exact."""
    if found["verdict"] == "exact":
        return None
    if found["verdict"] == "unsupported":
        return f"{profile}: {found['reason']}"
    first = found["first_operator"]
    where = f"operator {first['operator']} {first['name']}" if first else "the output"
    return (
        f"{profile}: {found['mismatches']} values differ by up to {found['worst_lsb']} LSB, first "
        f"at {where}"
    )
