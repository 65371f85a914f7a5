"""Wilson's interval of a share: the only one in this project. Does not depend on what is counted."""

from __future__ import annotations


def interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of `successes / n`, two shares of 0 to 1; (0, 1) where n is 0.

    It has a width also where the share is 0 or 1, and stays within 0 and 1. Source: Wilson (1927), "Probable inference,
    the law of succession, and statistical inference", JASA 22, 209-212, without continuity correction.
    """
    if not n:
        return 0.0, 1.0
    from scipy.stats import binomtest

    found = binomtest(successes, n).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)
