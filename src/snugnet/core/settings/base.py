"""The base of all settings: immutable records that check types and ranges."""

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

T = TypeVar("T")


class Settings(BaseModel):
    """Settings with a type, a range, a default and a description for each field.

    Unknown fields are errors. Integers are not read as booleans, nor floats as integers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def from_block(cls, block: Mapping[str, Any]) -> Self:
        """Make a record of the fields of this class in a block that has other keys too.

        Args:
            block: All fields of this class, as `to_json` returns them, and any other keys.

        Returns:
            The record.

        Raises:
            KeyError: If a field is missing.
            pydantic.ValidationError: If a field has a wrong type or is out of range.
        """
        return cls.model_validate({name: block[name] for name in cls.model_fields})

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
TwoCounts = Annotated[Counts, Field(min_length=2)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Epochs = Annotated[int, Field(ge=1, le=10000)]
Names = Tuple[str]
