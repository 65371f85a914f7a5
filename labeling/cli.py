"""The command line: import comparisons, export preferences, report on votes; from a file or from the store.

Progress and warnings go to stderr, results to stdout. Exit status is 0, or 2 with one clear line.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from common.bounded import Problems
from common.errors import AfinaError
from common.settings import Settings
from common.terminal import Parser, language, run_command
from labeling.exchange.exporter import FORMATS
from labeling.rounds.aggregation import AGGREGATIONS
from labeling.schema import Rating, Sources


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    logging.getLogger("common.unavailable").setLevel(logging.ERROR)  # the command says it itself
    return run_command(lambda: options.command(options), options.json)


def parser() -> Parser:
    root = Parser(prog="python -m labeling", description="Import, export and weigh human judgements.")
    commands = root.add_subparsers(required=True, metavar="command", parser_class=Parser)
    common = Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object on stdout")

    bring = commands.add_parser("import", parents=[common], help="keep a file of comparisons as a round")
    bring.add_argument("file", type=Path, metavar="FILE")
    bring.add_argument("--round", metavar="NAME", help="the round's name (default: the file's)")
    bring.set_defaults(command=_import)

    give = commands.add_parser("export", parents=[common], help="write preferences for other tools")
    give.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a file instead of a round")
    give.add_argument("--round", metavar="NAME", help="a round's name or id")
    give.add_argument("--format", choices=FORMATS, default="trl")
    give.add_argument("--aggregate", choices=AGGREGATIONS, default="majority")
    give.add_argument("--minimum", type=float, default=0.7, help="share that must agree, 0.5 to 1")
    give.add_argument("--phase", choices=("blind", "discussed"), default="blind")
    give.add_argument(
        "--ties", action="store_true", help="trl: rows of ties too, marked as such, for a reward model of Afina's"
    )
    give.add_argument("--split", choices=("train", "heldout"), help="one side of the split (default: both)")
    give.add_argument(
        "--sources",
        choices=get_args(Sources),
        default="people",
        help="whose annotations (of a round)",
    )
    give.add_argument("--out", type=Path, required=True, metavar="PATH", help="file or folder to write")
    give.set_defaults(command=_export)

    weigh = commands.add_parser("report", parents=[common], help="what the votes are worth")
    weigh.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a file instead of a round")
    weigh.add_argument("--round", metavar="NAME", help="a round's name or id")
    weigh.add_argument(
        "--sources",
        choices=get_args(Sources),
        help="whose annotations (default: people's; the simulated ones of a rehearsal)",
    )
    weigh.add_argument("--bootstrap", type=int, metavar="N", help="resamples, 100 to 10000")
    weigh.add_argument("--seed", type=int, default=0)
    weigh.set_defaults(command=_report)

    for name, flag, command, help_text in (
        ("backup", "--to", _backup, "copy everything that has changed to the backup"),
        ("restore", "--from", _restore, "bring back what the backup has and the database has not"),
    ):
        each = commands.add_parser(name, parents=[common], help=help_text)
        each.add_argument(flag, dest="place", metavar="PLACE", help="folder or OWNER/NAME (default: AFINA_BACKUP)")
        each.set_defaults(command=command)
    return root


def _backup(options: argparse.Namespace) -> tuple[dict, list[str]]:
    from labeling.backup.destinations import place
    from labeling.backup.labels_backup import Backup
    from labeling.storage import outbox
    from labeling.storage.label_store import open_store

    settings = Settings.from_env()
    there = place(_place(options, settings), settings.hf_token)
    store = open_store(settings)
    outbox.install(store, there.name)
    rows = Backup(store, there).flush()
    return {"rows": rows, "place": there.name}, [_text("backup.done", rows=rows, where=there.name)]


def _restore(options: argparse.Namespace) -> tuple[dict, list[str]]:
    from labeling.backup.destinations import place
    from labeling.backup.labels_backup import restore
    from labeling.storage.label_store import open_store

    settings = Settings.from_env()
    there = place(_place(options, settings), settings.hf_token)
    brought = restore(open_store(settings), there)
    if not brought.fragments:
        raise AfinaError("backup.nothing", where=there.name)
    found = brought.to_dict() | {"place": there.name}
    return found, [_text("backup.restored", where=there.name, **found)]


def _place(options: argparse.Namespace, settings: Settings) -> str:
    """Raises: AfinaError `backup.none`."""
    if not (options.place or settings.backup):
        raise AfinaError("backup.none")
    return options.place or settings.backup


def _import(options: argparse.Namespace) -> tuple[dict, list[str]]:
    from labeling.exchange import importer, reader
    from labeling.storage.label_store import open_store

    judged, problems = reader.judged(options.file)
    _warn(problems)
    done = importer.ingest(open_store(Settings.from_env()), judged, options.round or options.file.stem)
    lines = [_text("label.imported", name=done.name, n=done.comparisons, votes=done.annotations)]
    return done.to_dict() | {"skipped": problems.n}, lines


def _export(options: argparse.Namespace) -> tuple[dict, list[str]]:
    from labeling.exchange import exporter, reader
    from labeling.rounds import lifecycle, ratings, vote_selection
    from labeling.storage.label_store import open_store

    rated: list[Rating] = []
    if _one_source(options):
        judged, problems = reader.judged(options.file)
        _warn(problems)
        title = options.file.stem
    else:
        store = open_store(Settings.from_env())
        this = lifecycle.get(store, options.round)
        judged, title = vote_selection.judged_of(store, this.round_id, options.sources), this.name
        if options.format == "kto":
            rated = ratings.of_policies(store, this.policies, options.split)
    done = exporter.export(
        judged,
        options.format,
        options.out,
        options.aggregate,
        options.minimum,
        options.phase,
        options.split,
        rated,
        title,
        options.ties,
    )
    dropped = ", ".join(f"{name}: {n}" for name, n in sorted(done.dropped.items())) or "-"
    return done.to_dict(), [_text("label.exported", n=done.n, path=done.path, dropped=dropped)]


def _report(options: argparse.Namespace) -> tuple[dict, list[str]]:
    from labeling.exchange import read_votes
    from labeling.rounds import lifecycle, vote_selection
    from labeling.statistics.report import lines, report
    from labeling.storage.label_store import open_store

    if options.bootstrap is not None and not 100 <= options.bootstrap <= 10_000:
        raise AfinaError("label.number", name="--bootstrap", value=options.bootstrap, low=100, high=10_000)
    skipped = 0
    if _one_source(options):
        votes, problems = read_votes.votes(options.file)
        _warn(problems)
        skipped = problems.n
    else:
        store = open_store(Settings.from_env())
        this = lifecycle.get(store, options.round)
        sources = options.sources or vote_selection.usual(store, this.round_id)
        votes = vote_selection.votes_of(store, this.round_id, sources)
    figures = report(votes, options.bootstrap, options.seed, language=language()) | {"skipped_rows": skipped}
    return figures, lines(figures, language())


def _one_source(options: argparse.Namespace) -> bool:
    """Whether the votes come from a file. Raises: AfinaError `label.source` for file and round, or neither."""
    if (options.file is None) == (options.round is None):
        raise AfinaError("label.source")
    return options.file is not None


def _warn(problems: Problems) -> None:
    if problems.n:
        first = problems.first[0].words(language())
        print(_text("label.skipped", n=problems.n, first=first), file=sys.stderr)


def _text(key: str, **params: Any) -> str:
    return AfinaError(key, **params).words(language())
