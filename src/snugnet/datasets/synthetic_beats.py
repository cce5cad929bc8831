"""Synthetic heart beats of five classes (N, L, R, V, A), many patients, one lead.

The windows have the form of the MIT-BIH protocol `nlrva`: 320 samples at 360 Hz, centred on the R
wave. Each patient has one simulated record and one set of morphologies. Beats of one patient
therefore resemble each other.
"""

from pathlib import Path

import numpy as np
from scipy.signal import find_peaks

from snugnet.core.progress import progress
from snugnet.core.samples import Samples
from snugnet.core.settings.datasets.synthetic_beats import SyntheticBeatsDataset
from snugnet.datasets.ecgsyn import P, Q, R, S, T, Wave, simulate_baseline_wander, simulate_rhythm

SETTINGS = SyntheticBeatsDataset
CLASSES = ("N", "L", "R", "V", "A")
RATE = 360  # Hz
WINDOW = 320  # samples
SECONDS = 12.0
NOISE_MILLIVOLTS = 0.04

# Waves beyond the normal five: a broad R, the second peak of a bundle branch block and a broad S
# after it, the wide complex of a ventricular beat with its opposite T, and an ectopic P.
WIDE_R = Wave(4, 0.20)
SECOND_R = Wave(28, 0.14)
WIDE_S = Wave(30, 0.22)
VENTRICULAR = Wave(2, 0.34)
ECTOPIC_P = Wave(-58, 0.16)
WAVES = (P, Q, R, S, T, WIDE_R, SECOND_R, WIDE_S, VENTRICULAR, ECTOPIC_P)

# Amplitudes of WAVES in each class, in mV.
AMPLITUDES = {
    "N": (0.12, -0.10, 1.05, -0.22, 0.28, 0.00, 0.00, 0.00, 0.00, 0.00),
    "L": (0.12, 0.00, 0.25, 0.00, -0.22, 0.70, 0.42, 0.00, 0.00, 0.00),
    "R": (0.12, -0.06, 0.85, -0.10, 0.22, 0.00, 0.10, -0.42, 0.00, 0.00),
    "V": (0.00, 0.00, 0.15, 0.00, -0.40, 0.00, 0.00, -0.25, 1.20, 0.00),
    "A": (0.02, -0.10, 1.00, -0.22, 0.26, 0.00, 0.00, 0.00, 0.00, 0.12),
}
PREMATURE = ("V", "A")


def load(settings: SyntheticBeatsDataset, datasets_dir: Path, seed: int) -> Samples:
    """Simulate beats.

    Args:
        settings: `patients` (number of patients), `beats` (number for each patient and class) and
            `normal` (factor for the number of normal beats).
        datasets_dir: Not used; the samples are simulated.
        seed: Random seed.

    Returns:
        Samples with x float32 (n, 320, 1) in mV and the patient as group.
    """
    x, y, group = [], [], []
    with progress(settings.patients, "simulating patients") as meter:
        for patient in range(settings.patients):
            rng = np.random.default_rng([seed, patient])
            waves = simulate_rhythm(WAVES, SECONDS, RATE, rng)
            morphologies = _draw_morphologies(rng)
            for label, name in enumerate(CLASSES):
                factor = settings.normal if name == "N" else 1
                for _ in range(settings.beats * factor):
                    x.append(_simulate_beat(name, waves, morphologies, rng))
                    y.append(label)
                    group.append(patient)
            meter.update(1)
    return Samples(
        np.stack(x)[..., np.newaxis].astype(np.float32),
        np.array(y),
        CLASSES,
        "multiclass",
        np.array(group),
    )


def _draw_morphologies(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw the wave amplitudes of one patient for each class: gain, wave sizes, stray waves."""
    gain = rng.lognormal(0.0, 0.25)
    stray = rng.normal(0.0, 0.03, len(WAVES))
    return {
        name: gain * (np.array(row) * rng.lognormal(0.0, 0.22, len(WAVES)) + stray)
        for name, row in AMPLITUDES.items()
    }


def _simulate_beat(
    name: str, waves: np.ndarray, morphologies: dict[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Simulate one window, (320,) in mV: a beat of class `name` between normal beats."""
    peaks, _ = find_peaks(waves[WAVES.index(R)], height=0.5, distance=RATE // 4)
    usable = [i for i in range(1, len(peaks) - 1) if _is_within_record(peaks[i], waves.shape[1])]
    i = usable[rng.integers(len(usable))]
    interval = peaks[i] - peaks[i - 1]
    jitter = rng.integers(-4, 5)
    positions = np.arange(WINDOW) - WINDOW // 2 + peaks[i] + jitter
    # The waves of this beat begin with its P wave, about 0.28 of a cycle before the R wave.
    begin, end = peaks[i] - round(0.32 * interval), peaks[i] + round(0.55 * interval)
    amplitudes = morphologies[name] * rng.lognormal(0.0, 0.10, len(WAVES))
    own = amplitudes @ waves[:, positions]
    early = round(interval * rng.uniform(0.10, 0.42)) if name in PREMATURE else 0
    # A premature beat is closer to the beat before it: the signal before `begin` moves right.
    shifted = np.where(positions < begin, positions - early, positions)
    neighbours = morphologies["N"] @ waves[:, shifted]
    beat = np.where((positions >= begin) & (positions <= end), own, neighbours)
    drift = 0.12 * simulate_baseline_wander(WINDOW, RATE, rng)
    noise: np.ndarray = rng.normal(0.0, NOISE_MILLIVOLTS * rng.lognormal(0.0, 0.4), WINDOW)
    return beat + drift + noise


def _is_within_record(peak: int, length: int) -> bool:
    """Check that a window around `peak`, with the shift of premature beats, lies in the record."""
    return bool(peak - WINDOW >= 0 and peak + WINDOW // 2 + 8 <= length)
