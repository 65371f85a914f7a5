"""The terms of human judgement, as plain values: rounds, comparisons, annotators, annotations, ratings.

Every value checks itself when it is made. Knows nothing of how they are stored, asked for or counted.
`a` and `b` are a comparison's two replies as stored; `left` and `right` are what one annotator saw.
"""

from __future__ import annotations

import hmac
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from common.errors import AfinaError
from common.languages import ENGLISH
from common.split import Side, split

Winner = Literal["model_a", "model_b", "tie", "both_bad"]
Choice = Literal["left", "right", "tie", "both_bad"]
Action = Literal["vote", "skip", "report", "retract"]
Phase = Literal["blind", "discussed"]
Purpose = Literal["collect", "judge"]
Source = Literal["human", "ai", "simulated", "imported"]
Sources = Literal["people", "simulated", "ai", "all"]  # whose annotations are asked for
Scale = Literal["thumbs", "likert"]
# Why a joining is doubted: its device had joined before; one of many without a cookie, or of very many at once.
Doubt = Literal["", "repeat", "anonymous", "burst"]
State = Literal["draft", "generating", "open", "locked", "discussing", "open_again", "revealed", "done"]

WINNERS: tuple[Winner, ...] = get_args(Winner)
CHOICES: tuple[Choice, ...] = get_args(Choice)
CRITERIA = ("helpful", "honest", "harmless")
MAX_TEXT = 20_000  # characters of a rationale, an edited reply, guidelines
MAX_STRENGTH = 3
LIKERT = (1, 5)

# Where a round may go from each state. Once it has been discussed, it never takes blind votes again.
TRANSITIONS: Mapping[State, tuple[State, ...]] = {
    "draft": ("generating", "open"),
    "generating": ("draft", "open"),
    "open": ("locked",),
    "locked": ("open", "discussing", "open_again", "revealed"),
    "discussing": ("locked", "open_again", "revealed"),
    "open_again": ("locked", "discussing", "revealed"),
    "revealed": ("done",),
    "done": (),
}
VOTING: tuple[State, ...] = ("open", "open_again")
REVEALED: tuple[State, ...] = ("revealed", "done")
AI_PREFIX = "ai-"  # of the annotator id of a judge that is a model
NAMELESS = "unknown-"  # of the annotator ids of imported votes that named nobody
BUSY: tuple[State, ...] = ("open", "locked", "discussing", "open_again")  # a room has at most one of these

Message = dict[str, str]


def now() -> float:
    """Seconds since 1970, UTC."""
    return time.time()


def new_id() -> str:
    return uuid.uuid4().hex


def one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raises: AfinaError `label.choice` if `value` is none of `allowed`."""
    if value not in allowed:
        raise AfinaError("label.choice", name=name, value=value, allowed=", ".join(allowed))


def text_of(name: str, value: object, limit: int = MAX_TEXT) -> str:
    """`value` as text without null characters.

    Raises: AfinaError for no text, or more than `limit` characters.
    """
    if not isinstance(value, str):
        raise AfinaError("label.not_text", name=name, found=type(value).__name__)
    if len(value) > limit:
        raise AfinaError("label.too_long", name=name, found=len(value), limit=limit)
    if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise AfinaError("label.null_character", name=name)  # neither database can keep it
    return value


@dataclass(frozen=True)
class RoundSettings:
    """What a round asks for and how it hands out its comparisons."""

    votes_wanted: int = field(default=3, metadata={"unit": "votes per comparison"})
    common_items: int = field(default=5, metadata={"unit": "comparisons everybody sees, first"})
    quota: int = field(default=0, metadata={"unit": "comparisons per annotator, 0 = no limit"})
    gold_every: int = field(default=8, metadata={"unit": "one gold item in so many comparisons"})
    repeat_every: int = field(default=0, metadata={"unit": "one swapped repeat in so many, 0 = none"})
    lease_seconds: int = field(default=180, metadata={"unit": "seconds that a served comparison is held"})
    criteria: tuple[str, ...] = CRITERIA
    ask_strength: bool = False
    ask_ratings: bool = False
    ask_rationale: bool = False
    ask_edit: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "criteria", tuple(self.criteria))
        limits = {
            "votes_wanted": (1, 100_000),
            "common_items": (0, 100),
            "quota": (0, 100_000),
            "gold_every": (2, 1000),
            "repeat_every": (0, 1000),
            "lease_seconds": (10, 86_400),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise AfinaError("label.number", name=name, value=value, low=low, high=high)
        if len(self.criteria) > 10 or len(set(self.criteria)) != len(self.criteria):
            raise AfinaError("label.criteria", value=", ".join(self.criteria))
        for criterion in self.criteria:
            text_of("criterion", criterion, 60)


@dataclass(frozen=True)
class Generation:
    """How a comparison's replies were sampled."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_new_tokens: int = 128
    seed: int = 0
    uncertain_by: str = ""  # reward model whose least sure training comparisons were kept
    kept_train: int = 0  # how many of them


