"""Settings of splits by fold, and of cross-validation."""

from typing import Annotated, Literal

from pydantic import Field

from snugnet.core.settings.base import Settings, Tuple

# The number of folds is then the number of groups.
LEAVE_ONE_GROUP_OUT = "leave_one_group_out"
MIN_FOLDS, MAX_FOLDS = 2, 1000
CrossValidation = Annotated[int, Field(ge=MIN_FOLDS, le=MAX_FOLDS)] | Literal["leave_one_group_out"]
CROSS_VALIDATION = (
    "Number of folds of a cross-validation by group, or leave_one_group_out (kind windows only), "
    "which makes each group a fold: every cell is trained and converted once for each fold, and "
    "its figures are those of all samples, each predicted by the model that was not trained on its "
    "fold. The delivered model is trained on all folds."
)


class Folds(Settings):
    """Folds of each split."""

    train: Tuple[int] = Field(description="Folds for training.")
    val: Tuple[int] = Field(description="Folds for validation, which choose the best epoch.")
    test: Tuple[int] = Field(description="Folds for testing.")
