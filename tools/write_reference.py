"""Write docs/reference/configuration.md from the schema and command_line.md from the commands.

python docs/write_reference.py
"""

import json
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "reference"
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"

CONFIGURATION = """# Configuration

Keys of `config.yaml` and of files passed with `--configfile`: allowed values, default and meaning.
Any other key is an error before a job starts. This page is generated from
`workflow/schemas/config.schema.yaml`.
"""
COMMAND_LINE = """<!-- written by docs/write_reference.py from the commands themselves -->
"""
# What users name themselves; each has sections of its own.
NAMED = {
    "datasets": ("dataset", "kind", "Datasets"),
    "models": ("model", "architecture", "Models"),
    "variants": ("variant", "method", "Variants"),
}
# What many keys hold, described once. What a change leaves out stays as it was.
SHARED = {"training": "training", "training_changes": "training", "factorization": "factorization"}
LIMITS = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "exclusiveMaximum": "<",
    "multipleOf": "a multiple of",
}
HEADER = "| key | allowed | default | meaning |\n| --- | --- | --- | --- |\n"


def configuration() -> str:
    """Give the page of all keys."""
    schema = yaml.safe_load(SCHEMA.read_text())
    parts = [CONFIGURATION, "## Top level\n", _table(schema, schema, NAMED)]
    for key, (kind, chosen, title) in NAMED.items():
        said = schema["properties"][key]["description"]
        parts += [
            f"## {title}: `{key}`\n",
            f"{said} `{chosen}` determines the other keys.\n",
        ]
        always = schema["$defs"][kind]["required"]
        for value in schema["$defs"][kind]["properties"][chosen]["enum"]:
            described = dict(schema["$defs"][f"{kind}_{value}"])
            described["required"] = {*described.get("required", ()), *always}
            parts += [f"### {chosen}: `{value}`\n", _table(schema, described)]
    for name in sorted(set(SHARED.values())):
        parts += [f"## {name.capitalize()}\n", _table(schema, schema["$defs"][name])]
    return "\n".join(parts)


def _table(
    schema: Mapping[str, Any], described: Mapping[str, Any], left_out: Collection[str] = ()
) -> str:
    rows = [row for row in _rows(schema, described, "") if row[0] not in left_out]
    lines = [f"| `{key}` | {' | '.join(cells)} |\n" for key, *cells in rows]
    return HEADER + "".join(lines) if lines else "No other keys.\n"


def _rows(
    schema: Mapping[str, Any], described: Mapping[str, Any], place: str
) -> Iterator[tuple[str, str, str, str]]:
    """Give key, what is allowed, default and meaning of each key; then those of its own keys."""
    for name, given in described["properties"].items():
        if "const" in given:
            continue  # what the section is about
        rule = _resolved(schema, given)
        default = "required" if name in described.get("required", ()) else ""
        if rule.get("default", {}) != {}:
            default = f"`{json.dumps(rule['default'])}`"
        items = _resolved(schema, rule["items"]) if "items" in rule else {}
        inner = next((one for one in (rule, items) if "properties" in one), None)
        if _ref(given) in SHARED:
            allowed, inner = _keys_of(given), None
        else:
            allowed = _allowed(schema, rule) if inner is None else "the keys below"
        if "description" in rule or inner is None:
            yield place + name, allowed, default, rule.get("description", "")
        if inner is not None:
            yield from _rows(schema, inner, f"{place}{name}{'[]' * (inner is items)}.")


def _ref(rule: Mapping[str, Any]) -> str:
    return str(rule.get("$ref", "")).rpartition("/")[2]


def _keys_of(rule: Mapping[str, Any]) -> str:
    return f"the keys of [{SHARED[_ref(rule)]}](#{SHARED[_ref(rule)]})"


def _resolved(schema: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    """Put what a reference points to behind what stands beside it."""
    if "$ref" not in rule:
        return dict(rule)
    return {**_resolved(schema, schema["$defs"][_ref(rule)]), **rule}


def _allowed(schema: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
    if "enum" in rule:
        return ", ".join(f"`{value}`" for value in rule["enum"])
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    return " or ".join(_kind(schema, rule, kind) for kind in kinds)


def _kind(schema: Mapping[str, Any], rule: Mapping[str, Any], kind: str) -> str:
    if kind == "array":
        return f"a list of: {_allowed(schema, _resolved(schema, rule['items']))}"
    if kind == "object":
        each = rule["additionalProperties"]
        return f"names, each with {_keys_of(each) if _ref(each) in SHARED else 'its settings'}"
    if kind in ("integer", "number"):
        limits = [f"{word} {rule[limit]}" for limit, word in LIMITS.items() if limit in rule]
        return f"{'whole ' * (kind == 'integer')}number {', '.join(limits)}".strip()
    return {"string": "text", "boolean": "true, false"}.get(kind, kind)


def command_line() -> str:
    """Give the page of all commands, as typer itself writes it."""
    command = [sys.executable, "-m", "typer", "snugnet.cli.app", "utils", "docs"]
    options = ["--name", "snugnet", "--title", "Command line"]
    done = subprocess.run([*command, *options], check=True, capture_output=True, text=True)
    return COMMAND_LINE + done.stdout.rstrip() + "\n"


PAGES = {"configuration.md": configuration, "command_line.md": command_line}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())
