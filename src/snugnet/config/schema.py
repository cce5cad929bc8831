"""The schema of a configuration: each key with its type, range, default and description."""

from typing import Annotated, Any, Literal

from pydantic import Field

from snugnet.core.confidence import CONFIDENCE
from snugnet.core.settings.architectures.akida_cnn import AkidaCnn
from snugnet.core.settings.architectures.bspc import Bspc
from snugnet.core.settings.architectures.bspc_gap import BspcGap
from snugnet.core.settings.architectures.cnn import Cnn
from snugnet.core.settings.architectures.fc import Fc
from snugnet.core.settings.architectures.inception import Inception
from snugnet.core.settings.architectures.pretrained import File
from snugnet.core.settings.architectures.smartwatch import Smartwatch
from snugnet.core.settings.base import Fraction, Names, Settings, Tuple
from snugnet.core.settings.calibration import CalibrationSettings
from snugnet.core.settings.exploration import ExplorationSettings
from snugnet.core.settings.factorization import FactorizationSettings
from snugnet.core.settings.fine_tuning import FineTuningSettings
from snugnet.core.settings.gate import Gate, NamesOrAll
from snugnet.core.settings.magnitude_pruning import MagnitudePruningSettings
from snugnet.core.settings.schemes.akida import AkidaSchemeSettings
from snugnet.core.settings.schemes.calibrated import CalibratedSchemeSettings
from snugnet.core.settings.schemes.mixed import MixedSchemeSettings
from snugnet.core.settings.schemes.plain import PlainSchemeSettings
from snugnet.core.settings.structured_pruning import StructuredPruningSettings
from snugnet.core.settings.training import TrainingSettings
from snugnet.core.tflite_schemes import MAIN_SCHEMES

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
Seed = Annotated[int, Field(ge=0, le=4294967295)]
PositiveInts = Tuple[Annotated[int, Field(ge=1)]]

SCALING = (
    "Scaling of raw values: none keeps raw units; standardize uses mean and standard deviation of "
    "train; minmax (to 0..1) and uint8 (to 0..255) use the range of train; per_sample standardizes "
    "each sample separately."
)
Scaling = Annotated[
    Literal["none", "standardize", "per_sample", "minmax", "uint8"], Field(description=SCALING)
]
Layout = Annotated[
    Literal["time_channel", "channel_time", "image"],
    Field(description="Order of the axes of a sample (time first or channel first), or image."),
]


# ---- datasets


class AnyDataset(Settings):
    """Settings of every dataset."""

    shape: PositiveInts | None = Field(
        None, description="Shape to which each sample is reshaped after loading."
    )
    val: Fraction = Field(
        0.2,
        description="Fraction of groups (or samples) for val, if the split is drawn at random.",
    )
    test: Fraction = Field(
        0.2,
        description="Fraction of groups (or samples) for test, if the split is drawn at random.",
    )
    negative_class: str | None = Field(
        None,
        description="Class that is negative in a binary task; all other classes are positive.",
    )


class SyntheticImu(AnyDataset):
    """Simulated wrist motion."""

    kind: Literal["synthetic_imu"]
    subjects: int = Field(40, ge=3, le=10000, description="Number of simulated subjects.")
    windows: int = Field(
        10, ge=1, le=1000, description="Number of windows per subject and activity."
    )
    scaling: Scaling = "standardize"
    layout: Layout = "time_channel"


class SyntheticBeats(AnyDataset):
    """Simulated ECG beats."""

    kind: Literal["synthetic_beats"]
    patients: int = Field(40, ge=3, le=10000, description="Number of simulated patients.")
    beats: int = Field(12, ge=1, le=1000, description="Number of beats per patient and class.")
    normal: int = Field(
        1, ge=1, le=1000, description="Ratio of normal beats to beats of each other class."
    )
    scaling: Scaling = "per_sample"
    layout: Layout = "channel_time"


class SyntheticEcg12(AnyDataset):
    """Simulated 12-lead ECGs."""

    kind: Literal["synthetic_ecg12"]
    patients: int = Field(90, ge=3, le=10000, description="Number of simulated patients.")
    recordings: int = Field(8, ge=1, le=1000, description="Number of recordings per patient.")
    scaling: Scaling = "standardize"
    layout: Layout = "channel_time"


