"""Settings of splits by fold."""

from pydantic import Field

from snugnet.core.settings.base import Settings, Tuple


class Folds(Settings):
    """Folds of each split."""

    train: Tuple[int] = Field(description="Folds for training.")
    val: Tuple[int] = Field(description="Folds for validation, which choose the best epoch.")
    test: Tuple[int] = Field(description="Folds for testing.")
