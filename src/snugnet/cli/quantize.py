"""`snugnet quantize`: convert one Keras model to a .tflite file and measure the loss."""

import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console

from snugnet.cli.console import Json, say, working
from snugnet.cli.judge import compared, show_comparison
from snugnet.cli.verify import certified
from snugnet.core.errors import InputError
from snugnet.core.tflite_schemes import CONVERTED, FULL_INT8, FULL_INTEGER, SCHEMES
from snugnet.int8.node import Profile

if TYPE_CHECKING:
    from snugnet.core.samples import Samples

# Shares of labelled samples that choose the epoch, and that judge; the rest is learned from.
VAL, TEST = 0.2, 0.2
# How many samples certify, and of how many of these every tensor is compared.
CERTIFIED, TRACED = 64, 8
CONFIDENCE = 0.95
# How many of a kind people are shown.
SHOWN = 5


class Method(StrEnum):
    """Quantization method."""

    POST_TRAINING = "post_training"
    QUANTIZATION_AWARE = "quantization_aware"


SchemeName = StrEnum("SchemeName", {name: name for name in CONVERTED})  # type: ignore[misc]
Model = Annotated[
    Path, typer.Option("--model", help="Keras model: .h5, .keras or SavedModel folder.")
]
Output = Annotated[Path, typer.Option("--output", help="Path of the .tflite file to write.")]
MethodOption = Annotated[
    Method,
    typer.Option(
        "--method", help="Quantization method: post_training is PTQ, quantization_aware is QAT."
    ),
]
SchemeOption = Annotated[
    SchemeName | None,
    typer.Option("--scheme", help="Quantization scheme (default: fiq_int8; drq without --data)."),
]
DataPath = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Samples for calibration, QAT and accuracy: .npz with x and y, .npy with x, or .csv.",
    ),
]
Epochs = Annotated[int, typer.Option("--epochs", min=1, help="Number of QAT epochs.")]
Rate = Annotated[
    float, typer.Option("--learning-rate", min=0, help="Learning rate for QAT fine-tuning.")
]
CalibrationSamples = Annotated[
    int, typer.Option("--calibration", min=1, help="Number of calibration samples.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Random seed.")]
Code = Annotated[
    Path | None,
    typer.Option(
        "--allow-code", help="Python file that defines custom layers. The file is executed."
    ),
]


@dataclass(frozen=True)
class Request:
    """What is asked for; see the options of the command."""

    model: Path
    output: Path
    method: Method
    scheme: str
    data: Path | None
    epochs: int
    learning_rate: float
    calibration: int
    seed: int
    code: Path | None

    def check(self) -> None:
        """Refuse what cannot be, before anything heavy is imported.

        Raises:
            InputError: If options do not go together.
        """
        if self.output.suffix != ".tflite":
            raise InputError(
                f"--output {self.output}: wrong suffix. Use a path that ends in .tflite."
            )
        aware = self.method == Method.QUANTIZATION_AWARE
        if aware and self.scheme not in FULL_INT8:
            allowed = ", ".join(FULL_INT8)
            raise InputError(
                f"--scheme {self.scheme}: not available with --method {self.method}. Use {allowed}."
            )
        if self.data is None and (aware or SCHEMES[self.scheme].calibrated):
            raise InputError(f"--data is missing: {self._need()}")

    def _need(self) -> str:
        """Explain which option needs samples, and the alternative."""
        if self.method == Method.QUANTIZATION_AWARE:
            return (
                f"--method {self.method} trains on labelled samples. Give --data, or use --method "
                f"{Method.POST_TRAINING}."
            )
        free = ", ".join(name for name in CONVERTED if not SCHEMES[name].calibrated)
        return (
            f"--scheme {self.scheme} needs calibration samples. "
            f"Give --data, or use one of these schemes: {free}."
        )


@dataclass(frozen=True)
class Parts:
    """A user's samples by what they are for.

    Attributes:
        train: Those that calibrate and are learned from.
        val: Those that choose the epoch; None where there are no labels.
        test: Those that judge; None where there are no labels.
        why: Why nothing is judged, if so.
    """

    train: "Samples"
    val: "Samples | None" = None
    test: "Samples | None" = None
    why: str | None = None


def command(
    model: Model,
    output: Output,
    method: MethodOption = Method.POST_TRAINING,
    scheme: SchemeOption = None,
    data: DataPath = None,
    epochs: Epochs = 5,
    learning_rate: Rate = 1e-4,
    calibration: CalibrationSamples = 200,
    seed: Seed = 0,
    allow_code: Code = None,
    as_json: Json = False,
) -> None:
    """Quantize a Keras model and report size, accuracy and exactness."""
    name = scheme or ("drq" if data is None else "fiq_int8")
    request = Request(
        *(model, output, method, str(name), data, epochs, learning_rate, calibration, seed),
        allow_code,
    )
    with working():
        found = quantize(request)
    say(found, as_json, _show)


