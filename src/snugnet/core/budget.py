"""Limits on the work and the memory that a file may ask for.

A file of a few hundred bytes can describe a network that needs gigabytes or minutes. Code that
reads files of users therefore computes what a step needs, and checks it before the step starts.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction
from numbers import Real

from snugnet.core.errors import InputError

GIB = 1 << 30
# A larger factor means no limit.
MAX_FACTOR = 1e9
# Three years; the functions of Python that wait accept no more than a few hundred.
MAX_SECONDS = 1e8
# Numbers are converted to float32 and quantized in float32.
BYTES_PER_VALUE = 12
_ADVICE = (
    "If you trust the file, multiply the limits by {factor} (--budget {factor}, or budget={factor})"
)


class BudgetError(InputError):
    """A step needs more work or memory than the budget allows."""


@dataclass(frozen=True)
class Budget:
    """Limits on work and memory.

    The defaults are far above what the largest published model for microcontrollers needs: 80
    million multiply-accumulates and 10 MB.

    Attributes:
        macs: Multiply-accumulates of one inference.
        total_macs: Multiply-accumulates of one runtime on all samples that a command draws itself.
        bytes_held: Bytes that the arrays of one step hold at the same time.
        bytes_unpacked: Bytes of a file after decompression.
        seconds: Seconds that a library which may hang may take to read a file.
        factor: Factor by which the default limits were multiplied, for messages.
    """

    macs: int = 4_000_000_000
    total_macs: int = 40_000_000_000
    bytes_held: int = 4 * GIB
    bytes_unpacked: int = 2 * GIB
    seconds: float = 60.0
    factor: float = field(default=1.0, compare=False)

    def scale(self, factor: float) -> "Budget":
        """Return a budget with all limits multiplied by a factor.

        Raises:
            InputError: If the factor is not positive and finite.
        """
        if not 0 < factor < float("inf"):
            raise InputError(f"budget: {factor} is not a positive number")
        factor = min(factor, MAX_FACTOR)
        return Budget(
            macs=int(self.macs * factor),
            total_macs=int(self.total_macs * factor),
            bytes_held=int(self.bytes_held * factor),
            bytes_unpacked=int(self.bytes_unpacked * factor),
            seconds=min(self.seconds * factor, MAX_SECONDS),
            factor=self.factor * factor,
        )

    def check_macs(self, needed: int, what: str) -> None:
        """Check the multiply-accumulates of one inference.

        Args:
            needed: Multiply-accumulates.
            what: What needs them, for the error message: "operator 3 (CONV_2D)".

        Raises:
            BudgetError: If they exceed the limit.
        """
        text = f"{what} needs {needed:,} multiply-accumulates"
        _check(needed, self.macs, text, f"{self.macs:,}", self.factor)

    def check_total_macs(self, needed: int, what: str) -> None:
        """Check the multiply-accumulates of all drawn samples; see `check_macs`."""
        text = f"{what} needs {needed:,} multiply-accumulates for each runtime"
        _check(needed, self.total_macs, text, f"{self.total_macs:,}", self.factor)

    def check_bytes_held(self, needed: int, what: str) -> None:
        """Check the memory of a step, in bytes; see `check_macs`."""
        text = f"{what} needs {format_bytes(needed)} of memory"
        _check(needed, self.bytes_held, text, format_bytes(self.bytes_held), self.factor)

    def check_samples(self, values: int, what: str) -> None:
        """Check the memory of samples before they are read.

        Args:
            values: Number of values of all samples.
            what: The file.
        """
        self.check_bytes_held(BYTES_PER_VALUE * values, f"{what} ({values:,} values)")

    def check_bytes_unpacked(self, needed: int, what: str) -> None:
        """Check the size of a file after decompression, in bytes; see `check_macs`."""
        text = f"{what} has {format_bytes(needed)} after decompression"
        _check(needed, self.bytes_unpacked, text, format_bytes(self.bytes_unpacked), self.factor)

    def error(self, text: str) -> BudgetError:
        """Return an error for a limit that was exceeded by an unknown factor.

        Args:
            text: What exceeds which limit.
        """
        factor = math.ceil(10 * self.factor)
        return BudgetError(f"{text}. {_ADVICE.format(factor=factor)}")


DEFAULT_BUDGET = Budget()
# The data of a study are those of its user.
UNLIMITED = DEFAULT_BUDGET.scale(MAX_FACTOR)


def as_budget(budget: "float | Budget") -> Budget:
    """Return a budget: the default one, multiplied by a number, or the given one.

    Raises:
        InputError: If it is neither a budget nor a positive number.
    """
    if isinstance(budget, Budget):
        return budget
    if not isinstance(budget, Real):
        raise InputError(f"budget: expected a positive number, got {budget!r}")
    return DEFAULT_BUDGET.scale(float(budget))


def format_bytes(count: int) -> str:
    """Format a number of bytes with the largest fitting unit: `1.5 GiB`."""
    value, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "bytes" else f"{value:.1f} {units[0]}"


def _check(needed: int, limit: int, text: str, limit_text: str, factor: float) -> None:
    if needed <= limit:
        return
    # A factor of the default limits, rounded up. Fractions are exact: a float cannot tell the limit
    # from one more.
    factor = math.ceil(Fraction(needed, max(limit, 1)) * Fraction(factor))
    raise BudgetError(f"{text}; the limit is {limit_text}. {_ADVICE.format(factor=factor)}")
