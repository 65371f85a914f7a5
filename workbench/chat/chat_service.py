"""Talking to several policies at once: base and tuned side by side, or one prompt to each.

Every call takes an `Actor`. The generation engine, and torch with it, loads when first needed. Keeps nothing
about a conversation: its history comes with the call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from common import collecting
from common.errors import AfinaError, NotAllowed
from common.languages import ENGLISH
from common.settings import Settings
from tuning.config.training_methods import NO_POLICY
from tuning.evaluation import alternatives
from tuning.inference.reply_engine import Partial, Reply, ReplyEngine, Sampling
from tuning.models import lazy_imports, scaling
from tuning.runs.run_store import RunStore
from workbench.access import anybody
from workbench.chat import reply_seals
from workbench.chat.alternatives import Alternatives
from workbench.rate_limits import require_length

if TYPE_CHECKING:
    from workbench.access import Roles
    from workbench.actors import Actor
    from workbench.keyring import Keyring

MOST_COLUMNS = 4
WHOLE = ("end", "length")  # why a reply ended that says what its policy says
Message = dict[str, str]


@dataclass(frozen=True)
class PolicyChoice:
    """Something that can be talked to."""

    name: str
    base: str
    is_base: bool
    created_at: float = 0.0  # seconds since 1970; 0 for a base


class Comparing:
    def __init__(
        self,
        settings: Settings,
        store: RunStore,
        roles: Roles,
        make_engine: Callable[[], ReplyEngine] | None = None,
    ) -> None:
        """`make_engine`: another engine than this process's own, made when first needed."""
        self.alternatives = Alternatives(settings, roles, lambda: self.engine)
        self._settings, self._store, self._roles = settings, store, roles
        self._make_engine = make_engine
        self._engine: ReplyEngine | None = None
        self._loading = threading.Lock()

    def warm(self) -> None:
        """Loads the engine and the installation's base model."""
        with collecting.held():
            self.engine.warm(self._settings.base_model)

    @property
    def engine(self) -> ReplyEngine:
        with self._loading:
            if self._engine is None:
                own_engine = self._make_engine() if self._make_engine is not None else self._own_engine()
                paths = self._roles.paths
                self._engine = own_engine if paths.is_personal else GuardedEngine(own_engine, paths.require_model)
            return self._engine

    def _own_engine(self) -> ReplyEngine:
        lazy_imports.transformers()
        from tuning.inference.engine import LocalEngine

        return LocalEngine(self._settings.home)

    @anybody
    def policies(self) -> list[PolicyChoice]:
        """Bases first, then every run with an adapter, the newest first."""
        runs = self._store.gather(lambda run: run if run.has_adapter and run.info.method not in NO_POLICY else None)
        under = [run.info.base for run in runs]
        named = (base["name"] for base in under if base.get("kind") != "run")
        bases = dict.fromkeys([self._settings.base_model, "pocket", *named])
        tuned = [PolicyChoice(run.name, run.info.base["name"], False, run.info.created_at) for run in runs]
        tuned.sort(key=lambda choice: -choice.created_at)
        if self._settings.chat_url:  # and what that server knows besides
            known = {choice.name for choice in tuned}
            bases |= dict.fromkeys(name for name in self._served() if name not in known)
        return [PolicyChoice(name, name, True) for name in bases] + tuned

    @anybody
    def columns(self, actor: Actor) -> list[PolicyChoice]:
        """What a chat column may be: every policy, and some that answer with examples or passages (`alternatives`)."""
        every = self.policies(actor)
        base, tuned = every[0], [each for each in every if not each.is_base]
        helped = [PolicyChoice(alternatives.named(base.name, way), base.name, True) for way in ("few_shot", "rag")]
        helped += [PolicyChoice(alternatives.named(each.name, "rag"), each.base, False) for each in tuned[:3]]
        return every + helped

    def _served(self) -> list[str]:
        try:
            return self.engine.others()
        except AfinaError:  # said when somebody sends a message
            return []

    @anybody
    def chat(
        self,
        actor: Actor,
        policies: Sequence[str],
        histories: Sequence[Sequence[Message]],
        message: str,
        system: str = "",
        should_stop: Callable[[], bool] = lambda: False,
        language: str = ENGLISH,
        **sampling: object,
    ) -> Iterator[list[Partial]]:
        """Sends `message` to every policy behind its own history; yields what each has written so far.

        `histories[i]` are the messages before it in column i; `language` is that of shipped examples. `sampling` are
        fields of `reply_engine.Sampling`. A reply that its policy ended carries a `seal`, with which it may be rated
        (`workbench.chat.thumbs`); one that was stopped has none.
        Raises: NotAllowed `role.chat`; AfinaError `chat.columns`, `chat.empty`, `chat.long` and as the engine does.
        """
        self._roles.require_chat(actor)
        _check(policies, message, system, histories)
        self.require_offered(actor, policies)
        opening = [{"role": "system", "content": system.strip()}] if system.strip() else []
        question = {"role": "user", "content": message}
        talks = [[*opening, *history, question] for history in histories]
        sealed = _Seals(self._roles.keys, actor, policies, talks)
        engines_policies, engines_talks = self._helped(policies, talks, language)
        drawn = _sampling(sampling)
        with self._roles.writing(actor, len(policies)):
            self._roles.spend(actor, len(policies) * drawn.max_new_tokens)
            for partials in self.engine.stream(engines_policies, engines_talks, drawn, should_stop):
                yield sealed(partials)

    @anybody
    def replies(
        self, actor: Actor, policies: Sequence[str], message: str, system: str = "", **sampling: object
    ) -> list[Reply]:
        """One reply of each policy to `message`. Raises: as `chat`."""
        self._roles.require_chat(actor)
        _check(policies, message, system)
        self.require_offered(actor, policies)
        opening = [{"role": "system", "content": system.strip()}] if system.strip() else []
        talk = [*opening, {"role": "user", "content": message}]
        drawn = _sampling(sampling)
        policies, talks = self._helped(policies, [talk] * len(policies))
        with self._roles.writing(actor, len(policies)):
            self._roles.spend(actor, len(policies) * drawn.max_new_tokens)
            return self.engine.generate(policies, talks, drawn, seeds=[drawn.seed] * len(policies))

    @anybody
    def require_offered(self, actor: Actor, policies: Sequence[str]) -> None:
        """A visitor talks to what is offered: any other name is a folder or a model of the Hub, loaded for the asking.

        Of a run's dial they may use the settings that the teacher has used: others would be written to the disk.
        Raises: NotAllowed `role.policy`, `role.server_folder`; AfinaError `dial.strength`.
        """
        offered = () if actor.is_teacher else {each.name for each in self.policies(actor)}
        for name in policies:
            policy = alternatives.parted(name)[0]
            if not actor.is_teacher and policy not in offered and not self._is_set(policy, offered):
                raise NotAllowed("role.policy", name=name)
            self._roles.require_no_folder(policy)

    def _is_set(self, policy: str, offered: Collection[str]) -> bool:
        """Whether `policy` is an offered run at a setting of its dial that is there already."""
        if scaling.SIGN not in policy:
            return False
        name, strength = scaling.parsed(policy)
        if name not in offered:
            return False
        try:
            run = self._store.get(name)
        except AfinaError:  # a base has no dial
            return False
        return scaling.is_made(*self._store.with_parent(run), strength)

    def _helped(
        self, policies: Sequence[str], talks: Sequence[list[Message]], language: str = ENGLISH
    ) -> tuple[list[str], list[list[Message]]]:
        """Policies and conversations as the engine takes them: examples and passages put in where a name says so."""
        altered = [
            self.alternatives.altered(talk, name, language)[:2] for name, talk in zip(policies, talks, strict=True)
        ]
        return [policy for policy, _ in altered], [talk for _, talk in altered]

    @anybody
    def sampled(
        self, actor: Actor, policy: str, message: str, n: int, system: str = "", **sampling: object
    ) -> list[str]:
        """`n` replies of one policy to `message`, each with a seed of its own. Raises: as `chat`."""
        self._roles.require_chat(actor)
        _check([policy], message, system)
        self.require_offered(actor, [policy])
        opening = [{"role": "system", "content": system.strip()}] if system.strip() else []
        talk = [*opening, {"role": "user", "content": message}]
        drawn = _sampling({**sampling, "greedy": False})
        with self._roles.writing(actor, n):
            self._roles.spend(actor, n * drawn.max_new_tokens)
            return [reply.text for reply in self.engine.generate([policy] * n, [talk] * n, drawn)]


