"""Mutations of zip archives (.keras and .npz) and of the .npy files in an .npz."""

import io
import pickle
import struct
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

# Fields of an entry: offset in the local header, offset in the central directory, format.
FIELDS = {
    "flags": (6, 8, "<H"),
    "method": (8, 10, "<H"),
    "crc": (14, 16, "<I"),
    "packed size": (18, 20, "<I"),
    "size": (22, 24, "<I"),
    "name length": (26, 28, "<H"),
    "extra length": (28, 30, "<H"),
}
NUMBERS = (0, 1, 8, 9, 12, 14, 93, 99, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, 10**6, 10**9)
NAMES = (
    *("../evil", "/tmp/evil", "..\\evil", "a" * 60_000, "", "config.json", "x.npy", "x", "y.npy"),
    *("model.weights.h5", "\x1b[2J.npy", "é\u202e.npy", "metadata.json/", "graph.npy", "a\x00b"),
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
Entries = list[tuple[str, bytes]]


class Executed:
    """An object whose pickle creates a file when it is loaded."""

    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return open, (self.canary, "w")


def read_entries(data: bytes) -> Entries:
    """Read all entries of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def write_entries(entries: Entries, method: int = zipfile.ZIP_STORED) -> bytes:
    """Write an archive; names may occur twice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries:
            archive.writestr(_make_info(name), content, method)
    return buffer.getvalue()


def _make_info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = name  # the constructor would cut it off at a NUL
    return info


def mutate_archive(entries: Entries, random: Random) -> bytes:
    """Write entries with a change in the structure of the archive."""
    entries = list(entries)
    method = random.choice(METHODS)
    kind = random.randrange(12)
    position = random.randrange(len(entries))
    if kind == 0:
        del entries[position]
    elif kind == 1:
        entries[position] = (random.choice(NAMES), entries[position][1])
    elif kind == 2:
        entries.insert(random.randrange(len(entries) + 1), (entries[position][0], b"another"))
    elif kind == 3:
        entries += [(random.choice(NAMES), b"x" * random.choice((0, 10, 10**6)))]
    elif kind == 4:  # zeros of a kilobyte or two when compressed, megabytes when not
        method, size = zipfile.ZIP_DEFLATED, random.choice((10**6, 4 * 10**7, 3 * 10**8))
        entries[position] = (entries[position][0], bytes(size))
    elif kind == 5:
        one, other = random.sample(range(len(entries)), 2) if len(entries) > 1 else (0, 0)
        (name, content), (other_name, other_content) = entries[one], entries[other]
        entries[one], entries[other] = (name, other_content), (other_name, content)
    elif kind == 6:
        entries += [(f"{i}.npy", b"") for i in range(20_000)]
    data = write_entries(entries, method)
    if kind == 7:
        return data[: random.randrange(len(data))]
    if kind == 8:
        return random.choice((b"MZ", b"\x89HDF\r\n\x1a\n", bytes(100), b"PK\x05\x06")) + data
    if kind == 9:
        return flip_bytes(data, random)
    if kind >= 10:
        return change_field(data, random)
    return data


def change_field(data: bytes, random: Random) -> bytes:
    """Change a number of one entry: in its own header, in the central directory, or in both."""
    changed = bytearray(data)
    local, central, form = FIELDS[random.choice(list(FIELDS))]
    number = random.choice(NUMBERS) & (0xFFFF if form == "<H" else 0xFFFFFFFF)
    for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        places = _find_all(data, signature)
        if places and random.random() < 0.7:
            struct.pack_into(form, changed, random.choice(places) + offset, number)
    return bytes(changed)


def _find_all(data: bytes, part: bytes) -> list[int]:
    places, place = [], data.find(part)
    while place >= 0:
        places.append(place)
        place = data.find(part, place + 1)
    return places


def flip_bytes(data: bytes, random: Random, end: int | None = None) -> bytes:
    """Change some bytes, all of them before a place."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 2, 10, 50))):
        place = random.randrange(min(end or len(data), len(data)))
        changed[place] = random.choice((changed[place] ^ 1 << random.randrange(8), 0, 255))
    return bytes(changed)


def write_array(array: np.ndarray) -> bytes:
    """Write an .npy file; objects are pickled."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def mutate_array(content: bytes, random: Random, canary: str) -> bytes:
    """Change the header of an .npy file, or the array in it."""
    if random.random() < 0.4:
        return _change_header(content, random, canary)
    array = np.load(io.BytesIO(content), allow_pickle=False)
    return write_array(change_array(array, random, canary))


def _change_header(content: bytes, random: Random, canary: str) -> bytes:
    """Write another header before the values of an .npy file."""
    version = random.choice((b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    (length,) = struct.unpack("<H", content[8:10])
    header, values = content[10 : 10 + length].decode(), content[10 + length :]
    kind = random.randrange(8)
    if kind == 0:
        header = header.replace("<f4", random.choice(("<f8", "|O", "<c16", "|S0", "<U99", "V7")))
    elif kind == 1:
        shapes = ("(10**9,)", "(1000000000000,)", "(-1, 4)", "(4,)", "()", "(2**62, 2**62)", "(0,)")
        header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + random.choice(shapes) + "}"
    elif kind == 2:
        header = header.replace("False", random.choice(("True", "None", "7")))
    elif kind == 3:
        header = "(" * random.choice((90, 5000)) + header
    elif kind == 4:
        header = f"{{'descr': __import__('os').system('touch {canary}'), 'shape': ()}}"
    elif kind == 5:
        header = "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (3,)}"
    elif kind == 6:
        header = header[: random.randrange(len(header))]
    else:
        values = random.choice((b"", values[: len(values) // 2], pickle.dumps(Executed(canary))))
        header = header.replace("<f4", "|O") if values.startswith(b"\x80") else header
    size = len(header) if random.random() < 0.9 else random.choice((0, 1, 60_000))
    packed = struct.pack("<H" if version == b"\x01\x00" else "<I", size & 0xFFFF)
    return b"\x93NUMPY" + version + packed + header.encode() + values


def change_array(array: np.ndarray, random: Random, canary: str) -> np.ndarray:
    """Return another array: of another type or shape, or with odd values."""
    changes: list[Any] = [
        lambda: array.astype(random.choice(("f8", "f2", "c8", "i8", "u1", "?", "S3", "U5", "i2"))),
        lambda: array.astype(random.choice((">f4", "longdouble", "M8[s]", "m8[s]", "u8"))),
        lambda: np.full(array.shape, random.choice(("a", "\x1b[2J", "N" * 500, "", "1", "nan"))),
        lambda: np.array([Executed(canary)] * max(1, len(array)), dtype=object),
        lambda: np.zeros(array.shape, [("a", "f4"), ("b", "i4")]),
        lambda: array[:0],
        lambda: array[:1],
        lambda: array[:-1],
        lambda: array[..., np.newaxis],
        lambda: array.reshape(len(array), -1)[:, ::-1].T,
        lambda: array.ravel(),
        lambda: np.array(7.0),
        lambda: array.reshape(array.shape + (1,) * 20),
        lambda: np.full(array.shape, random.choice((np.nan, np.inf, -np.inf, 1e38, -1e38, 1e300))),
        lambda: np.full(array.shape, random.choice((2**62, -1, 2_000_000_000, 1, 0, -(2**63)))),
        lambda: np.zeros((*array.shape, 1000), np.int8),
        lambda: np.zeros(random.choice(((10**6,), (3, 10**6), (10**6, 0), (0, 10**6))), np.uint8),
        lambda: np.eye(3)[np.arange(len(array)) % 3],
        lambda: np.arange(len(array)) + random.choice((1, -1, 0.5, 100, 10**9)),
        lambda: np.repeat(array, random.choice((2, 50)), axis=0),
    ]
    with np.errstate(all="ignore"):
        try:
            return np.asarray(random.choice(changes)())
        except (TypeError, ValueError):  # not every type can be converted to every other
            return array.astype(object)


def write_huge_array(path: Path) -> None:
    """Write a valid .npy file with gigabytes of zeros, which takes no space on the disk."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (1_400_000_000,)}
    )
    with path.open("wb") as file:
        file.write(header.getvalue())
        file.truncate(len(header.getvalue()) + 4 * 1_400_000_000)
