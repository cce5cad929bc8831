"""Tests of the loader of MNIST."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.settings.datasets.mnist import MnistDataset
from snugnet.datasets import mnist
from snugnet.datasets.sources import source_files

RNG = np.random.default_rng(0)
BLANK = np.zeros((50, 28, 28), np.uint8)
SETTINGS = MnistDataset(kind="mnist", path="mnist", val=0.2)


def idx(values: np.ndarray, magic: bytes | None = None) -> bytes:
    header = magic or b"\x00\x00\x08" + bytes([values.ndim])
    return header + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def gz(data: bytes) -> bytes:
    """Compress data; equal data give equal bytes, because the header holds no time."""
    return gzip.compress(data, mtime=0)


@pytest.fixture
def datasets_dir(tmp_path) -> Path:
    """A folder with MNIST files of 50 train and 20 test images."""
    (tmp_path / "mnist").mkdir()
    for n, path in zip((50, 50, 20, 20), source_files(SETTINGS, tmp_path), strict=True):
        shape = (n, 28, 28) if "images" in path.name else (n,)
        values = RNG.integers(0, 10, shape).astype(np.uint8)
        path.write_bytes(gz(idx(values)))
    return tmp_path


def test_mnist_keeps_test_images_when_val_is_drawn(datasets_dir):
    samples = mnist.load(SETTINGS, datasets_dir, 1)
    assert samples.x.shape == (70, 28, 28, 1)
    assert (samples.split[50:] == "test").all()
    assert (samples.split[:50] == "val").sum() == 10


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(gz(idx(BLANK, b"\x00\x00\x09\x03")), "magic", id="another type"),
        pytest.param(gz(idx(BLANK)[:-1]), "its header states", id="a byte too few"),
        pytest.param(gz(idx(BLANK) + b"x"), "its header states", id="a byte too many"),
        pytest.param(gz(b"\x00\x00\x08\x03\x00"), "truncated in the IDX header", id="no sizes"),
        pytest.param(gz(b"\x00"), "magic", id="no magic"),
        pytest.param(gz(idx(BLANK))[:-9], "truncated or not a gzip file", id="truncated gzip"),
        pytest.param(b"no gzip at all", "truncated or not a gzip file", id="no gzip"),
        pytest.param(gz(idx(BLANK[1:])), "49 images, but 50 labels", id="an image too few"),
        pytest.param(gz(b"\x00\x00\x08\x04" + b"\xff" * 16), "its header states", id="huge sizes"),
    ],
)
def test_mnist_fails_when_file_of_images_is_invalid(datasets_dir, data, words):
    source_files(SETTINGS, datasets_dir)[0].write_bytes(data)
    with pytest.raises(InputError, match=words):
        mnist.load(SETTINGS, datasets_dir, 1)
