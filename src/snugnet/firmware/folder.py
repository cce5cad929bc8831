"""The folder that an export writes: source, golden vectors, self-test and files to build them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from snugnet.core.text import format_count
from snugnet.firmware.c_text import C_TYPES
from snugnet.firmware.estimates import EstimatedFootprint
from snugnet.firmware.facts import ModelFacts
from snugnet.firmware.footprint import DeviceFootprint
from snugnet.firmware.golden import Vectors, write_golden
from snugnet.firmware.header import RUNTIMES, is_quantized, list_ports, write_header
from snugnet.firmware.program import FirmwareProgram
from snugnet.firmware.source import count_constants, write_source
from snugnet.firmware.targets import INSTALL, TARGETS, Microcontroller
from snugnet.int8.engine import Port

TEMPLATES = Path(__file__).with_name("templates")
# Files that are the same for every model but for its name.
PLAIN = (
    "CMakeLists.txt",
    "library.json",
    "qemu/semihosting.h",
    "qemu/startup.c",
    "zephyr/CMakeLists.txt",
    "zephyr/Kconfig",
    "zephyr/module.yml",
)


def list_files(name: str) -> list[str]:
    """List the paths of all files of a folder, relative to it.

    Args:
        name: Prefix of all names.
    """
    scripts = [f"qemu/{target}.ld" for target in TARGETS]
    own = [f"{name}.c", f"{name}.h", "golden.h", "selftest.c", "Makefile", "README.md"]
    return sorted([*own, *PLAIN, *scripts])


def write_folder(
    program: FirmwareProgram,
    name: str,
    golden: Vectors,
    facts: ModelFacts | None = None,
    footprints: Sequence[DeviceFootprint] = (),
    estimates: Sequence[EstimatedFootprint] = (),
    version: str = "",
) -> Mapping[str, str]:
    """Return the text of each file by its path relative to the folder.

    The texts depend on the arguments only, and not on time or place.

    Args:
        program: The program.
        name: Prefix of all names, a C identifier.
        golden: Golden vectors.
        facts: What is known about the model beyond its file.
        footprints: Measured costs on devices, for the README.
        estimates: Estimated costs on other devices.
        version: Version of this package, for the README.
    """
    files = {
        f"{name}.h": write_header(program, name, facts),
        f"{name}.c": write_source(program, name),
        "golden.h": write_golden(program, name, golden),
        "selftest.c": _write_selftest(program, name),
        "Makefile": fill("Makefile", name=name, targets=_list_flags()),
        "README.md": fill(
            "README.md",
            name=name,
            version=version,
            runtime=RUNTIMES[program.model.profile],
            ports="\n".join(_describe_port(label, port) for label, port in list_ports(program)),
            arena=f"{program.arena:,}",
            constants=f"{count_constants(program):,}",
            costs=_describe_costs(footprints, estimates),
            example=_write_example(program, name),
            install=INSTALL,
        ),
    }
    files |= {path: fill(path, name=name) for path in PLAIN}
    return files | {f"qemu/{target}.ld": write_linker_script(TARGETS[target]) for target in TARGETS}


def fill(path: str, **values: str) -> str:
    """Return the text of a template with values: `@word@` is replaced.

    Args:
        path: Path of the template, relative to the folder of templates.
        values: Values by word. `@NAME@` is the value of `name` in capitals.
    """
    text = (TEMPLATES / path).read_text()
    if "name" in values:
        values = {**values, "NAME": values["name"].upper()}
    for word, value in values.items():
        text = text.replace(f"@{word}@", value)
    return text


def write_linker_script(target: Microcontroller) -> str:
    """Return the linker script of a target's board."""
    return fill(
        "qemu/memory.ld",
        machine=target.machine,
        target=target.name,
        flash_origin=f"0x{target.flash.origin:08X}",
        flash_bytes=str(target.flash.size),
        ram_origin=f"0x{target.ram.origin:08X}",
        ram_bytes=str(target.ram.size),
    )


