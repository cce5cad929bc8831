"""Refusal of files whose operators are programs of TensorFlow."""

from snugnet.core.errors import InputError
from snugnet.tflite.flatbuffer import list_custom_codes

# Names of custom operators that LiteRT gives to TensorFlow, once TensorFlow has been imported.
TENSORFLOW_PREFIX = "Flex"


def refuse_tensorflow_operators(file: bytes, name: str) -> None:
    """Refuse a file with operators that TensorFlow runs: they can read and write files.

    Args:
        file: Content of the .tflite file.
        name: Name of the file, for the message.

    Raises:
        InputError: If the file has such an operator.
        ModelFormatError: If the file is damaged.
    """
    codes = [code for code in list_custom_codes(file, name) if code.startswith(TENSORFLOW_PREFIX)]
    if codes:
        raise InputError(
            f"{name}: TensorFlow runs the operators {', '.join(codes[:8])}, which could read and "
            "write files. Convert the model without Select TensorFlow operators."
        )
