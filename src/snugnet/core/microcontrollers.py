"""Microcontrollers whose costs are columns of the results."""

MICROCONTROLLERS = ("cortex-m0", "cortex-m4", "cortex-m33", "cortex-m55")


def name_column(figure: str, target: str) -> str:
    """Return the column of a figure on a microcontroller: `flash_bytes_cortex_m4`."""
    return f"{figure}_{target.replace('-', '_')}"
