"""Measure the C code of models on emulated microcontrollers, and write docs/reference/firmware.md.

python tools/measure_firmware.py --models NAME=FILE.tflite … --anchors tflm_cortex_m.csv
python tools/measure_firmware.py         # write only the page

The anchors are measurements of TensorFlow Lite Micro on the same models and emulated boards.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from snugnet.firmware.targets import TARGETS
from snugnet.services.firmware import emulate

DOCS = Path(__file__).parents[1] / "docs"
TABLE = DOCS / "results" / "firmware" / "tflm.csv"
PAGE = DOCS / "reference" / "firmware.md"
SAMPLES = 4
# The kernels of the anchors that are compared: the smallest and fastest registration.
KERNELS = "CMSIS-NN int8-only registration"
ANCHOR_TARGETS = {"m0": "cortex-m0", "m4": "cortex-m4", "m55": "cortex-m55"}

INTRODUCTION = """# Firmware: flash, RAM and instructions

The C code of full-integer models ([Put a model into firmware](../howto/firmware.md)), compiled with
gcc -O2 and run in QEMU. All figures were measured with this command:

```
python tools/measure_firmware.py --models NAME=FILE.tflite … --anchors tflm_cortex_m.csv
```

- `digits_…`, `smartwatch_…`, `ecg_inception` and `bspc_gap_lean` are the `fiq_int8` files of the
  default study, variants `original` and `lowrank`. `ad01`, `kws` and `resnet` are files of MLPerf
  Tiny.
- Flash: code and constants. RAM: arena, variables and stack, all in bytes. Instructions: those of
  one inference, which are not cycles.
- exact: all outputs equalled those of the integer engine, for {samples} random samples.
- In parentheses: the ratio to TensorFlow Lite Micro with CMSIS-NN, in its registration for int8
  only, with the same compiler and emulator. Its flash contains the .tflite file, and its RAM the
  arena, variables and stack. Less than 1 is less than TensorFlow Lite Micro.

"""


def measure(models: Sequence[str], targets: Sequence[str]) -> pd.DataFrame:
    """Measure models on targets.

    Args:
        models: Names and files: NAME=FILE.
        targets: Names of targets.

    Returns:
        A row for each model and target: the attributes of `DeviceFootprint`.
    """
    rows = []
    for pair in models:
        name, _, path = pair.partition("=")
        for footprint in emulate(path, targets, samples=SAMPLES).footprints:
            rows.append({"model": name, **footprint.to_json()})
            print(f"{name} {footprint.target}: {footprint.instructions:,}", file=sys.stderr)
    return pd.DataFrame(rows)


def add_anchors(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Add the figures of TensorFlow Lite Micro: columns with the prefix `tflm_`."""
    anchors = pd.read_csv(path)
    anchors = anchors[anchors["kernels"] == KERNELS]
    columns = pd.DataFrame(
        {
            "model": anchors["model"],
            "target": anchors["cpu"].map(ANCHOR_TARGETS),
            "tflm_flash_bytes": anchors["flash_total"],
            "tflm_file_bytes": anchors["flash_model"],
            "tflm_arena_bytes": anchors["arena_used"],
            "tflm_ram_bytes": anchors["arena_used"]
            + anchors["other_data_bss"]
            + anchors["stack_invoke"],
            "tflm_instructions": anchors["invoke_instructions"],
        }
    )
    return table.merge(columns, how="left", on=["model", "target"])


def write_page(table: pd.DataFrame) -> str:
    """Return the text of the page: a table for each target."""
    parts = [INTRODUCTION.format(samples=SAMPLES)]
    for target in TARGETS:
        rows = table[table["target"] == target]
        if rows.empty:
            continue
        lines = [
            {
                "model": row["model"],
                "flash: code": f"{row['code_bytes']:,}",
                "flash": _compare(row, "flash_bytes"),
                "arena": _compare(row, "arena_bytes"),
                "RAM": _compare(row, "ram_bytes"),
                "instructions": _compare(row, "instructions"),
                "exact": "yes" if row["exact"] else "NO",
            }
            for row in rows.to_dict("records")
        ]
        text = pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)
        first = rows.iloc[0]
        parts.append(f"## {target}\n\n{first['compiler']}; {first['emulator']}.\n\n{text}\n\n")
    return "".join(parts).rstrip() + "\n"


def _compare(row: dict[str, object], name: str) -> str:
    """Format a figure, with its ratio to that of TensorFlow Lite Micro."""
    value, anchor = row[name], row[f"tflm_{name}"]
    return f"{value:,}" if pd.isna(anchor) else f"{value:,} ({value / anchor:.2f})"


def main() -> None:
    """Measure if there are models, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=[])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--anchors", type=Path)
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args()
    if options.models:
        table = measure(options.models, options.targets)
        if options.anchors is not None:
            table = add_anchors(table, options.anchors)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.output, index=False)
    if options.output == TABLE:
        PAGE.write_text(write_page(pd.read_csv(TABLE)))
    else:
        print(write_page(pd.read_csv(options.output)))


if __name__ == "__main__":
    main()
