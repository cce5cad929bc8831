"""What is wrong with a configuration, each problem in one line: where, what, and what is allowed.

Imported while Snakemake parses.
"""

import difflib
import math
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import Any

import jsonschema

from snugnet.core.akida_schemes import AKIDA_SCHEMES, DEVICES
from snugnet.core.errors import InputError
from snugnet.core.gate_entries import (
    REQUIREMENTS,
    SELECTORS,
    SIZES,
    covers,
    parse_size,
    requirements,
    scope,
)
from snugnet.core.tflite_schemes import SCHEMES


def laid_over(*blocks: Mapping[str, Any]) -> dict[str, Any]:
    """Join blocks, the last word going to the last; what they say of training is joined alike."""
    joined = {key: value for block in blocks for key, value in block.items()}
    for name in ("training", "augment"):
        if parts := [block[name] for block in blocks if name in block]:
            joined[name] = laid_over(*parts)
    return joined


def _filling_validator() -> Any:
    """Make a validator that fills in defaults before it looks at an object's properties."""
    check_properties = jsonschema.Draft202012Validator.VALIDATORS["properties"]

    def fill_then_check(validator: Any, properties: Any, instance: Any, schema: Any) -> Any:
        if isinstance(instance, dict):
            for name, subschema in properties.items():
                if isinstance(subschema, dict) and "default" in subschema:
                    instance.setdefault(name, deepcopy(subschema["default"]))
        yield from check_properties(validator, properties, instance, schema)

    # JSON counts 25.0 as an integer, and YAML has NaN and infinity: neither can be worked with.
    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and math.isfinite(value)
            ),
        }
    )
    return jsonschema.validators.extend(
        jsonschema.Draft202012Validator, {"properties": fill_then_check}, type_checker=types
    )


def key_problems(value: Any, place: str = "") -> Iterator[str]:
    """Find keys that YAML read as something else than text: 1, null, on."""
    if isinstance(value, list):
        for i, entry in enumerate(value):
            yield from key_problems(entry, f"{place}[{i}]")
    elif isinstance(value, dict):
        for key, entry in value.items():
            if not isinstance(key, str):
                yield f"{place or 'top level'}: key {key!r} must be a string; put it in quotes"
            yield from key_problems(entry, f"{place}.{key}".removeprefix("."))


def schema_problems(
    config: dict[str, Any], schema: Mapping[str, Any], place: str = ""
) -> Iterator[str]:
    """Find what the schema refuses in a mapping, and fill in its defaults, in place."""
    validator = _filling_validator()(schema)
    for error in sorted(validator.iter_errors(config), key=lambda error: error.json_path):
        where = (place + error.json_path.removeprefix("$")).removeprefix(".") or "top level"
        yield f"{where}: {_explain(error)}"


def _explain(error: jsonschema.ValidationError) -> str:
    """Say what is wrong with a value and what is allowed."""
    rule = str(error.validator)
    value: Any = error.validator_value
    instance: Any = error.instance
    schema: Any = error.schema
    if rule == "additionalProperties":
        known = list(schema.get("properties", ()))
        unknown = [key for key in instance if key not in known]
        return "; ".join(_unknown("key", key, known) for key in unknown)
    if rule == "enum":
        return _unknown("value", instance, list(value))
    if rule == "required":
        missing = [key for key in value if key not in instance]
        return f"required key is missing: {', '.join(missing)}"
    words = {
        "type": f"is {_type_name(instance)}; allowed: {value}",
        "minimum": f"is too small; the minimum is {value}",
        "maximum": f"is too large; the maximum is {value}",
        "exclusiveMinimum": f"is too small; it must be greater than {value}",
        "exclusiveMaximum": f"is too large; it must be less than {value}",
        "multipleOf": f"must be a multiple of {value}",
        "pattern": f"does not match the pattern {value}",
        "minItems": f"has too few entries; the minimum is {value}",
        "maxItems": f"has too many entries; the maximum is {value}",
    }
    return f"{instance!r} {words[rule]}" if rule in words else error.message


