"""The arithmetic of fine-tuning: memory, adapter parameters, corpora. Pure Python; every formula names its source.

Sizes are decimal (1 GB = 10^9 bytes) unless they say GiB or TiB. Knows no model and no device: `tuning.runs.estimate`
works with what is at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import AfinaError

METHODS = ("full", "lora", "qlora")
PRECISIONS = ("mixed", "half", "single")
TIB = 2**40

# Bytes a parameter of what is trained: weight, gradient, Adam's two moments (and a master copy).
# Mixed precision: 2 + 2 + 4 + 4 + 4 = 16 (Rajbhandari et al. 2020, "ZeRO", arXiv 1910.02054, section 3.1).
TRAINED = {
    "mixed": {"weights": 2, "gradients": 2, "optimiser": 12},
    "half": {"weights": 2, "gradients": 2, "optimiser": 4},
    "single": {"weights": 4, "gradients": 4, "optimiser": 8},
}
FROZEN = {"mixed": 2.0, "half": 2.0, "single": 4.0}  # bytes of a weight that is only read
NF4 = 0.5  # bytes: 4 bits (Dettmers et al. 2023, "QLoRA", arXiv 2305.14314, section 3)
CONSTANTS = 0.127 / 8  # bytes: the scales of blocks of 64, quantised once more (the same, "double quantization")
BYTES_PER_TOKEN = 4.0  # of English text: about four characters a token, a byte each
WORDS_PER_TOKEN = 0.75  # of English text, by the same rule of thumb
BOOK_WORDS = 90_000  # of a novel


@dataclass(frozen=True)
class Shape:
    """A transformer's sizes. `matrices`: those of a block that carry LoRA, as (out, in)."""

    name: str
    parameters: int
    layers: int
    hidden: int
    heads: int
    matrices: tuple[tuple[int, int], ...] = ()


def square(name: str, parameters: int, layers: int, hidden: int, heads: int, matrices: int = 4) -> Shape:
    """A model whose adapted matrices are the square ones of its attention."""
    return Shape(name, parameters, layers, hidden, heads, ((hidden, hidden),) * matrices)


# Brown et al. 2020 (arXiv 2005.14165, table 2.1); Radford et al. 2019; Touvron et al. 2023 (arXiv 2302.13971).
SHAPES = (
    square("GPT-3", 175_000_000_000, 96, 12288, 96),
    square("LLaMA 65B", 65_200_000_000, 80, 8192, 64),
    square("LLaMA 7B", 6_700_000_000, 32, 4096, 32),
    square("GPT-2 XL", 1_557_611_200, 48, 1600, 25),
    square("GPT-2", 124_439_808, 12, 768, 12),
)


@dataclass(frozen=True)
class Memory:
    """Bytes of each part while training."""

    weights: float
    gradients: float
    optimiser: float
    activations: float
    trained: int  # parameters

    @property
    def total(self) -> float:
        return self.weights + self.gradients + self.optimiser + self.activations


def lora_parameters(d: int, k: int, rank: int) -> int:
    """r (d + k): A is (r, k), B is (d, r), beside W0 of d k (Hu et al. 2021, arXiv 2106.09685, section 4.1)."""
    return rank * (d + k)


def adapter_parameters(shape: Shape, rank: int) -> int:
    """LoRA on every matrix of `shape.matrices` in every layer."""
    return shape.layers * sum(lora_parameters(d, k, rank) for d, k in shape.matrices)