class Digits(AnyDataset):
    """scikit-learn's handwritten digits."""

    kind: Literal["digits"]
    scaling: Scaling = "minmax"
    layout: Layout = "image"


class Mitdb(AnyDataset):
    """The MIT-BIH Arrhythmia Database."""

    kind: Literal["mitdb"]
    path: str = Field("mitdb", description="Folder with the WFDB records.")
    protocol: Literal["nlrva", "aami_interpatient"] = Field(
        "nlrva",
        description=(
            "nlrva: classes N, L, R, V and A of all records, random split by beat; "
            "aami_interpatient: the five AAMI classes, DS1 for train and val, DS2 for test."
        ),
    )
    window: int = Field(
        320,
        ge=16,
        le=2048,
        description="Window length around a beat, in samples at 360 Hz.",
    )
    scaling: Scaling = "per_sample"
    layout: Layout = "channel_time"


class Mnist(AnyDataset):
    """MNIST."""

    kind: Literal["mnist"]
    path: str = Field("mnist", description="Folder with the four IDX .gz files.")
    scaling: Scaling = "minmax"
    layout: Layout = "image"


class Folds(Settings):
    """Folds of each split."""

    train: Tuple[int] = Field(description="Folds for training.")
    val: Tuple[int] = Field(description="Folds for validation, which choose the best epoch.")
    test: Tuple[int] = Field(description="Folds for testing.")


class Ptbxl(AnyDataset):
    """PTB-XL."""

    kind: Literal["ptbxl"]
    path: str = Field("ptbxl", description="Folder with the files of PTB-XL.")
    folds: Folds = Field(
        Folds(train=(1, 2, 3, 4, 5, 6, 7, 8), val=(9,), test=(10,)),
        description="Folds of each split; the default is the published split.",
    )
    scaling: Scaling = "standardize"
    layout: Layout = "channel_time"


def _role(text: str) -> Any:
    return Field(None, description=text)


class WindowArrays(Settings):
    """Names of arrays or columns, by role."""

    x: str | None = _role("Samples.")
    y: str | None = _role("Labels.")
    group: str | None = _role("Patient or subject of each sample.")
    fold: str | None = _role("Fold of each sample.")
    split: str | None = _role("Split of each sample: train, val or test.")
    class_names: str | None = _role("Names of the classes.")
    scale: str | None = _role("Factor from stored integers to real units.")


class Windows(AnyDataset):
    """Samples from a file of your own."""

    kind: Literal["windows"]
    path: str = Field(description="Path of an .npz or .csv file.")
    task: Literal["multiclass", "multilabel", "binary"] = Field(
        "multiclass", description="Task, which sets the meaning of y."
    )
    arrays: WindowArrays = Field(
        WindowArrays(),
        description="Names of arrays (.npz) or columns (.csv) that differ from their roles.",
    )
    folds: Folds | None = Field(
        None, description="Folds of each split; null to draw the split at random."
    )
    sample_shape: PositiveInts | None = Field(
        None, description="Shape of a sample in a row of a .csv file: [time, channels]."
    )
    scaling: Scaling = "standardize"
    layout: Layout = "time_channel"


class RecordingArrays(Settings):
    """Names of arrays, by role."""

    x: str | None = _role("Samples of all recordings, one after the other.")
    start: str | None = _role("Start of each recording.")
    length: str | None = _role("Length of each recording.")
    label: str | None = _role("Label of each recording.")
    group: str | None = _role("Patient or subject of each recording.")
    class_names: str | None = _role("Names of the classes.")
    scale: str | None = _role("Factor from stored integers to real units.")


class Recordings(AnyDataset):
    """Windows that are cut from recordings of your own."""

    kind: Literal["recordings"]
    path: str = Field(description="Path of an .npz file.")
    arrays: RecordingArrays = Field(
        RecordingArrays(), description="Names of arrays that differ from their roles."
    )
    window: int = Field(100, ge=1, le=1000000, description="Window length in samples.")
    stride: int = Field(
        100,
        ge=1,
        le=1000000,
        description="Distance between the starts of two windows, in samples.",
    )
    classes: Names | None = Field(None, description="Classes to keep; null for all.")
    scaling: Scaling = "standardize"
    layout: Layout = "time_channel"


