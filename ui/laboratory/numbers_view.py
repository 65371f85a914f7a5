"""What the Numbers tab and the folded numbers in the Train tab show: HTML from calculated values. Wires nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from tuning.config import memory_math
from ui.components.data_view import amount, device, tile
from ui.translations import word

if TYPE_CHECKING:
    from tuning.config.memory_math import Memory
    from tuning.inference.latency import Latency

_PARTS = ("weights", "gradients", "optimiser", "activations")
_COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#009E73")


def local(figure: str, language: str) -> str:
    """A figure, made as English writes it, as `language` does: 196,608 and 0.13% have spaces in Spanish.

    The decimal point stays one (the academies accept both, and the rest of the app has points): a point between
    thousands would read as a decimal beside them.
    """
    if language != "es":
        return figure
    return figure.replace(",", "\u202f").replace("%", "\u00a0%")


def size(n_bytes: float) -> str:
    """Three figures and a decimal unit: 350 GB, 2.8 TB."""
    for unit, name in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.3g} {name}" if n_bytes < 999.5 * unit else f"{n_bytes / unit:,.0f} {name}"
    return f"{n_bytes:.0f} B"


def memory(values: Sequence[Any], language: str) -> str:
    """HTML: full, LoRA and QLoRA as bars of their parts, with the formulas beneath."""
    billions, layers, hidden, rank, precision, batch, length, recompute = values
    if not all((billions, layers, hidden, rank, batch, length)):
        return ""
    layers, hidden = int(layers), int(hidden)
    shape = memory_math.square("", round(billions * 1e9), layers, hidden, _heads(layers, hidden))
    found = {
        method: memory_math.memory(shape, method, int(rank), precision, int(batch), int(length), recompute)
        for method in memory_math.METHODS
    }
    most = max(each.total for each in found.values())
    bars = "".join(_bar(method, each, most, language) for method, each in found.items())
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{escape(word(f"numbers.part.{part}", language))}</span>'
        for part, colour in zip(_PARTS, _COLOURS, strict=True)
    )
    lora = found["lora"]
    one = memory_math.ranked([(hidden, hidden)], int(rank))
    bytes_each = sum(memory_math.TRAINED[precision].values())
    told = word(
        "numbers.memory.formula",
        language,
        each=bytes_each,
        hidden=hidden,
        rank=int(rank),
        layers=layers,
        **_all(
            language,
            one=f"{one.trained:,}",
            share=f"{one.share:.2%}",
            trained=f"{lora.trained:,}",
            saved=size(2 * lora.trained),
            weights=size(2 * shape.parameters),
            four=size(memory_math.NF4 * shape.parameters),
            quantised=size(found["qlora"].weights),
            training=size(bytes_each * shape.parameters),
        ),
    )
    sources = escape(word("numbers.memory.sources", language))
    return (
        f'<div class="numbers-legend">{legend}</div>{bars}'
        f'<p class="numbers-told">{escape(told)}</p><p class="train-hint">{sources}</p>'
    )


def _all(language: str, **figures: str) -> dict[str, str]:
    return {name: local(figure, language) for name, figure in figures.items()}


def _heads(layers: int, hidden: int) -> int:
    """Of a known model its own, else heads 128 wide; the activations of attention grow with them."""
    known = (shape.heads for shape in memory_math.SHAPES if (shape.layers, shape.hidden) == (layers, hidden))
    return next(known, max(1, hidden // 128))


def _bar(method: str, found: Memory, most: float, language: str) -> str:
    parts = "".join(
        f'<i style="width:{100 * getattr(found, part) / most:.2f}%;background:{colour}" '
        f'title="{escape(word(f"numbers.part.{part}", language))}: {local(size(getattr(found, part)), language)}"></i>'
        for part, colour in zip(_PARTS, _COLOURS, strict=True)
    )
    detail = local(" + ".join(size(getattr(found, part)) for part in _PARTS), language)
    name = escape(word(f"numbers.method.{method}", language))
    return (
        f'<div class="numbers-bar"><b>{name}</b><strong>{local(size(found.total), language)}</strong>'
        f'<div class="track">{parts}</div><small>{detail}</small></div>'
    )


def corpus(tokens: float, width: float, billions: float, language: str) -> str:
    """HTML: what so many tokens (in thousands of millions) are, and what one pass through them costs."""
    if not all((tokens, width, billions)):
        return ""
    told = memory_math.corpus(tokens * 1e9, billions * 1e9, width)
    ideal = memory_math.chinchilla_tokens(billions * 1e9)
    tiles = [
        (
            size(told.n_bytes),
            word("numbers.corpus.size", language, tib=local(f"{told.n_bytes / memory_math.TIB:,.0f}", language)),
        ),
        (_large(told.words), word("numbers.corpus.words", language)),
        (_large(told.books), word("numbers.corpus.books", language)),
        (_power(told.flops), word("numbers.corpus.flops", language)),
        (_large(told.gpu_days), word("numbers.corpus.days", language)),
        (_large(ideal), word("numbers.corpus.ideal", language)),
    ]
    shown = "".join(tile(local(value, language), label, "") for value, label in tiles)
    sources = escape(word("numbers.corpus.sources", language))
    return f'<div class="train-tiles wide">{shown}</div><p class="train-hint">{sources}</p>'


def _large(value: float) -> str:
    """1.2 B rather than eleven digits; 10^12 is T."""
    return f"{value / 1e12:.3g} T" if value >= 999.5e9 else amount(value)


def _power(value: float) -> str:
    """1.26 × 10²⁵, as a blackboard has it."""
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits} × 10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def latency(told: Latency, language: str) -> str:
    """HTML: milliseconds a token, bare, unmerged, merged."""

    def ms(value: float, ratio: float) -> str:
        return f"{value:.2f} ms · {ratio:.2f}×"

    tiles = [
        (ms(told.base_ms, 1.0), word("numbers.latency.base", language)),
        (ms(told.unmerged_ms, told.unmerged_ratio), word("numbers.latency.unmerged", language)),
    ]
    if told.merged_ms is not None and told.merged_ratio is not None:
        tiles.append((ms(told.merged_ms, told.merged_ratio), word("numbers.latency.merged", language)))
    else:
        tiles.append(("–", word("numbers.latency.never", language)))
    shown = "".join(tile(local(value, language), label, "") for value, label in tiles)
    about = word(
        "numbers.latency.about",
        language,
        name=told.model,
        device=device(told.device, language),
        tokens=told.tokens,
    )
    return f'<div class="train-tiles wide">{shown}</div><p class="train-hint">{escape(about)}</p>'


def formula(shapes: Sequence[tuple[int, int]], rank: int, alpha: int, method: str, language: str) -> str:
    """HTML: h = W0 x + (alpha / r) B A x with the numbers of the model at hand."""
    if not shapes:
        return f'<p class="train-hint">{escape(word("numbers.formula.none", language))}</p>'
    told = memory_math.ranked(shapes, rank)
    kinds = {shape: shapes.count(shape) for shape in dict.fromkeys(shapes)}
    lines = [
        (f"{n} × ({d:,} × {k:,})", f"{d * k:,}", f"{ours:,}", f"{ours / (d * k):.2%}")
        for (d, k), n in kinds.items()
        for ours in [memory_math.lora_parameters(d, k, rank)]
    ]
    rows = "".join(f"<tr>{''.join(f'<td>{local(cell, language)}</td>' for cell in line)}</tr>" for line in lines)
    head = "".join(
        f"<th>{escape(word(f'numbers.formula.{name}', language))}</th>"
        for name in ("matrix", "whole", "trained", "share")
    )
    scale = alpha or 2 * rank
    factor = scale / rank**0.5 if method == "rslora" else scale / rank
    over = "√r" if method == "rslora" else "r"
    here = local(f"{factor:.3g}", language)
    equation = f"<span>h = W₀ x + (α / {over}) B A x</span> <span>= W₀ x + {here} · B A x</span>"
    figures = _all(
        language,
        trained=f"{told.trained:,}",
        whole=f"{told.whole:,}",
        share=f"{told.share:.2%}",
        saved=size(told.checkpoint),
        optimiser=size(told.optimiser),
        full=size(told.optimiser_full),
    )
    total = word("numbers.formula.total", language, **figures)
    other = "" if method in ("lora", "rslora", "dora", "qlora") else word("numbers.formula.other", language)
    note = f'<p class="train-hint">{escape(other)}</p>' if other else ""
    return (
        f'{note}<p class="numbers-equation">{equation}</p><div class="runs-scroll"><table class="runs"><thead><tr>'
        f'{head}</tr></thead><tbody>{rows}</tbody></table></div><p class="numbers-told">{escape(total)}</p>'
        f'<p class="train-hint">{escape(word("numbers.formula.source", language))}</p>'
    )
