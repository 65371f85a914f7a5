"""Numbers as a language writes them: 1,234 · 53% · 1.2M in English, 1 234 · 53 % · 1,2 M in Spanish.

What differs stands in `common/locales/<language>/numbers.json`. In Spanish 10⁹ is «mil M» and 10¹² a «billón»: a "B"
would be read as the latter. Spaces are no-break ones, and thin between thousands.
"""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import messages
from common.wording import fill

_COUNTS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand"))
_BYTES = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def number(value: float, language: str, spec: str = ",") -> str:
    """`value` by a format specification of Python's: "," groups thousands, ".3f" and "+.2f" decimals, ".1%" a share.

    Raises: ValueError for a specification that does not fit the value.
    """
    figure = format(value, spec)
    signs = {",": messages(language)["number.thousands"], ".": messages(language)["number.decimal"]}
    written = "".join(signs.get(sign, sign) for sign in figure.removesuffix("%"))
    return _slot("percent", written, language) if figure.endswith("%") else written


def compact(value: float, language: str) -> str:
    """A large number in three figures: 401k, 6.1M, 1.2B."""
    unit, name = _unit(value, _COUNTS)
    return _slot(name, number(value / unit, language, ".3g"), language) if name else number(int(value), language)


def size(n_bytes: float, language: str) -> str:
    """Bytes in three figures and a decimal unit: 350 GB, 2.8 TB."""
    unit, name = _unit(n_bytes, _BYTES)
    figure = n_bytes / unit
    return f"{number(figure, language, '.3g' if figure < 999.5 else ',.0f')}\N{NO-BREAK SPACE}{name or 'B'}"


def _unit(value: float, units: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """The largest unit of which there is one, when rounded to three figures; (1, "") below all."""
    return next(((unit, name) for unit, name in units if abs(value) >= 0.9995 * unit), (1.0, ""))


def _slot(name: str, written: str, language: str) -> str:
    return fill(messages(language)[f"number.{name}"], {"n": written})