class GuardedEngine(ReplyEngine):
    """An engine that calls `allow(policy)` before it answers: no folder is loaded that the settings do not allow.

    Raises: also what `allow` raises.
    """

    def __init__(self, engine: ReplyEngine, allow: Callable[[str], None]) -> None:
        self._engine, self._allow = engine, allow

    def warm(self, name: str = "pocket") -> None:
        self._engine.warm(name)

    def stream(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Partial]]:
        self._check(policies)
        return self._engine.stream(policies, conversations, sampling, should_stop)

    def generate(
        self,
        policies: Sequence[str],
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Reply]:
        self._check(policies)
        return self._engine.generate(policies, conversations, sampling, seeds, progress)

    def others(self) -> list[str]:
        return self._engine.others()

    def behind_the_page(self) -> ReplyEngine:
        return GuardedEngine(self._engine.behind_the_page(), self._allow)

    def _check(self, policies: Sequence[str]) -> None:
        for name in dict.fromkeys(policies):
            self._allow(name)


class _Seals:
    """Seals the columns' replies, each once, as soon as its policy has ended it."""

    def __init__(self, keys: Keyring, actor: Actor, policies: Sequence[str], talks: Sequence[list[Message]]) -> None:
        self._keys, self._actor, self._columns = keys, actor, list(zip(policies, talks, strict=True))
        self._made: dict[int, str] = {}

    def __call__(self, partials: list[Partial]) -> list[Partial]:
        return [replace(each, seal=self._seal(i, each)) for i, each in enumerate(partials)]

    def _seal(self, i: int, partial: Partial) -> str:
        if partial.finish_reason not in WHOLE or not partial.text:
            return ""
        if i not in self._made:
            policy, talk = self._columns[i]
            self._made[i] = reply_seals.seal(self._keys, self._actor.key, policy, talk, partial.text)
        return self._made[i]


def _sampling(settings: Mapping[str, object]) -> Sampling:
    known = [field.name for field in fields(Sampling)]
    for name in settings:
        if name not in known:
            raise AfinaError("config.unknown", name=name, known=", ".join(known))
    return Sampling(**settings)  # type: ignore[arg-type]


def _check(
    policies: Sequence[str], message: str, system: str = "", histories: Sequence[Sequence[Message]] = ()
) -> None:
    if not 1 <= len(policies) <= MOST_COLUMNS:
        raise AfinaError("chat.columns", n=len(policies), most=MOST_COLUMNS)
    if not message.strip():
        raise AfinaError("chat.empty")
    require_length(message, [{"role": "system", "content": system}], *histories)
