"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from snugnet.int8.node import Profile

Model = Annotated[
    Path, typer.Argument(help="Model: .tflite, or .npz or .json from `snugnet export`.")
]
DataPath = Annotated[
    Path, typer.Argument(help="Samples: .npz with x and optionally y, .npy with x, or .csv.")
]
Kernels = Annotated[Profile, typer.Option("--profile", help="Runtime whose kernels to reproduce.")]
Raw = Annotated[
    bool,
    typer.Option(
        "--raw", help="The samples are already integers of the input's type: do not quantize them."
    ),
]
