"""Building of the network of an untrusted Keras file, within a budget.

A description of a few kilobytes can make Keras work for hours, or fill the memory: layers repeat,
split or unroll their inputs. Unless all of its layers are known to be quick, a network is therefore
first built in another process with limits.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.budget import Budget
from snugnet.core.errors import InputError
from snugnet.core.files import check_plain, private_folder
from snugnet.core.isolation import compute_in_child
from snugnet.core.programs import try_in_program
from snugnet.core.samples import read_npz
from snugnet.core.sandbox import Rights
from snugnet.core.text import get_first_line
from snugnet.models.cost import check_cost
from snugnet.models.loading.allowed_layers import QUICK_LAYERS, SLOW_FUNCTIONS, WRAPPERS
from snugnet.models.loading.build_model import build_model
from snugnet.models.loading.custom_layers import load_custom_layers
from snugnet.models.loading.keras2 import has_run_operators, tf_keras
from snugnet.models.loading.keras3_operations import call_operation
from snugnet.models.loading.model_description import (
    LayerDescription,
    NetworkDescription,
    parse_description,
)
from snugnet.models.loading.model_parts import ModelParts, read_parts

# A network with more calls of layers is tried first, whatever its layers are.
MAX_QUICK_CALLS = 500
PROGRAM = Path(__file__).with_name("trial_program.py")


@dataclass(frozen=True)
class Build:
    """A network that can be built.

    Attributes:
        parts: The parts of its file.
        network: Its checked description.
        custom_layers: Layer classes of the user, by name.
        budget: Limits on work and memory.
    """

    parts: ModelParts
    network: NetworkDescription
    custom_layers: Mapping[str, Any]
    budget: Budget

    def run(self) -> tf_keras.Model:
        """Build the model, without the weights of its file.

        Raises:
            InputError: If Keras cannot build it.
            BudgetError: If one inference needs more work or memory than the budget allows.
        """
        with name_errors(self.parts.path):
            model = build_model(
                self.network,
                self.budget,
                custom_layers=self.custom_layers,
                call_operation=call_operation if self.parts.form == "keras3" else None,
            )
            check_cost(model, self.budget)
        return model


def prepare_build(path: Path, code: Path | None, budget: Budget) -> Build:
    """Read and check the description of a network.

    Args:
        path: An .h5 or .keras file, or the folder of a SavedModel.
        code: A Python file with the classes of custom layers. It is run.
        budget: Limits on work and memory.

    Raises:
        InputError: If the file is damaged, or its description is not allowed.
        OSError: If a file cannot be read.
    """
    parts = read_parts(path, budget)
    custom_layers = {} if code is None else load_custom_layers(code)
    # Registered permanently: code that copies the model later looks up its layers by name.
    tf_keras.utils.get_custom_objects().update(custom_layers)
    with name_errors(path):
        network = parse_description(parts.description, parts.form == "keras3", custom_layers)
    return Build(parts, network, custom_layers, budget)


def try_build(build: Build, code: Path | None) -> list[np.ndarray] | None:
    """Build a network in another process, to see whether this process can build it safely.

    Nothing is done if all layers are quick to build, and there is no checkpoint: TensorFlow aborts
    on some damaged checkpoints, so this process never opens one.

    Args:
        build: The network.
        code: The Python file with its custom layers.

    Returns:
        The weights of a SavedModel, in the order of the model; None for another file.

    Raises:
        InputError: As for `Build.run`, if the process crashes, or if the checkpoint does not fit.
        BudgetError: If it needs more time or memory than the budget allows.
    """
    if build.parts.form == "saved_model":
        return _read_checkpoint(build, code)
    if not is_quick(build.network):
        if has_run_operators():
            _run_trial(build, code)
        else:
            what = f"{build.parts.path}: building the model"
            compute_in_child(
                partial(_build_only, build), build.budget, what, Rights(_list_readable(build, code))
            )
    return None


def _build_only(build: Build) -> None:
    build.run()


def _list_readable(build: Build, code: Path | None) -> tuple[Path, ...]:
    """Return what a build reads: the file, and modules and data beside the user's own module."""
    return (build.parts.path, *([] if code is None else [code.absolute().parent]))


def _read_checkpoint(build: Build, code: Path | None) -> list[np.ndarray]:
    with private_folder() as name:
        target = Path(name) / "weights.npz"
        _run_trial(build, code, target)
        check_plain(target, str(build.parts.path))
        return list(read_npz(target, (), build.budget).values())


def _run_trial(build: Build, code: Path | None, target: Path | None = None) -> None:
    path, limits = build.parts.path, json.dumps(asdict(build.budget))
    what = f"{path}: building the model"
    kept = Rights(
        readable=_list_readable(build, code),
        writable=() if target is None else (target.parent,),
        forks=True,  # to read the file
    )
    arguments = (path, code or "", limits, target or "")
    try_in_program(PROGRAM, *arguments, budget=build.budget, what=what, kept=kept)


def is_quick(network: NetworkDescription) -> bool:
    """Return whether Keras builds a network in a moment, whatever its settings are."""
    is_short = network.count_calls() <= MAX_QUICK_CALLS
    return is_short and all(map(_is_quick_layer, network.layers))


def _is_quick_layer(layer: LayerDescription) -> bool:
    if layer.network is not None:
        return all(map(_is_quick_layer, layer.network.layers))
    if layer.is_function:
        return layer.kind not in SLOW_FUNCTIONS
    if layer.operation_module is not None:
        return True
    parts = [part for parts in layer.parts.values() for part in parts]
    is_known = layer.kind in QUICK_LAYERS or layer.kind in WRAPPERS
    return is_known and not layer.settings.get("unroll") and all(map(_is_quick_layer, parts))


@contextmanager
def name_errors(path: Path) -> Iterator[None]:
    """Turn all exceptions that Keras passes on into errors that name the file."""
    try:
        yield
    except InputError as error:
        text = str(error)
        raise type(error)(text if text.startswith(str(path)) else f"{path}: {text}") from None
    except MemoryError:
        raise
    # Keras passes on every exception that a layer raises.
    except Exception as error:
        raise InputError(
            f"{path}: Keras cannot build this model ({get_first_line(error)})"
        ) from None