def memory(
    shape: Shape,
    method: str,
    rank: int = 8,
    precision: str = "mixed",
    batch: int = 1,
    length: int = 2048,
    recompute: bool = True,
    double_quantisation: bool = True,
) -> Memory:
    """What training `shape` by `method` (full, lora, qlora) takes.

    Full: every parameter is trained. LoRA: the weights are only read, the adapter is trained. QLoRA: the weights are
    read in 4 bits. Raises: AfinaError `config.choice`; `config.range` for a size that is not above 0.
    """
    sizes = {
        "parameters": shape.parameters,
        "layers": shape.layers,
        "hidden": shape.hidden,
        "heads": shape.heads,
    }
    for size, number in (sizes | {"rank": rank, "batch": batch, "length": length}).items():
        if not 0 < number < 1e30:
            raise AfinaError("config.range", name=size, value=number, min=1, max=1e30)
    for name, value, choices in (("method", method, METHODS), ("precision", precision, PRECISIONS)):
        if value not in choices:
            raise AfinaError("config.choice", name=name, value=value, choices=", ".join(choices))
    trained = shape.parameters if method == "full" else adapter_parameters(shape, rank)
    bytes_each = TRAINED[precision]
    frozen = 0.0
    if method != "full":
        width = FROZEN[precision]
        if method == "qlora":
            width = NF4 + (CONSTANTS if double_quantisation else 0.0)
        frozen = width * shape.parameters
    return Memory(
        weights=frozen + bytes_each["weights"] * trained,
        gradients=bytes_each["gradients"] * trained,
        optimiser=bytes_each["optimiser"] * trained,
        activations=activations(shape, batch, length, recompute, 4 if precision == "single" else 2),
        trained=trained,
    )


def activations(shape: Shape, batch: int, length: int, recompute: bool = True, width: int = 2) -> float:
    """Bytes kept for the backward pass: s b h (34 + 5 a s / h) a layer at 2 bytes; 2 s b h when recomputed.

    Korthikanti et al. 2022, "Reducing Activation Recomputation", arXiv 2205.05198, equations 2 and section 5.
    """
    values = length * batch * shape.hidden
    if recompute:
        return values * 2 * shape.layers * width / 2
    return values * (34 + 5 * shape.heads * length / shape.hidden) * shape.layers * width / 2


@dataclass(frozen=True)
class Corpus:
    """How much text a number of tokens is."""

    tokens: float
    n_bytes: float
    words: float
    books: float
    flops: float  # to train a model of `parameters` on it once
    gpu_days: float


def corpus(
    tokens: float,
    parameters: float = 0,
    bytes_per_token: float = BYTES_PER_TOKEN,
    gpu_flops: float = 400e12,
) -> Corpus:
    """Size of a text corpus, and the computation of one pass through it.

    Bytes and words by the rule of thumb of four characters and 3/4 of a word a token (OpenAI's tokenizer page); one
    pass takes 6 N D operations (Kaplan et al. 2020, arXiv 2001.08361, section 2.1). `gpu_flops`: operations a second
    that a GPU reaches (400e12: 40 % of an H100's bf16 peak). Raises: AfinaError `config.range`.
    """
    for name, value in (("tokens", tokens), ("bytes_per_token", bytes_per_token), ("gpu_flops", gpu_flops)):
        if not 0 < value < 1e30:
            raise AfinaError("config.range", name=name, value=value, min=0, max=1e30)
    words = tokens * WORDS_PER_TOKEN
    flops = 6 * parameters * tokens
    return Corpus(tokens, tokens * bytes_per_token, words, words / BOOK_WORDS, flops, flops / gpu_flops / 86_400)


def chinchilla_tokens(parameters: float) -> float:
    """About 20 tokens a parameter (Hoffmann et al. 2022, "Chinchilla", arXiv 2203.15556, table 3)."""
    return 20 * parameters


@dataclass(frozen=True)
class Ranked:
    """LoRA of one rank on a set of matrices, beside what it stands for."""

    rank: int
    trained: int  # r (d + k), summed
    whole: int  # d k, summed
    share: float
    checkpoint: float  # bytes at 2 a parameter
    optimiser: float  # bytes of gradients and Adam's moments, fp32: 12 a trained parameter
    optimiser_full: float  # the same for the whole matrices


def ranked(matrices: Sequence[tuple[int, int]], rank: int) -> Ranked:
    """Numbers beside h = W0 x + (alpha / r) B A x for `matrices`, each (out, in)."""
    trained = sum(lora_parameters(d, k, rank) for d, k in matrices)
    whole = sum(d * k for d, k in matrices)
    return Ranked(rank, trained, whole, trained / whole if whole else 0.0, 2.0 * trained, 12.0 * trained, 12.0 * whole)
