"""Tests of the lists of source files."""

from pathlib import Path

import pytest

from snugnet.datasets.fetch import CHECKSUM_FOLDER, read_checksums
from snugnet.datasets.sources import list_files


@pytest.mark.parametrize("kind", ["mitdb", "mnist"])
def test_list_files_equals_checksum_list_when_kind_is_public(kind):
    checksums = read_checksums((CHECKSUM_FOLDER / f"{kind}.txt").read_text())
    assert set(checksums) == {path.name for path in list_files(kind, Path())}
