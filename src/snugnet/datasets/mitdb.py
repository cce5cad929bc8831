"""Beats of the MIT-BIH Arrhythmia Database (Moody and Mark 2001, doi:10.13026/C2F305)."""

from pathlib import Path

import numpy as np
import wfdb

from snugnet.core.progress import progress
from snugnet.core.samples import Samples
from snugnet.core.settings.datasets.mitdb import MitdbDataset
from snugnet.datasets.sources import MITDB_RECORDS, require_files, source_files
from snugnet.datasets.splits import draw_stratified_split
from snugnet.datasets.wfdb_errors import check_record

SETTINGS = MitdbDataset
# Annotation symbols of each class. `nlrva` has five single symbols; `aami` follows ANSI/AAMI EC57.
NLRVA = {"N": "N", "L": "L", "R": "R", "V": "V", "A": "A"}
AAMI = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}

# The inter-patient split of de Chazal et al. 2004 (doi:10.1109/TBME.2004.827359), without the four
# records of paced patients. The validation records are part of DS1.
DS1 = (
    "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230"
).split()
DS2 = (
    "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234"
).split()
DS1_VAL = ("114", "119", "203", "223")

# Patients whose record has another name. Records 201 and 202 are from the same person.
PATIENT = {"202": "201"}


def load(settings: MitdbDataset, datasets_dir: Path, seed: int) -> Samples:
    """Cut windows centred on the annotated beats.

    Args:
        settings: Path, protocol and window length.
        datasets_dir: Folder that `path` is relative to.
        seed: Random seed of the split of `nlrva`.

    Returns:
        Samples with x float32 (n, window, 1) in mV, the patient as group, and the protocol's split.

    Raises:
        InputError: If files are missing or are not WFDB records.
    """
    require_files(source_files(settings, datasets_dir), "mitdb", "dataset kind mitdb")
    folder = datasets_dir / settings.path
    is_interpatient = settings.protocol == "aami_interpatient"
    classes = AAMI if is_interpatient else NLRVA
    records = DS1 + DS2 if is_interpatient else MITDB_RECORDS
    x, y, record_of = [], [], []
    with progress(len(records), "reading records") as meter:
        for name in records:
            beats, beat_labels = _read_beats(folder / name, classes, settings.window)
            x.append(beats)
            y.append(beat_labels)
            record_of += [name] * len(beat_labels)
            meter.update(1)
    labels = np.concatenate(y)
    if is_interpatient:
        split = _assign_interpatient_split(np.array(record_of))
    else:
        # This protocol splits by beat, not by patient.
        split = draw_stratified_split(labels, settings.val, settings.test, seed)
    return Samples(
        x=np.concatenate(x)[..., np.newaxis],
        y=labels,
        class_names=tuple(classes),
        task="multiclass",
        group=np.array([PATIENT.get(name, name) for name in record_of]),
        split=split,
    )


def _read_beats(path: Path, classes: dict[str, str], window: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the windows, float32 (n, window) in mV, and the labels, int64 (n,), of a record."""
    with check_record(path):
        header = wfdb.rdheader(str(path))
        channel = header.sig_name.index("MLII") if "MLII" in header.sig_name else 0
        signal = wfdb.rdrecord(str(path), channels=[channel]).p_signal[:, 0]
        annotation = wfdb.rdann(str(path), "atr")
    class_of = {symbol: k for k, symbols in enumerate(classes.values()) for symbol in symbols}
    half = window // 2
    # Beats of other classes, and windows that exceed the record, are dropped.
    centres_and_labels = [
        (centre, class_of[symbol])
        for centre, symbol in zip(annotation.sample, annotation.symbol, strict=True)
        if symbol in class_of and half <= centre <= len(signal) - (window - half)
    ]
    starts = np.array([centre - half for centre, _ in centres_and_labels], dtype=np.int64)
    labels = np.array([label for _, label in centres_and_labels], dtype=np.int64)
    if not centres_and_labels:
        return np.zeros((0, window), np.float32), labels
    beats = signal[starts[:, np.newaxis] + np.arange(window)]
    return beats.astype(np.float32), labels


def _assign_interpatient_split(records: np.ndarray) -> np.ndarray:
    """Assign each beat to a split by the name of its record."""
    names = np.full(len(records), "train", dtype="<U5")
    names[np.isin(records, DS1_VAL)] = "val"
    names[np.isin(records, DS2)] = "test"
    return names
