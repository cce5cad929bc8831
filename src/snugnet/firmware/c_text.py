"""C text: types, arrays and structures."""

import re
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
# Words that cannot be names in C11 or C++20.
C_WORDS = frozenset(
    (
        "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t "
        "char32_t char8_t class co_await co_return co_yield compl concept const const_cast "
        "consteval constexpr constinit continue decltype default delete do double dynamic_cast "
        "else enum explicit export extern false float for friend goto if inline int long main "
        "mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected "
        "public register reinterpret_cast requires restrict return short signed sizeof static "
        "static_assert static_cast struct switch template this thread_local throw true try "
        "typedef typeid typename typeof union unsigned using virtual void volatile wchar_t while "
        "xor xor_eq"
    ).split()
)
# Names that the folder has itself: of files, local variables and constants of operators.
OWN_NAME = re.compile(
    r"arena|golden|i|memory|op\d+|selftest|semihosting|startup|tensor\d+|values|snugnet\w*",
    re.IGNORECASE,
)
# A header with such a name would hide that of the C library.
STANDARD_HEADERS = frozenset(
    (
        "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal "
        "stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath "
        "threads time uchar wchar wctype"
    ).split()
)
MAX_NAME_LENGTH = 40
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
# Elements of an array that are formatted at once.
PART = 1 << 12
ARRAY = re.compile(r"^static const (\w+) \w+\[(\d+)\] = \{$", re.MULTILINE)
BYTES = {name: np.dtype(dtype).itemsize for dtype, name in C_TYPES.items() if dtype != "bool"}


def format_array(name: str, values: np.ndarray, comment: str = "") -> str:
    """Return the definition of a constant array.

    Args:
        name: Name of the array.
        values: Its elements, in the order of memory.
        comment: A comment above it.
    """
    dtype = str(values.dtype)
    flat = values.ravel()
    # Lists of parts: a list of all elements needs a hundred times the memory of the array.
    parts = (flat[start : start + PART].tolist() for start in range(0, flat.size, PART))
    items = (format_number(value, dtype) for part in parts for value in part)
    head = f"/* {comment} */\n" if comment else ""
    text = f"static const {C_TYPES[dtype]} {name}[{max(values.size, 1)}] = {{"
    return f"{head}{text}\n{_wrap(items if values.size else ['0'])}}};\n"


def count_array_bytes(text: str) -> int:
    """Count the bytes of all arrays that `format_array` defined in a text."""
    return sum(BYTES[kind] * int(count) for kind, count in ARRAY.findall(text))


def format_text(text: str) -> str:
    """Return a C string literal. Everything but letters, digits and blanks is an octal escape."""
    characters = []
    for byte in text.encode():
        character = chr(byte)
        is_plain = byte < 128 and (character.isalnum() or character in " .,:;_+-=()<>/")
        characters.append(character if is_plain else f"\\{byte:03o}")
    return f'"{"".join(characters)}"'


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
        return format_number(int(value), "int32")
    if isinstance(value, np.floating | float):
        return format_number(float(value), "float32")
    return braces(*value)


def format_number(value: Any, dtype: str) -> str:
    """Return a number as a literal of a type, without rounding."""
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


def make_c_identifier(text: str) -> str:
    """Make a C identifier of a text: ASCII letters, digits and _, and no word of C or C++."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    is_reserved = name in C_WORDS or not name or name[0].isdigit() or name.startswith("_")
    return f"model_{name}" if is_reserved else name


def check_c_name(name: str) -> str | None:
    """Check a prefix of names in generated code.

    Returns:
        What is wrong, and what to do; None if it can be used.
    """
    if not name.isascii() or make_c_identifier(name) != name:
        return (
            "not usable as a prefix of names in C: use letters, digits and _, a letter first, and "
            "no word of C or C++."
        )
    if OWN_NAME.fullmatch(name) or name.lower() in STANDARD_HEADERS:
        return "the generated code or the C library has this name. Choose another one."
    if len(name) > MAX_NAME_LENGTH:
        return f"longer than {MAX_NAME_LENGTH} characters. Choose a shorter one."
    return None
