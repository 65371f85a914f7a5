"""The Python API's objects: a job to wait for, and a tuned model to ask. Knows no trainer and no page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from common.settings import Settings
from tuning.config.training import Config
from tuning.data import labelled, loading, preference_pairs, prompts, rated_replies
from tuning.data.examples import ExampleSet, Loaded
from tuning.data.labelled import LabelledSet
from tuning.executors.select import executor_of
from tuning.inference.reply_engine import ReplyEngine, Sampling
from tuning.runs.queue import Executor, Queue
from tuning.runs.run_store import Run, RunStore
from tuning.runs.status import RunStatus
from tuning.runs.summary import summarise

Message = dict[str, str]


class Job:
    """A run, as somebody sees it who started it from a program."""

    def __init__(self, run: Run, queue: Queue) -> None:
        self._run = run
        self._queue = queue

    @property
    def name(self) -> str:
        return self._run.name

    @property
    def run_id(self) -> str:
        return self._run.id

    @property
    def state(self) -> str:
        """queued, starting, running, stopping, stopped, done, failed, interrupted or cancelled."""
        return self._run.state

    @property
    def has_ended(self) -> bool:
        return self.status.ended

    def refresh(self) -> Job:
        """The SDKs' word; here every look is fresh already."""
        return self

    @property
    def status(self) -> RunStatus:
        return self._run.status()

    @property
    def error(self) -> AfinaError | None:
        return self.status.error

    @property
    def tuned_model_endpoint_name(self) -> str:
        """What `GenerativeModel`, `--model` and `--source-model` take."""
        return self._run.name

    def wait(self, timeout: float | None = None, seen: Callable[[RunStatus], None] | None = None) -> Job:
        """Returns when the run has come to an end; look at `state` and `error` then.

        Raises: TimeoutError after `timeout` seconds; the run goes on.
        """
        self._queue.start()
        end = None if timeout is None else time.monotonic() + timeout
        while not (status := self.status).ended:
            if seen is not None:
                seen(status)
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"{self.name} is still {status.state}")
            time.sleep(0.1)
        if seen is not None:
            seen(status)
        self._queue.close()
        return self

    def stop(self) -> None:
        """Asks it to stop and save; `wait` for it, `resume` goes on from there."""
        self._queue.stop(self._run.id)

    def resume(self) -> Job:
        """Goes on from the last checkpoint."""
        store, base = self._queue.store, self._run.info.base["name"]
        self._queue = Queue(store, _executor(store.home, base))  # `wait` has closed the one before
        self._queue.resume(self._run.id)
        return self.wake()

    def wake(self) -> Job:
        """Lets this process execute the queue if no other does."""
        self._queue.start()
        return self

    def to_dict(self) -> dict[str, Any]:
        """Everything about the run, in plain values."""
        status = self.status
        return {
            **asdict(summarise(self._run, self._queue.store)),
            "tuned_model_endpoint_name": self.tuned_model_endpoint_name,
            "metrics": status.metrics,
            "notes": [str(note) for note in status.notes],
            "error": str(status.error) if status.error else None,
        }


@dataclass(frozen=True)
class Response:
    text: str
    n_tokens: int
    finish_reason: str


class GenerativeModel:
    """A model that answers: `pocket`, a run, a folder or a Hub id."""

    def __init__(self, model_name: str, system_instruction: str = "", home: str | Path | None = None) -> None:
        from tuning.runs import resolver

        self.model_name = model_name
        self.system_instruction = system_instruction
        self._home = home_or_default(home)
        resolver.resolve(model_name, self._home)  # says at once when there is no such model

    @cached_property
    def _engine(self) -> ReplyEngine:
        from tuning.inference.engine import LocalEngine

        return LocalEngine(self._home)

    def generate_content(
        self,
        contents: str | Sequence[Mapping[str, Any]],
        *,
        temperature: float = 0.7,
        top_p: float = 0.95,
        max_output_tokens: int = 128,
        seed: int = 0,
        greedy: bool = False,
    ) -> Response:
        """The reply to `contents`: a text, messages `{"role", "content"}`, or Vertex's `{"role", "parts"}`.

        Raises: AfinaError `chat.empty`, `chat.contents`, and as the engine does.
        """
        messages = messages_of(contents)
        if self.system_instruction and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": self.system_instruction}, *messages]
        sampling = Sampling(
            temperature=temperature, top_p=top_p, max_new_tokens=max_output_tokens, seed=seed, greedy=greedy
        )
        reply = self._engine.generate([self.model_name], [messages], sampling)[0]
        return Response(reply.text, reply.n_tokens, reply.finish_reason)


