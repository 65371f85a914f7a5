"""Small final figures as inline SVG: they take the page's colours, both themes, and weigh nothing.

Pure functions from numbers to markup. Knows no service.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from common.number_format import number
from ui.translations import word

if TYPE_CHECKING:
    from workbench.alignment.adapter_scaling import Setting
    from workbench.alignment.preference_training import Bin

_W, _H, _L, _R, _T, _B = 640, 300, 52, 66, 18, 44  # the frame and what stands around it


def dial(settings: Sequence[Setting], at: float, language: str, most: float = 3.0) -> str:
    """Proxy reward (left axis) and clean answers (right axis) over the setting; a line where the dial stands."""
    rewards = [each.reward for each in settings if each.reward is not None]
    low, high = min([0.0, *rewards]), max([1.0, *rewards])

    def x(strength: float) -> float:
        return _L + (_W - _L - _R) * strength / most

    def y(value: float, bottom: float, top: float) -> float:
        return _H - _B - (_H - _T - _B) * (value - bottom) / (top - bottom)

    parts = [
        _grid(
            [x(s / 2) for s in range(int(2 * most) + 1)],
            [number(s / 2, language, "g") for s in range(int(2 * most) + 1)],
        )
    ]
    parts.append(_title(_W / 2, _H - 6, word("dial.axis", language)))
    parts.append(f'<line class="at" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{_T}" y2="{_H - _B}"/>')
    if rewards:
        points = [(x(s.strength), y(s.reward, low, high)) for s in settings if s.reward is not None]
        parts.append(_line("reward", points))
        parts += [
            f'<text class="reward" x="{_L - 8}" y="{y(v, low, high) + 5:.1f}" text-anchor="end">'
            f"{number(v, language, '.1f')}</text>"
            for v in (low, (low + high) / 2, high)
        ]
    clean = [(x(s.strength), y(s.clean, 0, 1)) for s in settings if s.clean is not None]
    if clean:
        parts.append(_line("clean", clean))
        parts += [
            f'<text class="clean" x="{_W - _R + 8}" y="{y(v, 0, 1) + 5:.1f}">{number(v, language, ".0%")}</text>'
            for v in (0, 0.5, 1)
        ]
    legend = [
        ("reward", rewards, word("dial.reward", language)),
        ("clean", clean, word("dial.clean", language)),
    ]
    legend_html = "".join(f'<span class="{name}">{escape(text)}</span>' for name, there, text in legend if there)
    return (
        f'<div class="figure"><div class="legend">{legend_html}</div>{_svg(parts, word("dial.figure", language))}</div>'
    )


def calibration(bins: Sequence[Bin], language: str) -> str:
    """What the model said against what people chose, with intervals; on the diagonal it means what it says."""
    if not bins:
        return ""

    def x(p: float) -> float:
        return _L + (_W - _L - _R) * (p - 0.5) / 0.5

    def y(p: float) -> float:
        return _H - _B - (_H - _T - _B) * p

    ticks = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    parts = [_grid([x(p) for p in ticks], [number(p, language, ".0%") for p in ticks])]
    parts += [
        f'<text x="{_L - 8}" y="{y(p) + 5:.1f}" text-anchor="end">{number(p, language, ".0%")}</text>'
        for p in (0, 0.5, 1)
    ]
    parts.append(f'<line class="ideal" x1="{x(0.5)}" y1="{y(0.5)}" x2="{x(1)}" y2="{y(1)}"/>')
    for bin_ in bins:
        at, label = x(bin_.predicted), word("align.bin", language, n=bin_.n, votes=bin_.votes)
        parts.append(f'<line class="span" x1="{at:.1f}" x2="{at:.1f}" y1="{y(bin_.low):.1f}" y2="{y(bin_.high):.1f}"/>')
        radius = min(14.0, 4 + bin_.n**0.5)
        parts.append(
            f'<circle class="reward" cx="{at:.1f}" cy="{y(bin_.chosen):.1f}" r="{radius:.1f}">'
            f"<title>{escape(label)}</title></circle>"
        )
    parts.append(_title(_W / 2, _H - 6, word("align.calibration.x", language)))
    title = escape(word("align.calibration.y", language))
    svg = _svg(parts, word("align.calibration", language))
    return f'<div class="figure"><div class="legend"><span>{title}</span></div>{svg}</div>'


def _grid(places: Sequence[float], names: Sequence[str]) -> str:
    lines = "".join(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_T}" y2="{_H - _B}"/>' for x in places)
    lines += "".join(
        f'<line x1="{_L}" x2="{_W - _R}" y1="{y:.1f}" y2="{y:.1f}"/>' for y in (_T, (_T + _H - _B) / 2, _H - _B)
    )
    texts = "".join(
        f'<text x="{x:.1f}" y="{_H - _B + 18}" text-anchor="middle">{escape(name)}</text>'
        for x, name in zip(places, names, strict=True)
    )
    return f'<g class="grid">{lines}</g>{texts}'


def _line(name: str, points: Sequence[tuple[float, float]]) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>' for x, y in points)
    return f'<polyline class="{name}" points="{path}"/>{dots}'


def _title(x: float, y: float, text: str) -> str:
    return f'<text class="title" x="{x:.1f}" y="{y}" text-anchor="middle">{escape(text)}</text>'


def _svg(parts: Sequence[str], label: str) -> str:
    return f'<svg viewBox="0 0 {_W} {_H}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
