"""An OpenAI-compatible server as engine: the same replies as the local engine's, adapters, stopping, every failure."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from common.errors import AfinaError  # noqa: E402
from common.settings import Settings  # noqa: E402
from tests.standin import openai  # noqa: E402
from tuning.config.training import SFTConfig  # noqa: E402
from tuning.data import loading  # noqa: E402
from tuning.executors.run_method import execute  # noqa: E402
from tuning.inference.engine import LocalEngine  # noqa: E402
from tuning.inference.remote_engine import ServedEngine  # noqa: E402
from tuning.inference.reply_engine import Sampling  # noqa: E402
from tuning.runs.queue import Queue  # noqa: E402
from tuning.runs.run_store import RunStore  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")
GREEDY = Sampling(max_new_tokens=24, greedy=True)
TALK = [{"role": "user", "content": "What is 1 plus 2?"}]


class NoExecutor:
    def warm(self) -> None: ...
    def run(self, run) -> None: ...
    def close(self) -> None: ...


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_model, sums) -> Path:
    """A home with one tuned run, `tuned`."""
    folder = tmp_path_factory.mktemp("home")
    queue = Queue(RunStore(folder), NoExecutor())
    config = SFTConfig.from_settings({"source_model": str(tiny_model), "learning_rate": 0.02, "epochs": 3})
    execute(queue.submit("sft", config, loading.from_python(sums), "tuned"), folder)
    return folder


@pytest.fixture
def served(tiny_model):
    with openai.serve(tiny_model, str(tiny_model)) as server:
        yield server


@pytest.fixture
def engine(home, served) -> ServedEngine:
    return ServedEngine(home, served.url + "/v1/")


@pytest.mark.slow
def test_base_and_tuned_say_what_the_local_engine_says(engine, served, home, tiny_model):
    policies = [str(tiny_model), "tuned"]
    *_, local = LocalEngine(home).stream(policies, [TALK, TALK], GREEDY)
    shown = list(engine.stream(policies, [TALK, TALK], GREEDY))
    remote = shown[-1]
    assert shown[0][0].text == "" and not shown[0][0].done
    assert [each.text for each in remote] == [each.text for each in local]
    assert remote[0].text != remote[1].text
    assert [(each.n_tokens, each.finish_reason) for each in remote] == [
        (each.n_tokens, each.finish_reason) for each in local
    ]
    assert all(each.done and each.seconds > 0 for each in remote)
    (name,) = served.adapters
    assert name.startswith("tuned-")
    replies = engine.generate(policies * 3, [TALK] * 6, GREEDY)
    assert [reply.text for reply in replies] == [each.text for each in local] * 3


@pytest.mark.slow
def test_sampling_goes_along_and_replies_appear_as_they_grow(engine, served, tiny_model):
    served.pause = 0.08
    sampling = Sampling(temperature=0.7, top_p=0.9, max_new_tokens=12, seed=5)
    lengths = [shown[0].n_tokens for shown in engine.stream([str(tiny_model)], [TALK], sampling)]
    assert lengths == sorted(lengths) and len(set(lengths)) > 3
    asked = served.asked[-1]
    assert (asked["temperature"], asked["top_p"], asked["max_tokens"], asked["seed"]) == (0.7, 0.9, 12, 5)
    engine.generate([str(tiny_model)] * 2, [TALK] * 2, sampling)
    assert sorted(each["seed"] for each in served.asked[-2:]) == [5, 6]


def test_stop_ends_the_writing_there_too(engine, served, tiny_model):
    served.pause = 0.05
    wish: list[bool] = []
    shown = []
    for partials in engine.stream(
        [str(tiny_model)], [TALK], Sampling(max_new_tokens=200, greedy=True), lambda: bool(wish)
    ):
        shown = partials
        if partials[0].n_tokens >= 3:
            wish.append(True)
    assert shown[0].finish_reason == "stopped" and shown[0].text
    time.sleep(0.3)
    written = served.written
    time.sleep(0.4)
    assert served.written == written < 100


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (500, "served.failed"),
        (429, "served.busy"),
        (400, "served.refused"),
        ("cut", "served.broken_off"),
        ("error", "served.failed"),
        ("html", "served.no_protocol"),
    ],
)
def test_every_failure_has_its_words(engine, served, tiny_model, wrong, key):
    served.fail = [wrong]
    with pytest.raises(AfinaError) as caught:
        list(engine.stream([str(tiny_model)], [TALK], GREEDY))
    assert caught.value.key == key
    assert served.url in caught.value.words("es") and "{" not in caught.value.words("en")
    assert list(engine.stream([str(tiny_model)], [TALK], GREEDY))[-1][0].done  # and the next one is answered


def test_a_batch_waits_for_a_busy_server(engine, served, tiny_model):
    served.fail = [429, 503]
    assert all(reply.text for reply in engine.generate([str(tiny_model)] * 3, [TALK] * 3, GREEDY))
    assert len(served.asked) == 5


def test_what_is_not_there_is_said(home, served, tiny_model, engine):
    def key_of(name: str, by: ServedEngine = engine) -> str:
        with pytest.raises(AfinaError) as caught:
            by.generate([name], [TALK], GREEDY)
        assert "secret" not in str(caught.value)
        return caught.value.key

    assert key_of("pocket") == "served.no_base"
    assert key_of("nobody knows") == "models.unknown"
    served.runtime_loading = False
    assert key_of("tuned") == "served.no_loading"
    served.key = "secret"
    assert key_of(str(tiny_model), ServedEngine(home, served.url, "wrong")) == "served.key"
    assert ServedEngine(home, served.url, "secret").generate([str(tiny_model)], [TALK], GREEDY)[0].text
    assert key_of(str(tiny_model), ServedEngine(home, "http://127.0.0.1:9")) == "served.no_answer"
    assert key_of(str(tiny_model), ServedEngine(home, "no address")) == "served.no_answer"


def test_a_model_of_the_server_alone_gets_messages(engine, served, home):
    served.adapters["theirs"] = str(RunStore(home).get("tuned").adapter_dir)
    assert "theirs" in engine.others()
    reply = engine.generate(["theirs"], [TALK], Sampling(max_new_tokens=8, greedy=True))[0]
    assert reply.n_tokens > 0
    assert served.asked[-1]["messages"] == TALK


def test_old_adapters_leave_the_server(home, served, tiny_model, sums):
    engine = ServedEngine(home, served.url, max_adapters=1)
    engine.generate(["tuned"], [TALK], GREEDY)
    (first,) = served.adapters
    weights = RunStore(home).get("tuned").adapter_dir / "adapter_model.safetensors"
    weights.touch()  # as if trained further: the same run, other weights
    engine.generate(["tuned"], [TALK], GREEDY)
    (second,) = served.adapters
    assert first != second


def test_the_chat_uses_it_when_the_settings_name_it(tmp_path, served, tiny_model):
    from workbench.actors import TEACHER
    from workbench.services import build

    settings = Settings(home=tmp_path, base_model=str(tiny_model), chat_url=served.url, teacher_token="t" * 16)
    services = build(settings)
    try:
        replies = services.comparing.replies(TEACHER, [str(tiny_model)], "What is 1 plus 2?", greedy=True)
        assert replies[0].text and served.asked
        names = [choice.name for choice in services.comparing.policies(TEACHER)]
        assert names.count(str(tiny_model)) == 1
    finally:
        services.stop()
