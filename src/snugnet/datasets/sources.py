"""Source files of each kind of real dataset, and how to get them.

Snakemake imports this module while it parses the workflow. It therefore imports only the standard
library, Pydantic and modules that do so too.
"""

from pathlib import Path

from snugnet.core.errors import InputError
from snugnet.core.settings.datasets.base import AnyDataset, FileDataset

# All records of the MIT-BIH Arrhythmia Database, from its file RECORDS.
MITDB_RECORDS = (
    "100 101 102 103 104 105 106 107 108 109 111 112 113 114 115 116 117 118 119 121 122 123 124 "
    "200 201 202 203 205 207 208 209 210 212 213 214 215 217 219 220 221 222 223 228 230 231 232 "
    "233 234"
).split()

MNIST_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)

# For each kind of dataset that is read from files: how to get the files.
DOWNLOAD_HINTS = {
    "mitdb": "run `snakemake fetch`, or download https://physionet.org/content/mitdb/1.0.0/ "
    "(100 MB) into that folder",
    "mnist": "run `snakemake fetch`, or put the four .gz files of the original MNIST distribution "
    "into that folder",
    "ptbxl": "run `snakemake fetch`, or download https://physionet.org/content/ptb-xl/1.0.3/ "
    "(records100 and the two .csv files are enough) into that folder",
    "windows": "set `path` of the dataset, or `datasets_dir`, to where your file is",
    "recordings": "set `path` of the dataset, or `datasets_dir`, to where your file is",
}


def source_files(settings: AnyDataset, datasets_dir: Path) -> list[Path]:
    """List the files that a dataset is read from.

    Args:
        settings: The settings of the dataset.
        datasets_dir: Folder that the path of the dataset is relative to.

    Returns:
        The paths; an empty list for datasets that are not read from files.
    """
    if not isinstance(settings, FileDataset):
        return []
    return list_files(settings.kind, datasets_dir / settings.path)


def list_files(kind: str, base: Path) -> list[Path]:
    """List the files of a dataset that is read from files.

    Args:
        kind: Kind of the dataset, a key of `DOWNLOAD_HINTS`.
        base: Folder of the dataset, or its only file.
    """
    if kind == "mitdb":
        return [base / f"{name}.{end}" for name in MITDB_RECORDS for end in ("hea", "dat", "atr")]
    if kind == "mnist":
        return [base / name for name in MNIST_FILES]
    if kind == "ptbxl":
        return [base / "ptbxl_database.csv", base / "scp_statements.csv"]
    return [base]


def require_files(paths: list[Path], kind: str, source: str) -> None:
    """Check that files exist.

    Args:
        paths: The required files.
        kind: Kind of the dataset, a key of `DOWNLOAD_HINTS`.
        source: Description of the dataset, for the error message.

    Raises:
        InputError: If files are missing; the message names them and explains how to get them.
    """
    missing = [path for path in paths if not path.is_file()]
    if not missing:
        return
    shown = ", ".join(path.name for path in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    raise InputError(
        f"{source}: {len(missing)} of {len(paths)} files are missing in {missing[0].parent}: "
        f"{shown}{more}. To get them, {DOWNLOAD_HINTS[kind]}."
    )