def messages_of(contents: str | Sequence[Mapping[str, Any]]) -> list[Message]:
    """Messages `{"role", "content"}` of what `generate_content` takes; Vertex's role `model` is the assistant.

    Raises: AfinaError `chat.empty`, `chat.contents` for what is neither text nor messages.
    """
    if isinstance(contents, str):
        return [{"role": "user", "content": contents}]
    messages: list[Message] = []
    for turn in contents:
        role = {"model": "assistant"}.get(str(turn.get("role", "user")), str(turn.get("role", "user")))
        text = turn.get("content")
        if text is None and isinstance(turn.get("parts"), (list, tuple)):
            text = "".join(str(part.get("text", "")) for part in turn["parts"])
        if not isinstance(text, str) or role not in ("system", "user", "assistant"):
            raise AfinaError("chat.contents", value=str(dict(turn))[:100])
        messages.append({"role": role, "content": text})
    if not messages:
        raise AfinaError("chat.empty")
    return messages


def submit(
    method: str,
    config: Config,
    data: Loaded | ExampleSet | LabelledSet,
    name: str = "",
    home: Path | None = None,
    validation: Loaded | ExampleSet | LabelledSet | None = None,
    extra: dict[str, Any] | None = None,
) -> Job:
    """Queues a run; this process executes the queue from now on, unless another does."""
    place = home_or_default(home)
    queue = Queue(RunStore(place), _executor(place, str(config.to_dict()["source_model"])))
    return Job(queue.submit(method, config, data, name, validation=validation, extra=extra), queue).wake()


def read(source: str | Path | Iterable[Mapping[str, Any]]) -> Loaded:
    """Data as `train_dataset` takes it."""
    if isinstance(source, (str, Path)):
        settings = Settings.from_env()
        return loading.load(source, max_mb=settings.max_upload_mb, token=settings.hf_token)
    return loading.from_python(list(source))


def _reader(load: Callable[[Any, int], Any], from_python: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader of what `train_dataset` takes, a file or dictionaries, from the two functions of a module of `data`."""

    def read(source: str | Path | Iterable[Mapping[str, Any]]) -> Any:
        if isinstance(source, (str, Path)):
            return load(source, Settings.from_env().max_upload_mb)
        return from_python(list(source))

    return read


def read_labels(source: str | Path | Iterable[Mapping[str, Any]], text: str = "", label: str = "") -> LabelledSet:
    """Labelled texts as `train_dataset` takes them; `text` and `label` name the columns of a file."""
    if isinstance(source, (str, Path)):
        settings = Settings.from_env()
        return labelled.load(source, text=text, label=label, max_mb=settings.max_upload_mb, token=settings.hf_token)
    return labelled.from_python(source)


READERS: dict[str, Callable[[Any], Any]] = {
    "rows": read,
    "pairs": _reader(preference_pairs.load, preference_pairs.from_python),
    "rated": _reader(rated_replies.load, rated_replies.from_python),
    "scored": _reader(rated_replies.load_scored, rated_replies.scored_from_python),
    "tasks": _reader(prompts.load, prompts.from_python),
    "labels": read_labels,
}
"""By what a method learns from (`tuning.config.training_methods`)."""


def _executor(home: Path, base_model: str) -> Executor:
    return executor_of(replace(Settings.from_env(), home=home), base_model)


def home_or_default(home: str | Path | None = None) -> Path:
    return Path(home) if home is not None else Settings.from_env().home
