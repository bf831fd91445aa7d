"""The numbers that describe a run."""

import math

import pytest

from vae_gluon.command.options import OPTIONS, Integer, Positive


@pytest.mark.parametrize("value", [3, 9])
def test_integers_are_allowed_from_the_least_to_below_the_limit(value):
    assert Integer(3, 10, 5, "").allows(value)


@pytest.mark.parametrize("value", [2, 10, 3.0, True, "3", None, [3]])
def test_everything_else_is_no_such_integer(value):
    assert not Integer(3, 10, 5, "").allows(value)


@pytest.mark.parametrize("value", [1e-300, 1, 2.5])
def test_numbers_above_zero_are_allowed(value):
    assert Positive(1.0, "").allows(value)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, 10**400, True, "1", None])
def test_everything_else_is_no_such_number(value):
    assert not Positive(1.0, "").allows(value)


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option_allows_its_default(name):
    assert OPTIONS[name].allows(OPTIONS[name].default)
