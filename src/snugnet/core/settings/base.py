"""The base of all settings: immutable records that check types and ranges."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

T = TypeVar("T")


class Settings(BaseModel):
    """Settings with a type, a range, a default and a description for each field.

    Unknown fields are errors. Integers are not read as booleans, nor floats as integers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def changes(self) -> dict[str, Any]:
        """Return only the fields that were given, ready for JSON: defaults are left out."""
        return self.model_dump(mode="json", exclude_unset=True)

    def to_json(self) -> dict[str, Any]:
        """Return all fields, ready for JSON."""
        return self.model_dump(mode="json")


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


# YAML and JSON have lists; a record that cannot change has tuples.
Tuple = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
Count = Annotated[int, Field(ge=1, le=8192)]
Counts = Annotated[Tuple[Count], Field(min_length=1, max_length=32)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Epochs = Annotated[int, Field(ge=1, le=10000)]
Names = Tuple[str]
