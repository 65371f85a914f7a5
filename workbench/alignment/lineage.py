"""Where everything comes from: base, runs and rounds as one graph, down to the single vote and back.

Every edge that was measured carries its win rate with interval: by people in a blind round, else by the reward model
that was asked. Every call takes an `Actor`. Knows no page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from common import records
from labeling.rounds import lifecycle, training_links
from labeling.storage.label_store import Store
from tuning.models import scaling
from tuning.runs.run_store import Run, RunStore
from tuning.runs.summary import name_of, shown_base
from workbench.access import teacher
from workbench.voting.reveal import shown_name

if TYPE_CHECKING:
    from workbench.access import Roles
    from workbench.voting.vote_results import Results

Kind = Literal["base", "run", "round"]


@dataclass(frozen=True)
class Node:
    """`depth`: how many steps it is from a base."""

    key: str
    kind: Kind
    name: str
    about: str  # a run's method, a round's purpose
    depth: int
    state: str = ""
    votes: int = 0  # a run: annotations it learned from; a round: its votes
    left_out: int = 0  # of them, those that count no more


@dataclass(frozen=True)
class Rate:
    """How often the newer policy was preferred to the older; ties half."""

    value: float
    low: float | None
    high: float | None
    n: int
    judge: str  # a round's name, or a reward model's; empty: not known


@dataclass(frozen=True)
class _Outcome:
    """What of a run's outcome.json counts here."""

    win_rate: float | None
    n: int
    low: float | None = None
    high: float | None = None
    judge: str = ""


@dataclass(frozen=True)
class Edge:
    """`continues`: a run goes on from its source; `teaches`: a round's votes train a run; `asks`: a policy answers;
    `scores`: a reward model gave the rewards that a policy learned from.
    """

    start: str
    end: str
    kind: Literal["continues", "teaches", "asks", "scores"]
    rate: Rate | None = None


@dataclass(frozen=True)
class Graph:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass
class _Draft:
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def depth(self, key: str, seen: frozenset[str] = frozenset()) -> int:
        before = [edge.start for edge in self.edges if edge.end == key and edge.start not in seen]
        return 1 + max((self.depth(each, seen | {key}) for each in before), default=-1)


class Lineage:
    def __init__(self, store: RunStore, labels: Store, roles: Roles, results: Results) -> None:
        self._store, self._labels, self._roles, self._results = store, labels, roles, results

    @teacher
    def graph(self) -> Graph:
        """Everything, the bases first. Raises: NotAllowed: names of policies are the teacher's until a reveal."""
        draft = _Draft()
        by_name = {run.name: run for run in self._store.gather(_with_state)}
        ids = {run.id for run in by_name.values()}
        shares = training_links.shares(self._labels)
        every = {this.round_id: this for this in lifecycle.listed(self._labels)}
        for run in by_name.values():
            self._run(draft, run, [each for each in shares.get(run.id, []) if each.round_id in every], ids)
        for this in every.values():
            if this.state not in ("draft", "generating") or any(edge.start == this.round_id for edge in draft.edges):
                self._round(draft, this, by_name)
        nodes = [Node(key=key, depth=draft.depth(key), **values) for key, values in draft.nodes.items()]
        known = {node.key for node in nodes}
        edges = [edge for edge in draft.edges if {edge.start, edge.end} <= known]
        return Graph(tuple(sorted(nodes, key=lambda node: (node.depth, node.kind, node.name))), tuple(edges))

    @teacher
    def votes(self, name: str) -> list[training_links.Taught]:
        """The annotations that a run learned from. Raises: NotAllowed, NotFound."""
        return training_links.taught(self._labels, self._store.get(name).id)

    @teacher
    def adapters(self, annotation_id: str) -> list[str]:
        """The names of the runs that learned from an annotation. Raises: NotAllowed; NotFound."""
        names = {run.id: run.name for run in self._store}
        return [names.get(run_id, run_id) for run_id in training_links.runs_of(self._labels, annotation_id)]

    def _run(self, draft: _Draft, run: Run, shares: list[training_links.Share], ids: set[str]) -> None:
        draft.nodes[run.id] = {
            "kind": "run",
            "name": run.name,
            "about": run.info.method,
            "state": run.state,
            "votes": sum(each.n for each in shares),
            "left_out": sum(each.left_out for each in shares),
        }
        if run.info.parent:
            draft.edges.append(Edge(run.info.parent, run.id, "continues", self._rate(run)))
        else:
            base = f"base {run.info.base['name']}"
            draft.nodes.setdefault(base, {"kind": "base", "name": shown_base(run.info.base), "about": ""})
            draft.edges.append(Edge(base, run.id, "continues"))
        judge = str(run.info.extra.get("reward_run", ""))
        if judge in ids:  # the votes reached this run through the reward model
            draft.edges.append(Edge(judge, run.id, "scores"))
        else:
            draft.edges += [Edge(each.round_id, run.id, "teaches") for each in shares]

    def _round(self, draft: _Draft, round_: Any, by_name: dict[str, Run]) -> None:
        n = self._results.findings(round_).report["n_votes"]
        draft.nodes[round_.round_id] = {
            "kind": "round",
            "name": round_.name,
            "about": round_.purpose,
            "state": round_.state,
            "votes": n,
        }
        for policy in round_.policies:
            name = scaling.parsed(policy)[0] if scaling.SIGN in policy else policy
            start = by_name[name].id if name in by_name else f"base {name}"
            draft.edges.append(Edge(start, round_.round_id, "asks"))

    def _rate(self, run: Run) -> Rate | None:
        """Of a run against its parent: by people where a blind round was revealed, else by the last reward model."""
        parent = name_of(self._store, str(run.info.parent))
        for round_ in lifecycle.listed(self._labels):
            if set(round_.policies) == {run.name, parent} and round_.state in ("revealed", "done"):
                rate = self._results.findings(round_).report["win_rate"]
                mine = {shown_name(name): found for name, found in rate.items()}.get(run.name)
                if mine and mine["value"] is not None:
                    return Rate(mine["value"], mine["low"], mine["high"], mine["n"], round_.name)
        outcome = records.read_if_whole(_Outcome, run.path / "outcome.json")
        if outcome is None or outcome.win_rate is None:
            return None
        return Rate(outcome.win_rate, outcome.low, outcome.high, outcome.n, outcome.judge)


def _with_state(run: Run) -> Run:
    """The run, if its events can be read."""
    run.status()
    return run