def quantize(request: Request) -> dict[str, Any]:
    """Write the file that is asked for.

    Returns:
        Ready for JSON: `bytes` of the model's own file, of the float32 .tflite and of the new one;
        `contract` (`tflite.contract`); `accuracy` (None if nothing could be judged, and `why`);
        `certificate` (`tflite.verify`; of full-integer files).

    Raises:
        InputError: If the model, the samples or the options are unusable; nothing is written.
        OSError: If a file cannot be read or written.
    """
    request.check()
    from snugnet.core.files import atomic_write
    from snugnet.models.loading import keras2
    from snugnet.models.loading.keras_files import load_keras_file

    keras2.configure(request.seed, threads=1)
    model, in_float = as_float32(request.model, load_keras_file(request.model, request.code))
    parts = None if request.data is None else _parts(request, model)
    # Judged before it is where it was asked for: a file that crashes LiteRT is of no use there.
    with tempfile.TemporaryDirectory() as folder:
        plain, made = (Path(folder) / name for name in ("float32.tflite", request.output.name))
        plain.write_bytes(in_float)
        made.write_bytes(_made(request, model, parts))
        try:
            found = _judged(request, made, plain, parts)
        except InputError as error:
            told = str(error).replace(str(made), str(request.output))
            raise InputError(told) from None
        with atomic_write(request.output) as path:
            path.write_bytes(made.read_bytes())
    return found


def _parts(request: Request, model: Any) -> Parts:
    """Read samples, and set some aside to judge by, whole groups if there are any."""
    from snugnet.cli import data
    from snugnet.core.samples import Samples
    from snugnet.datasets.splits import split
    from snugnet.models.loading.keras_files import infer_task

    assert request.data is not None
    given, task = data.read(request.data, model.input_shape[1:]), infer_task(model)
    x, aware = given.x.astype(np.float32), request.method == Method.QUANTIZATION_AWARE
    if task is None and not aware and _has_logits(model, given.y):
        task = "multiclass"  # the largest decides, before a softmax as behind it
    try:
        if given.y is None:
            raise InputError(
                f"{request.data}: no labels. Add an array y with the class of each sample."
            )
        if task is None:
            raise InputError(
                f"{request.model}: the last layer is neither softmax nor sigmoid. Only "
                "classifiers can be measured or trained with QAT. "
                f"--method {Method.POST_TRAINING} takes any model."
            )
        y = data.labels_for(given.y, task, model.output_shape[-1], request.data)
        names = tuple(map(str, range(max(2, model.output_shape[-1]))))
        samples = Samples(x, y, names, task, given.group)
        drawn = split(samples, VAL, TEST, request.seed, str(request.data))
    except InputError as error:
        if aware:
            raise
        return Parts(Samples(x, np.zeros(len(x), np.int64), (), "multiclass"), why=str(error))
    return Parts(drawn["train"], drawn["val"], drawn["test"])


def _has_logits(model: Any, y: np.ndarray | None) -> bool:
    """Tell whether outputs are classes' scores: as many as labels of whole numbers allow."""
    outputs = model.output_shape
    if y is None or y.ndim != 1 or len(outputs) != 2 or outputs[1] < 2:
        return False
    return bool(y.dtype.kind in "iu" and y.min() >= 0 and y.max() < outputs[1])


def _made(request: Request, model: Any, parts: Parts | None) -> bytes:
    """Make the file that is asked for."""
    from snugnet.datasets.calibration import draw_calibration

    if request.method == Method.POST_TRAINING:
        if parts is None:
            return converted(request.model, model, request.scheme)
        drawn, _ = draw_calibration(parts.train, request.calibration, request.seed)
        return converted(request.model, model, request.scheme, drawn.x)
    from snugnet.compress.quantizers.qat import train_quantized

    assert parts is not None
    assert parts.val is not None
    settings = {"training": _training(request)}
    quantized, _, _ = train_quantized(model, parts.train, parts.val, settings, request.seed)
    return converted(request.model, quantized, request.scheme, quantized=True)


def _training(request: Request) -> dict[str, Any]:
    """Give the settings of a gentle training that follows another one."""
    return {
        "epochs": request.epochs,
        "batch_size": 32,
        "learning_rate": request.learning_rate,
        "decay": "cosine",
        "patience": request.epochs,
        "monitor": "loss",
        "class_weights": False,
        "augment": {"roll": 0, "shift": [0, 0], "gain": 0, "noise": 0},
    }


