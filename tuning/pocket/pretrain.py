"""Pretrains `pocket`, the embedded base model: tokenizer, corpus, model, weights and model card.

    python -m tuning.pocket.pretrain --tokens 24e6 --out tuning/pocket/weights

A Llama of 6 M parameters on packed documents of the generated world. Matrices are updated by Muon (Jordan et al.
2024, "Muon: an optimizer for hidden layers"), embeddings and norms by AdamW, at a constant rate that falls to zero
over the last part of the tokens (warmup-stable-decay, Hu et al. 2024, "MiniCPM"). Most steps see windows of half the
context, the last ones of the whole: half the attention for the same facts. Everything follows from the seed;
`--resume` goes on from the last checkpoint, also to another number of tokens while the rate is still constant.
`--further` goes on from finished weights on the corpus's third stream, at half the rate, falling from the start: as
models are annealed on the text that they are wanted for (Hu et al. 2024, section 5).
With glibc, `MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1000000000000` in the environment keeps its memory and
saves a third of the time. Knows nothing of fine-tuning.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tuning.data.tokenize import DEFAULT_TEMPLATE
from tuning.pocket.card import write_card
from tuning.pocket.world.corpus import TALK_SEED, TRAIN_SEED, documents, heldout_documents
from tuning.pocket.world.facts import LANGUAGES, Language

END = "<|end|>"
PAD = "<|pad|>"
VOCABULARY = 4096
CONTEXT = 512
SHORT = CONTEXT // 2
LONG_SHARE = 0.15
# Words with their leading space, each digit alone, punctuation, line breaks one by one.
_PIECES = Regex(r" ?\p{L}+| ?\p{N}|\n| ?[^\s\p{L}\p{N}]|[^\S\n]+(?!\S)|[^\S\n]+")


def train_tokenizer(texts: Iterator[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE of VOCABULARY tokens; any text can be written in it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END, PAD], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END,
        eos_token=END,
        pad_token=PAD,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    wrapped.chat_template = DEFAULT_TEMPLATE
    return wrapped


def pack(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> np.ndarray:
    """All texts one after another, each followed by END: one row of uint16 token ids."""
    backend = tokenizer.backend_tokenizer
    end = tokenizer.eos_token_id
    pieces: list[int] = [end]
    for start in range(0, len(texts), 20_000):
        for encoding in backend.encode_batch_fast(texts[start : start + 20_000], add_special_tokens=False):
            pieces.extend(encoding.ids)
            pieces.append(end)
    return np.array(pieces, dtype=np.uint16)


def new_model() -> LlamaForCausalLM:
    """Dimensions are multiples of 128, so that 4-bit kernels take them."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=1,
        attention_bias=False,
        mlp_bias=False,
    )
    return LlamaForCausalLM(config)


def optimizers(model: LlamaForCausalLM, matrix_rate: float, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for embeddings and norms."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim < 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=matrix_rate, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate_factor(step: int, steps: int, warmup: int = 40, decay: float = 0.3) -> float:
    """Warmup, constant, then linear to zero over the last `decay` of the steps (0 to 1)."""
    if step < warmup:
        return (step + 1) / warmup
    return min(1.0, (steps - step) / max(1, decay * steps))


class Packed:
    """Draws batches of windows: every window of the packed row once an epoch, in seeded order."""

    def __init__(self, row: np.ndarray, batch: int, seed: int, window: int = CONTEXT) -> None:
        self.row, self.batch, self.seed, self.window = row, batch, seed, window
        self.windows = (len(row) - 1) // window
        self.per_epoch = self.windows // batch

    def __call__(self, step: int) -> torch.Tensor:
        """int64 (batch, window + 1) for `step`, a function of step and seed alone."""
        epoch, index = divmod(step, self.per_epoch)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.windows)
        starts = order[index * self.batch : (index + 1) * self.batch] * self.window
        rows = [self.row[start : start + self.window + 1] for start in starts]
        return torch.from_numpy(np.stack(rows).astype(np.int64))


def loss_of(model, batch: torch.Tensor) -> torch.Tensor:
    """Mean next-token cross-entropy of int64 (B, T + 1)."""
    logits = model(batch[:, :-1], use_cache=False).logits  # (B, T, V)
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), batch[:, 1:].flatten())


@torch.no_grad()
def perplexity(model: LlamaForCausalLM, row: np.ndarray, batch: int = 8) -> float:
    """exp of the mean cross-entropy per token over a packed row."""
    model.eval()
    windows = Packed(row, batch, 0)
    losses = [loss_of(model, windows(step)).item() for step in range(windows.per_epoch)]
    model.train()
    return math.exp(sum(losses) / len(losses))


@dataclass(frozen=True)
class Data:
    """`row`: packed documents to train on; `heldout`: others, by language; `n_documents`: how many `row` holds."""

    tokenizer: PreTrainedTokenizerFast
    row: np.ndarray
    heldout: dict[Language, np.ndarray]
    n_documents: int


def make_data(tokens: int, out: Path) -> Data:
    """The first stream, at least `tokens` of it, and the tokenizer that it gives, which is saved to `out`."""
    samples = {lang: list(islice(documents(lang, TRAIN_SEED), 12_000)) for lang in LANGUAGES}
    tokenizer = train_tokenizer(text for texts in samples.values() for text in texts)
    tokenizer.save_pretrained(out)
    return _data(tokenizer, TRAIN_SEED, tokens, set())


