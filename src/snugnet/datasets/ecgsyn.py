"""Single ECG waves from NeuroKit2's ECGSYN simulator, for building beats and leads.

ECGSYN (McSharry et al. 2003, doi:10.1109/TBME.2003.808805) adds one Gaussian-driven wave for each
of P, Q, R, S and T; the sum is linear in their amplitudes. This module simulates each wave alone
over the same heart beats. The results are a basis: every lead and every pathology is a weighted sum
of them. The simulator is slow. A small bank of waves is therefore simulated once, at a few heart
rates, and read at varying speed for each patient.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import neurokit2 as nk
import numpy as np
from scipy.signal import find_peaks


class Wave(NamedTuple):
    """A wave of the cardiac cycle.

    Attributes:
        angle: Position in the cycle, in degrees; the R wave of a normal beat is at 0.
        width: Width, in radians of the cycle.
    """

    angle: float
    width: float


P = Wave(-70, 0.25)
Q = Wave(-15, 0.10)
R = Wave(0, 0.10)
S = Wave(15, 0.10)
ST = Wave(45, 0.30)
T = Wave(100, 0.40)

HEART_RATES = (60, 70, 80, 90)  # heart rates of the bank, beats per minute
BANK_SECONDS = 20.0
# Removed from the start of each simulation, which begins in the middle of an R wave.
SETTLING_SECONDS = 4.0


@cache
def simulate_wave(wave: Wave, heart_rate: int, rate: int) -> np.ndarray:
    """Simulate one wave of a steady rhythm.

    Args:
        wave: The wave to simulate.
        heart_rate: Heart rate, beats per minute.
        rate: Sampling rate, Hz.

    Returns:
        float64 (BANK_SECONDS * rate,). The baseline is 0. The peaks are close to 1; breathing
        modulates them.
    """
    signal = nk.ecg_simulate(
        duration=BANK_SECONDS + SETTLING_SECONDS,
        sampling_rate=rate,
        noise=0,
        heart_rate=heart_rate,
        # With a deviation above 0, NeuroKit2 0.2.13 can draw an interval of 0 and never return.
        heart_rate_std=0,
        random_state=0,
        ti=(wave.angle, -60, 0, 60, 120),
        ai=(10, 0, 0, 0, 0),
        bi=(wave.width, 0.1, 0.1, 0.1, 0.1),
    )
    settled = signal[round(SETTLING_SECONDS * rate) :]
    settled = settled - np.median(settled)
    peaks, _ = find_peaks(settled, height=0.5 * settled.max(), distance=rate // 4)
    normalized: np.ndarray = settled / np.median(settled[peaks])
    return normalized


def simulate_rhythm(
    waves: Sequence[Wave], seconds: float, rate: int, rng: np.random.Generator
) -> np.ndarray:
    """Simulate all waves over the heart beats of one person.

    Args:
        waves: The waves to simulate.
        seconds: Duration, at most 0.7 * BANK_SECONDS.
        rate: Sampling rate, Hz.
        rng: Random generator for the heart rate, its variation and the start in the bank.

    Returns:
        float64 (waves, seconds * rate).
    """
    heart_rate = int(rng.choice(HEART_RATES))
    positions = _draw_read_positions(round(seconds * rate), rate, rng)
    bank = [simulate_wave(wave, heart_rate, rate) for wave in waves]
    positions += rng.uniform(0, len(bank[0]) - 1 - positions[-1])
    return np.stack([np.interp(positions, np.arange(len(row)), row) for row in bank])


def _draw_read_positions(n: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Draw positions, in samples, at which to read a steady rhythm so that its speed varies.

    Breathing (0.25 Hz) and the Mayer waves (0.1 Hz) each change the heart rate by a few per cent.
    """
    t = np.arange(n) / rate
    speed = np.full(n, rng.uniform(0.92, 1.08))
    for frequency in (0.1, 0.25):
        size, phase = rng.uniform(0.01, 0.06), rng.uniform(0, 2 * np.pi)
        speed += size * np.sin(2 * np.pi * frequency * t + phase)
    positions: np.ndarray = np.cumsum(speed) - speed[0]
    return positions


def simulate_baseline_wander(n: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Simulate baseline wander from breathing and electrode drift.

    Args:
        n: Number of samples.
        rate: Sampling rate, Hz.
        rng: Random generator for frequencies and phases.

    Returns:
        The sum of two slow sines of random phase, float64 (n,), amplitude about 1.
    """
    t = np.arange(n) / rate
    slow, fast = rng.uniform(0.08, 0.2), rng.uniform(0.2, 0.4)
    slow_phase, fast_phase = rng.uniform(0, 2 * np.pi, 2)
    wander: np.ndarray = 0.7 * np.sin(2 * np.pi * slow * t + slow_phase)
    return wander + 0.3 * np.sin(2 * np.pi * fast * t + fast_phase)
