"""Wilson's interval against published values."""

import pytest

from labeling.statistics import wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_published_one(successes, n, low, high):
    """Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3 (score without correction)."""
    assert wilson.interval(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_everything_is_possible():
    assert wilson.interval(0, 0) == (0, 1)
