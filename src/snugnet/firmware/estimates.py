"""Estimates of flash, RAM and instructions, for machines without compiler and emulator.

Arena and constants are known. Code and instructions come from linear models with a coefficient for
each kind of kernel and work. `tools/calibrate_estimates.py` fits them to emulated runs and writes
them, with their errors, to `estimates.json`.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from snugnet.firmware.program import FirmwareProgram, PlacedStep
from snugnet.firmware.source import count_constants
from snugnet.int8.cost import estimate_cost
from snugnet.int8.node import count_elements

TABLE = Path(__file__).with_name("estimates.json")
# The kind of steps that need no kernel, such as a table lookup.
PLAIN = "plain"


@dataclass(frozen=True)
class EstimatedFootprint:
    """Estimated cost of a model on a target.

    Attributes:
        target: Name of the target.
        flash_bytes: Code and constants.
        ram_bytes: Arena and stack.
        instructions: Instructions of one inference.
        flash_error: Largest relative error of 95 % of the models that were not used to fit.
        instructions_error: The same of the instructions.
    """

    target: str
    flash_bytes: int
    ram_bytes: int
    instructions: int
    flash_error: float
    instructions_error: float


@dataclass(frozen=True)
class LinearModel:
    """Coefficients for one target.

    Attributes:
        instructions: Instructions for a unit of each kind of work.
        code: Bytes of code of each kernel, and for each step.
        stack: Bytes of stack: the largest of all models.
        instructions_error: Largest relative error of 95 % of the models, each left out of the fit.
        flash_error: The same of code and constants together.
    """

    instructions: Mapping[str, float]
    code: Mapping[str, float]
    stack: int
    instructions_error: float
    flash_error: float


def estimate_footprint(program: FirmwareProgram, target: str) -> EstimatedFootprint | None:
    """Estimate the cost of a program on a target.

    Args:
        program: The program.
        target: Name of the target.

    Returns:
        The estimate; None if the table lacks the target, or a kernel of the program.
    """
    model = load_table().get(target)
    if model is None:
        return None
    instructions = _apply(model.instructions, count_work(program))
    code = _apply(model.code, count_code(program))
    if instructions is None or code is None:
        return None
    return EstimatedFootprint(
        target=target,
        flash_bytes=round(code) + count_constants(program),
        ram_bytes=program.arena + model.stack,
        instructions=round(instructions),
        flash_error=model.flash_error,
        instructions_error=model.instructions_error,
    )


def estimate_footprints(
    program: FirmwareProgram, targets: Iterable[str]
) -> tuple[EstimatedFootprint, ...]:
    """Estimate the cost on each target; targets without an estimate are left out."""
    estimates = (estimate_footprint(program, target) for target in targets)
    return tuple(estimate for estimate in estimates if estimate is not None)


def count_work(program: FirmwareProgram) -> Counter[str]:
    """Count the work of one inference by kind of kernel and of work, such as `conv macs`."""
    work: Counter[str] = Counter()
    for placed in program.steps:
        if placed.step is None:
            continue
        kind, node = _find_kind(placed), placed.prepared.node
        amounts = {"calls": 1, "outputs": sum(map(count_elements, node.outputs))}
        if kind in ("depthwise", "pool", "matmul", "general"):
            amounts["macs"] = estimate_cost(node).macs
        if kind in ("conv", "depthwise", "pool") and node.output.shape:
            amounts["windows"] = amounts["outputs"] // max(node.output.shape[-1], 1)
        if kind == "conv":
            amounts |= _count_products(placed, amounts["outputs"])
        if kind == "reduce":
            amounts["inputs"] = count_elements(node.input(0))
        work.update({f"{kind} {name}": amount for name, amount in amounts.items()})
    return work


def count_code(program: FirmwareProgram) -> Counter[str]:
    """Count the kernels of a program, each once, and its steps."""
    steps = [placed for placed in program.steps if placed.step is not None]
    kernels = {
        f"kernel {kernel.file} {dict(kernel.replacements).get('SUFFIX', '')}".strip()
        for placed in steps
        if placed.step is not None
        for kernel in placed.step.kernels
    }
    return Counter({**dict.fromkeys(kernels, 1), "steps": len(steps), "base": 1})


@cache
def load_table() -> Mapping[str, LinearModel]:
    """Read the coefficients by target."""
    return {name: LinearModel(**values) for name, values in json.loads(TABLE.read_text()).items()}


def relative_error(estimates: Iterable[float], measured: Iterable[float]) -> list[float]:
    """Return the relative errors of estimates."""
    return [abs(a / b - 1) for a, b in zip(estimates, measured, strict=True)]


def _apply(coefficients: Mapping[str, float], amounts: Mapping[str, Any]) -> float | None:
    """Return the sum of amounts times coefficients; None if one has no coefficient."""
    if not set(amounts) <= set(coefficients):
        return None
    return math.fsum(coefficients[name] * amount for name, amount in amounts.items())


def _find_kind(placed: PlacedStep) -> str:
    """Return the kind of the kernel that does the work of a step."""
    assert placed.step is not None
    if not placed.step.kernels:
        return PLAIN
    return placed.step.kernels[-1].file.removeprefix("snugnet_").removesuffix(".h")


def _count_products(placed: PlacedStep, outputs: int) -> dict[str, int]:
    """Count the steps of the loops over products, and the elements that are gathered before.

    Kernels multiply words of 4 or vectors of 16 elements, and the last one may be partly empty.
    """
    node = placed.prepared.node
    weights = node.input(1).shape
    depth = math.prod(weights[1:])
    is_window = node.name == "CONV_2D" and math.prod(weights[1:3]) > 1
    windows = outputs // max(weights[0], 1)
    return {
        "macs": outputs * depth,
        "words": outputs * -(-depth // 4),
        "vectors": outputs * -(-depth // 16),
        "gathered": windows * depth if is_window else 0,
    }
