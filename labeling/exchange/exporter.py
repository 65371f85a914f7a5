"""Judged comparisons as files that other tools read, each with a card that says where it comes from.

A file is whole or not there. Zero usable rows is an error that says why. Knows nothing of the store.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

from common import files
from common.errors import AfinaError, Tally
from common.split import Side
from labeling.exchange import dataset_card
from labeling.rounds.aggregation import Aggregation, Judged, decide, pairs, unpaired
from labeling.schema import Message, Phase, Rating, one_of

Format = Literal["trl", "kto", "hh", "battles", "argilla", "jsonl", "csv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
_AGGREGATED = ("trl", "kto", "hh")
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes such a cell for a formula


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    card: Path
    format: Format
    n: int
    dropped: dict[str, int]
    annotation_ids: tuple[str, ...] = field(default=(), repr=False)  # that the rows stand on

    def to_dict(self) -> dict[str, Any]:
        values = {"path": str(self.path), "card": str(self.card), "format": self.format, "n": self.n}
        return values | {"dropped": self.dropped}


def export(
    judged: Sequence[Judged],
    format: Format,
    out: Path,
    aggregation: Aggregation = "majority",
    minimum: float = 0.7,
    phase: Phase = "blind",
    split: Side | None = None,
    rated: Sequence[Rating] = (),
    title: str = "Preferences",
    ties: bool = False,
) -> Exported:
    """Writes `out`, a file, or a folder for `preferences.<ending>`, and its card.

    `aggregation` makes one answer of many for trl, kto and hh; the other formats keep every vote. `ties`: trl has
    rows of ties too, `tie` true, which a reward model here learns from and other trainers would take for pairs.
    Raises: AfinaError `exchange.no_pairs` with what was dropped and why.
    """
    one_of("format", format, FORMATS)
    if split is not None:
        judged = [each for each in judged if each.comparison.split == split]
    rows, dropped, ids = _rows(judged, format, aggregation, minimum, phase, rated, ties)
    if not rows:
        raise AfinaError("exchange.no_pairs", n=len(judged), dropped=Tally("exchange.dropped.", dropped))
    path = out if out.suffix else out / f"preferences{_ending(format)}"
    _write(path, format, rows)
    beside = path.with_name("README.md" if path.parent == out else f"{path.name}.card.md")
    rule = aggregation if format in _AGGREGATED else "every"
    ratings = rated if format == "kto" else ()
    files.write_text(
        beside, dataset_card.words(judged, path.name, format, rule, minimum, phase, len(rows), title, ratings)
    )
    return Exported(path, beside, format, len(rows), dict(dropped), tuple(ids))


def _rows(
    judged: Sequence[Judged],
    format: Format,
    aggregation: Aggregation,
    minimum: float,
    phase: Phase,
    rated: Sequence[Rating],
    ties: bool,
) -> tuple[list[dict], Counter[str], list[str]]:
    """The rows of a format, what gave none, and the annotations behind them."""
    if format in _AGGREGATED:
        decisions, dropped = decide(judged, aggregation, minimum, phase)
        if format == "kto":
            singles, more = unpaired(decisions, rated)
            rows = [
                {"prompt": list(prompt), "completion": _reply(text), "label": good} for prompt, text, good in singles
            ]
            ids = [vote.annotation_id for each in decisions if each.winner != "tie" for vote in each.votes]
            return rows, dropped + more, ids
        preference_pairs, more = pairs(judged, decisions, phase, ties and format == "trl")
        decided = [pair for pair in preference_pairs if not pair.tie]
        if not decided:
            return [], dropped + more + Counter(tie=len(preference_pairs)), []
        shape = _trl if format == "trl" else _hh
        with_margin = all(pair.margin is not None for pair in decided)
        rows = [shape(p.prompt, p.chosen, p.rejected, p.margin if with_margin else None) for p in preference_pairs]
        for row, pair in zip(rows, preference_pairs, strict=True):
            row |= {"tie": True} if pair.tie else {}
        return rows, dropped + more, sorted({each for pair in preference_pairs for each in pair.annotation_ids})
    if format in ("argilla", "battles"):  # a gold item tests who votes, not what is voted on
        ordinary = [each for each in judged if not each.comparison.is_gold]
        counted = [(each, vote) for each in ordinary for vote in each.counting(phase)]
        ids = [vote.annotation_id for _, vote in counted]
        if format == "argilla":
            rows = [_argilla(each, phase) for each in ordinary if each.counting(phase)]
        else:
            rows = [_battle(each, vote) for each, vote in counted]
        return rows, Counter(gold=len(judged) - len(ordinary)), ids
    every = [(each, vote) for each in judged for vote in each.annotations]
    return [_flat(each, vote) for each, vote in every], Counter(), [vote.annotation_id for _, vote in every]


def _trl(prompt: Sequence[Message], chosen: str, rejected: str, margin: float | None) -> dict:
    """TRL's explicit conversational preference format."""
    row: dict[str, Any] = {"prompt": list(prompt), "chosen": _reply(chosen), "rejected": _reply(rejected)}
    return row if margin is None else row | {"margin": margin}


