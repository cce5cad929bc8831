"""Settings of steps that only train: fine-tuning and quantization-aware training."""

from pydantic import Field

from snugnet.core.settings.base import Settings
from snugnet.core.settings.training import TRAINING_CHANGES, TrainingSettings


class FineTuningSettings(Settings):
    """Training that starts from the weights of the parent."""

    training: TrainingSettings = Field(TrainingSettings(), description=TRAINING_CHANGES)
