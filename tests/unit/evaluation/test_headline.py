"""Tests of the figure by which cells are compared."""

import math

import pytest

from snugnet.evaluation.headline import (
    Headline,
    format_difference,
    format_headline,
    format_interval,
    is_loss,
)


def test_rank_is_larger_when_model_is_better():
    better, worse = Headline(0.9, None, None, False), Headline(0.8, None, None, False)
    assert better.rank > worse.rank
    better, worse = Headline(0.1, None, None, True), Headline(0.2, None, None, True)
    assert better.rank > worse.rank


@pytest.mark.parametrize(("is_error", "expected"), [(False, 0.9), (True, -0.7)])
def test_best_rank_is_better_end_when_there_is_an_interval(is_error, expected):
    assert Headline(0.8, 0.7, 0.9, is_error).best_rank == expected
    assert Headline(0.8, None, None, is_error).best_rank is None


def test_texts_have_percent_when_figure_is_accuracy():
    assert format_headline(0.5, False) == "50.00 %"
    assert format_interval(0.25, 0.75, False) == " [25.00, 75.00]"
    assert format_difference(-0.0123, False) == "-1.23"


def test_texts_have_units_of_targets_when_figure_is_error():
    assert format_headline(12.3456, True) == "12.35"
    assert format_interval(0.25, 0.75, True) == " [0.25, 0.75]"
    assert format_difference(0.0876, True) == "+0.0876"


@pytest.mark.parametrize("ends", [(None, None), (math.nan, math.nan)])
def test_interval_is_empty_when_ends_are_unknown(ends):
    assert format_interval(*ends, False) == ""


def test_more_is_a_loss_only_when_figure_is_error():
    assert is_loss(0.1, True)
    assert not is_loss(0.1, False)
    assert is_loss(-0.1, False)
    assert not is_loss(0.0, True)
