"""Tests of the limits on work and memory."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snugnet.core.budget import DEFAULT_BUDGET, GIB, Budget, BudgetError, as_budget, format_bytes
from snugnet.core.errors import InputError

SMALL = Budget(macs=1000, total_macs=4000, bytes_held=2048, bytes_unpacked=512, seconds=2.0)
CHECKS = ["check_macs", "check_total_macs", "check_bytes_held", "check_bytes_unpacked"]
LIMITS = ["macs", "total_macs", "bytes_held", "bytes_unpacked"]


def refuse(budget: Budget, check: str, needed: int) -> str:
    with pytest.raises(BudgetError) as error:
        getattr(budget, check)(needed, "operator 3 CONV_2D")
    return str(error.value)


def get_factor(message: str) -> int:
    """Return the factor that a message suggests; it must name the same one everywhere."""
    factors = re.findall(r"multiply the limits by (\d+)|--budget (\d+)|budget=(\d+)", message)
    numbers = {int(number) for match in factors for number in match if number}
    assert len(factors) == 3
    assert len(numbers) == 1
    return numbers.pop()


def test_scale_multiplies_all_limits_when_factor_is_positive():
    assert SMALL.scale(3) == Budget(3000, 12000, 6144, 1536, 6.0)
    assert SMALL.scale(0.5) == Budget(500, 2000, 1024, 256, 1.0)
    assert SMALL.scale(1) == SMALL


@pytest.mark.parametrize("factor", [1, 2.5, 1000, 1e6])
def test_scale_gives_integers_when_factor_is_a_float(factor):
    scaled = DEFAULT_BUDGET.scale(factor)
    assert all(type(getattr(scaled, name)) is int for name in LIMITS)


@pytest.mark.parametrize("factor", [0, -1, -0.5, float("nan"), float("inf"), float("-inf")])
def test_scale_fails_when_factor_is_not_positive(factor):
    with pytest.raises(InputError, match=f"budget: {factor} is not a positive number"):
        SMALL.scale(factor)
    with pytest.raises(InputError, match="is not a positive number"):
        as_budget(factor)


def test_scale_gives_a_budget_when_factor_is_huge():
    """`--budget 1e300` means no limit."""
    assert DEFAULT_BUDGET.scale(1e300).macs >= DEFAULT_BUDGET.macs


@pytest.mark.parametrize(("check", "limit"), list(zip(CHECKS, LIMITS, strict=True)))
def test_check_passes_when_need_is_at_most_the_limit(check, limit):
    largest = getattr(SMALL, limit)
    for needed in (0, 1, largest):
        getattr(SMALL, check)(needed, "operator 3 CONV_2D")
    refuse(SMALL, check, largest + 1)


@pytest.mark.parametrize("check", CHECKS)
def test_check_raises_input_error_when_need_is_too_large(check):
    assert issubclass(BudgetError, InputError)
    with pytest.raises(InputError):
        getattr(SMALL, check)(10**9, "the file")


@pytest.mark.parametrize(
    ("check", "needed", "expected"),
    [
        (
            "check_macs",
            5_000_001,
            "operator 3 CONV_2D needs 5,000,001 multiply-accumulates; the limit is 1,000. If you "
            "trust the file, multiply the limits by 5001 (--budget 5001, or budget=5001)",
        ),
        (
            "check_bytes_held",
            3 * GIB // 2,
            "operator 3 CONV_2D needs 1.5 GiB of memory; the limit is 2.0 KiB. If you trust the "
            "file, multiply the limits by 786432 (--budget 786432, or budget=786432)",
        ),
        (
            "check_bytes_unpacked",
            513,
            "operator 3 CONV_2D has 513 bytes after decompression; the limit is 512 bytes. If you "
            "trust the file, multiply the limits by 2 (--budget 2, or budget=2)",
        ),
    ],
)
def test_message_names_need_limit_and_factor_when_check_fails(check, needed, expected):
    assert refuse(SMALL, check, needed) == expected


@given(
    check=st.sampled_from(CHECKS),
    excess=st.integers(1, 10**18),
)
def test_suggested_factor_suffices_when_budget_is_default(check, excess):
    limit = getattr(DEFAULT_BUDGET, LIMITS[CHECKS.index(check)])
    needed = limit + excess
    factor = get_factor(refuse(DEFAULT_BUDGET, check, needed))
    # As the command line reads it.
    getattr(as_budget(float(factor)), check)(needed, "operator")
    if factor > 2:  # it is the smallest one
        refuse(as_budget(factor - 1), check, needed)


@given(check=st.sampled_from(CHECKS), excess=st.integers(1, 10**12))
def test_suggested_factor_suffices_when_budget_is_its_own(check, excess):
    needed = getattr(SMALL, LIMITS[CHECKS.index(check)]) + excess
    factor = get_factor(refuse(SMALL, check, needed))
    getattr(SMALL.scale(factor), check)(needed, "operator")


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("first", [2, 3, 0.5])
def test_suggested_factor_suffices_when_budget_was_given(check, first):
    """The user repeats the command with the option of the message, in place of the first one."""
    needed = 10 * getattr(DEFAULT_BUDGET, LIMITS[CHECKS.index(check)])
    message = refuse(as_budget(first), check, needed)
    getattr(as_budget(get_factor(message)), check)(needed, "operator")


def test_as_budget_returns_budget_when_it_is_one():
    assert as_budget(SMALL) is SMALL


def test_as_budget_scales_defaults_when_it_is_a_number():
    assert as_budget(2) == DEFAULT_BUDGET.scale(2)
    assert as_budget(1.0) == DEFAULT_BUDGET


def test_default_budget_fits_when_model_is_for_microcontrollers():
    """The largest published model: 80 million multiply-accumulates and 10 MB."""
    DEFAULT_BUDGET.check_macs(10 * 80_000_000, "a model")
    DEFAULT_BUDGET.check_bytes_held(100 * 10_000_000, "a model")
    DEFAULT_BUDGET.check_bytes_unpacked(100 * 10_000_000, "a model")


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 bytes"),
        (1, "1 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (10 * 1024**2, "10.0 MiB"),
        (4 * GIB, "4.0 GiB"),
        (3 * 1024**4, "3.0 TiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_format_bytes_uses_largest_unit_when_count_fits(count, expected):
    assert format_bytes(count) == expected
