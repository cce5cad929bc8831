"""Mapping of Akida models on virtual devices, in a separate process.

The mapper can crash the process: akida 2.19.3 does so for some residual networks and for truncated
files. This module is therefore also a program, which prints JSON:

    python mapping.py MODEL.fbz DEVICE MODE
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 120
# The search for the best split crashes for some networks that the plain mode can map.
MODES = ("AllNps", "Minimal")


def map_on_device(path: str | Path, device: str) -> dict[str, Any]:
    """Map a model on a device.

    Args:
        path: The .fbz file.
        device: Name of a virtual device, see `akida_schemes.DEVICES`.

    Returns:
        JSON-ready: `hardware` (whether the whole model runs on the chip) and `reason` (why not, or
        None). If the model can be mapped also `sequences` (each with `backend`, `passes` and
        `program_bytes`), `program_bytes`, `processors` (number of processors used, over all
        passes) and `layers` (each with `processors` by kind, `input_bytes` and `weight_bytes`).
    """
    for mode in MODES:
        # Without -P the modules in this folder would hide those of the standard library.
        command = [sys.executable, "-P", __file__, str(path), device, mode]
        try:
            process = subprocess.run(
                command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
            )
        except subprocess.TimeoutExpired:
            reason = f"unknown: the mapper exceeded {TIMEOUT_SECONDS} s"
            continue
        if process.returncode == 0:
            report: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
            return report
        last_line = (process.stderr.strip().splitlines() or ["no error message"])[-1]
        reason = f"the mapper failed with exit code {process.returncode}: {last_line}"
    return {"hardware": False, "reason": reason}


def _map_in_process(path: str, device: str, mode: str) -> dict[str, Any]:
    """Map a model in this process; the report is that of `map_on_device`."""
    import akida

    model = akida.Model(path)
    target = getattr(akida, device)()
    reason = None
    try:
        model.map(target, hw_only=True, mode=getattr(akida.MapMode, mode))
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        if "IP version" in reason:
            return {"hardware": False, "reason": reason}
        # Map again with the host allowed, to report which parts the host would compute.
        model.map(target, mode=akida.MapMode.Minimal)
    sequences = [_describe_sequence(sequence) for sequence in model.sequences]
    return {
        "hardware": reason is None,
        "reason": reason,
        "sequences": sequences,
        "program_bytes": sum(sequence["program_bytes"] for sequence in sequences),
        "processors": sum(model.component_count.values()),
        "layers": [_describe_layer(layer) for layer in model.layers],
    }


def _describe_sequence(sequence: Any) -> dict[str, Any]:
    return {
        "name": sequence.name,
        "backend": sequence.backend.name,
        "passes": len(sequence.passes),
        "program_bytes": len(sequence.program or b""),
    }


def _describe_layer(layer: Any) -> dict[str, Any]:
    processors = _get_processors(layer)
    memories = [processor.mem_info for processor in processors]
    return {
        "name": layer.name,
        "processors": dict(Counter(processor.type.name for processor in processors)),
        "input_bytes": sum(memory.input_size for memory in memories),
        "weight_bytes": sum(memory.weight_size for memory in memories),
    }


def _get_processors(layer: Any) -> list[Any]:
    return list(layer.mapping.nps) if layer.mapping is not None else []


if __name__ == "__main__":
    print(json.dumps(_map_in_process(*sys.argv[1:])))
