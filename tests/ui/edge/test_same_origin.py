"""Whose requests count as our own pages': by what a browser says of where they come from."""

import pytest

from ui.edge.same_origin import carries_credentials, is_same_origin, without_credentials

HOST = {"host": "127.0.0.1:7860"}
PUBLIC = "https://afina.uni.test"


@pytest.mark.parametrize(
    ("method", "headers", "ours"),
    [
        ("POST", {"sec-fetch-site": "same-origin"}, True),
        ("GET", {"sec-fetch-site": "none"}, True),
        ("POST", {"sec-fetch-site": "same-site"}, False),
        ("GET", {"sec-fetch-site": "same-site"}, False),
        ("GET", {"sec-fetch-site": "cross-site"}, False),
        ("POST", {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:7860"}, False),
        ("POST", {"origin": "http://127.0.0.1:7860"}, True),
        ("POST", {"origin": "http://127.0.0.1:7945"}, False),
        ("POST", {"origin": "http://localhost:7860"}, False),
        ("POST", {"origin": "https://127.0.0.1:7860.evil.test"}, False),
        ("POST", {"origin": "null"}, False),
        ("POST", {"origin": ""}, False),
        ("POST", {"origin": "http://127.0.0.1:port"}, False),
        ("POST", {"origin": "file://"}, False),
        ("GET", {"origin": "http://people.uni.test"}, False),
        ("GET", {"referer": "http://127.0.0.1:7860/page?x=1"}, True),
        ("GET", {"referer": "http://people.uni.test/page"}, False),
        ("GET", {}, True),
        ("HEAD", {}, True),
        ("POST", {}, False),
        ("POST", {"referer": "http://127.0.0.1:7860/"}, False),
        ("DELETE", {}, False),
    ],
)
def test_by_what_the_browser_says(method, headers, ours):
    assert is_same_origin(method, HOST | headers) is ours


@pytest.mark.parametrize(
    ("host", "headers", "ours"),
    [
        ("inside:7860", {"origin": PUBLIC}, True),
        ("afina.uni.test", {"origin": PUBLIC}, True),
        ("afina.uni.test", {"origin": "https://people.uni.test"}, False),
        ("afina.uni.test", {"origin": "http://afina.uni.test", "x-forwarded-proto": "https"}, False),
        ("afina.uni.test:443", {"origin": "https://afina.uni.test", "x-forwarded-proto": "https"}, True),
        ("AFINA.uni.test", {"origin": "https://afina.uni.test"}, True),
    ],
)
def test_behind_a_proxy(host, headers, ours):
    assert is_same_origin("POST", {"host": host} | headers, PUBLIC) is ours


def test_a_foreign_request_loses_what_gives_rights():
    pairs = [(b"host", b"x"), (b"cookie", b"afina_token=s; afina_language=es; session=abc;afina_visitor=1.2")]
    assert without_credentials(pairs) == [
        (b"host", b"x"),
        (b"cookie", b"afina_language=es;afina_visitor=1.2"),
    ]
    assert carries_credentials("a=b; afina_token=s") and not carries_credentials("afina_language=es; a=b")