def _list_flags() -> str:
    lines = []
    for name, target in TARGETS.items():
        lines.append(f"FLAGS_{name} = {' '.join(target.flags)}\n")
        lines.append(f"MACHINE_{name} = {target.machine}\n")
    return "".join(lines)


def _write_selftest(program: FirmwareProgram, name: str) -> str:
    copies, comparisons = [], []
    for label, _ in list_ports(program):
        upper = f"{name}_{label}".upper()
        golden = f"{name}_golden_{label} + vector * {upper}_SIZE"
        if label.startswith("input"):
            copies.append(
                f"    memcpy({name}_{label}(arena),\n           {golden}, {upper}_BYTES);"
            )
        else:
            comparisons.append(
                f"    same &= !memcmp({name}_{label}(arena),\n"
                f"                    {golden}, {upper}_BYTES);"
            )
    return fill(
        "selftest.c", name=name, copies="\n".join(copies), comparisons="\n".join(comparisons)
    )


def _describe_port(label: str, port: Port) -> str:
    shape = " x ".join(map(str, port.shape)) or "1"
    text = f"{shape} numbers of type `{C_TYPES[port.dtype]}`"
    if is_quantized(port):
        text += f", scale {port.scale:.9g}, zero point {port.zero_point}"
    return f"| {label} | {text} |"


def _describe_costs(
    footprints: Sequence[DeviceFootprint], estimates: Sequence[EstimatedFootprint]
) -> str:
    parts = []
    if footprints:
        parts.append(_tabulate_footprints(footprints))
    if estimates:
        parts.append(_tabulate_estimates(estimates))
    parts.append("Instructions are not cycles. `snugnet emulate` measures a model.")
    return "\n\n".join(parts)


def _tabulate_footprints(footprints: Sequence[DeviceFootprint]) -> str:
    heading = (
        "| target | flash: code [bytes] | flash: constants [bytes] | RAM: arena [bytes] | RAM: "
        "stack [bytes] | instructions of one inference | outputs |\n|---|---|---|---|---|---|---|"
    )
    rows = [
        f"| {f.target} | {f.code_bytes:,} | {f.constant_bytes:,} | {f.arena_bytes:,} | "
        f"{f.stack_bytes:,} | {f.instructions:,} | "
        f"{'exact' if f.exact else 'DIFFERENT'} ({format_count(f.samples, 'sample')}) |"
        for f in footprints
    ]
    note = f"Measured with {footprints[0].compiler} in {footprints[0].emulator}."
    return "\n".join([heading, *rows, "", note])


def _tabulate_estimates(estimates: Sequence[EstimatedFootprint]) -> str:
    heading = (
        "| target | flash [bytes] | RAM [bytes] | instructions of one inference |\n"
        "|---|---|---|---|"
    )
    rows = [
        f"| {e.target} | ≈ {e.flash_bytes:,} (± {e.flash_error:.0%}) | ≈ {e.ram_bytes:,} | "
        f"≈ {e.instructions:,} (± {e.instructions_error:.0%}) |"
        for e in estimates
    ]
    note = "Estimated from other models; 95 % of their errors were smaller than those stated."
    return "\n".join([heading, *rows, "", note])


def _write_example(program: FirmwareProgram, name: str) -> str:
    lines = []
    for label, port in list_ports(program):
        upper = f"{name}_{label}".upper()
        if label.startswith("output") and f"{name}_run(arena);" not in lines:
            lines.append(f"{name}_run(arena);")
        if is_quantized(port) and label.startswith("input"):
            lines.append(f"float {label}[{upper}_SIZE];  /* fill it */")
            lines.append(f"{name}_quantize_{label}({label}, {name}_{label}(arena));")
        elif is_quantized(port):
            lines.append(f"float {label}[{upper}_SIZE];")
            lines.append(f"{name}_dequantize_{label}({name}_{label}(arena), {label});")
        elif label.startswith("input"):
            lines.append(f"{C_TYPES[port.dtype]} *{label} = {name}_{label}(arena);  /* fill it */")
        else:
            lines.append(f"const {C_TYPES[port.dtype]} *{label} = {name}_{label}(arena);")
    return "\n".join(lines)
