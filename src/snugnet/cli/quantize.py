"""`snugnet quantize`: one Keras model becomes one .tflite file, and what that costs."""

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
from snugnet.errors import InputError
from snugnet.int8.node import Profile
from snugnet.tflite.schemes import CONVERTED, FULL_INT8, FULL_INTEGER, SCHEMES

if TYPE_CHECKING:
    from snugnet.datasets.samples import Samples

# Shares of labelled samples that choose the epoch, and that judge; the rest is learned from.
VAL, TEST = 0.2, 0.2
# How many samples certify, and of how many of these every tensor is compared.
CERTIFIED, TRACED = 64, 8
CONFIDENCE = 0.95
# How many of a kind people are shown.
SHOWN = 5


class Method(StrEnum):
    """How a model comes to have integers."""

    POST_TRAINING = "post_training"
    QUANTIZATION_AWARE = "quantization_aware"


Name = StrEnum("Name", {name: name for name in CONVERTED})  # type: ignore[misc]
Model = Annotated[
    Path, typer.Option("--model", help="A Keras model: .h5, .keras, or a SavedModel's folder.")
]
Output = Annotated[Path, typer.Option("--output", help="The .tflite file to write.")]
How = Annotated[Method, typer.Option("--method", help="After training, or with more of it.")]
Scheme = Annotated[
    Name | None, typer.Option("--scheme", help="By default fiq_int8; drq without samples.")
]
Samples_ = Annotated[
    Path | None, typer.Option("--data", help="Samples: .npz with x and y, .npy with x, or .csv.")
]
Epochs = Annotated[int, typer.Option("--epochs", min=1, help="Of quantization-aware training.")]
Rate = Annotated[float, typer.Option("--learning-rate", min=0, help="Of that training.")]
Count = Annotated[int, typer.Option("--calibration", min=1, help="Samples that estimate ranges.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of what is drawn.")]
Code = Annotated[
    Path | None,
    typer.Option("--allow-code", help="A Python file of yours with custom layers; it is run."),
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
            raise InputError(f"--output {self.output}: a file that ends in .tflite is needed")
        aware = self.method == Method.QUANTIZATION_AWARE
        if aware and self.scheme not in FULL_INT8:
            allowed = ", ".join(FULL_INT8)
            raise InputError(f"--scheme {self.scheme}: {self.method} makes {allowed} only")
        if self.data is None and (aware or SCHEMES[self.scheme].calibrated):
            free = ", ".join(name for name in CONVERTED if not SCHEMES[name].calibrated)
            why = "learns from labelled samples" if aware else "estimates ranges from samples"
            asked = self.method if aware else f"scheme {self.scheme}"
            raise InputError(f"{asked} {why}: give --data; {free} need none")


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
    method: How = Method.POST_TRAINING,
    scheme: Scheme = None,
    data: Samples_ = None,
    epochs: Epochs = 5,
    learning_rate: Rate = 1e-4,
    calibration: Count = 200,
    seed: Seed = 0,
    allow_code: Code = None,
    as_json: Json = False,
) -> None:
    """Quantize a Keras model, and tell what became of it."""
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
    from snugnet.jobs import replacing
    from snugnet.models import keras2
    from snugnet.models.foreign import load_foreign

    keras2.configure(request.seed, threads=1)
    model, in_float = as_float32(request.model, load_foreign(request.model, request.code))
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
        with replacing(request.output) as path:
            path.write_bytes(made.read_bytes())
    return found


def _parts(request: Request, model: Any) -> Parts:
    """Read samples, and set some aside to judge by, whole groups if there are any."""
    from snugnet.cli import data
    from snugnet.datasets.samples import Samples
    from snugnet.datasets.splits import split
    from snugnet.models.foreign import task_of

    assert request.data is not None
    given, task = data.read(request.data, model.input_shape[1:]), task_of(model)
    x, aware = given.x.astype(np.float32), request.method == Method.QUANTIZATION_AWARE
    if task is None and not aware and _has_logits(model, given.y):
        task = "multiclass"  # the largest decides, before a softmax as behind it
    try:
        if given.y is None:
            raise InputError(f"{request.data}: no y in the samples")
        if task is None:
            raise InputError(f"{request.model}: it does not end in a softmax or sigmoid of classes")
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
    from snugnet.compress.qat import train_quantized

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
        said = " ".join(str(error).split())[:500]
        raise InputError(f"{path}: the converter refuses it as {scheme} ({said})") from None


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
    from snugnet.models.unroll import RECURRENT, looping, unroll
    from snugnet.tflite.flatbuffer import subgraphs

    made = converted(path, model, "float32")
    if subgraphs(made) == 1:
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
        if subgraphs(made) == 1:
            return written, made
    named = ", ".join(looping(model)) or "a layer"
    raise InputError(f"{path}: {named} loops in a way that cannot be written out step by step")


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
        f"bytes: {size['model']:,} as it came, {size['float32']:,} as float32, "
        f"[bold]{size['output']:,}[/bold] now, {size['output'] / size['float32']:.0%} of float32"
    )
    console.print(f"input {contract['input']}, output {contract['output']}")
    whole, real = (len({*contract[kind]}) for kind in ("int8_weights", "float_weights"))
    console.print(f"weights: {whole} tensors in int8, {real} in float", markup=False)
    if found["scheme"] in FULL_INTEGER:
        stayed = contract["in_float"]
        console.print(f"computed in float: {len(stayed) or 'nothing'}{_some(stayed)}", markup=False)
    if contract["findings"]:
        console.print(f"not as promised{_some(contract['findings'])}", markup=False)
    if found["accuracy"] is not None:
        show_comparison(console, found["accuracy"])
    elif found["why"] is not None:
        console.print(f"accuracy not measured: {found['why']}", markup=False)
    if found["certificate"] is not None:
        for profile in map(str, Profile):
            said = found["certificate"][profile]
            why = f" ({said['reason'][:120]})" if "reason" in said else ""
            console.print(f"bit for bit, {profile}: {said['verdict']}{why}", markup=False)


def _some(said: list[str]) -> str:
    """List the first of what may be hundreds, each no longer than a line."""
    lines = [f"\n  {line if len(line) < 110 else line[:100] + ' …'}" for line in said[:SHOWN]]
    more = f"\n  and {len(said) - SHOWN} more: --json lists all" if len(said) > SHOWN else ""
    return ":" * bool(said) + "".join(lines) + more
