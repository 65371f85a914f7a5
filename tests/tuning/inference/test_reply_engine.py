"""The contract of `ReplyEngine`, held by each engine: the same replies, the same errors, stopping, sampling.

`pocket` answers in this process, through a server that speaks OpenAI's protocol, and on a lent GPU whose process is
this one: what goes in and comes out is pickled there as on the platform.
"""

from __future__ import annotations

import pickle
import threading

import pytest

from common.errors import AfinaError
from tests.standin import openai
from tests.standin.engine import StandInEngine
from tuning.executors import zerogpu
from tuning.executors.gpu_leases import GpuLeases
from tuning.executors.zerogpu_engine import Functions, LentEngine
from tuning.inference.reply_engine import ReplyEngine, Sampling
from tuning.models.references import POCKET_PATH
from workbench.chat.chat_service import GuardedEngine

torch = pytest.importorskip("torch")
from tuning.inference.engine import LocalEngine  # noqa: E402
from tuning.inference.remote_engine import ServedEngine  # noqa: E402

TALK = [{"role": "user", "content": "Who keeps the bees?"}]
OTHER = [{"role": "user", "content": "Where is the mill?"}]
GREEDY = Sampling(greedy=True, max_new_tokens=12)
ENGINES = ("local", "served", "lent", "guarded")


def as_on_the_platform(function):
    def decorated(*arguments):
        return function(*pickle.loads(pickle.dumps(arguments)))

    def streaming(*arguments):
        for partials in decorated(*arguments):
            yield pickle.loads(pickle.dumps(partials))

    def whole(*arguments):
        return pickle.loads(pickle.dumps(decorated(*arguments)))

    return streaming if function is zerogpu.stream_replies else whole


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    local = LocalEngine(home)
    with openai.serve(POCKET_PATH, "pocket") as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(zerogpu, "engine", lambda home: local)
        yield {
            "local": local,
            "served": ServedEngine(home, server.url + "/v1"),
            "lent": LentEngine(home, Functions.decorated(as_on_the_platform), GpuLeases()),
            "guarded": GuardedEngine(local, lambda policy: None),
        }


@pytest.fixture(params=ENGINES)
def engine(request, engines) -> ReplyEngine:
    return engines[request.param]


def streamed(engine, *arguments):
    *_, last = engine.stream(*arguments)
    return last


CALLS = (streamed, lambda engine, *arguments: engine.generate(*arguments))


def test_all_say_the_same(engine, engines):
    engine.warm()
    ours = engine.generate(["pocket"] * 2, [TALK, OTHER], GREEDY)
    expected = engines["local"].generate(["pocket"] * 2, [TALK, OTHER], GREEDY)
    assert ours[0].text != ours[1].text
    for one, other in zip(ours, expected, strict=True):
        assert (one.text, one.n_tokens, one.finish_reason) == (other.text, other.n_tokens, other.finish_reason)
        assert one.seconds > 0
    last = streamed(engine, ["pocket"] * 2, [TALK, OTHER], GREEDY)
    assert [each.text for each in last] == [each.text for each in ours]
    assert all(each.done and not each.seal for each in last)


def test_a_stream_grows_from_nothing(engine):
    shown = list(engine.stream(["pocket"], [TALK], GREEDY))
    assert shown[0][0].text == "" and not shown[0][0].done
    lengths = [partials[0].n_tokens for partials in shown]
    assert lengths == sorted(lengths)


@pytest.mark.parametrize("call", CALLS, ids=["stream", "generate"])
def test_an_unknown_policy_is_named(engine, call):
    with pytest.raises(AfinaError) as caught:
        call(engine, ["pocket", "nobody"], [TALK, TALK], GREEDY)
    assert caught.value.key == "models.unknown" and caught.value.params["name"] == "nobody"


@pytest.mark.parametrize("call", CALLS, ids=["stream", "generate"])
@pytest.mark.parametrize("talk", [[], [{"role": "user", "content": "  "}]], ids=["none", "blank"])
def test_an_empty_message_is_refused(engine, call, talk):
    with pytest.raises(AfinaError) as caught:
        call(engine, ["pocket", "pocket"], [TALK, talk], GREEDY)
    assert caught.value.key == "chat.empty"


def test_none_asked_none_answered(engine):
    assert engine.generate([], [], GREEDY) == []
    assert streamed(engine, [], [], GREEDY) == []


def test_stop_ends_the_writing(engine):
    wish = threading.Event()
    wish.set()
    last = streamed(engine, ["pocket"], [TALK], Sampling(temperature=5, top_p=1, max_new_tokens=100), wish.is_set)
    assert last[0].done and last[0].finish_reason == "stopped" and last[0].n_tokens < 100


def test_an_engine_answers_after_a_reader_has_left(engine):
    stream = engine.stream(["pocket"], [TALK], Sampling(temperature=5, top_p=1, max_new_tokens=100))
    next(stream)
    stream.close()
    assert engine.generate(["pocket"], [TALK], GREEDY)[0].text


def test_sampling_is_honoured(engine):
    drawn = Sampling(temperature=1.5, top_p=1, max_new_tokens=10, seed=3)
    one, same, other = engine.generate(["pocket"] * 3, [TALK] * 3, drawn, [3, 3, 4])
    assert one.text == same.text != other.text
    assert max(one.n_tokens, other.n_tokens) <= 10
    default = engine.generate(["pocket"] * 2, [TALK] * 2, drawn)
    assert [reply.text for reply in default] == [one.text, other.text]
    assert [each.text for each in streamed(engine, ["pocket"] * 2, [TALK] * 2, drawn)] == [one.text] * 2
    assert one.text != engine.generate(["pocket"], [TALK], GREEDY)[0].text
    (short,) = engine.generate(["pocket"], [TALK], Sampling(greedy=True, max_new_tokens=2))
    assert (short.n_tokens, short.finish_reason) == (2, "length")


def test_progress_ends_with_all(engine):
    seen: list[tuple[int, int]] = []
    engine.generate(["pocket"] * 3, [TALK] * 3, GREEDY, progress=lambda *counts: seen.append(counts))
    assert seen == sorted(seen) and seen[-1] == (3, 3)


def test_behind_the_page_is_an_engine_that_knows_no_other_models(engine):
    assert isinstance(engine.behind_the_page(), type(engine))
    assert engine.others() == []


def test_a_guarded_engine_asks_before_anything_is_loaded():
    def refuse(policy):
        raise AfinaError("models.unknown", name=policy)

    inner = StandInEngine()
    for engine in (GuardedEngine(inner, refuse), GuardedEngine(inner, refuse).behind_the_page()):
        for call in CALLS:
            with pytest.raises(AfinaError):
                call(engine, ["pocket"], [TALK], GREEDY)
    assert not inner.policies
