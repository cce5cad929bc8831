"""Mutations of the files with samples: .npz, .npy and .csv."""

import csv
import io
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.hostile import zip_mutations

NUMBERS = ("nan", "inf", "-inf", "-1", "0.5", "2000000000", "1e308", "1e-400", "", "1", "-0.0")
CELLS = (
    *("", "nan", "NaN", "inf", "-inf", "1e400", "1e-400", "1_000", "1,5", "0x10", "True", "None"),
    *("2000000000", "9" * 400, "-1", "0.5", "N", "é", "\x1b[2J", "[bold]", '"', "'", "=1+1", " 1 "),
    *("a\nb", "a" * 200_000, "\x00", "1e308", "١٢", "\ufeff1"),
)
NAMES = (
    "y",
    "group",
    "x",
    "",
    "y_a",
    "split",
    "class_names",
    "v0",
    "\x1b[2J",
    "a" * 5000,
    "y=x",
    "1",
)


def mutate(path: Path, random: Random, canary: str) -> None:
    """Change a file in place."""
    if path.suffix == ".csv":
        path.write_bytes(_mutate_table(path.read_text(), random))
    elif path.suffix == ".npy":
        if random.random() < 0.03:
            zip_mutations.write_huge_array(path)
            return
        content = zip_mutations.mutate_array(path.read_bytes(), random, canary)
        path.write_bytes(_damage(content, random))
    elif random.random() < 0.5:
        vary(path, random)
    else:
        path.write_bytes(mutate_arrays(path.read_bytes(), random, canary))


