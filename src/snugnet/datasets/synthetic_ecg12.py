"""Synthetic 12-lead ECG with five labels, several at once, of many patients.

The labels are the superclasses of PTB-XL. A patient is one simulated rhythm, one set of lead
amplitudes and one set of findings of drawn severity; mild findings are hard to see, as in life.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from snugnet.core.progress import progress
from snugnet.core.samples import Samples
from snugnet.datasets.ecgsyn import (
    ST,
    P,
    Q,
    R,
    S,
    T,
    Wave,
    simulate_baseline_wander,
    simulate_rhythm,
)

LABELS = ("NORM", "MI", "STTC", "CD", "HYP")
RATE = 100  # Hz
SECONDS = 10.0
LATE_R = Wave(30, 0.22)  # delayed depolarization in a bundle branch block
WAVES = (P, Q, R, S, ST, T, LATE_R)
WAVE = {name: i for i, name in enumerate(("P", "Q", "R", "S", "ST", "T", "late"))}

# Amplitudes in mV of WAVES in the eight independent leads; the other four follow from I and II.
INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
NORMAL = np.array(
    [
        (0.10, -0.05, 0.60, -0.10, 0.00, 0.20, 0.00),
        (0.15, -0.05, 1.00, -0.15, 0.00, 0.30, 0.00),
        (0.06, 0.00, 0.20, -0.90, 0.02, 0.05, 0.00),
        (0.08, 0.00, 0.50, -1.30, 0.05, 0.40, 0.00),
        (0.08, 0.00, 0.80, -0.80, 0.05, 0.45, 0.00),
        (0.07, -0.05, 1.30, -0.40, 0.03, 0.45, 0.00),
        (0.07, -0.08, 1.30, -0.20, 0.00, 0.35, 0.00),
        (0.06, -0.08, 1.00, -0.10, 0.00, 0.25, 0.00),
    ]
)
TERRITORIES = (("II",), ("V1", "V2", "V3", "V4"), ("I", "V5", "V6"))
PREVALENCE = {"MI": 0.35, "STTC": 0.35, "CD": 0.30, "HYP": 0.25}
NORMAL_FRACTION = 0.35


def load(settings: Mapping[str, Any], seed: int) -> Samples:
    """Simulate recordings.

    Args:
        settings: `patients` and `recordings`, those of each patient.
        seed: Seed of everything that is drawn.

    Returns:
        x float32 (n, 1000, 12) in mV at 100 Hz, leads I II III aVR aVL aVF V1..V6, y uint8 (n, 5),
        group the patient.
    """
    x, y, group = [], [], []
    with progress(settings["patients"], "simulating patients") as meter:
        for patient in range(settings["patients"]):
            rng = np.random.default_rng([seed, patient])
            waves = simulate_rhythm(WAVES, SECONDS, RATE, rng)
            amplitudes, labels = _patient(rng)
            for _ in range(settings["recordings"]):
                x.append(_recording(waves, amplitudes, rng))
                y.append(labels)
                group.append(patient)
            meter.update(1)
    return Samples(
        np.stack(x).astype(np.float32), np.stack(y), LABELS, "multilabel", np.array(group)
    )


def _patient(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a patient's findings and the amplitudes, (8, waves), that show them."""
    amplitudes = NORMAL * rng.lognormal(0.0, 0.18, NORMAL.shape) * rng.lognormal(0.0, 0.12)
    labels = np.zeros(len(LABELS), dtype=np.uint8)
    if rng.random() < NORMAL_FRACTION:
        labels[0] = 1
        return amplitudes, labels
    while not labels.any():
        for k, name in enumerate(LABELS[1:], start=1):
            labels[k] = rng.random() < PREVALENCE[name]
    for k, show in enumerate((_infarction, _repolarization, _conduction, _hypertrophy), start=1):
        if labels[k]:
            show(amplitudes, rng.uniform(0.55, 1.3), rng)
    return amplitudes, labels


def _rows(*leads: str) -> list[int]:
    return [INDEPENDENT.index(lead) for lead in leads]


def _infarction(amplitudes: np.ndarray, severity: float, rng: np.random.Generator) -> None:
    """MI: in one territory deep Q, lost R, raised ST."""
    rows = _rows(*TERRITORIES[rng.integers(len(TERRITORIES))])
    amplitudes[rows, WAVE["Q"]] -= 0.40 * severity
    amplitudes[rows, WAVE["R"]] *= 1 - 0.55 * min(severity, 1.0)
    amplitudes[rows, WAVE["ST"]] += 0.15 * severity


def _repolarization(amplitudes: np.ndarray, severity: float, rng: np.random.Generator) -> None:
    """STTC: depressed ST and flat or inverted T, left-sided leads."""
    rows = _rows("I", "II", "V4", "V5", "V6")
    amplitudes[rows, WAVE["ST"]] -= 0.12 * severity
    amplitudes[rows, WAVE["T"]] *= 1 - 1.3 * severity


def _conduction(amplitudes: np.ndarray, severity: float, rng: np.random.Generator) -> None:
    """CD: a late second deflection, in V1 (right block) or in I, V5, V6 (left block)."""
    right = rng.random() < 0.5
    up, down = (_rows("V1", "V2"), _rows("I", "V5", "V6"))
    if not right:
        up, down = down, up
    amplitudes[up, WAVE["late"]] += 0.60 * severity
    amplitudes[down, WAVE["late"]] -= 0.35 * severity


def _hypertrophy(amplitudes: np.ndarray, severity: float, rng: np.random.Generator) -> None:
    """HYP: high R on the left, deep S on the right."""
    amplitudes[_rows("I", "V5", "V6"), WAVE["R"]] *= 1 + 0.9 * severity
    amplitudes[_rows("V1", "V2"), WAVE["S"]] *= 1 + 0.9 * severity


def _recording(waves: np.ndarray, amplitudes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One recording, (1000, 12): the rhythm started elsewhere, electrodes placed anew, noise."""
    placed = amplitudes * rng.lognormal(0.0, 0.10, (len(INDEPENDENT), 1))
    shifted = np.roll(waves, rng.integers(waves.shape[1]), axis=1)
    signals = dict(zip(INDEPENDENT, placed @ shifted, strict=True))
    limb, second = signals["I"], signals["II"]
    signals |= {
        "III": second - limb,
        "aVR": -(limb + second) / 2,
        "aVL": limb - second / 2,
        "aVF": second - limb / 2,
    }
    order = ("I", "II", "III", "aVR", "aVL", "aVF", *INDEPENDENT[2:])
    leads = np.stack([signals[lead] for lead in order], axis=1)
    drift = np.stack([simulate_baseline_wander(len(leads), RATE, rng) for _ in order], axis=1)
    noise: np.ndarray = rng.normal(0.0, 0.04 * rng.lognormal(0.0, 0.4), leads.shape)
    return leads + 0.08 * drift + noise
