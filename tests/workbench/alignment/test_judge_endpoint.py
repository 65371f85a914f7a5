"""A judge behind an address: who gets the key, how much of an answer is read, which addresses are called."""

import gzip
import json
import tracemalloc
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler

import pytest

from common.errors import AfinaError
from common.settings import Settings
from tests.standin.answering import JsonHandler, serving
from workbench import services as services_module
from workbench.actors import TEACHER
from workbench.alignment.ai_feedback import KEY, JudgeChoice
from workbench.alignment.judge_endpoint import EndpointSpeaker, origin

SECRET = "sk-host-secret"
TALK = [[{"role": "user", "content": "?"}]]
REPLY = {"choices": [{"message": {"content": "A"}}]}


class Place:
    """A server that notes what is sent to it, and answers as it is made to."""

    def __init__(self, stack: ExitStack, answer=None) -> None:
        self.keys: list[str | None] = []
        place = self

        class Handler(JsonHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                place.keys.append(self.headers.get("authorization"))
                (answer or Place.reply)(self)

            do_GET = do_POST

        self.url = stack.enter_context(serving(Handler))

    @staticmethod
    def reply(handler: JsonHandler) -> None:
        handler._answer(200, REPLY)


@pytest.fixture
def stack():
    with ExitStack() as made:
        yield made


def build(tmp_path, **settings):
    return services_module.build(Settings(home=tmp_path, **settings))


def said(services, url: str, key: str = "") -> list[str]:
    return services.judging._speaker(TEACHER, JudgeChoice("endpoint", "m", url, key)).say(TALK, 16)


def test_the_hosts_key_goes_to_its_own_address_and_nowhere_else(tmp_path, stack, monkeypatch):
    monkeypatch.setenv(KEY, SECRET)
    own, other = Place(stack), Place(stack)
    services = build(tmp_path, judge_url=f"{own.url}/v1")
    assert said(services, f"{own.url}/v1") == ["A"]
    assert said(services, f"{own.url}/another/path/") == ["A"]
    assert own.keys == [f"Bearer {SECRET}"] * 2
    port = own.url.rpartition(":")[2]
    for url in (
        f"{other.url}/v1",
        f"http://localhost:{other.url.rpartition(':')[2]}/v1",
        f"http://127.0.0.1:{port}@{other.url.removeprefix('http://')}/v1",
    ):
        said(services, url)
    assert said(services, f"{other.url}/v1", "typed") == ["A"]
    assert not [key for key in other.keys if SECRET in str(key)]
    assert other.keys[0] is None and other.keys[-1] == "Bearer typed"
    services.labels.close()


def test_without_an_address_the_hosts_key_goes_nowhere(tmp_path, stack, monkeypatch):
    monkeypatch.setenv(KEY, SECRET)
    place, services = Place(stack), build(tmp_path)
    assert said(services, place.url) == ["A"]
    assert place.keys == [None]
    services.labels.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(tmp_path, stack, monkeypatch, status):
    monkeypatch.setenv(KEY, SECRET)
    thief = Place(stack)

    def away(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("location", f"{thief.url}/v1/chat/completions")
        handler.send_header("content-length", "0")
        handler.end_headers()

    own = Place(stack, away)
    services = build(tmp_path, judge_url=own.url)
    with pytest.raises(AfinaError) as caught:
        said(services, own.url)
    assert caught.value.key == "judge.answer" and thief.keys == []
    services.labels.close()


def test_an_answer_is_read_up_to_four_megabytes(stack):
    """As one stream without a length, and packed: 60 MB of it are never in memory."""
    piece = b" " * 2**20

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(60):
            handler.wfile.write(piece)

    packed = gzip.compress(piece * 60)

    def bomb(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-encoding", "gzip")
        handler.send_header("content-length", str(len(packed)))
        handler.end_headers()
        handler.wfile.write(packed)

    for answer in (endless, bomb):
        place = Place(stack, answer)
        tracemalloc.start()
        with pytest.raises(AfinaError) as caught:
            EndpointSpeaker(place.url, "m").say(TALK, 16)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert caught.value.key == "judge.large"
        assert peak < 24 * 2**20


def test_an_answer_that_is_packed_small_or_nested_deep_is_answered_in_words(stack):
    packed = gzip.compress(json.dumps(REPLY).encode())

    def small(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-encoding", "gzip")
        handler.end_headers()
        handler.wfile.write(packed)

    def deep(handler: JsonHandler) -> None:
        handler._send(200, "application/json", b"[" * 200_000)

    assert EndpointSpeaker(Place(stack, small).url, "m").say(TALK, 16) == ["A"]
    with pytest.raises(AfinaError) as caught:
        EndpointSpeaker(Place(stack, deep).url, "m").say(TALK, 16)
    assert caught.value.key == "judge.answer"


@pytest.mark.parametrize("elsewhere", [{"public_url": "https://afina.example.org"}, {"host": "0.0.0.0"}, "space"])
def test_a_server_calls_no_private_address_but_the_hosts(tmp_path, stack, monkeypatch, elsewhere):
    monkeypatch.setenv(KEY, SECRET)
    if elsewhere == "space":
        monkeypatch.setenv("SPACE_ID", "owner/afina")
        elsewhere = {}
    place = Place(stack)
    port = place.url.rpartition(":")[2]
    services = build(tmp_path / "a", **elsewhere)
    hosts = ("127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1")
    for host in hosts:
        with pytest.raises(AfinaError) as caught:
            said(services, f"http://{host}:{port}/v1")
        assert caught.value.key in ("judge.private", "judge.unreachable", "judge.endpoint"), host
    for host in (
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
    ):
        with pytest.raises(AfinaError) as caught:
            said(services, f"http://{host}/latest/meta-data")
        assert caught.value.key == "judge.private", host
    assert place.keys == []
    services.labels.close()
    named = build(tmp_path / "b", judge_url=place.url, **elsewhere)
    assert said(named, f"{place.url}/v1") == ["A"]
    named.labels.close()


def test_a_public_name_is_called_at_the_address_that_was_looked_at(stack, monkeypatch):
    """The name is looked up once: one that leads elsewhere a moment later changes nothing."""
    place, asked = Place(stack), []
    monkeypatch.setattr("common.answers.public_address", lambda host, port: asked.append(host) or "127.0.0.1")
    port = place.url.rpartition(":")[2]
    speaker = EndpointSpeaker(f"http://judge.invalid:{port}/v1", "m", "typed", guarded=True)
    assert speaker.say(TALK * 3, 16) == ["A"] * 3
    assert asked == ["judge.invalid"] and place.keys == ["Bearer typed"] * 3


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "ftp://x",
        "http://",
        "http:///x",
        "http://x/?a=",
        "http://x/#a",
        "http://x y",
    ],
)
def test_what_is_no_address_is_refused(url):
    assert origin(url) is None
    with pytest.raises(AfinaError) as caught:
        EndpointSpeaker(url, "m")
    assert caught.value.key == "judge.endpoint"


def test_origins_are_compared_as_the_client_reads_them():
    assert (
        origin("HTTP://Judge.Example.org/v1")
        == origin("http://judge.example.org:80")
        != origin("https://judge.example.org")
    )
    assert origin("http://a.org@b.org/") == ("http", "b.org", 80)
