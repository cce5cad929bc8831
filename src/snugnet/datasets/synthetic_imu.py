"""Synthetic wrist motion: six activities of many subjects, accelerometer and gyroscope.

Each subject has an individual gait (cadence, vigour, harmonics) and sensor angle. Samples of one
subject therefore resemble each other: a split by subject is harder than a split by window, as with
real wearables.
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from snugnet.core.samples import Samples
from snugnet.core.settings.datasets.synthetic_imu import SyntheticImuDataset

SETTINGS = SyntheticImuDataset
ACTIVITIES = ("walking", "jogging", "stairs", "sitting", "standing", "typing")
RATE = 20.0  # Hz, as in WISDM
LENGTH = 100  # samples in a window: 5 s
GRAVITY = 9.81  # m/s^2
SATURATION = 19.6  # m/s^2, +-2 g
CHANNELS = 6  # accelerometer x y z in m/s^2, gyroscope x y z in rad/s

# Cadence in Hz, acceleration in m/s^2 and rotation in rad/s of each kind of gait. Stairs are like a
# slower walk; models confuse these two in real recordings as well.
GAIT = {
    "walking": (1.85, 2.6, 1.4),
    "jogging": (2.6, 8.0, 3.2),
    "stairs": (1.6, 2.3, 1.2),
}
# Direction of gravity (x, y, z) at a still wrist, and the size of its motion in m/s^2 and rad/s.
POSTURE = {
    "sitting": ((0.25, 0.35, 0.90), 0.10, 0.05),
    "standing": ((0.90, 0.20, 0.35), 0.18, 0.10),
    "typing": ((0.10, 0.25, 0.96), 0.25, 0.16),
}
# Direction of gravity (x, y, z) at a swinging wrist.
SWINGING = (0.80, 0.30, 0.50)


def load(settings: SyntheticImuDataset, datasets_dir: Path, seed: int) -> Samples:
    """Simulate windows of wrist motion.

    Args:
        settings: `subjects` (number of subjects) and `windows` (number for each subject and
            activity).
        datasets_dir: Not used; the samples are simulated.
        seed: Random seed.

    Returns:
        Samples with x float32 (n, 100, 6) in m/s^2 and rad/s at 20 Hz and the subject as group.
    """
    x, y, group = [], [], []
    for subject in range(settings.subjects):
        rng = np.random.default_rng([seed, subject])
        person = _draw_person(rng)
        for label, activity in enumerate(ACTIVITIES):
            for _ in range(settings.windows):
                x.append(_simulate_window(activity, person, rng))
                y.append(label)
                group.append(subject)
    return Samples(
        np.stack(x).astype(np.float32), np.array(y), ACTIVITIES, "multiclass", np.array(group)
    )


def _draw_person(rng: np.random.Generator) -> dict[str, Any]:
    """Draw the constants of one subject: gait, vigour and position of the watch."""
    return {
        "cadence": rng.normal(1.0, 0.08),
        "vigour": rng.lognormal(0.0, 0.25),
        "harmonics": rng.dirichlet((4.0, 2.0, 1.0)),
        "axes": rng.dirichlet((3.0, 3.0, 3.0), size=2) * 3.0,
        "worn": Rotation.from_rotvec(rng.normal(0.0, 0.22, 3)),
        "habit": {name: rng.normal(0.0, 0.14, 3) for name in (*GAIT, *POSTURE)},
        "bias": rng.normal(0.0, (0.15,) * 3 + (0.03,) * 3),
    }


def _simulate_window(activity: str, person: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Simulate one window, (100, 6) in m/s^2 and rad/s."""
    if activity in GAIT:
        acceleration, rotation, posture = _simulate_gait(activity, person, rng)
    else:
        acceleration, rotation, posture = _simulate_posture(activity, person, rng)
    tilt = np.asarray(posture) + person["habit"][activity] + rng.normal(0.0, 0.08, 3)
    gravity = GRAVITY * tilt / np.linalg.norm(tilt)
    acceleration = person["worn"].apply(acceleration + gravity)
    window = np.hstack([acceleration, person["worn"].apply(rotation)]) + person["bias"]
    window += rng.normal(0.0, (0.12,) * 3 + (0.04,) * 3, size=window.shape)
    window[:, :3] = np.clip(window[:, :3], -SATURATION, SATURATION)
    return window


def _simulate_gait(
    activity: str, person: dict[str, Any], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Simulate steps with their harmonics; the arm swings once in two steps.

    Returns:
        Acceleration (100, 3) in m/s^2, rotation (100, 3) in rad/s, and the direction of gravity.
    """
    cadence, force, turn = GAIT[activity]
    pace = cadence * person["cadence"] * rng.normal(1.0, 0.05)
    drift = np.cumsum(rng.normal(0.0, 0.02, LENGTH))
    phase = 2 * np.pi * pace * np.arange(LENGTH) / RATE + drift + rng.uniform(0, 2 * np.pi)
    strength = person["vigour"] * rng.lognormal(0.0, 0.15)
    offsets = rng.uniform(0, 2 * np.pi, size=(3, 3))
    step = np.zeros((LENGTH, 3))
    for harmonic, weight in enumerate(person["harmonics"], start=1):
        step += weight * np.sin(harmonic * phase[:, np.newaxis] + offsets[harmonic - 1])
    swing = np.sin(phase[:, np.newaxis] / 2 + offsets[0])
    if activity == "stairs":
        # Each step ends with a jolt, and the arm swings less.
        step += 0.35 * np.maximum(np.sin(phase), 0.0)[:, np.newaxis] ** 4
        swing *= 0.75
    acceleration = strength * force * person["axes"][0] * (step + 0.4 * swing)
    return acceleration, strength * turn * person["axes"][1] * swing, SWINGING


def _simulate_posture(
    activity: str, person: dict[str, Any], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Simulate a posture with tremor, keystrokes while typing, and an occasional gesture.

    Returns:
        Acceleration (100, 3) in m/s^2, rotation (100, 3) in rad/s, and the direction of gravity.
    """
    posture, sway, turn = POSTURE[activity]
    acceleration = _smooth(rng.normal(0.0, 3 * sway, size=(LENGTH, 3)), 5)
    rotation = _smooth(rng.normal(0.0, 3 * turn, size=(LENGTH, 3)), 5)
    if activity == "typing":
        strokes = rng.random((LENGTH, 1)) < 0.30 * person["vigour"]
        acceleration += strokes * rng.normal(0.0, 0.45, size=(LENGTH, 3))
    if rng.random() < 0.25:
        centre, width = rng.uniform(0, LENGTH), rng.uniform(4, 12)
        bump = np.exp(-0.5 * ((np.arange(LENGTH) - centre) / width) ** 2)[:, np.newaxis]
        acceleration = acceleration + bump * rng.normal(0.0, 2.0, 3)
        rotation = rotation + bump * rng.normal(0.0, 1.0, 3)
    return acceleration, rotation, posture


def _smooth(noise: np.ndarray, width: int) -> np.ndarray:
    """Smooth each axis of noise, (time, axes), with a Hann window of `width` samples."""
    kernel = np.hanning(width + 2)[1:-1]
    kernel /= kernel.sum()
    return np.stack([np.convolve(axis, kernel, mode="same") for axis in noise.T], axis=1)
