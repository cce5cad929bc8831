"""MNIST from the four IDX files of its original distribution."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.core.settings.datasets.mnist import MnistDataset
from snugnet.datasets.sources import require_files, source_files

SETTINGS = MnistDataset


def load(settings: MnistDataset, datasets_dir: Path, seed: int) -> Samples:
    """Load the 60,000 train and 10,000 test images; val is drawn from the train images.

    Args:
        settings: Path, and the fraction of the published train images for val.
        datasets_dir: Folder that `path` is relative to.
        seed: Random seed for drawing val.

    Returns:
        Samples with x uint8 (70000, 28, 28, 1) and their split.

    Raises:
        InputError: If files are missing or are not IDX files, or do not match each other.
    """
    files = source_files(settings, datasets_dir)
    require_files(files, "mnist", "dataset kind mnist")
    train_x, train_y, test_x, test_y = [read_idx(path) for path in files]
    for images, labels, path in ((train_x, train_y, files[0]), (test_x, test_y, files[2])):
        if len(images) != len(labels):
            raise InputError(
                f"{path}: {len(images)} images, but {len(labels)} labels; download both files again"
            )
    if train_x.shape[1:] != test_x.shape[1:] or train_x.ndim != 3:
        raise InputError(
            f"{files[0]}: image shape is {train_x.shape[1:]} in train, {test_x.shape[1:]} in test; "
            "download the files again"
        )
    split = np.full(len(train_x) + len(test_x), "train", dtype="<U5")
    split[len(train_x) :] = "test"
    order = np.random.default_rng(seed).permutation(len(train_x))
    split[order[: round(settings.val * len(train_x))]] = "val"
    return Samples(
        x=np.concatenate([train_x, test_x])[..., np.newaxis],
        y=np.concatenate([train_y, test_y]).astype(np.int64),
        class_names=tuple("0123456789"),
        task="multiclass",
        split=split,
    )


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes.

    The format: two zero bytes, 0x08 for unsigned bytes, the number of dimensions, each dimension
    as a big-endian uint32, then the values in row-major order.

    Args:
        path: The .gz file.

    Returns:
        uint8 array with the dimensions of the file.

    Raises:
        InputError: If the file is not gzip, its magic number is wrong, or its length does not
            match its dimensions.
    """
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path}: truncated or not a gzip file ({error}); download it again"
        ) from None
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise InputError(
            f"{path}: wrong IDX magic number {data[:4].hex()}; expected 000008 followed by the "
            "number of dimensions"
        )
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise InputError(f"{path}: truncated in the IDX header; download it again")
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    expected = int(np.prod(shape, dtype=object))
    if len(data) - start != expected:
        raise InputError(
            f"{path}: holds {len(data) - start} values, but its header states {shape}: {expected}"
        )
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)
