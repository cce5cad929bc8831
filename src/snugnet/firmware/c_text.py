"""C text: types, arrays and structures."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "float32": "float",
    "float64": "double",
    "uint32": "uint32_t",
    "bool": "uint8_t",
}
# Short names of types in the names of functions, as in CMSIS-NN.
SUFFIXES = {
    "int8": "s8",
    "uint8": "u8",
    "int16": "s16",
    "int32": "s32",
    "int64": "s64",
    "float32": "f32",
}
LINE_LENGTH = 96


def format_array(name: str, values: np.ndarray, comment: str = "") -> str:
    """Return the definition of a constant array.

    Args:
        name: Name of the array.
        values: Its elements, in the order of memory.
        comment: A comment above it.
    """
    dtype = str(values.dtype)
    items = [_format_number(value, dtype) for value in values.ravel().tolist()] or ["0"]
    head = f"/* {comment} */\n" if comment else ""
    text = f"static const {C_TYPES[dtype]} {name}[{len(items)}] = {{"
    return f"{head}{text}\n{_wrap(items)}}};\n"


def format_struct(type_name: str, name: str, value: str) -> str:
    """Return the definition of a constant structure."""
    return f"static const {type_name} {name} = {value};\n"


def braces(*values: Any) -> str:
    """Return an initializer: numbers, names and nested initializers."""
    return "{" + ", ".join(_format_value(value) for value in values) + "}"


def _format_value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, int | np.integer):
        return _format_number(int(value), "int32")
    if isinstance(value, np.floating | float):
        return _format_number(float(value), "float32")
    return braces(*value)


def _format_number(value: Any, dtype: str) -> str:
    if dtype == "float32":
        # A float in hexadecimal is exact; C99 and C++17 read it.
        return f"{np.float32(value):.9g}f" if float(value) != int(value) else f"{float(value)!r}f"
    if dtype == "float64":
        return repr(float(value))
    number = int(value)
    if number == -(1 << 31):
        return "INT32_MIN"
    if number == -(1 << 63):
        return "INT64_MIN"
    if dtype == "int64" and abs(number) >= 1 << 31:
        return f"INT64_C({number})"
    if number >= 1 << 31:
        return f"{number}u"
    return str(number)


def _wrap(items: Iterable[str]) -> str:
    """Return items in lines of limited length, each followed by a comma."""
    lines, line = [], "    "
    for item in items:
        if len(line) + len(item) + 2 > LINE_LENGTH:
            lines.append(line.rstrip() + "\n")
            line = "    "
        line += f"{item}, "
    return "".join([*lines, line.rstrip() + "\n"])


def pad_list(values: Sequence[int], length: int, fill: int) -> list[int]:
    """Return a list with values in front of it, so that it has a length."""
    return [fill] * (length - len(values)) + list(values)
