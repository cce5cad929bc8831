"""What a model says about samples, in the words of a command line."""

from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.int8.engine import Model


def predicted(model: Model, x: np.ndarray, labels: np.ndarray | None) -> dict[str, Any]:
    """Run a model.

    Args:
        model: The model.
        x: As `Model.predict` takes it.
        labels: (n,) classes, or (n, k) of 0 and 1, or None.

    Returns:
        Ready for JSON: `raw`, `decision` and, with labels, `accuracy`; of a model with several
        outputs `outputs` alone.

    Raises:
        InputError: If labels do not fit the output.
    """
    raw = model.predict(x)
    if isinstance(raw, list):
        if labels is not None:
            raise InputError(f"labels require a model with one output, this one has {len(raw)}")
        return {"outputs": [output.tolist() for output in raw]}
    rows = raw.reshape(len(raw), -1) if raw.ndim else raw.reshape(1, 1)
    decision = _decisions(model, rows, several=labels is not None and labels.shape == rows.shape)
    found = {"raw": raw.tolist(), "decision": decision.tolist()}
    if labels is not None:
        if labels.shape not in (decision.shape, (len(decision), 1)):
            raise InputError(
                f"labels have shape {list(labels.shape)}; expected one class for each of "
                f"{len(rows)} samples, or {rows.shape[1]} values of 0 or 1 each"
            )
        found["accuracy"] = float(np.mean(decision == labels.reshape(decision.shape)))
    return found


def _decisions(model: Model, rows: np.ndarray, several: bool) -> np.ndarray:
    """Decide: the largest output, or real numbers of at least 0.5 for one or several labels."""
    if rows.shape[1] > 1 and not several:
        return rows.argmax(axis=1)
    port = model.outputs[0]
    real = rows.astype(np.float32)
    if port.scale:
        real = np.float32(port.scale) * (rows.astype(np.float32) - np.float32(port.zero_point))
    above = (real >= np.float32(0.5)).astype(np.int64)
    return above if rows.shape[1] > 1 else above[:, 0]
