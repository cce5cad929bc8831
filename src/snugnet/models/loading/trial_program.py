"""Program that builds the network of a Keras file: python trial_program.py FILE CODE BUDGET.

`snugnet.models.loading.untrusted_build` runs it by path in a new process with limits. CODE is the
Python file with custom layers, or empty; BUDGET is the budget as JSON.
"""

import json
import sys
from pathlib import Path

from snugnet.core.budget import Budget
from snugnet.core.isolation import run_trial


def build(path: str, code: str, budget: str) -> None:
    """Build the network of a file."""
    from snugnet.models.loading.untrusted_build import prepare_build

    limits = Budget(**json.loads(budget))
    prepare_build(Path(path), Path(code) if code else None, limits).rehearse()


if __name__ == "__main__":
    run_trial(lambda: build(*sys.argv[1:]))
