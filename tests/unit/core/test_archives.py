"""Tests of what arrays of users' files may be."""

import os

import numpy as np
import pytest

from snugnet.core.archives import MAX_TEXTS, check_array
from snugnet.core.errors import InputError
from snugnet.core.files import check_regular


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (b"text", "not an array"),
        (np.zeros(3, "V0"), "has type |V0"),
        (np.ndarray((2**40,), "<U0"), "has type <U0"),
        (np.zeros(3, [("a", "i4")]), "has type"),
        (np.zeros(3, "datetime64[s]"), "has type datetime64"),
        (np.broadcast_to(np.array("a"), MAX_TEXTS + 1), "5,000,001 texts"),
    ],
)
def test_check_array_fails_when_elements_are_no_data(array, message):
    with pytest.raises(InputError) as error:
        check_array(array, "d.npz: x")
    assert message in str(error.value)


def test_check_array_accepts_array_when_elements_have_bytes():
    for array in (np.zeros((2, 3)), np.array([True]), np.array(["a"]), np.array([b"a"])):
        check_array(array, "d.npz: x")


def test_check_regular_fails_when_path_is_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        check_regular(tmp_path / "pipe")
    check_regular(tmp_path)
    check_regular(tmp_path / "missing")
