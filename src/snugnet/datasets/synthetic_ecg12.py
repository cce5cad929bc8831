"""Synthetic 12-lead ECG of many patients: a multi-label task with five labels.

The labels are the superclasses of PTB-XL. Each patient has one simulated rhythm, one set of lead
amplitudes and one set of findings with random severity. Mild findings are hard to detect, as in
real recordings.
"""

from pathlib import Path

import numpy as np

from snugnet.core.progress import progress
from snugnet.core.samples import Samples
from snugnet.core.settings.datasets.synthetic_ecg12 import SyntheticEcg12Dataset
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

SETTINGS = SyntheticEcg12Dataset
LABELS = ("NORM", "MI", "STTC", "CD", "HYP")
RATE = 100  # Hz
SECONDS = 10.0
LATE_R = Wave(30, 0.22)  # delayed depolarization in a bundle branch block
WAVES = (P, Q, R, S, ST, T, LATE_R)
WAVE_INDEX = {name: i for i, name in enumerate(("P", "Q", "R", "S", "ST", "T", "late"))}

# Amplitudes of WAVES in the eight independent leads, in mV. The other four follow from I and II.
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


def load(settings: SyntheticEcg12Dataset, datasets_dir: Path, seed: int) -> Samples:
    """Simulate recordings.

    Args:
        settings: `patients` (number of patients) and `recordings` (number for each patient).
        datasets_dir: Not used; the samples are simulated.
        seed: Random seed.

    Returns:
        Samples with x float32 (n, 1000, 12) in mV at 100 Hz, leads I II III aVR aVL aVF V1..V6,
        y uint8 (n, 5), and the patient as group.
    """
    x, y, group = [], [], []
    with progress(settings.patients, "simulating patients") as meter:
        for patient in range(settings.patients):
            rng = np.random.default_rng([seed, patient])
            waves = simulate_rhythm(WAVES, SECONDS, RATE, rng)
            amplitudes, labels = _draw_patient(rng)
            for _ in range(settings.recordings):
                x.append(_simulate_recording(waves, amplitudes, rng))
                y.append(labels)
                group.append(patient)
            meter.update(1)
    return Samples(
        np.stack(x).astype(np.float32), np.stack(y), LABELS, "multilabel", np.array(group)
    )


def _draw_patient(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a patient's amplitudes, (8, waves) in mV, and labels, uint8 (5,)."""
    amplitudes = NORMAL * rng.lognormal(0.0, 0.18, NORMAL.shape) * rng.lognormal(0.0, 0.12)
    labels = np.zeros(len(LABELS), dtype=np.uint8)
    if rng.random() < NORMAL_FRACTION:
        labels[0] = 1
        return amplitudes, labels
    while not labels.any():
        for k, name in enumerate(LABELS[1:], start=1):
            labels[k] = rng.random() < PREVALENCE[name]
    # In the order of LABELS, without NORM.
    changes = (_add_infarction, _add_repolarization, _add_conduction, _add_hypertrophy)
    for k, change in enumerate(changes, start=1):
        if labels[k]:
            change(amplitudes, rng.uniform(0.55, 1.3), rng)
    return amplitudes, labels


def _get_rows(*leads: str) -> list[int]:
    """Get the rows of leads in the amplitudes."""
    return [INDEPENDENT.index(lead) for lead in leads]


def _add_infarction(amplitudes: np.ndarray, severity: float, rng: np.random.Generator) -> None:
    """Add MI: a deep Q, a reduced R and a raised ST in one territory."""
    rows = _get_rows(*TERRITORIES[rng.integers(len(TERRITORIES))])
    amplitudes[rows, WAVE_INDEX["Q"]] -= 0.40 * severity
    amplitudes[rows, WAVE_INDEX["R"]] *= 1 - 0.55 * min(severity, 1.0)
    amplitudes[rows, WAVE_INDEX["ST"]] += 0.15 * severity


def _add_repolarization(amplitudes: np.ndarray, severity: float, rng: np.random.Generator) -> None:
    """Add STTC: a depressed ST and a flat or inverted T in the left-sided leads."""
    rows = _get_rows("I", "II", "V4", "V5", "V6")
    amplitudes[rows, WAVE_INDEX["ST"]] -= 0.12 * severity
    amplitudes[rows, WAVE_INDEX["T"]] *= 1 - 1.3 * severity


def _add_conduction(amplitudes: np.ndarray, severity: float, rng: np.random.Generator) -> None:
    """Add CD: a late second wave, in V1 and V2 (right block) or in I, V5 and V6 (left block)."""
    is_right_block = rng.random() < 0.5
    right, left = _get_rows("V1", "V2"), _get_rows("I", "V5", "V6")
    up, down = (right, left) if is_right_block else (left, right)
    amplitudes[up, WAVE_INDEX["late"]] += 0.60 * severity
    amplitudes[down, WAVE_INDEX["late"]] -= 0.35 * severity


def _add_hypertrophy(amplitudes: np.ndarray, severity: float, rng: np.random.Generator) -> None:
    """Add HYP: a high R in the left leads and a deep S in the right leads."""
    amplitudes[_get_rows("I", "V5", "V6"), WAVE_INDEX["R"]] *= 1 + 0.9 * severity
    amplitudes[_get_rows("V1", "V2"), WAVE_INDEX["S"]] *= 1 + 0.9 * severity


def _simulate_recording(
    waves: np.ndarray, amplitudes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Simulate a recording, (1000, 12) in mV: a random start, new electrode positions, noise."""
    placed = amplitudes * rng.lognormal(0.0, 0.10, (len(INDEPENDENT), 1))
    shifted = np.roll(waves, rng.integers(waves.shape[1]), axis=1)
    signals = dict(zip(INDEPENDENT, placed @ shifted, strict=True))
    lead_1, lead_2 = signals["I"], signals["II"]
    signals |= {
        "III": lead_2 - lead_1,
        "aVR": -(lead_1 + lead_2) / 2,
        "aVL": lead_1 - lead_2 / 2,
        "aVF": lead_2 - lead_1 / 2,
    }
    order = ("I", "II", "III", "aVR", "aVL", "aVF", *INDEPENDENT[2:])
    leads = np.stack([signals[lead] for lead in order], axis=1)
    drift = np.stack([simulate_baseline_wander(len(leads), RATE, rng) for _ in order], axis=1)
    noise: np.ndarray = rng.normal(0.0, 0.04 * rng.lognormal(0.0, 0.4), leads.shape)
    return leads + 0.08 * drift + noise