def converted(
    path: Path,
    model: Any,
    scheme: str,
    calibration: np.ndarray | None = None,
    quantized: bool = False,
) -> bytes:
    """Convert a stranger's model; see `tflite.convert.convert`.

    Args:
        path: Whence it came, for the message.
        model: The model.
        scheme: By its name.
        calibration: Samples that estimate ranges, if the scheme wants them.
        quantized: Whether it was trained with quantizers.

    Raises:
        InputError: If the converter refuses it.
    """
    from snugnet.tflite.convert import convert

    try:
        return convert(model, SCHEMES[scheme], calibration, quantized)
    except InputError:
        raise
    except Exception as error:  # the converter raises whatever its passes do
        reason = " ".join(str(error).split())[:500]
        raise InputError(
            f"{path}: the TFLite converter rejects the model for scheme {scheme}. Try another "
            f"scheme, or replace the layer that the converter names: {reason}"
        ) from None


def as_float32(path: Path, model: Any) -> tuple[Any, bytes]:
    """Convert a stranger's model to float32, its loops over time written out where there are any.

    Args:
        path: Whence it came, for the message.
        model: The model.

    Returns:
        The model, written out if it had to be, and the file.

    Raises:
        InputError: If the converter refuses it, or it loops in a way that cannot be written out.
    """
    from snugnet.models.loading.unroll_rnn import RECURRENT, list_recurrent_layers, unroll
    from snugnet.tflite.flatbuffer import count_subgraphs

    made = converted(path, model, "float32")
    if count_subgraphs(made) == 1:
        return model, made
    # A plain LSTM is one operator, and stays one unless it is what loops.
    for kinds in (RECURRENT[:-1], RECURRENT):
        try:
            written = unroll(model, kinds)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        if written is model:
            continue
        made = converted(path, written, "float32")
        if count_subgraphs(made) == 1:
            return written, made
    named = ", ".join(list_recurrent_layers(model)) or "a layer"
    raise InputError(
        f"{path}: {named} contains a loop over time that cannot be unrolled. Replace it with "
        f"{', '.join(RECURRENT[:-1])} or {RECURRENT[-1]}."
    )


def _judged(request: Request, path: Path, plain: Path, parts: Parts | None) -> dict[str, Any]:
    """Tell what became of a model."""
    from snugnet.tflite.contract import check_contract
    from snugnet.tflite.flatbuffer import read_graph

    graph, test = read_graph(path), None if parts is None else parts.test
    x = None if parts is None else (test or parts.train).x[:CERTIFIED]
    return {
        "model": str(request.model),
        "output": str(request.output),
        "method": str(request.method),
        "scheme": request.scheme,
        "bytes": {
            "model": _size(request.model),
            "float32": plain.stat().st_size,
            "output": path.stat().st_size,
        },
        "contract": check_contract(graph, SCHEMES[request.scheme]),
        "accuracy": test and compared(path, plain, test, CONFIDENCE),
        "why": parts and parts.why,
        "certificate": certified(path, graph, x, CERTIFIED, TRACED)
        if request.scheme in FULL_INTEGER
        else None,
    }


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _show(console: Console, found: dict[str, Any]) -> None:
    size, contract = found["bytes"], found["contract"]
    console.print(f"{found['output']}: {found['scheme']}, {found['method']}", markup=False)
    console.print(
        f"size: {size['model']:,} bytes as Keras model, {size['float32']:,} as float32 TFLite, "
        f"[bold]{size['output']:,}[/bold] quantized "
        f"({100 * size['output'] / size['float32']:.0f} % of float32)"
    )
    console.print(f"input type: {contract['input']}, output type: {contract['output']}")
    whole, real = (len({*contract[kind]}) for kind in ("int8_weights", "float_weights"))
    console.print(f"weight tensors: {whole} int8, {real} float", markup=False)
    if found["scheme"] in FULL_INTEGER:
        stayed = contract["in_float"]
        console.print(f"operators in float: {len(stayed) or 'none'}{_some(stayed)}", markup=False)
    if contract["findings"]:
        console.print(f"violations of the scheme{_some(contract['findings'])}", markup=False)
    if found["accuracy"] is not None:
        show_comparison(console, found["accuracy"])
    elif found["why"] is not None:
        console.print(f"accuracy not measured: {found['why']}", markup=False)
    if found["certificate"] is not None:
        for profile in map(str, Profile):
            said = found["certificate"][profile]
            why = f" ({said['reason'][:120]})" if "reason" in said else ""
            console.print(f"bit-exactness, {profile}: {said['verdict']}{why}", markup=False)


def _some(said: list[str]) -> str:
    """List the first of what may be hundreds, each no longer than a line."""
    lines = [f"\n  {line if len(line) < 110 else line[:100] + ' …'}" for line in said[:SHOWN]]
    more = f"\n  and {len(said) - SHOWN} more (--json prints all)" if len(said) > SHOWN else ""
    return ":" * bool(said) + "".join(lines) + more
