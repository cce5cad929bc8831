"""Writing of the index of a TensorFlow checkpoint: a table of LevelDB with one block of entries.

The format is described in LevelDB's doc/table_format.md. TensorFlow checks the sums of all blocks,
so an index cannot be changed by replacing single bytes.
"""

import struct
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

MAGIC = 0xDB4775248B80FB57
FOOTER_LENGTH = 48


def read_index(path: Path) -> dict[bytes, bytes]:
    """Read the entries of an index: by name of a tensor, a BundleEntryProto."""
    content = path.read_bytes()
    handles = content[-FOOTER_LENGTH:]
    _, _, index_offset, index_size = _read_varints(handles, 4)
    entries: dict[bytes, bytes] = {}
    for handle in _read_block(content[index_offset : index_offset + index_size]).values():
        offset, size = _read_varints(handle, 2)
        entries |= _read_block(content[offset : offset + size])
    return entries


def write_index(path: Path, entries: Mapping[bytes, bytes]) -> None:
    """Write an index."""
    content, handles = b"", []
    last = max(entries)
    blocks = [_make_block(entries), _make_block({})]
    blocks.append(_make_block({last: _make_varint(0) + _make_varint(len(blocks[0]))}))
    for block in blocks:
        handles.append(_make_varint(len(content)) + _make_varint(len(block)))
        kind = b"\0"  # not compressed
        content += block + kind + struct.pack("<I", masked_crc32c(block + kind))
    footer = (handles[1] + handles[2]).ljust(FOOTER_LENGTH - 8, b"\0")
    path.write_bytes(content + footer + struct.pack("<Q", MAGIC))


def _read_block(block: bytes) -> dict[bytes, bytes]:
    (restarts,) = struct.unpack("<I", block[-4:])
    rest, key, entries = block[: -4 * (restarts + 1)], b"", {}
    while rest:
        shared, added, length = _read_varints(rest, 3)
        start = len(b"".join(map(_make_varint, (shared, added, length))))
        key = key[:shared] + rest[start : start + added]
        entries[key] = rest[start + added : start + added + length]
        rest = rest[start + added + length :]
    return entries


def _make_block(entries: Mapping[bytes, bytes]) -> bytes:
    """Return a block whose keys are stored whole, with one restart at its start."""
    block = b""
    for key in sorted(entries):
        value = entries[key]
        block += b"".join(map(_make_varint, (0, len(key), len(value)))) + key + value
    return block + struct.pack("<II", 0, 1)


def _read_varints(content: bytes, count: int) -> list[int]:
    numbers, number, shift = [], 0, 0
    for byte in content:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
        if len(numbers) == count:
            break
    return numbers


def _make_varint(number: int) -> bytes:
    parts = []
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