def _hh(prompt: Sequence[Message], chosen: str, rejected: str, _: float | None) -> dict:
    """Anthropic's text format. It knows no system turn: such a text opens the first human turn."""
    text, system = "", ""
    for message in prompt:
        if message["role"] == "system":
            system += message["content"] + "\n\n"
            continue
        speaker = "Human" if message["role"] == "user" else "Assistant"
        text += f"\n\n{speaker}: {system}{message['content']}"
        system = ""
    return {"chosen": f"{text}\n\nAssistant: {chosen}", "rejected": f"{text}\n\nAssistant: {rejected}"}


def _battle(each: Judged, vote: Any) -> dict:
    item = each.comparison
    turns = [list(item.prompt) + _reply(text) for text in (item.completion_a, item.completion_b)]
    return {
        "question_id": item.comparison_id,
        "model_a": item.policy_a,
        "model_b": item.policy_b,
        "winner": "tie (bothbad)" if vote.winner == "both_bad" else vote.winner,
        "judge": vote.annotator_id,
        "conversation_a": turns[0],
        "conversation_b": turns[1],
        "turn": sum(message["role"] == "user" for message in item.prompt),
        "anony": True,
        "position_swapped": vote.position_swapped,
        "tstamp": vote.created_at,
    }


def _argilla(each: Judged, phase: Phase) -> dict:
    """One row per comparison with all answers, in the manner of Argilla's aggregates."""
    item, votes = each.comparison, each.counting(phase)
    ranked = Counter(vote.winner for vote in votes).most_common(2)
    clear = len(ranked) == 1 or ranked[0][1] > ranked[1][1]
    return {
        "prompt": list(item.prompt),
        "completion_a": item.completion_a,
        "completion_b": item.completion_b,
        "model_a": item.policy_a,
        "model_b": item.policy_b,
        "split": item.split,
        "winner": ranked[0][0] if clear else None,
        "num_responses": len(votes),
        "agreement_ratio": ranked[0][1] / len(votes),
        "raw_responses": [vote.winner for vote in votes],
    }


def _flat(each: Judged, vote: Any) -> dict:
    """Everything that is known of one annotation and its comparison."""
    item = asdict(each.comparison)
    row = {"model_a": item.pop("policy_a"), "model_b": item.pop("policy_b")}
    row |= {name: item[name] for name in ("comparison_id", "round_id", "completion_a", "completion_b")}
    row |= {"prompt": item["prompt"], "split": item["split"], "generation": item["generation"]}
    row |= {"is_gold": item["is_gold"], "gold_winner": item["gold_winner"]}
    return row | asdict(vote)


def _reply(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def _ending(format: Format) -> str:
    return f".{format}" if format in ("csv", "parquet") else ".jsonl"


def _write(path: Path, format: Format, rows: list[dict]) -> None:
    if format == "csv":
        files.write_text(path, _csv(rows))
    elif format == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        pq.write_table(pa.Table.from_pylist([_plain(row) for row in rows]), beside)
        beside.replace(path)
    else:
        files.write_text(path, "".join(orjson.dumps(row).decode() + "\n" for row in rows))


def _plain(row: dict) -> dict:
    """Columns whose shape differs from row to row as JSON text: a table has one type per column."""
    shaped = ("generation", "ratings", "metadata")
    return {
        name: orjson.dumps(value).decode() if name in shaped and value is not None else value
        for name, value in row.items()
    }


def _csv(rows: Iterable[dict]) -> str:
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A cell; a text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if isinstance(value, (dict, list, tuple)):
        value = orjson.dumps(value).decode()
    return f"'{value}" if isinstance(value, str) and value.startswith(_DANGEROUS) else value