def _type_name(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return names.get(type(value), "null" if value is None else "object")


def _unknown(what: str, name: Any, known: list[Any]) -> str:
    """Name what is unknown, the nearest known name and all the others."""
    near = difflib.get_close_matches(str(name), [str(other) for other in known], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    allowed = ", ".join(str(other) for other in known) or "none"
    return f"unknown {what} {name!r}.{hint} Known: {allowed}."


def cross_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Find what a schema cannot: names that must exist elsewhere."""
    for name, model in config["models"].items():
        if model["dataset"] not in config["datasets"]:
            problem = _unknown("dataset", model["dataset"], list(config["datasets"]))
            yield f"models.{name}.dataset: {problem}"
        else:
            dataset = config["datasets"][model["dataset"]]
            for problem in training_problems(model["training"], dataset):
                yield f"models.{name}.training.{problem}"
    for name, dataset in config["datasets"].items():
        if dataset["val"] + dataset["test"] >= 1:
            yield (
                f"datasets.{name}: val {dataset['val']} + test {dataset['test']} must be less "
                "than 1; the rest is the train split"
            )
    yield from _variant_problems(config["variants"])
    for name, scheme in config["schemes"].items():
        yield from _scheme_problems(name, scheme, config, f"schemes.{name}")
    for i, block in enumerate(config["study"]):
        for key, known in (
            ("models", list(config["models"])),
            ("variants", list(config["variants"])),
            ("schemes", [*SCHEMES, *AKIDA_SCHEMES]),
        ):
            for name in block[key]:
                if name not in known:
                    yield f"study[{i}].{key}: {_unknown(key.removesuffix('s'), name, known)}"
        yield from _calibrated_problems(block, config["variants"], f"study[{i}].variants")


def _calibrated_problems(
    block: Mapping[str, Any], variants: Mapping[str, Any], where: str
) -> Iterator[str]:
    """Find Akida's schemes of variants that are calibrated for TFLite's."""
    if AKIDA_SCHEMES.keys().isdisjoint(block["schemes"]):
        return
    for name in block["variants"]:
        if variants.get(name, {}).get("method") == "calibrate":
            yield (
                f"{where}: {name!r} calibrates TFLite quantizers, which Akida schemes do not use; "
                f"use its parent {variants[name]['parent']!r} instead"
            )


def _scheme_problems(
    name: str, scheme: Mapping[str, Any], config: Mapping[str, Any], where: str
) -> Iterator[str]:
    """Find more samples than are drawn, and devices of another generation."""
    wanted, drawn = scheme.get("calibration_samples"), config["calibration"]["samples"]
    if wanted is not None and wanted > drawn:
        what = f"{wanted} exceeds calibration.samples ({drawn}); reduce it or raise the latter"
        yield f"{where}.calibration_samples: {what}"
    if name in AKIDA_SCHEMES:
        devices = DEVICES[AKIDA_SCHEMES[name].version]
        if scheme["device"] not in devices:
            yield f"{where}.device: {_unknown('device', scheme['device'], list(devices))}"


def own_scheme_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Check what models change in schemes: the result must be a scheme as the schema has it."""
    known = config["schemes"]
    for model, block in config["models"].items():
        for name, changes in block["schemes"].items():
            where = f"models.{model}.schemes.{name}"
            if name not in known:
                yield f"{where}: {_unknown('scheme', name, list(known))}"
                continue
            changed = laid_over(known[name], changes)
            described = schema["properties"]["schemes"]["properties"][name]["$ref"]
            part = {"$ref": described, "$defs": schema["$defs"]}
            problems = list(schema_problems(changed, part, where))
            yield from problems or _scheme_problems(name, changed, config, where)


def override_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Check what models change in variants: the result must be a variant as the schema has it."""
    known = config["variants"]
    for model, block in config["models"].items():
        for name, changes in block["variants"].items():
            where = f"models.{model}.variants.{name}"
            if name not in known:
                yield f"{where}: {_unknown('variant', name, list(known))}"
                continue
            for key in {"method", "parent"} & set(changes):
                yield f"{where}.{key}: cannot be changed for one model; define another variant"
            changed = {**deepcopy(known[name]), **deepcopy(changes)}
            part = {"$ref": "#/$defs/variant", "$defs": schema["$defs"]}
            yield from schema_problems(changed, part, where)


def factorize_problems(
    settings: Mapping[str, Any], where: str, model: str, name: str
) -> Iterator[str]:
    """Find what is wrong with a `factorize` block: it needs ranks or a point, not both."""
    if bool(settings["layers"]) == (settings["point"] is not None):
        yield (
            f"{where}: set either layers or point, not both, there or in "
            f"models.{model}.variants.{name}"
        )
    for layer, request in settings["layers"].items():
        ranks = request["rank"] if isinstance(request["rank"], list) else [request["rank"]]
        for rank in ranks:
            if isinstance(rank, float) and rank >= 1:
                problem = f"{rank} is neither an integer nor a fraction below 1"
                yield f"{where}: layers.{layer}.rank: {problem}"
        for side in ("inputs", "outputs"):
            if request.get(side) and request["method"] != "tt":
                yield f"{where}: layers.{layer}.{side}: only method tt takes {side}; remove the key"


def training_problems(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> Iterator[str]:
    """Find settings of a model's training that its dataset does not allow."""
    if training["monitor"] == "auc" and _task(dataset) == "multiclass":
        yield "monitor: 'auc' requires a binary or multilabel task; use loss or accuracy"
    for name in ("roll", "gain"):
        if training["augment"][name] and dataset["layout"] == "time_channel":
            yield (
                f"augment.{name}: applies along the width, which is not the time axis in layout "
                "time_channel; set it to 0 or use layout channel_time"
            )


def _task(dataset: Mapping[str, Any]) -> str:
    if dataset["negative_class"] is not None:
        return "binary"
    if dataset["kind"] in ("ptbxl", "synthetic_ecg12"):
        return "multilabel"
    return str(dataset.get("task", "multiclass"))


def _variant_problems(variants: Mapping[str, Any]) -> Iterator[str]:
    for name, variant in variants.items():
        if "parent" not in variant:
            continue
        if variant["parent"] not in variants:
            others = [other for other in variants if other != name]
            yield f"variants.{name}.parent: {_unknown('variant', variant['parent'], others)}"
            continue
        source = variants[variant["parent"]]
        if source["method"] == "calibrate":
            yield (
                f"variants.{name}.parent: {variant['parent']!r} only calibrates quantizer ranges, "
                f"which further steps discard; use its parent {source['parent']!r} instead"
            )
        chain = [name]
        while (parent := variants.get(chain[-1], {}).get("parent")) is not None:
            if parent in chain:
                yield f"variants.{name}.parent: circular chain of parents: {' -> '.join(chain)}"
                break
            chain.append(parent)


def analysis_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Find names of models, those that seeds have made too, and of variants that do not exist."""
    for name, wanted in config["analyses"].items():
        for key in ("models", "variants"):
            for listed in wanted[key] or ():
                if listed not in config[key]:
                    problem = _unknown(key.removesuffix("s"), listed, list(config[key]))
                    yield f"analyses.{name}.{key}: {problem}"


def gate_problems(entry: Mapping[str, Any], cells: Collection[Mapping[str, Any]]) -> Iterator[str]:
    """Find what keeps an entry of the gates from being judged on cells of the study."""
    unknown = list(_unknown_cells(entry, cells))
    yield from unknown
    covered = [cell for cell in cells if covers(entry, cell)]
    if not covered and not unknown:
        yield f": no cell of the study matches {scope(entry)}"
    required = requirements(entry)
    if not required:
        yield f": has no requirement; set at least one of {', '.join(REQUIREMENTS)}"
    for name in required:
        schemes = REQUIREMENTS[name]
        if covered and not any(cell["scheme"] in schemes for cell in covered):
            yield f".{name}: no cell has this value; allowed schemes: {', '.join(schemes)}"
    for name in (name for name in SIZES if name in required):
        try:
            parse_size(entry[name])
        except InputError as error:
            yield f".{name}: {error}"
    if entry["confidence"] != "possible" and entry["max_drop"] is None:
        yield ".confidence: requires max_drop; set max_drop or remove confidence"


def _unknown_cells(entry: Mapping[str, Any], cells: Collection[Mapping[str, Any]]) -> Iterator[str]:
    """Find names in an entry of the gates that no cell of the study has."""
    for key in SELECTORS:
        what = key.removesuffix("s")
        known = dict.fromkeys(cell[what] for cell in cells)
        if what == "model":
            known |= dict.fromkeys(cell["family"] for cell in cells)
        for name in entry[key] or ():
            if name not in known:
                yield f".{key}: not in the study: {_unknown(what, name, list(known))}"