Dataset = Annotated[
    SyntheticImu
    | SyntheticBeats
    | SyntheticEcg12
    | Digits
    | Mitdb
    | Mnist
    | Ptbxl
    | Windows
    | Recordings,
    Field(discriminator="kind"),
]


# ---- models


class AnyModel(Settings):
    """Settings of every model."""

    dataset: str = Field(description="A name from `datasets`.")
    training: TrainingSettings = Field(TrainingSettings(), description="Training settings.")
    variants: dict[str, dict[str, Any]] = Field(
        {}, description="Changes to variants for this model, by name of the variant."
    )
    explore: dict[str, Any] = Field({}, description="Changes to `explore` for this model.")
    schemes: dict[str, dict[str, Any]] = Field(
        {}, description="Changes to schemes for this model, by name of the scheme."
    )
    seed: Seed | None = Field(
        None, description="Random seed of training; null for the study's `seed`."
    )


class SmartwatchModel(AnyModel, Smartwatch):
    """A model with architecture smartwatch."""

    architecture: Literal["smartwatch"]


class BspcModel(AnyModel, Bspc):
    """A model with architecture bspc."""

    architecture: Literal["bspc"]


class BspcGapModel(AnyModel, BspcGap):
    """A model with architecture bspc_gap."""

    architecture: Literal["bspc_gap"]


class InceptionModel(AnyModel, Inception):
    """A model with architecture inception."""

    architecture: Literal["inception"]


class AkidaCnnModel(AnyModel, AkidaCnn):
    """A model with architecture akida_cnn."""

    architecture: Literal["akida_cnn"]


class FcModel(AnyModel, Fc):
    """A model with architecture fc."""

    architecture: Literal["fc"]


class CnnModel(AnyModel, Cnn):
    """A model with architecture cnn."""

    architecture: Literal["cnn"]


class FileModel(AnyModel, File):
    """A model that comes in a file."""

    architecture: Literal["file"]


Model = Annotated[
    SmartwatchModel
    | BspcModel
    | BspcGapModel
    | InceptionModel
    | AkidaCnnModel
    | FcModel
    | CnnModel
    | FileModel,
    Field(discriminator="architecture"),
]


# ---- variants


class AnyVariant(Settings):
    """Settings of every variant that is made from another one."""

    parent: str = Field(description="Variant to start from.")


class TrainedVariant(Settings):
    """A variant that trains from scratch."""

    method: Literal["train"]


class FineTunedVariant(AnyVariant, FineTuningSettings):
    """A variant that continues training."""

    method: Literal["finetune"]


class StructuredPruningVariant(AnyVariant, StructuredPruningSettings):
    """A variant without some filters and units."""

    method: Literal["prune_structured"]


class MagnitudePruningVariant(AnyVariant, MagnitudePruningSettings):
    """A variant with zeros among its weights."""

    method: Literal["prune_magnitude"]


class FactorizedVariant(AnyVariant, FactorizationSettings):
    """A variant with low-rank factors."""

    method: Literal["factorize"]


class QatVariant(AnyVariant, FineTuningSettings):
    """A variant that is trained with quantizers."""

    method: Literal["qat"]


class CalibratedVariant(AnyVariant, CalibrationSettings):
    """A variant with quantizer ranges that are chosen without training."""

    method: Literal["calibrate"]


METHOD = (
    "Compression method. train trains from scratch; all others start from their parent. finetune "
    "continues training; prune_structured removes filters and units; prune_magnitude sets weights "
    "to zero; factorize replaces layers by low-rank factors; qat fine-tunes with the quantizers of "
    "the TFLite schemes; calibrate chooses quantizer ranges without training."
)
Variant = Annotated[
    TrainedVariant
    | FineTunedVariant
    | StructuredPruningVariant
    | MagnitudePruningVariant
    | FactorizedVariant
    | QatVariant
    | CalibratedVariant,
    Field(discriminator="method", description=METHOD),
]


# ---- the study


class StudyBlock(Settings):
    """Cells: all combinations of the lists."""

    models: Names = Field(description="Names from `models`.")
    seeds: Tuple[Seed] = Field(
        (),
        description=(
            "Train each model once per seed; with another seed than its own, a model is named "
            "{model}_s{seed}. Empty: the model's own seed only."
        ),
    )
    variants: Names = Field(("original",), description="Names from `variants`.")
    schemes: Names = Field(
        MAIN_SCHEMES,
        description="Names from `schemes`.",
    )


