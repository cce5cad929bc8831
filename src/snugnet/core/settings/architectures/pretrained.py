"""Settings of models that come in a file."""

from pydantic import Field

from snugnet.core.settings.base import Settings


class File(Settings):
    """A trained Keras model that comes in a file."""

    file: str = Field(
        description=(
            "Path of a trained Keras model: .h5, .keras or a SavedModel folder. The key "
            "`architecture` may be left out then. Variant `original` is the unchanged model."
        )
    )
