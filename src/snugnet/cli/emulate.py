"""`snugnet emulate`: flash, RAM and instructions of a model on emulated microcontrollers."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from snugnet.cli.console import Json, report_progress_on_stderr, show_result
from snugnet.cli.options import Arrays, BudgetFactor, Kernels, make_budget, make_source
from snugnet.int8.node import Profile
from snugnet.services.firmware import EMULATED, Emulation, emulate

Model = Annotated[Path, typer.Argument(help="Full-integer .tflite file.")]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        help="cortex-m0, cortex-m4, cortex-m33 or cortex-m55. Repeatable. [default: cortex-m4]",
    ),
]
DataPath = Annotated[
    Path | None,
    typer.Option("--data", help="Samples: .npz with x, .npy or .csv (default: random inputs)."),
]
SampleCount = Annotated[int, typer.Option("--samples", min=1, help="Number of samples, at most.")]


def command(
    model: Model,
    target: Targets = None,
    data: DataPath = None,
    samples: SampleCount = EMULATED,
    profile: Kernels = Profile.TFLM,
    array: Arrays = None,
    budget: BudgetFactor = 1.0,
    as_json: Json = False,
) -> None:
    """Measure flash, RAM and instructions of the model's C code on emulated microcontrollers.

    The code is compiled with arm-none-eabi-gcc and run in QEMU. Its outputs are compared with those
    of the integer engine.

    Exit code: 0 if all outputs are identical, 1 if not.
    """
    limits = make_budget(budget)
    source = None if data is None else make_source(data, array, None, limits)
    with report_progress_on_stderr():
        emulation = emulate(model, target or ("cortex-m4",), source, samples, profile, limits)
    show_result(emulation, as_json, _show)
    if not emulation.exact:
        raise typer.Exit(1)


def _show(console: Console, emulation: Emulation) -> None:
    for footprint in emulation.footprints:
        console.print(f"{footprint.target}:")
        console.print(
            f"  flash: {footprint.flash_bytes:,} bytes (code {footprint.code_bytes:,}, constants "
            f"{footprint.constant_bytes:,})"
        )
        console.print(
            f"  RAM: {footprint.ram_bytes:,} bytes (arena {footprint.arena_bytes:,}, variables "
            f"{footprint.static_bytes:,}, stack {footprint.stack_bytes:,})"
        )
        console.print(f"  instructions of one inference: {footprint.instructions:,}")
        verdict = "exact" if footprint.exact else "DIFFERENT from the integer engine"
        console.print(f"  outputs: {verdict} ({footprint.samples} samples, {emulation.inputs})")
    console.print(f"compiled with {emulation.footprints[0].compiler.rpartition(', ')[0]}")