class Selection(Settings):
    """Cells that an analysis covers."""

    models: NamesOrAll = Field(None, description="Models; null for all of the study.")
    variants: NamesOrAll = Field(None, description="Variants; null for all of the study.")


class SelectionByName(Selection):
    """Cells that an analysis covers; none unless models are named."""

    models: NamesOrAll = Field((), description="Models; null for all of the study.")


class Analyses(Settings):
    """Cells whose causes of accuracy loss are analysed."""

    layers: Selection = Field(
        Selection(), description="Quantization error per layer, for fiq_int8 cells."
    )
    mistakes: Selection = Field(
        Selection(),
        description=(
            "Accuracy cost of common mistakes with integer inputs and outputs, for fiq_int8 and "
            "fiq_uint8 cells."
        ),
    )
    sensitivity: SelectionByName = Field(
        SelectionByName(),
        description=(
            "Accuracy on val with one layer quantized, and with all but one, for fiq_int8 cells "
            "with PTQ."
        ),
    )


class Urls(Settings):
    """Base URLs of the public datasets."""

    mitdb: str = Field(
        "https://physionet.org/files/mitdb/1.0.0",
        description="URL of the MIT-BIH Arrhythmia Database 1.0.0.",
    )
    mnist: str = Field(
        "https://storage.googleapis.com/cvdf-datasets/mnist",
        description="URL of the four MNIST files.",
    )
    ptbxl: str = Field(
        "https://physionet.org/files/ptb-xl/1.0.3", description="URL of PTB-XL 1.0.3."
    )


class Fetch(Settings):
    """Settings of the `fetch` target."""

    datasets: Annotated[Tuple[Literal["mitdb", "mnist", "ptbxl"]], Field(min_length=1)] = Field(
        ("mitdb", "mnist", "ptbxl"),
        description=(
            "Datasets to download, each into a folder of the same name; 100, 11 and about 500 MB."
        ),
    )
    urls: Urls = Field(
        Urls(),
        description=(
            "Base URL of each dataset. Mirrors work for mitdb and mnist, because SHA-256 sums are "
            "checked."
        ),
    )
    sums: str | None = Field(
        None,
        description=(
            "Folder with lists of SHA-256 sums (mitdb.txt for mitdb) that replace the built-in "
            "lists. There is no built-in list for ptbxl: the publisher's SHA256SUMS.txt is trusted."
        ),
    )
    attempts: int = Field(
        6, ge=1, le=100, description="Maximum number of download attempts per file."
    )
    back_off: float = Field(
        1,
        ge=0,
        le=3600,
        description=(
            "Delay before the second attempt, in seconds; doubled before each further attempt."
        ),
    )
    timeout: float = Field(
        60, gt=0, le=3600, description="Seconds without data after which an attempt fails."
    )
    connections: int = Field(4, ge=1, le=32, description="Number of parallel downloads.")


class Calibration(Settings):
    """Settings of the calib split."""

    samples: int = Field(
        200,
        ge=1,
        le=100000,
        description="Number of calibration samples; all of train if it has fewer.",
    )


class VerificationSettings(Settings):
    """Settings of the comparison with the integer engine."""

    traced_samples: int = Field(
        64,
        ge=1,
        le=100000,
        description=(
            "Number of test samples for which every tensor is compared; outputs are compared for "
            "all test samples."
        ),
    )


class EvaluationSettings(Settings):
    """Settings of prediction and latency measurement."""

    batch_size: int = Field(
        64, ge=1, le=4096, description="Samples per invocation of the interpreter."
    )
    latency_runs: int = Field(
        200,
        ge=0,
        le=100000,
        description="Number of timed single-sample invocations; 0 to skip latency measurement.",
    )
    warm_up: int = Field(
        20, ge=0, le=10000, description="Number of untimed invocations before the timed ones."
    )


class Statistics(Settings):
    """Settings of confidence intervals."""

    confidence: Fraction = Field(CONFIDENCE, description="Confidence level of intervals.")


class TrainableSchemeSettings(AkidaSchemeSettings):
    """A scheme of Akida, with the changes to the training of its QAT variants."""

    training: TrainingSettings = Field(
        TrainingSettings(epochs=4, learning_rate=0.0003),
        description="Changes to the model's `training` for variants with QAT (_qat).",
    )


