"""Quantize a Keras model: PTQ or QAT, from memory or from a file."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.config.messages import unknown
from snugnet.core.budget import DEFAULT_BUDGET, Budget, as_budget
from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write
from snugnet.core.input_range import measure_saturation
from snugnet.core.inputs import to_float32
from snugnet.core.samples import Samples
from snugnet.core.tasks import TaskChoice
from snugnet.core.tflite_schemes import CONVERTED_SCHEMES, FULL_INT8, FULL_INTEGER, SCHEMES
from snugnet.services import user_data
from snugnet.services.arguments import (
    ArgumentError,
    check_pair,
    check_scheme_name,
    check_type,
)
from snugnet.services.float_model import FloatModel, convert_model, open_float_model
from snugnet.services.input_files import check_input_files
from snugnet.services.labels import build_samples
from snugnet.services.output_files import check_new_file
from snugnet.services.quality import Quality
from snugnet.services.quantized_model import QuantizedModel
from snugnet.services.verify import CERTIFIED, TRACED, certify_samples
from snugnet.tflite.contract import Contract
from snugnet.verification.certificate import Certificate

# Shares of labelled samples for validation and for testing; the rest is trained on.
VAL, TEST = 0.2, 0.2


class Method(StrEnum):
    """Quantization method."""

    POST_TRAINING = "post_training"
    QUANTIZATION_AWARE = "quantization_aware"


def choose_scheme(data: user_data.DataSource | None) -> str:
    """Return the name of the default scheme: full-integer if there are samples for calibration."""
    return "drq" if data is None else "fiq_int8"


@dataclass(frozen=True)
class QuantizeRequest:
    """A request to quantize a model file.

    Attributes:
        model: Keras model: .h5, .keras or SavedModel folder.
        output: Path of the .tflite file to write.
        method: Quantization method.
        scheme: Name of the scheme.
        data: Samples for calibration, QAT and accuracy; None if the scheme needs none.
        task: The task of the model; None to find it.
        epochs: Number of QAT epochs.
        learning_rate: Learning rate of QAT.
        calibration: Number of calibration samples.
        seed: Random seed.
        allow_code: Python file that defines custom layers. The file is executed.
        force: Whether an existing output file is replaced.
        budget: Limits for the weights of the model, and for the time to read them.
    """

    model: Path
    output: Path
    method: Method
    scheme: str
    data: user_data.DataSource | None
    epochs: int
    learning_rate: float
    calibration: int
    seed: int
    allow_code: Path | None
    task: str | None = None
    force: bool = False
    budget: Budget = DEFAULT_BUDGET

    def check(self) -> None:
        """Check that the options fit together, before anything large is imported.

        Raises:
            InputError: If they do not, or if the output cannot be written.
            FileNotFoundError: If a file of the request does not exist.
        """
        if self.output.suffix != ".tflite":
            raise ArgumentError(
                "output", self.output, "wrong suffix. Use a path that ends in .tflite."
            )
        is_aware = self.method == Method.QUANTIZATION_AWARE
        if is_aware and self.scheme not in FULL_INT8:
            allowed = ", ".join(FULL_INT8)
            raise ArgumentError(
                "scheme", self.scheme, f"not available with method {self.method}. Use {allowed}."
            )
        if self.data is None and (is_aware or SCHEMES[self.scheme].calibrated):
            raise ArgumentError("data", None, f"missing. {self._explain_need()}")
        data = None if self.data is None else self.data.path
        check_input_files(self.model, data, self.allow_code)
        check_new_file(self.output, self.force)

    def _explain_need(self) -> str:
        """Explain which argument needs samples, and the alternative."""
        if self.method == Method.QUANTIZATION_AWARE:
            return (
                f"Method {self.method} trains on labelled samples. Give data, or use method "
                f"{Method.POST_TRAINING}."
            )
        free = ", ".join(name for name in CONVERTED_SCHEMES if not SCHEMES[name].calibrated)
        return (
            f"Scheme {self.scheme} needs calibration samples. "
            f"Give data, or use one of these schemes: {free}."
        )


@dataclass(frozen=True)
class QuantizeReport:
    """Result of quantizing a model file.

    Attributes:
        request: The request.
        model_bytes: Size of the Keras model in bytes.
        float32_bytes: Size of the float32 .tflite file in bytes.
        output_bytes: Size of the new file in bytes.
        contract: Whether the file holds what its scheme promises.
        quality: Quality on the test samples, and the difference from the float32 model; or why it
            was not measured.
        notes: Changes made to the model when it was read, and what is unexpected in the new file.
        certificate: Whether a full-integer file is bit-exact; None for other schemes.
        splits: Number of samples in `train` (calibration and training), `val` and `test` (quality);
            empty without labels.
    """

    request: QuantizeRequest
    model_bytes: int
    float32_bytes: int
    output_bytes: int
    contract: Contract
    quality: Quality
    notes: tuple[str, ...]
    certificate: Certificate | None
    splits: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "model": str(self.request.model),
            "output": str(self.request.output),
            "method": str(self.request.method),
            "scheme": self.request.scheme,
            "bytes": {
                "model": self.model_bytes,
                "float32": self.float32_bytes,
                "output": self.output_bytes,
            },
            "contract": self.contract.to_json(),
            **self.quality.to_json(),
            "notes": list(self.notes),
            "splits": dict(self.splits),
            "certificate": None if self.certificate is None else self.certificate.to_json(),
        }


@dataclass(frozen=True)
class Parts:
    """A user's samples by their use.

    Attributes:
        train: Samples for calibration and training.
        val: Samples that choose the epoch; None without labels.
        test: Samples that measure quality; None without labels.
        choice: The task; None without labels.
        used: Name of the array or column of the data that is used for each role.
        possible_groups: Names of unused arrays that look like patients or subjects.
        reason: Why quality cannot be measured; None if it can.
    """

    train: Samples
    val: Samples | None = None
    test: Samples | None = None
    choice: TaskChoice | None = None
    used: Mapping[str, str] = field(default_factory=dict)
    possible_groups: tuple[str, ...] = ()
    reason: str | None = None

    def count_samples(self) -> dict[str, int]:
        """Count the samples of each split; empty if the samples were not split."""
        splits = {"train": self.train, "val": self.val, "test": self.test}
        if self.test is None:
            return {}
        return {name: len(split.x) for name, split in splits.items() if split is not None}


def quantize(
    model: Any,
    scheme: str = "fiq_int8",
    calibration: Any = None,
    allow_code: str | Path | None = None,
    budget: float | Budget = DEFAULT_BUDGET,
) -> QuantizedModel:
    """Quantize a trained model with PTQ (post-training quantization).

    Args:
        model: A tf_keras model, or the path of a .h5 or .keras file or a SavedModel folder.
        scheme: Quantization scheme: `float32`, `drq`, `fiq_float32`, `fiq_int8`, `fiq_uint8`,
            `float16` or `int16x8`.
        calibration: Calibration samples, numbers of shape (n, ...), in the units that the model was
            trained on. They set the ranges of activations. Take them from the train split. All
            samples are used. `float32`, `drq` and `float16` need none. For a model with several
            inputs, a mapping from their names to arrays, or a list in the order of the inputs.
        allow_code: Python file that defines custom layers of a model file. The file is executed.
        budget: Limits on work and memory for a model file, or the factor by which the default
            limits are multiplied.

    Returns:
        The quantized model, in memory.

    Raises:
        InputError: If the model, the scheme or the samples cannot be used.
        OSError: If a file cannot be read.
    """
    check_scheme_name(scheme, "fiq_int8")
    code = _get_code_path(allow_code)
    if scheme not in CONVERTED_SCHEMES:
        raise InputError(unknown("scheme", scheme, CONVERTED_SCHEMES))
    if SCHEMES[scheme].calibrated and calibration is None:
        raise InputError(
            f"scheme {scheme} needs calibration samples. Give calibration=x, an array of samples."
        )
    float_model = open_float_model(model, code, as_budget(budget))
    x = None
    if calibration is not None:
        from snugnet.models.loading.keras_files import list_model_inputs

        x = user_data.from_arrays(calibration, inputs=list_model_inputs(float_model.keras)).x
    return _quantize_post_training(float_model, scheme, x)


def quantize_aware(
    model: Any,
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray],
    scheme: str = "fiq_int8",
    epochs: int = 5,
    learning_rate: float = 1e-4,
    seed: int = 0,
    allow_code: str | Path | None = None,
    task: str | None = None,
    budget: float | Budget = DEFAULT_BUDGET,
) -> QuantizedModel:
    """Quantize a trained model with QAT (quantization-aware training).

    The model is fine-tuned with quantizers, then converted.

    Args:
        model: A tf_keras model, or the path of a .h5 or .keras file or a SavedModel folder.
        train: Training samples x and labels y. x: numbers of shape (n, ...) in the units that the
            model was trained on. y: classes (n,); 0 and 1 of shape (n, labels); classes of each
            position; or real targets (n, k). An autoencoder is trained on x alone.
        val: Validation samples and labels, of the same form as `train`. They select the best epoch.
        scheme: Quantization scheme: `fiq_float32`, `fiq_int8` or `fiq_uint8`.
        epochs: Number of QAT epochs.
        learning_rate: Learning rate of the first step. It falls to 0 along half a cosine.
        seed: Random seed of Python, NumPy and TensorFlow.
        allow_code: Python file that defines custom layers of a model file. The file is executed.
        task: `multiclass`, `binary`, `multilabel`, `segmentation`, `regression` or
            `reconstruction`; None to find it from the last layer and the labels.
        budget: Limits on work and memory for a model file, or the factor by which the default
            limits are multiplied.

    Returns:
        The quantized model, in memory.

    Raises:
        InputError: If QAT does not support the model or the scheme, or the samples do not fit the
            model.
        OSError: If a file cannot be read.
    """
    check_pair("train", train)
    check_pair("val", val)
    check_type("scheme", scheme, str, "a name such as 'fiq_int8'")
    check_type("seed", seed, Integral, "an integer")
    code = _get_code_path(allow_code)
    if scheme not in FULL_INT8:
        raise InputError(
            f"scheme {scheme!r} is not available with QAT. Use {', '.join(FULL_INT8)}."
        )
    float_model = open_float_model(model, code, as_budget(budget))
    parts = training_parts(float_model.keras, train, val, task)
    return _quantize_aware(float_model, scheme, parts, epochs, learning_rate, seed)


def _get_code_path(allow_code: Any) -> Path | None:
    """Return the path of the Python file that defines custom layers; None if there is none.

    Raises:
        ArgumentError: If the argument is no path.
    """
    check_type("allow_code", allow_code, str | Path | None, "the path of a Python file")
    return None if allow_code is None else Path(allow_code)


def quantize_file(request: QuantizeRequest) -> QuantizeReport:
    """Quantize a model file, measure the result, and write it.

    Raises:
        InputError: If the model, the samples or the options are unusable; nothing is written.
        OSError: If a file cannot be read or written.
    """
    request.check()
    from snugnet.models.loading import keras2

    keras2.configure(request.seed, threads=1)
    float_model = open_float_model(request.model, request.allow_code, request.budget)
    parts = None if request.data is None else _read_parts(request, float_model)
    quantized = _quantize(request, float_model, parts)
    # Measured in a temporary folder first: a file that LiteRT rejects is never written.
    with tempfile.TemporaryDirectory() as folder:
        try:
            report = _measure(request, float_model, quantized, parts, Path(folder))
        except InputError as error:
            temporary = str(Path(folder) / request.output.name)
            raise InputError(str(error).replace(temporary, str(request.output))) from None
    with atomic_write(request.output) as path:
        path.write_bytes(quantized.content)
    return report


def training_parts(
    model: Any,
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray],
    task: str | None = None,
) -> Parts:
    """Check samples for training a model.

    Args:
        model: The tf_keras model.
        train: Samples, (n, ...), and labels.
        val: Samples, (n, ...), and labels.
        task: The task of the model; None to find it.

    Raises:
        InputError: If the samples do not fit the model.
    """
    from snugnet.models.loading.keras_files import describe_ends

    ends, samples = describe_ends(model), []
    for source, (x, y) in (("train", train), ("val", val)):
        data = user_data.from_arrays(x, y, inputs=ends.inputs, source=source)
        labelled, _ = build_samples(data, ends, source, task)
        samples.append(labelled)
    return Parts(train=samples[0], val=samples[1])


def _read_parts(request: QuantizeRequest, float_model: FloatModel) -> Parts:
    """Read a file of samples, and split it; whole groups stay together if it has groups."""
    from snugnet.models.loading.keras_files import describe_ends

    assert request.data is not None
    ends, source = describe_ends(float_model.keras), str(request.data)
    data = user_data.read(request.data, ends.inputs)
    data = replace(data, x=to_float32(data.x))
    try:
        samples, choice = build_samples(data, ends, source, request.task)
        splits = _split(samples, request, source)
    except InputError as error:
        if request.method == Method.QUANTIZATION_AWARE or request.task is not None:
            raise
        unlabelled = Samples(data.x, np.zeros(len(data.x), np.int64), (), "multiclass")
        return Parts(unlabelled, used=data.used, reason=str(error))
    return Parts(
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        choice=choice,
        used=data.used,
        possible_groups=data.possible_groups,
    )


def _split(samples: Samples, request: QuantizeRequest, source: str) -> dict[str, Samples]:
    """Split samples; if some classes are too rare to stratify and nothing is trained, at random."""
    from snugnet.datasets.splits import split

    try:
        return split(samples, VAL, TEST, request.seed, source)
    except InputError:
        if request.method == Method.QUANTIZATION_AWARE:
            raise
        return split(samples, VAL, TEST, request.seed, source, is_trained=False)


def _quantize(
    request: QuantizeRequest, float_model: FloatModel, parts: Parts | None
) -> QuantizedModel:
    """Quantize with the method of a request."""
    from snugnet.datasets.calibration import draw_calibration

    if request.method == Method.QUANTIZATION_AWARE:
        assert parts is not None
        return _quantize_aware(
            float_model,
            request.scheme,
            parts,
            request.epochs,
            request.learning_rate,
            request.seed,
        )
    if parts is None:
        return _quantize_post_training(float_model, request.scheme, None)
    calibration, _ = draw_calibration(parts.train, request.calibration, request.seed)
    return _quantize_post_training(float_model, request.scheme, calibration.x)


def _quantize_post_training(
    float_model: FloatModel, scheme: str, calibration: np.ndarray | None
) -> QuantizedModel:
    content = float_model.content
    if scheme != "float32":
        content = convert_model(float_model.name, float_model.keras, scheme, calibration)
    return QuantizedModel(
        content, scheme, str(Method.POST_TRAINING), float_model.content, calibration
    )


def _quantize_aware(
    float_model: FloatModel,
    scheme: str,
    parts: Parts,
    epochs: int,
    learning_rate: float,
    seed: int,
) -> QuantizedModel:
    from snugnet.compress.quantizers.qat import train_quantized
    from snugnet.core.settings.fine_tuning import FineTuningSettings
    from snugnet.services.settings import make_training

    assert parts.val is not None
    settings = FineTuningSettings(training=make_training(epochs, learning_rate))
    model, _, history = train_quantized(float_model.keras, parts.train, parts.val, settings, seed)
    content = convert_model(float_model.name, model, scheme, quantized=True)
    return QuantizedModel(
        content,
        scheme,
        str(Method.QUANTIZATION_AWARE),
        float_model.content,
        parts.val.x,
        tuple(history),
    )


def _measure(
    request: QuantizeRequest,
    float_model: FloatModel,
    quantized: QuantizedModel,
    parts: Parts | None,
    folder: Path,
) -> QuantizeReport:
    """Measure a quantized model; temporary files are written to a folder."""
    from snugnet.services.evaluate import predict_file
    from snugnet.services.quality import measure_quality
    from snugnet.verification.certificate import certify_predictions

    path, float32 = folder / request.output.name, folder / "float32.tflite"
    path.write_bytes(quantized.content)
    float32.write_bytes(quantized.float32)
    quality, certificate = Quality(reason=None if parts is None else parts.reason), None
    is_integer = request.scheme in FULL_INTEGER
    if parts is not None and parts.test is not None:
        assert parts.choice is not None
        predictions = predict_file(path, parts.test)
        is_float32 = quantized.content == quantized.float32
        reference = predictions if is_float32 else predict_file(float32, parts.test)
        quality = measure_quality(predictions, reference, parts.choice)
        quality = replace(quality, possible_groups=parts.possible_groups)
        if is_integer:
            x = parts.test.x[:CERTIFIED]
            certificate = certify_predictions(quantized.file, x, predictions, min(TRACED, len(x)))
    elif is_integer and parts is not None:
        certificate = certify_samples(quantized.file, parts.train.x[:CERTIFIED], TRACED)
    measured = None if parts is None else parts.test or parts.train
    if parts is not None:
        quality = replace(quality, used=parts.used)
    if measured is not None:
        saturation = measure_saturation(quantized.file.graph, measured.x)
        quality = replace(quality, saturation=saturation)
    return QuantizeReport(
        request=request,
        model_bytes=float_model.size_bytes or 0,
        float32_bytes=len(quantized.float32),
        output_bytes=quantized.size_bytes,
        contract=quantized.contract,
        quality=quality,
        notes=(*float_model.notes, *quantized.notes),
        certificate=certificate,
        splits={} if parts is None else parts.count_samples(),
    )
