"""Mutations of the configuration of a study, and the check that Snakemake would make of it."""

import sys
from pathlib import Path
from random import Random
from typing import Any

import yaml

from snugnet.cli.app import DONE, WRONG
from snugnet.config.study import Study
from snugnet.core.errors import InputError
from tests.hostile import json_mutations

# Texts that a parser of YAML must not run or expand.
TEXTS = (
    "seed: !!python/object/apply:os.system ['touch {canary}']\n",
    "seed: !!python/name:os.system\n",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nseed: *c\n",
    "seed: 0o777\n? [a, b]\n: 1\n",
    "models: {{<<: {{a: 1}}}}\n",
    "\x00",
    "seed: 1e999\nseed: 2\n",
    "seed: 2026-11-29\n",
)
PLACES = (
    "results",
    "../results",
    "/etc",
    "",
    "\x1b[2J",
    "a" * 300,
    "a/../../b",
    "~",
    "$HOME",
    "a\nb",
)


def mutate(path: Path, random: Random, canary: str) -> None:
    """Change a configuration in place."""
    text = path.read_text()
    kind = random.randrange(12)
    if kind == 0:
        path.write_text(text + random.choice(TEXTS).format(canary=canary))
        return
    tree = yaml.load(text, yaml.CSafeLoader)
    if kind == 1:
        tree[random.choice(("results_dir", "datasets_dir"))] = random.choice(PLACES)
    elif kind == 2:
        _expand(tree, random)
    else:
        tree = _as_tree(json_mutations.mutate(tree, random, canary), random)
    path.write_text(yaml.dump(tree, Dumper=yaml.CSafeDumper), errors="replace")


def _expand(tree: Any, random: Random) -> None:
    """Add lists whose combinations are many."""
    names = list(tree["models"])
    block = {"models": names, "variants": [f"v{i}" for i in range(random.choice((3, 30)))]}
    tree["study"] = [block] * random.choice((1, 10))
    if random.random() < 0.5:
        value: Any = "x"
        for _ in range(20):  # a million texts, in a few hundred bytes
            value = [value, value]
        tree[random.choice(("seed", "analyses", "unknown"))] = value


def _as_tree(tree: Any, random: Random) -> Any:
    """Return a configuration; Snakemake itself refuses anything that is no mapping."""
    return tree if isinstance(tree, dict) else {"seed": tree}


def check(path: Path) -> int:
    """Check a configuration as a study does, and return the exit code."""
    try:
        config = yaml.load(path.read_text(), yaml.CSafeLoader)
        if not isinstance(config, dict):
            raise InputError("the configuration must be a mapping")
        study = Study(config)
    except (InputError, yaml.YAMLError) as error:
        print(f"snugnet: {error}", file=sys.stderr)
        return WRONG
    for stage in ("data", "models", "tflite", "certificates", "conversions", "metrics", "mistakes"):
        study.targets.files(stage)
    study.settings.collect(("cells", "gates", "recipes"), {})
    return DONE