def vary(path: Path, random: Random) -> None:
    """Write other samples, labels and groups: odd ones, in a valid .npz file."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    for _ in range(random.choice((1, 2, 3))):
        random.choice(VARIATIONS)(arrays, random)
    np.savez(path, **arrays)


def _vary_count(arrays: dict[str, Any], random: Random) -> None:
    count = random.choice((1, 2, 3, 5, 500))
    for name, array in arrays.items():
        if name != "class_names":
            arrays[name] = np.resize(array, (count, *array.shape[1:]))


def _vary_samples(arrays: dict[str, Any], random: Random) -> None:
    x = arrays["x"]
    factor = random.choice((0, 1e-40, 1e-6, 1e6, 1e30, 3e38, -1))
    types = ("f8", "f2", "i2", "u1", "?", ">f4", "i8", "longdouble")
    with np.errstate(all="ignore"):
        changed = (
            x * np.float32(factor) if random.random() < 0.6 else x.astype(random.choice(types))
        )
    arrays["x"] = changed


def _vary_labels(arrays: dict[str, Any], random: Random) -> None:
    x, y = arrays["x"], np.arange(len(arrays["x"])) % 3
    one_hot = np.eye(3)[y]
    choices: tuple[Any, ...] = (
        *(y * 0, y + 1, y - 1, y * 0.5, y.astype(float), y.astype("u1"), y.astype("U5"), y == 1),
        *(one_hot, one_hot * 0, one_hot * 0.3, one_hot.astype(bool), y[:, np.newaxis], x, x[:0]),
        *(np.array(["N", "S", "V"])[y], np.array(["", "\x1b[2J", "N" * 300])[y], y * 10**9),
        *(y / 0.7, np.full(len(y), np.nan), np.arange(len(y)), y + 0j, np.stack([y] * 3, 1)),
    )
    arrays["y"] = random.choice(choices)
    if random.random() < 0.1:
        del arrays["y"]


def _vary_groups(arrays: dict[str, Any], random: Random) -> None:
    group = np.arange(len(arrays["x"]))
    choices: tuple[Any, ...] = (
        *(group, group * 0, group // 2, group.astype("U8"), group * 0.5, group[:0], group % 2),
        *(np.full(len(group), np.nan), np.full(len(group), ""), group == 1, group.astype("S3")),
    )
    name = random.choice(("group", "group", "subject", "fold", "split"))
    arrays[name] = random.choice(choices)


def _vary_names(arrays: dict[str, Any], random: Random) -> None:
    choices: tuple[Any, ...] = (
        *(["N", "S", "V"], ["N", "N", "V"], ["N"], ["", "", ""], ["\x1b[2J", "[b]", "\n"]),
        *([1, 2, 3], [1.5, 2.5, np.nan], [["N"], ["S"], ["V"]], list("abcdefghijkl"), "N"),
    )
    arrays["class_names"] = np.array(random.choice(choices))
    if random.random() < 0.3:
        arrays["scale"] = np.array(random.choice((0, -1, np.nan, [1, 2, 3], [[1]], "a")))


VARIATIONS = (_vary_count, _vary_samples, _vary_labels, _vary_labels, _vary_groups, _vary_names)


def mutate_arrays(data: bytes, random: Random, canary: str) -> bytes:
    """Change the archive of an .npz file, or the arrays in it."""
    entries = zip_mutations.read_entries(data)
    kind = random.random()
    if kind < 0.25:
        return zip_mutations.mutate_archive(entries, random)
    for _ in range(random.choice((1, 1, 2, 3))):
        position = random.randrange(len(entries))
        name, content = entries[position]
        try:
            content = zip_mutations.mutate_array(content, random, canary)
        except Exception:  # NumPy raises many kinds for an array that has been changed before
            content = content[:-1]
        entries[position] = (name, content)
    if random.random() < 0.2:
        position, name = random.randrange(len(entries)), f"{random.choice(NAMES)}.npy"
        entries[position] = (name, entries[position][1])
    return zip_mutations.write_entries(entries, random.choice(zip_mutations.METHODS))


def _damage(content: bytes, random: Random) -> bytes:
    kind = random.randrange(12)
    if kind == 0:
        return content[: random.randrange(len(content))]
    return zip_mutations.flip_bytes(content, random, 128) if kind == 1 else content


def _mutate_table(text: str, random: Random) -> bytes:
    rows = list(csv.reader(io.StringIO(text)))
    for _ in range(random.choice((1, 1, 2, 3))):
        rows = _change_rows(rows, random)
    kind = random.randrange(14)
    if kind == 0:
        rows = [row + ["1"] * random.choice((1000, 100_000)) for row in rows[:4]]
    if kind == 1:
        rows = rows[:1] + rows[1:] * random.choice((0, 50))
    text = _write_rows(rows, random)
    encoding = random.choice(
        ("utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig", "latin-1", "utf-32")
    )
    data = text.encode(encoding, errors="replace")
    if kind == 2:
        return data[: random.randrange(len(data) + 1)]
    if kind == 3:
        return zip_mutations.flip_bytes(data, random) if data else data
    return random.choice((b"", b"\n", b"\x00" * 100, b'"')) if kind == 4 else data


def _change_rows(rows: list[list[str]], random: Random) -> list[list[str]]:
    if not rows or not rows[0]:
        return rows
    row = random.choice(rows)
    kind = random.randrange(9)
    if kind == 0 and row:
        row[random.randrange(len(row))] = _draw_cell(random)
    elif kind == 1:
        rows[0][random.randrange(len(rows[0]))] = random.choice(NAMES)
    elif kind == 2:
        rows.remove(row)
    elif kind == 3:
        row[:] = row[: random.randrange(len(row) + 1)]
    elif kind == 4:
        row += [random.choice(CELLS)] * random.choice((1, 3))
    elif kind == 5:
        column = random.choice((0, 1, random.randrange(len(rows[0]))))  # y, group, or any
        value = _draw_cell(random)
        for other in rows[1:]:
            if column < len(other):
                other[column] = value
    elif kind == 6:
        for other in rows:
            other[:] = other[1:]
    elif kind == 7:
        rows[0] = random.choice(([], rows[0][:2], [rows[0][0]] * len(rows[0]), [""]))
    else:
        rows.insert(random.randrange(len(rows) + 1), [])
    return rows


def _draw_cell(random: Random) -> str:
    return random.choice(random.choice((NUMBERS, CELLS)))


def _write_rows(rows: list[list[str]], random: Random) -> str:
    """Write a table with any delimiter, quotes and ends of lines."""
    delimiter = random.choices((",", ";", "\t", "|"), weights=(12, 1, 1, 1))[0]
    end = random.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n"))
    if random.random() < 0.1:  # quotes that do not match
        return end.join(delimiter.join(row) for row in rows).replace("0.1", '"0.1', 3)
    stream = io.StringIO()
    quoting = random.choice((csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return stream.getvalue()