def further_data(tokens: int, out: Path, n_documents: int) -> Data:
    """The third stream, for the weights in `out`, which have seen `n_documents` of the first."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out)
    each = n_documents // len(LANGUAGES)
    return _data(tokenizer, TALK_SEED, tokens, {text for lang in LANGUAGES for text in islice(documents(lang), each)})


def _data(tokenizer: PreTrainedTokenizerFast, seed: int, tokens: int, seen: set[str]) -> Data:
    """Documents of stream `seed`, both languages alternating, and held-out ones that neither they nor `seen` hold."""
    samples = [text for lang in LANGUAGES for text in islice(documents(lang, seed), 2000)]
    count = math.ceil(tokens / (len(pack(tokenizer, samples)) / len(samples)) / len(LANGUAGES))
    texts = {lang: list(islice(documents(lang, seed), count)) for lang in LANGUAGES}
    seen = seen.union(*texts.values())
    heldout = {lang: pack(tokenizer, heldout_documents(lang, 400, seen)) for lang in LANGUAGES}
    row = pack(tokenizer, [text for pair in zip(*texts.values(), strict=True) for text in pair])
    return Data(tokenizer, row, heldout, count * len(LANGUAGES))


def train(options: argparse.Namespace) -> None:
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    tokens = int(options.tokens)
    before = json.loads((out / "pretraining.json").read_text(encoding="utf-8")) if options.further else {}
    if "further" in before:
        raise SystemExit(f"{out} has had its further documents: pretrain it anew, then --further once.")
    n_tokens = int(options.corpus_tokens or tokens)
    data = further_data(n_tokens, out, before["documents"]) if before else make_data(n_tokens, out)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = LlamaForCausalLM.from_pretrained(out, dtype=torch.float32).train() if before else new_model()
    model.to(device)
    short = Packed(data.row, options.batch * CONTEXT // SHORT, options.seed, SHORT)
    long = Packed(data.row, options.batch, options.seed)
    steps = tokens // (options.batch * CONTEXT)
    scale = 0.5 if before else 1.0
    both = optimizers(model, scale * options.matrix_rate, scale * options.rate)
    base_rates = [group["lr"] for optimizer in both for group in optimizer.param_groups]
    step, spent = 0, 0.0
    checkpoint = out.parent / f".{out.name}{'.further' if before else ''}.checkpoint.pt"
    if options.resume and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(both, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        step, spent = saved["step"], saved["seconds"]
    n_parameters = sum(p.numel() for p in model.parameters())
    _say(f"{n_parameters:,} parameters, {len(data.row):,} tokens, {steps} steps, from {step}")
    # Eager attention, compiled: on a CPU faster than the fused kernel at these lengths (its backward is slow).
    model.set_attn_implementation("eager")
    loss_at = torch.compile(loss_of, dynamic=False) if options.compile else loss_of
    began = time.monotonic()
    while step < steps:
        factor = rate_factor(step, steps, decay=1.0 if before else 0.3)
        groups = [group for optimizer in both for group in optimizer.param_groups]
        for group, base_rate in zip(groups, base_rates, strict=True):
            group["lr"] = base_rate * factor
        with torch.autocast(device, torch.bfloat16) if options.bf16 else contextlib.nullcontext():
            batch = (short if step < (1 - LONG_SHARE) * steps else long)(step)
            loss = loss_at(model, batch.to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in both:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 25 == 0:
            seconds = spent + time.monotonic() - began
            speed = options.batch * CONTEXT * step / seconds
            _say(f"step {step}/{steps} loss {loss.item():.3f} rate {factor:.2f} {speed:.0f} tokens/s {seconds:.0f} s")
        if step % options.save_every == 0 or step == steps:
            seconds = spent + time.monotonic() - began
            state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in both]}
            torch.save({**state, "step": step, "seconds": seconds}, checkpoint)
    _finish(model, data, before, spent + time.monotonic() - began, options)


def _finish(model: Any, data: Data, before: dict[str, Any], seconds: float, options: argparse.Namespace) -> None:
    out = options.out
    model = model.to("cpu")
    model.set_attn_implementation("sdpa")
    figures = {lang: round(perplexity(model, row), 3) for lang, row in data.heldout.items()}
    model.generation_config.update(bos_token_id=0, eos_token_id=0, pad_token_id=1)
    model.to(torch.bfloat16).save_pretrained(out)
    stage = {
        "tokens": int(options.tokens),
        "corpus_tokens": int(options.corpus_tokens or options.tokens),
        "documents": data.n_documents,
        "seconds": round(seconds),
    }
    facts = {
        **stage,
        "perplexity": figures,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seed": options.seed,
        "batch_tokens": options.batch * CONTEXT,
        "matrix_rate": options.matrix_rate,
        "rate": options.rate,
        "torch": torch.__version__,
    }
    if before:
        facts = {**before, "perplexity": figures, "first_perplexity": before["perplexity"], "further": stage}
    (out / "pretraining.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    write_card(out)
    _say(json.dumps(facts))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Pretrains the embedded base model.")
    parser.add_argument("--tokens", type=float, default=24e6, help="tokens to train on")
    parser.add_argument("--corpus-tokens", type=float, default=0, help="tokens of text to write (default: --tokens)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "weights")
    parser.add_argument("--batch", type=int, default=16, help=f"rows of {CONTEXT} tokens a step")
    parser.add_argument("--matrix-rate", type=float, default=0.02, help="Muon's learning rate")
    parser.add_argument("--rate", type=float, default=3e-3, help="AdamW's learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--further", action="store_true", help="go on from the weights in --out, on the third stream")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
