"""What a round's votes say: reports, the reveal, everybody's own card, exports.

A report is worked out once for all who look, and again only when there are new votes. Knows no page.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import NotFound
from common.settings import Settings
from labeling.admission import annotators
from labeling.exchange import exporter
from labeling.rounds import history, lifecycle, ratings, vote_selection
from labeling.schema import Round, Sources
from labeling.statistics import reply_traits
from labeling.statistics import report as reports
from labeling.statistics.bootstrap import Estimate
from labeling.statistics.vote_table import WINNERS, Votes
from labeling.storage.label_store import Store
from labeling.storage.tables import annotation_log, exclusions
from workbench.access import anybody, teacher

if TYPE_CHECKING:
    from workbench.access import Roles

_FRESH = 1.0  # seconds for which nobody asks the database whether there are new votes


@dataclass(frozen=True)
class Findings:
    """Everything that the votes of one moment say."""

    mark: tuple[int, int]  # the last annotation and the last exclusion that are in it
    votes: Votes
    report: dict[str, Any]
    traits: dict[str, Estimate]
    annotators: dict[str, dict[str, Any]]  # annotator_id -> habits, as in the report
    seconds: float  # of work that it took


class Results:
    def __init__(self, settings: Settings, store: Store, roles: Roles) -> None:
        self._settings, self._store, self._roles = settings, store, roles
        self._kept: dict[str, tuple[float, Findings]] = {}
        self._working = threading.Lock()

    @teacher
    def report(self, round_id: str, language: str) -> dict[str, Any]:
        """The whole report. Raises: NotAllowed unless the teacher asks."""
        this = lifecycle.get(self._store, round_id)
        return self.findings(this).report | {
            "formulas": reports.formulas(language),
            "excluded": annotators.left_out(self._store, this.round_id),
        }

    @teacher
    def sources(self, round_id: str) -> Sources:
        """Whose annotations are meant where nobody says (`counted.usual`). Raises: NotAllowed."""
        return vote_selection.usual(self._store, lifecycle.get(self._store, round_id).round_id)

    @teacher
    def excluded(self, round_id: str) -> dict[str, dict[str, str]]:
        """Who and what is left out of a round now, and why. Raises: NotAllowed unless the teacher asks."""
        return annotators.left_out(self._store, lifecycle.get(self._store, round_id).round_id)

    @teacher
    def votes_by(self, round_id: str, annotator_id: str, most: int = 500) -> list[history.Past]:
        """What an annotator said, newest first, blind as they saw it. Raises: NotAllowed unless the teacher asks."""
        return history.of(self._store, annotator_id, lifecycle.get(self._store, round_id).round_id, most)

    @teacher
    def traits(self, round_id: str) -> dict[str, Estimate]:
        """What was preferred, surest first (`statistics.reply_traits`). Raises: NotAllowed unless the teacher asks."""
        return self.findings(lifecycle.get(self._store, round_id)).traits

    @anybody
    def leaderboard(self) -> list[dict[str, Any]]:
        """Win rates of all revealed judging rounds, newest first: what everybody may know."""
        board = []
        for this in lifecycle.listed(self._store):
            if this.purpose == "judge" and this.state in ("revealed", "done"):
                report = self.findings(this).report
                board.append({"round": this.name, "win_rate": report["win_rate"], "n_votes": report["n_votes"]})
        return board

    @teacher
    def split_comparisons(self, round_id: str, most: int = 12) -> list[dict[str, Any]]:
        """The comparisons about which the class disagrees most, with their votes. Raises: NotAllowed."""
        return [each for each in self.contested(lifecycle.get(self._store, round_id)) if each["n"] > 1][:most]

    def contested(self, this: Round) -> list[dict[str, Any]]:
        return self.findings(this).report["items"]

    def shares(self, round_: Round, comparison_id: str) -> dict[str, dict[str, int]]:
        """phase -> left, right, tie, both_bad -> votes on one comparison, on the sides on which all look at it."""
        left, right = ("right", "left") if round_.swapped(comparison_id) else ("left", "right")
        shown = {"model_a": left, "model_b": right}
        votes = self.findings(round_).votes
        shares: dict[str, dict[str, int]] = {}
        code = next((i for i, item in enumerate(votes.items) if item == comparison_id), None)
        for phase in ("blind", "discussed"):
            of_phase = votes.counted(phase)
            winners = of_phase.winner[of_phase.item == code] if code is not None else []
            counts = {name: sum(1 for each in winners if each == i) for i, name in enumerate(WINNERS)}
            shares[phase] = {shown.get(name, name): n for name, n in counts.items()}
        return shares

    @teacher
    def exclude(self, kind: str, target_id: str, reason: str | None) -> None:
        """Leaves an annotator or an annotation out, with a reason; None takes it back. Nothing is deleted."""
        annotators.exclude(self._store, kind, target_id, reason)
        with self._working:  # who has just changed something must not be shown what was worked out before
            self._kept = {round_id: (0.0, found) for round_id, (_, found) in self._kept.items()}

    @teacher
    def export(
        self,
        round_id: str,
        format: exporter.Format,
        aggregation: exporter.Aggregation = "majority",
        minimum: float = 0.7,
        phase: Any = "blind",
        split: Any = None,
        sources: Sources = "people",
        ties: bool = False,
    ) -> exporter.Exported:
        """Writes a round's annotations into AFINA_HOME/exports; those of machines only where asked for.

        Raises: NotAllowed; AfinaError as `write.export`.
        """
        round_ = lifecycle.get(self._store, round_id)
        out = self.exports / f"{round_.round_id[:8]}-{format}-{time.strftime('%Y%m%d-%H%M%S')}"
        judged = vote_selection.judged_of(self._store, round_.round_id, sources)
        rated = ratings.of_policies(self._store, round_.policies, split) if format == "kto" else ()
        return exporter.export(judged, format, out, aggregation, minimum, phase, split, rated, round_.name, ties)

    @teacher
    def exported(self, folder: str, name: str) -> Path:
        """A file of an earlier export. Raises: NotAllowed; NotFound, also for names that are no plain names."""
        path = self.exports / folder / name
        if {folder, name} & {"", ".", ".."} or path.parent.parent != self.exports or not path.is_file():
            raise NotFound("exchange.no_file", name=name)
        return path

    @property
    def exports(self) -> Path:
        return self._settings.home / "exports"

    def findings(self, round_: Round) -> Findings:
        """What the votes say now; worked out at most once for each new state of them."""
        at, findings = self._kept.get(round_.round_id, (0.0, None))
        if findings is not None and time.monotonic() - at < _FRESH:
            return findings
        with self._working:
            mark = self._mark(round_.round_id)
            _, findings = self._kept.get(round_.round_id, (0.0, None))
            if findings is None or findings.mark != mark:
                findings = self._work_out(round_, mark)
            self._kept[round_.round_id] = (time.monotonic(), findings)
            return findings

    def _work_out(self, round_: Round, mark: tuple[int, int]) -> Findings:
        began = time.monotonic()
        sources = vote_selection.usual(self._store, round_.round_id)
        votes = vote_selection.votes_of(self._store, round_.round_id, sources)
        report = reports.report(votes) | {"sources": sources}
        liked = {}
        if round_.purpose == "collect":
            liked = reply_traits.preferred(votes.counted(), lifecycle.comparisons_of(self._store, round_.round_id))
        habits = {each["annotator_id"]: each for each in report["annotators"]}
        return Findings(mark, votes, report, liked, habits, time.monotonic() - began)

    def _mark(self, round_id: str) -> tuple[int, int]:
        """Numbers of the last annotation and the last exclusion: both grow with every new one."""

        def last(table: Any, *where: Any) -> int:
            newest = table.select().with_only_columns(table.c.seq).where(*where).order_by(table.c.seq.desc())
            return connection.execute(newest.limit(1)).scalar() or 0

        with self._store.read() as connection:
            return last(annotation_log, annotation_log.c.round_id == round_id), last(exclusions)
