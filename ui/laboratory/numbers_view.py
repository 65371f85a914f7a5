"""What the Numbers tab and the folded numbers in the Train tab show: HTML from calculated values. Wires nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from common.number_format import compact, number, size
from tuning.config import memory_math
from ui.components.data_view import device, tile
from ui.translations import word

if TYPE_CHECKING:
    from tuning.config.memory_math import Memory
    from tuning.inference.latency import Latency

_PARTS = ("weights", "gradients", "optimiser", "activations")
_COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#009E73")


def memory(values: Sequence[Any], language: str) -> str:
    """HTML: full, LoRA and QLoRA as bars of their parts, with the formulas beneath."""
    billions, layers, hidden, rank, precision, batch, length, recompute = values
    if not all((billions, layers, hidden, rank, batch, length)):
        return ""
    layers, hidden = int(layers), int(hidden)
    shape = memory_math.square("", round(billions * 1e9), layers, hidden, _heads(layers, hidden))
    needed = {
        method: memory_math.memory(shape, method, int(rank), precision, int(batch), int(length), recompute)
        for method in memory_math.METHODS
    }
    most = max(each.total for each in needed.values())
    bars = "".join(_bar(method, each, most, language) for method, each in needed.items())
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{escape(word(f"numbers.part.{part}", language))}</span>'
        for part, colour in zip(_PARTS, _COLOURS, strict=True)
    )
    lora = needed["lora"]
    one = memory_math.ranked([(hidden, hidden)], int(rank))
    bytes_each = sum(memory_math.TRAINED[precision].values())
    text = word(
        "numbers.memory.formula",
        language,
        each=bytes_each,
        hidden=hidden,
        rank=int(rank),
        layers=layers,
        one=number(one.trained, language),
        share=number(one.share, language, ".2%"),
        trained=number(lora.trained, language),
        saved=size(2 * lora.trained, language),
        weights=size(2 * shape.parameters, language),
        four=size(memory_math.NF4 * shape.parameters, language),
        quantised=size(needed["qlora"].weights, language),
        training=size(bytes_each * shape.parameters, language),
    )
    sources = escape(word("numbers.memory.sources", language))
    return (
        f'<div class="numbers-legend">{legend}</div>{bars}'
        f'<p class="numbers-told">{escape(text)}</p><p class="train-hint">{sources}</p>'
    )


def _heads(layers: int, hidden: int) -> int:
    """Of a known model its own, else heads 128 wide; the activations of attention grow with them."""
    known = (shape.heads for shape in memory_math.SHAPES if (shape.layers, shape.hidden) == (layers, hidden))
    return next(known, max(1, hidden // 128))


def _bar(method: str, needed: Memory, most: float, language: str) -> str:
    parts = "".join(
        f'<i style="width:{100 * getattr(needed, part) / most:.2f}%;background:{colour}" '
        f'title="{escape(word(f"numbers.part.{part}", language))}: {size(getattr(needed, part), language)}"></i>'
        for part, colour in zip(_PARTS, _COLOURS, strict=True)
    )
    detail = " + ".join(size(getattr(needed, part), language) for part in _PARTS)
    name = escape(word(f"numbers.method.{method}", language))
    return (
        f'<div class="numbers-bar"><b>{name}</b><strong>{size(needed.total, language)}</strong>'
        f'<div class="track">{parts}</div><small>{detail}</small></div>'
    )


def corpus(tokens: float, width: float, billions: float, language: str) -> str:
    """HTML: what so many tokens (in thousands of millions) are, and what one pass through them costs."""
    if not all((tokens, width, billions)):
        return ""
    figures = memory_math.corpus(tokens * 1e9, billions * 1e9, width)
    ideal = memory_math.chinchilla_tokens(billions * 1e9)
    tiles = [
        (
            size(figures.n_bytes, language),
            word("numbers.corpus.size", language, tib=number(figures.n_bytes / memory_math.TIB, language, ",.0f")),
        ),
        (compact(figures.words, language), word("numbers.corpus.words", language)),
        (compact(figures.books, language), word("numbers.corpus.books", language)),
        (_power(figures.flops, language), word("numbers.corpus.flops", language)),
        (compact(figures.gpu_days, language), word("numbers.corpus.days", language)),
        (compact(ideal, language), word("numbers.corpus.ideal", language)),
    ]
    shown = "".join(tile(value, label) for value, label in tiles)
    sources = escape(word("numbers.corpus.sources", language))
    return f'<div class="train-tiles wide">{shown}</div><p class="train-hint">{sources}</p>'


def _power(value: float, language: str) -> str:
    """1.26 × 10²⁵, as a blackboard has it."""
    digits, exponent = number(value, language, ".2e").split("e")
    return f"{digits} × 10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def latency(measured: Latency, language: str) -> str:
    """HTML: milliseconds a token, bare, unmerged, merged."""

    def ms(value: float, ratio: float) -> str:
        return f"{number(value, language, '.2f')} ms · {number(ratio, language, '.2f')}×"

    tiles = [
        (ms(measured.base_ms, 1.0), word("numbers.latency.base", language)),
        (ms(measured.unmerged_ms, measured.unmerged_ratio), word("numbers.latency.unmerged", language)),
    ]
    if measured.merged_ms is not None and measured.merged_ratio is not None:
        tiles.append((ms(measured.merged_ms, measured.merged_ratio), word("numbers.latency.merged", language)))
    else:
        tiles.append(("–", word("numbers.latency.never", language)))
    shown = "".join(tile(value, label) for value, label in tiles)
    about = word(
        "numbers.latency.about",
        language,
        name=measured.model,
        device=device(measured.device, language),
        tokens=measured.tokens,
    )
    return f'<div class="train-tiles wide">{shown}</div><p class="train-hint">{escape(about)}</p>'


def formula(shapes: Sequence[tuple[int, int]], rank: int, alpha: int, method: str, language: str) -> str:
    """HTML: h = W0 x + (alpha / r) B A x with the numbers of the model at hand."""
    if not shapes:
        return f'<p class="train-hint">{escape(word("numbers.formula.none", language))}</p>'
    ranked = memory_math.ranked(shapes, rank)
    kinds = {shape: shapes.count(shape) for shape in dict.fromkeys(shapes)}
    lines = [
        (
            f"{n} × ({number(d, language)} × {number(k, language)})",
            number(d * k, language),
            number(ours, language),
            number(ours / (d * k), language, ".2%"),
        )
        for (d, k), n in kinds.items()
        for ours in [memory_math.lora_parameters(d, k, rank)]
    ]
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    head = "".join(
        f"<th>{escape(word(f'numbers.formula.{name}', language))}</th>"
        for name in ("matrix", "whole", "trained", "share")
    )
    scale = alpha or 2 * rank
    factor = scale / rank**0.5 if method == "rslora" else scale / rank
    over = "√r" if method == "rslora" else "r"
    here = number(factor, language, ".3g")
    equation = f"<span>h = W₀ x + (α / {over}) B A x</span> <span>= W₀ x + {here} · B A x</span>"
    figures = {
        "trained": number(ranked.trained, language),
        "whole": number(ranked.whole, language),
        "share": number(ranked.share, language, ".2%"),
        "saved": size(ranked.checkpoint, language),
        "optimiser": size(ranked.optimiser, language),
        "full": size(ranked.optimiser_full, language),
    }
    total = word("numbers.formula.total", language, **figures)
    other = "" if method in ("lora", "rslora", "dora", "qlora") else word("numbers.formula.other", language)
    note = f'<p class="train-hint">{escape(other)}</p>' if other else ""
    return (
        f'{note}<p class="numbers-equation">{equation}</p><div class="runs-scroll"><table class="runs"><thead><tr>'
        f'{head}</tr></thead><tbody>{rows}</tbody></table></div><p class="numbers-told">{escape(total)}</p>'
        f'<p class="train-hint">{escape(word("numbers.formula.source", language))}</p>'
    )