class Akida1SchemeSettings(TrainableSchemeSettings):
    """A scheme of the first generation of Akida."""

    device: str = Field("AKD1000", description="Target device: AKD1000 or AKD1500.")


class Akida2SchemeSettings(TrainableSchemeSettings):
    """A scheme of the second generation of Akida."""

    device: str = Field(
        "SixNodesIPv2",
        description=(
            "Target device: TwoNodesIPv2, FourNodesIPv2, SixNodesIPv2 or TwelveNodesIPv2."
        ),
    )


AnySchemeSettings = (
    PlainSchemeSettings
    | CalibratedSchemeSettings
    | MixedSchemeSettings
    | Akida1SchemeSettings
    | Akida2SchemeSettings
)


class Schemes(Settings):
    """Settings of the quantization schemes."""

    float32: PlainSchemeSettings = PlainSchemeSettings()
    drq: PlainSchemeSettings = PlainSchemeSettings()
    fiq_float32: CalibratedSchemeSettings = CalibratedSchemeSettings()
    fiq_int8: CalibratedSchemeSettings = CalibratedSchemeSettings()
    fiq_uint8: CalibratedSchemeSettings = CalibratedSchemeSettings()
    float16: PlainSchemeSettings = PlainSchemeSettings()
    int16x8: CalibratedSchemeSettings = CalibratedSchemeSettings()
    mixed: MixedSchemeSettings = MixedSchemeSettings()
    akida_v1_w4a4: Akida1SchemeSettings = Akida1SchemeSettings()
    akida_v2_w8a8: Akida2SchemeSettings = Akida2SchemeSettings()
    akida_v2_w4a4: Akida2SchemeSettings = Akida2SchemeSettings()


class Configuration(Settings):
    """The configuration of a study."""

    results_dir: str = Field(
        "results", pattern=r"^[^{}<>\s]+$", description="Folder for all results."
    )
    datasets_dir: str = Field(
        "datasets", description="Folder that paths of real datasets are relative to."
    )
    fetch: Fetch = Field(
        Fetch(),
        description=(
            "Settings of the `fetch` target, which downloads public datasets into datasets_dir."
        ),
    )
    seed: Seed = Field(
        1, description="Random seed of splits, calibration, training and conversion."
    )
    tf_threads: int = Field(
        1,
        ge=1,
        le=64,
        description=(
            "Number of TensorFlow intra-op threads. It changes the order of floating-point sums, "
            "and so the trained weights; therefore it is independent of --cores."
        ),
    )
    fork_server: bool = Field(
        True,
        description=(
            "Import heavy packages once per run instead of once per job. Results do not change."
        ),
    )
    calibration: Calibration = Field(
        Calibration(),
        description="Settings of the calibration split (calib), which is drawn from train.",
    )
    verification: VerificationSettings = Field(
        VerificationSettings(),
        description="Settings of the comparison of full-integer files with the integer engine.",
    )
    evaluation: EvaluationSettings = Field(
        EvaluationSettings(), description="Settings of prediction and latency measurement."
    )
    statistics: Statistics = Field(Statistics(), description="Settings of confidence intervals.")
    study: Tuple[StudyBlock] = Field(
        description="Cells to compute. Each block selects all combinations of its lists."
    )
    analyses: Analyses = Field(
        Analyses(),
        description="Cells of the study for which causes of accuracy loss are analysed.",
    )
    gates: Tuple[Gate] = Field(
        (),
        description=(
            "Requirements for cells. If a cell does not meet one, `all` fails at the end and "
            "reports the cell and the value."
        ),
    )
    datasets: dict[Name, Dataset] = Field(description="Datasets by name.")
    models: dict[Name, Model] = Field(
        description="Models by name; each is an architecture with settings and one dataset."
    )
    variants: dict[Name, Variant] = Field(
        description=(
            "Compression steps by name; each has a parent, except those that train from scratch."
        )
    )
    explore: ExplorationSettings = Field(
        ExplorationSettings(),
        description="Settings of the search for low-rank factorizations of a model.",
    )
    schemes: Schemes = Field(Schemes(), description="Settings of the quantization schemes.")