@dataclass(frozen=True)
class Round:
    round_id: str
    room_id: str
    name: str
    purpose: Purpose
    state: State
    phase: Phase
    policies: tuple[str, ...]
    settings: RoundSettings
    generation: Generation
    guidelines_version: int
    discussed: tuple[str, ...]  # comparison ids that are voted on again
    counts: dict[str, int]  # of generation: dropped_identical, dropped_empty, dropped_self_naming, …
    created_at: float
    number: int = 0  # under which people know it while it is blind
    secret: str = field(default="", repr=False)  # from which sides and seeds are drawn; empty in rounds from before

    @property
    def voting(self) -> bool:
        return self.state in VOTING

    @property
    def blind(self) -> bool:
        """Whether nobody but the teacher may know what it compares."""
        return self.state not in REVEALED

    def swapped(self, comparison_id: str) -> bool:
        """Whether a comparison stands with its b on the left where all look at it together: a coin, the same always."""
        if not self.secret:
            return False
        return bool(hmac.digest(self.secret.encode(), comparison_id.encode(), "sha256")[0] & 1)


@dataclass(frozen=True)
class Comparison:
    """Two replies to one prompt. `policy_*` name the run and its adapter's hash; a voter never sees them."""

    prompt: tuple[Message, ...]
    completion_a: str
    completion_b: str
    policy_a: str
    policy_b: str
    comparison_id: str = field(default_factory=new_id)
    round_id: str = ""
    generation: dict | None = None
    split: Side = ""  # type: ignore[assignment]  # filled from the prompt: the one split
    is_gold: bool = False
    gold_winner: Winner | None = None
    is_common: bool = False
    metadata: dict | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt", messages_of("prompt", self.prompt))
        for name in ("completion_a", "completion_b"):
            text_of(name, getattr(self, name), 200_000)
        for name in ("policy_a", "policy_b"):
            text_of(name, getattr(self, name), 500)
        if not self.split:
            object.__setattr__(self, "split", split(self.prompt))
        one_of("split", self.split, ("train", "heldout"))
        if self.is_gold:
            one_of("gold_winner", self.gold_winner, WINNERS)

    @property
    def models(self) -> tuple[str, str]:
        return self.policy_a, self.policy_b


@dataclass(frozen=True)
class Annotator:
    """A person who judges, known by a random id alone."""

    annotator_id: str
    room_id: str
    kind: Literal["voter", "invited", "imported", "machine", "simulated", "rater"] = "voter"
    group: str = ""
    language: str = ENGLISH
    quota: int = 0
    created_at: float = 0.0
    revoked_at: float | None = None
    withdrawn_at: float | None = None
    device: str | None = None  # "" without a cookie, None where no device is known
    doubt: Doubt = ""  # votes of such a person count, but take no place from others
    undone_at: float | None = None
    left_out: bool = False


@dataclass(frozen=True)
class Annotation:
    """One judgement, kept for ever: a vote, skip, report or retraction, in the comparison's own a and b.

    `preference_strength` is negative where a is better, positive where b is. `ratings` is
    `{"a": {criterion: 1…5}, "b": {…}}`. `edited_from` names the reply that `edited_completion` mends.
    """

    annotation_id: str
    comparison_id: str
    annotator_id: str
    winner: Winner | None = None
    action: Action = "vote"
    phase: Phase = "blind"
    repeat: int = 0
    position_swapped: bool = False
    preference_strength: int | None = None
    ratings: dict[str, dict[str, int]] | None = None
    rationale: str | None = None
    edited_completion: str | None = None
    edited_from: Literal["a", "b"] | None = None
    flags: tuple[str, ...] = ()
    guidelines_version: int = 0
    group: str = ""
    decision_time_ms: int | None = None
    created_at: float = field(default_factory=now)
    supersedes: str | None = None
    source: Source = "human"
    exclude_reason: str | None = None


@dataclass(frozen=True)
class Rating:
    """One reply rated alone: thumbs (0 or 1) or a Likert scale (1 to 5). The data of KTO.

    `verified`: the reply carried this installation's signature. Ratings from before replies were signed are not.
    `taken_back`: the person has taken the rating of this reply back.
    """

    prompt: tuple[Message, ...]
    completion: str
    policy: str
    scale: Scale
    value: int
    annotator_id: str
    rating_id: str = field(default_factory=new_id)
    source: Source = "human"
    created_at: float = field(default_factory=now)
    verified: bool = False
    taken_back: bool = False

    def __post_init__(self) -> None:
        one_of("scale", self.scale, get_args(Scale))
        low, high = LIKERT if self.scale == "likert" else (0, 1)
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not low <= self.value <= high:
            raise AfinaError("label.number", name="rating", value=self.value, low=low, high=high)
        object.__setattr__(self, "prompt", messages_of("prompt", self.prompt))
        text_of("completion", self.completion, 200_000)

    @property
    def good(self) -> bool | None:
        """Whether the reply is rated good; None for the middle of the Likert scale, which teaches nothing."""
        middle = sum(LIKERT) / 2 if self.scale == "likert" else 0.5
        return None if self.value == middle else self.value > middle


def messages_of(name: str, value: object) -> tuple[Message, ...]:
    """A prompt as messages: a text becomes one user message.

    Raises: AfinaError for anything else than a non-empty text or messages `{"role", "content"}`.
    """
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    if not isinstance(value, (list, tuple)) or not value:
        raise AfinaError("label.not_messages", name=name, found=str(value))
    for message in value:
        if not isinstance(message, dict) or not {"role", "content"} <= message.keys():
            raise AfinaError("label.not_messages", name=name, found=str(message))
        one_of(f"{name}.role", message["role"], ("system", "user", "assistant"))
        text_of(f"{name}.content", message["content"], 200_000)
    return tuple({"role": message["role"], "content": message["content"]} for message in value)
