"""Messages about invalid settings: where, what is wrong, and what is allowed."""

import math
import re
from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError

from snugnet.core.settings.base import Settings
from snugnet.core.text import find_nearest_name, shorten

# The type that a message names, by the type of pydantic's error.
TYPES = {
    "int_type": "integer",
    "float_type": "number",
    "finite_number": "number",
    "string_type": "string",
    "bool_type": "boolean",
    "tuple_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
}
BOUNDS = {
    "greater_than_equal": ("is too small; the minimum is {}", "ge"),
    "greater_than": ("is too small; it must be greater than {}", "gt"),
    "less_than_equal": ("is too large; the maximum is {}", "le"),
    "less_than": ("is too large; it must be less than {}", "lt"),
    "multiple_of": ("must be a multiple of {}", "multiple_of"),
    "string_pattern_mismatch": ("does not match the pattern {}", "pattern"),
    "too_short": ("has too few entries; the minimum is {}", "min_length"),
    "too_long": ("has too many entries; the maximum is {}", "max_length"),
}
# How pydantic names the members of a union in the location of an error.
UNION_MEMBER = re.compile(r"constrained-\w+|literal\[.*\]|[A-Z]\w*|int|float|str|bool")
DISCRIMINATORS = ("kind", "architecture", "method")


def describe_errors(
    error: ValidationError, settings: Any, raw: Any, place: str = ""
) -> Iterator[str]:
    """Describe each error of a validation in one line.

    Args:
        error: The error.
        settings: The class, or the annotated union of classes, that was validated.
        raw: The value that was validated.
        place: Where the value stands in the configuration.

    Returns:
        Lines such as `models.net.dropout: 1.5 is too large; it must be less than 1`.
    """
    problems: dict[str, list[dict[str, Any]]] = {}
    for problem in error.errors(include_url=False):
        path = _path_of(problem["loc"], raw)
        about_key = problem["type"] in ("missing", "extra_forbidden") or "[key]" in problem["loc"]
        where = _format(place, path[:-1] if about_key else path)
        if problem["type"] == "union_tag_invalid":
            where += "." + problem["ctx"]["discriminator"].strip("'")
        problems.setdefault(where, []).append({**problem, "path": path})
    for where in sorted(problems):
        for text in dict.fromkeys(_describe(problems[where], settings, raw)):
            yield f"{where or 'top level'}: {shorten(text)}"


def unknown(what: str, name: Any, known: Sequence[Any]) -> str:
    """Describe an unknown name, with the nearest known name and all the others."""
    near = find_nearest_name(str(name), [str(other) for other in known])
    hint = "" if near is None else f" Did you mean {near!r}?"
    allowed = ", ".join(str(other) for other in known) or "none"
    return f"unknown {what} {name!r}.{hint} Known: {allowed}."


def _path_of(loc: tuple[Any, ...], raw: Any) -> list[Any]:
    """Drop from a location what is no key of the value: tags of unions, and names of types."""
    path: list[Any] = []
    value = raw
    for element in loc:
        if isinstance(value, dict):
            tags = [value.get(name) for name in DISCRIMINATORS]
            is_type = bool(UNION_MEMBER.fullmatch(str(element)))
            if element == "[key]" or (element not in value and (element in tags or is_type)):
                continue
            path.append(element)
            value = value.get(element)
        elif isinstance(value, list | tuple) and isinstance(element, int):
            path.append(element)
            value = value[element]
    return path


def _format(place: str, path: Sequence[Any]) -> str:
    text = place
    for element in path:
        text += f"[{element}]" if isinstance(element, int) else f".{element}"
    return text.removeprefix(".")


def _describe(problems: list[dict[str, Any]], settings: Any, raw: Any) -> Iterator[str]:
    """Describe the errors of one value."""
    kinds = {problem["type"] for problem in problems}
    # One literal error alone names the nearest value instead.
    if kinds <= {*TYPES, "literal_error"} and kinds != {"literal_error"}:
        value = problems[0]["input"]
        allowed = dict.fromkeys(
            TYPES.get(problem["type"]) or problem["ctx"]["expected"] for problem in problems
        )
        yield f"{value!r} is {_type_name(value)}; allowed: {' or '.join(allowed)}"
        return
    if missing := [problem["path"][-1] for problem in problems if problem["type"] == "missing"]:
        yield f"required key is missing: {', '.join(missing)}"
    for problem in problems:
        # Of a union of types, the errors of the types that the value has are the useful ones.
        if problem["type"] not in TYPES and problem["type"] != "missing":
            yield _describe_one(problem, settings, raw)


def _describe_one(problem: dict[str, Any], settings: Any, raw: Any) -> str:
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind in BOUNDS:
        text, name = BOUNDS[kind]
        limit = context[name]
        return f"{value!r} {text.format(f'{limit:g}' if isinstance(limit, float) else limit)}"
    if kind == "literal_error":
        return unknown("value", value, re.findall(r"'([^']*)'", context["expected"]))
    if kind == "union_tag_invalid":
        name = context["discriminator"].strip("'")
        known = re.findall(r"'([^']*)'", context["expected_tags"])
        return unknown("value", value[name], known)
    if kind == "union_tag_not_found":
        return f"required key is missing: {context['discriminator'].strip(chr(39))}"
    if kind == "extra_forbidden":
        *parent, key = problem["path"]
        block = _class_at(settings, raw, parent)
        return unknown("key", key, [] if block is None else list(block.model_fields))
    if kind == "unique":
        return f"{list(value)!r} {problem['msg']}"
    return str(problem["msg"])


def _class_at(annotation: Any, raw: Any, path: Sequence[Any]) -> type[Settings] | None:
    """Find the class of the block at a path; None if there is none."""
    block = _class_of(annotation, raw)
    if not path:
        return block if isinstance(block, type) and issubclass(block, Settings) else None
    first, rest = path[0], path[1:]
    inside = raw[first] if isinstance(raw, dict | list | tuple) else None
    if isinstance(block, type) and issubclass(block, Settings):
        return _class_at(block.model_fields[first].annotation, inside, rest)
    arguments = get_args(block)
    return _class_at(arguments[1] if get_origin(block) is dict else arguments[0], inside, rest)


def _class_of(annotation: Any, raw: Any) -> Any:
    """Strip metadata and None from an annotation, and choose among a union by the discriminator."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    options = [option for option in get_args(annotation) if option is not type(None)]
    if len(options) == 1:
        return _class_of(options[0], raw)
    for option in options:
        fields = getattr(option, "model_fields", {})
        for name in DISCRIMINATORS:
            if name in fields and raw.get(name) in get_args(fields[name].annotation):
                return option
    return options[0]


def _type_name(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    names = {
        bool: "boolean",
        int: "integer",
        float: "number",
        str: "string",
        list: "array",
        tuple: "array",
    }
    return names.get(type(value), "null" if value is None else "object")
