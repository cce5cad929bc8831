"""Map an Akida model on a virtual device, in a process of its own: the mapper may end it.

python mapping.py MODEL.fbz DEVICE MODE

prints JSON. akida 2.19.3 ends the program for some residual networks, and for a truncated file.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

SECONDS = 120
# The search for the best split ends the process for some networks that the plain one maps.
MODES = ("AllNps", "Minimal")


def map_on_device(path: str | Path, device: str) -> dict[str, Any]:
    """Map a model on a device.

    Returns:
        Ready for JSON: `hardware` (whether all of it runs on the chip), `reason` (why not, or
        None), and if it could be mapped at all `sequences` (each with `backend`, `passes` and
        `program_bytes`), `program_bytes`, `processors` (how many are used, over all passes), and
        `layers` (each with `processors` by kind, `input_bytes` and `weight_bytes`).
    """
    for mode in MODES:
        # Without -P the modules beside this file would hide the standard library's.
        command = [sys.executable, "-P", __file__, str(path), device, mode]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            reason = f"unknown: the mapper exceeded {SECONDS} s"
            continue
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            return found
        last = (done.stderr.strip().splitlines() or ["no error message"])[-1]
        reason = f"the mapper failed with exit code {done.returncode}: {last}"
    return {"hardware": False, "reason": reason}


def _map(path: str, device: str, mode: str) -> dict[str, Any]:
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
        # Which parts would the host compute?
        model.map(target, mode=akida.MapMode.Minimal)
    sequences = [_sequence(sequence) for sequence in model.sequences]
    return {
        "hardware": reason is None,
        "reason": reason,
        "sequences": sequences,
        "program_bytes": sum(sequence["program_bytes"] for sequence in sequences),
        "processors": sum(model.component_count.values()),
        "layers": [_layer(layer) for layer in model.layers],
    }


def _sequence(sequence: Any) -> dict[str, Any]:
    return {
        "name": sequence.name,
        "backend": sequence.backend.name,
        "passes": len(sequence.passes),
        "program_bytes": len(sequence.program or b""),
    }


def _layer(layer: Any) -> dict[str, Any]:
    processors = _processors(layer)
    used = [processor.mem_info for processor in processors]
    return {
        "name": layer.name,
        "processors": dict(Counter(processor.type.name for processor in processors)),
        "input_bytes": sum(memory.input_size for memory in used),
        "weight_bytes": sum(memory.weight_size for memory in used),
    }


def _processors(layer: Any) -> list[Any]:
    return list(layer.mapping.nps) if layer.mapping is not None else []


if __name__ == "__main__":
    print(json.dumps(_map(*sys.argv[1:])))
