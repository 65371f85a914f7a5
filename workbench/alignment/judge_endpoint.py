"""A model behind any OpenAI-compatible service, which judges and revises. Its key is held in memory alone.

An answer is read up to 4 MB, and no redirect is followed: the key reaches the address that was named and no other.
On a Space or server (`guarded`) the address may not lie in a private network, unless its host has named it. Knows no
rounds and no votes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from common import answers
from common.errors import AfinaError

Message = dict[str, str]
Talk = list[Message]
_TRIES, _AT_ONCE = 4, 4
_PORTS = {"http": 80, "https": 443}
_LONGEST = 20_000  # characters of a reply that are kept; 256 tokens are asked for at most


@dataclass(frozen=True)
class _Target:
    """Where to connect, and what to say there."""

    url: httpx.URL
    headers: dict[str, str] = field(repr=False)
    extensions: dict[str, str]


@dataclass
class EndpointSpeaker:
    """A model behind `POST {url}/chat/completions`. The key goes into that request's header and nowhere else."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    guarded: bool = False  # refuses addresses of private networks
    pause: float = 1.0  # seconds before the second try; doubled each time

    def __post_init__(self) -> None:
        self.url = self.url.strip().rstrip("/")
        if origin(self.url) is None or not self.model.strip():
            raise AfinaError("judge.endpoint", url=self.url or "-", model=self.model or "-")

    @property
    def name(self) -> str:
        return f"{self.model} at {httpx.URL(self.url).netloc.decode()}"

    def say(self, talks: Sequence[Talk], most_tokens: int) -> list[str]:
        """Raises: AfinaError `judge.unreachable`, `judge.key`, `judge.answer`, `judge.large`, `judge.private`.

        None of them holds the key.
        """
        target, patient = self._target(), httpx.Timeout(120, connect=10)
        with (
            httpx.Client(headers=target.headers, timeout=patient, follow_redirects=False) as client,
            ThreadPoolExecutor(_AT_ONCE) as at_once,
        ):
            return list(at_once.map(lambda talk: self._one(client, target, talk, most_tokens), talks))

    def _target(self) -> _Target:
        url = httpx.URL(f"{self.url}/chat/completions")
        headers = dict(answers.PLAIN)
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if not self.guarded:
            return _Target(url, headers, {})
        try:
            address = answers.public_address(url.host, url.port or _PORTS[url.scheme])
        except answers.PrivateAddress:
            raise AfinaError("judge.private", url=self.url) from None
        except (OSError, UnicodeError) as error:
            raise AfinaError("judge.unreachable", url=self.url, reason=type(error).__name__) from None
        headers["Host"] = url.netloc.decode()
        return _Target(url.copy_with(host=address), headers, {"sni_hostname": url.host})

    def _one(self, client: httpx.Client, target: _Target, talk: Talk, most_tokens: int) -> str:
        body = {"model": self.model, "messages": talk, "temperature": 0, "max_tokens": most_tokens}
        for attempt in range(_TRIES):
            try:
                with client.stream("POST", target.url, json=body, extensions=dict(target.extensions)) as answer:
                    status, said = answer.status_code, _body(answer)
            except answers.TooLarge:
                raise AfinaError("judge.large", url=self.url, mb=answers.MOST // 2**20) from None
            except (httpx.HTTPError, httpx.StreamError, answers.Unreadable) as error:
                raise AfinaError("judge.unreachable", url=self.url, reason=type(error).__name__) from None
            if status in (401, 403):
                raise AfinaError("judge.key", url=self.url, status=status)
            if status != 429 and status < 500:
                return self._text(status, said)
            if attempt + 1 < _TRIES:
                time.sleep(self.pause * 2**attempt)
        raise AfinaError("judge.answer", url=self.url, status=status)

    def _text(self, status: int, said: bytes) -> str:
        try:
            if status != 200:
                raise ValueError
            text = json.loads(said)["choices"][0]["message"]["content"] or ""
            return str(text)[:_LONGEST].strip()
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            raise AfinaError("judge.answer", url=self.url, status=status) from None


def _body(answer: httpx.Response) -> bytes:
    return answers.read(answer.iter_raw(), answer.headers.get("content-encoding", ""))


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an http address, as the client will read it; None for anything else."""
    try:
        read = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError, TypeError):
        return None
    if read.scheme not in _PORTS or not read.host or re.search(r"[\s%]", read.host):
        return None
    if read.query or read.fragment:  # the path is added at the end
        return None
    return read.scheme, read.host.lower().rstrip("."), read.port or _PORTS[read.scheme]
