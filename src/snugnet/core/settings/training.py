"""Settings of training."""

from typing import Annotated, Literal

from pydantic import Field

from snugnet.core.settings.base import Epochs, Settings, Tuple

Shift = Annotated[int, Field(ge=0, le=1000)]


class Augmentation(Settings):
    """Random changes of the samples of each train batch."""

    roll: int = Field(
        0, ge=0, le=100000, description="Maximum circular shift along the width (time)."
    )
    shift: Annotated[Tuple[Shift], Field(min_length=2, max_length=2)] = Field(
        (0, 0), description="Maximum shifts in rows and columns, filled with zeros."
    )
    gain: float = Field(
        0, ge=0, le=1, description="Standard deviation of a random factor around 1 for each row."
    )
    noise: float = Field(0, ge=0, le=100, description="Standard deviation of added noise.")


class TrainingSettings(Settings):
    """Training of a model, or changes to it: `changes` returns the given fields only."""

    epochs: Epochs = Field(15, description="Maximum number of epochs.")
    batch_size: int = Field(64, ge=1, le=65536, description="Batch size.")
    learning_rate: float = Field(0.002, gt=0, le=1, description="Initial learning rate of Adam.")
    decay: Literal["cosine", "plateau", "constant"] = Field(
        "cosine",
        description=(
            "Learning rate schedule: cosine over all epochs, plateau when val stops improving, or "
            "constant."
        ),
    )
    patience: Epochs = Field(
        8, description="Number of epochs without improvement on val before training stops."
    )
    monitor: Literal["loss", "accuracy", "auc"] = Field(
        "loss", description="Metric on val that chooses the best epoch, whose weights are kept."
    )
    class_weights: bool = Field(
        False, description="Weight samples so that all classes have the same total weight."
    )
    augment: Augmentation = Field(
        Augmentation(), description="Random augmentation of train batches."
    )


TRAINING_CHANGES = "Changes to the model's `training`."
