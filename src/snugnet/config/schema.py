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
from snugnet.core.settings.datasets.digits import DigitsDataset
from snugnet.core.settings.datasets.mitdb import MitdbDataset
from snugnet.core.settings.datasets.mnist import MnistDataset
from snugnet.core.settings.datasets.ptbxl import PtbxlDataset
from snugnet.core.settings.datasets.recordings import RecordingsDataset
from snugnet.core.settings.datasets.synthetic_beats import SyntheticBeatsDataset
from snugnet.core.settings.datasets.synthetic_ecg12 import SyntheticEcg12Dataset
from snugnet.core.settings.datasets.synthetic_imu import SyntheticImuDataset
from snugnet.core.settings.datasets.windows import WindowsDataset
from snugnet.core.settings.exploration import ExplorationSettings
from snugnet.core.settings.factorization import FactorizationSettings
from snugnet.core.settings.fetch import Fetch
from snugnet.core.settings.fine_tuning import FineTuningSettings
from snugnet.core.settings.firmware import FirmwareSettings
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

Dataset = Annotated[
    SyntheticImuDataset
    | SyntheticBeatsDataset
    | SyntheticEcg12Dataset
    | DigitsDataset
    | MitdbDataset
    | MnistDataset
    | PtbxlDataset
    | WindowsDataset
    | RecordingsDataset,
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
    firmware: FirmwareSettings = Field(
        FirmwareSettings(),
        description="Settings of the C code of full-integer files for microcontrollers.",
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
