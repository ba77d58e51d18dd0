import pytest

from basestone.reporting.numbers import duration, fraction, limit, prefixed, quantity


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.95312, "fraction", "0.953"),
        (1.0, "fraction", "1"),
        (0.0, "fraction", "0"),
        (0.99996, "fraction", "0.99996"),  # never 1.000: that would claim perfection
        (0.00042, "fraction", "0.00042"),
        (-0.02, "fraction", "-0.020"),
        (0.0035, "s", "3.5 ms"),
        (1.21e6, "FLOP", "1.21 MFLOP"),
        (999_999, "FLOP", "1 MFLOP"),
        (3.2e8, "B", "320 MB"),
        (0.25, "J", "250 mJ"),
        (12.345, "images/s", "12.35 images/s"),
        (None, "s", "—"),
        (float("inf"), "s", "—"),
    ],
)
def test_quantities(value: float | None, unit: str, shown: str) -> None:
    assert quantity(value, unit) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(21.7, "21.7 s"), (725, "12 min 5 s"), (12000, "3 h 20 min"), (89.96, "90 s"), (0, "0 s")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_thresholds_are_shown_as_written() -> None:
    assert (limit(0.9, "fraction"), limit(0.001, "fraction"), limit(0.1, "s")) == ("0.9", "0.001", "100 ms")


def test_a_fraction_below_one_is_never_shown_as_one() -> None:
    assert all(fraction(1 - 10**-digits) not in ("1", "1.000") for digits in range(1, 7))


def test_an_si_prefix_never_leaves_four_digits_before_the_point() -> None:
    for exponent in range(-6, 18):
        for lead in (1.0, 5.5, 9.994, 9.996):
            number = float(prefixed(lead * 10.0**exponent, "X").split()[0])
            assert number < 1000
