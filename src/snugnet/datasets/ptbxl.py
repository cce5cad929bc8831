"""Records of PTB-XL at 100 Hz (Wagner et al. 2020, doi:10.13026/kfzx-aw45)."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import wfdb

from snugnet.core.errors import InputError
from snugnet.core.progress import progress
from snugnet.core.samples import Samples
from snugnet.core.settings.datasets.folds import Folds
from snugnet.core.settings.datasets.ptbxl import PtbxlDataset
from snugnet.datasets.folds import assign_splits_by_fold
from snugnet.datasets.sources import require_files, source_files
from snugnet.datasets.wfdb_errors import check_record

SETTINGS = PtbxlDataset
SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")


def load(settings: PtbxlDataset, datasets_dir: Path, seed: int) -> Samples:
    """Load the records of the database file that have a diagnostic superclass.

    A record has a superclass if any of its statements is diagnostic and belongs to that superclass.
    The likelihood of the statement does not matter (the rule of PTB-XL's own example).

    Args:
        settings: Path, and the folds of each split.
        datasets_dir: Folder that `path` is relative to.
        seed: Not used; the folds are published.

    Returns:
        Samples with x float32 (n, 1000, 12) in mV, y uint8 (n, 5), the patient as group, and their
        split.

    Raises:
        InputError: If files are missing or have wrong contents.
    """
    require_files(source_files(settings, datasets_dir), "ptbxl", "dataset kind ptbxl")
    folder = datasets_dir / settings.path
    table = _read_table(folder)
    labels = _read_superclasses(table, folder)
    has_superclass = labels.any(axis=1)
    if not has_superclass.any():
        raise InputError(
            f"{folder}: no record has a diagnostic superclass; check scp_statements.csv"
        )
    table, labels = table[has_superclass], labels[has_superclass]
    paths = [folder / name for name in table["filename_lr"]]
    require_files([path.with_suffix(".hea") for path in paths], "ptbxl", "dataset kind ptbxl")
    fold = table["strat_fold"].to_numpy()
    return Samples(
        x=_read_signals(paths),
        y=labels,
        class_names=SUPERCLASSES,
        task="multilabel",
        group=table["patient_id"].to_numpy().astype(np.int64),
        split=(
            assign_splits_by_fold(fold, settings.folds, "dataset kind ptbxl")
            if isinstance(settings.folds, Folds)
            else None
        ),
    )


def _read_table(folder: Path) -> pd.DataFrame:
    """Read the required columns of the database file."""
    path = folder / "ptbxl_database.csv"
    columns = ["patient_id", "scp_codes", "strat_fold", "filename_lr"]
    try:
        return pd.read_csv(path, usecols=columns)
    except ValueError as error:
        raise InputError(f"{path}: required columns: {', '.join(columns)} ({error})") from None


def _read_superclasses(table: pd.DataFrame, folder: Path) -> np.ndarray:
    """Read the superclasses of each record as labels, uint8 (n, 5)."""
    statements = pd.read_csv(folder / "scp_statements.csv", index_col=0)
    for column in ("diagnostic", "diagnostic_class"):
        if column not in statements:
            raise InputError(
                f"{folder / 'scp_statements.csv'}: required column {column} is missing"
            )
    diagnostic = statements[statements["diagnostic"] == 1]["diagnostic_class"].to_dict()
    labels = np.zeros((len(table), len(SUPERCLASSES)), dtype=np.uint8)
    for row, codes in enumerate(table["scp_codes"]):
        try:
            statement_codes = ast.literal_eval(codes)
        except (ValueError, SyntaxError):
            raise InputError(
                f"{folder / 'ptbxl_database.csv'}: scp_codes must be a mapping, found {codes!r}"
            ) from None
        for code in statement_codes:
            if diagnostic.get(code) in SUPERCLASSES:
                labels[row, SUPERCLASSES.index(diagnostic[code])] = 1
    return labels


def _read_signals(paths: list[Path]) -> np.ndarray:
    """Read the signals of records, float32 (n, 1000, 12) in mV."""
    signals = []
    with progress(len(paths), "reading records") as meter:
        for path in paths:
            with check_record(path):
                signal = wfdb.rdrecord(str(path)).p_signal
            if signal.shape != (1000, 12):
                raise InputError(
                    f"{path}: shape is {signal.shape}; expected (1000 samples, 12 leads)"
                )
            signals.append(signal.astype(np.float32))
            meter.update(1)
    return np.stack(signals)
