"""Program that builds the network of a Keras file: trial_program.py FILE CODE BUDGET WEIGHTS.

`snugnet.models.loading.untrusted_build` runs it by path in a new process with limits. CODE is the
Python file with custom layers, or empty; BUDGET is the budget as JSON. WEIGHTS is the .npz file for
the weights of a checkpoint, or empty.
"""

import json
import sys
from pathlib import Path

import numpy as np

from snugnet.core.budget import Budget
from snugnet.core.programs import run_trial


def build(path: Path, code: Path | None, budget: Budget, target: Path | None) -> None:
    """Build the network of a file; write the weights of a checkpoint."""
    from snugnet.models.loading.load_weights import load_weights
    from snugnet.models.loading.untrusted_build import prepare_build

    prepared = prepare_build(path, code, budget)
    model = prepared.run()
    if target is not None:
        load_weights(model, prepared.network, prepared.parts)
        np.savez(target, **{str(i): array for i, array in enumerate(model.get_weights())})


def main(path: str, code: str, budget: str, target: str) -> None:
    """Parse the arguments, and do the work."""
    limits = Budget(**json.loads(budget))
    module, weights = (Path(name) if name else None for name in (code, target))
    run_trial(lambda: build(Path(path), module, limits, weights))


if __name__ == "__main__":
    main(*sys.argv[1:])
