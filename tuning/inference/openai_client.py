"""The protocol of an OpenAI-compatible server, as far as replies need it: models, streamed completions, adapters.

Adapters are loaded and unloaded as vLLM offers it (`/v1/load_lora_adapter`). What goes wrong becomes an AfinaError
`served.…`; the key is in no message, follows no redirect, and no answer is read beyond 4 MB. Knows no policies and no
tokenizers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx

from common import answers
from common.errors import AfinaError

CONNECT, SILENCE = 5.0, 120.0  # seconds until a connection, until the next token
LONGEST = 1800.0  # seconds that a reply may take in all


class Server:
    """`url`: with or without `/v1` at its end. Thread-safe."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        headers = dict(answers.PLAIN)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        patient = httpx.Timeout(SILENCE, connect=CONNECT)
        self._client = httpx.Client(headers=headers, timeout=patient, follow_redirects=False)

    def models(self) -> dict[str, str | None]:
        """id -> the id of the model it is an adapter of, None for a base. Raises: AfinaError."""
        answer = self._ask("GET", "models", timeout=10)
        try:
            self._check(answer, "")
            return {str(model["id"]): model.get("parent") for model in answer.json()["data"]}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise AfinaError("served.no_protocol", url=self.url) from None

    def load_adapter(self, name: str, folder: str) -> None:
        """Raises: AfinaError `served.no_loading` where the server does not offer it, `served.refused`."""
        body = {"lora_name": name, "lora_path": folder}
        answer = self._ask("POST", "load_lora_adapter", json=body)
        if answer.status_code in (404, 405, 501):
            raise AfinaError("served.no_loading", name=name, url=self.url)
        if answer.status_code == 400 and "already been loaded" in answer.text:
            return
        self._check(answer, name)

    def unload_adapter(self, name: str) -> None:
        """One that is not there (any more) is no error."""
        answer = self._ask("POST", "unload_lora_adapter", json={"lora_name": name})
        if answer.status_code not in (400, 404, 405):
            self._check(answer, name)

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The events of `POST /v1/<path>` with `stream`. Closing the generator closes the connection, which tells
        the server to stop. Raises: AfinaError."""
        request = {**body, "stream": True, "stream_options": {"include_usage": True}}
        ended = False
        with _worded(self.url), self._client.stream("POST", f"{self.url}/v1/{path}", json=request) as answer:
            if answer.status_code != 200:
                self._check(_whole(answer), str(body.get("model", "")))
            if "text/event-stream" not in answer.headers.get("content-type", ""):
                raise AfinaError("served.no_protocol", url=self.url)
            for line in _lines(answer):
                if not line.startswith("data:"):
                    continue
                data = line[5:].strip()
                if data == "[DONE]":
                    ended = True
                    break
                yield _event(data, self.url)
        if not ended:
            raise AfinaError("served.broken_off", url=self.url)

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A whole answer, read within bounds. Raises: AfinaError."""
        with _worded(self.url), self._client.stream(method, f"{self.url}/v1/{path}", **more) as answer:
            return _whole(answer)

    def _check(self, answer: httpx.Response, model: str) -> None:
        status = answer.status_code
        if status < 300:
            return
        if status < 400:  # the key goes to no other address
            raise AfinaError("served.no_protocol", url=self.url)
        if status in (401, 403):
            raise AfinaError("served.key", url=self.url)
        if status in (429, 503):
            raise AfinaError("served.busy", url=self.url)
        if status == 404:
            raise AfinaError("served.unknown", name=model, url=self.url)
        key = "served.refused" if status < 500 else "served.failed"
        raise AfinaError(key, url=self.url, status=status, reason=_reason(answer))


def _whole(answer: httpx.Response) -> httpx.Response:
    """`answer` with its body. Raises: answers.TooLarge."""
    body = answers.read(answer.iter_raw(), answer.headers.get("content-encoding", ""))
    return httpx.Response(answer.status_code, content=body)


def _lines(answer: httpx.Response) -> Iterator[str]:
    """The lines of a stream. Raises: answers.TooLarge; answers.Unreadable where the reply has no end."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise answers.Unreadable("a packed stream")
    until, total, rest = time.monotonic() + LONGEST, 0, b""
    for chunk in answer.iter_raw():
        total += len(chunk)
        if total > answers.MOST:
            raise answers.TooLarge
        if time.monotonic() > until:
            raise answers.Unreadable("the reply has no end")
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace").rstrip("\r") for line in whole)
    if rest:
        yield rest.decode("utf-8", "replace")


def _event(data: str, url: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise AfinaError("served.broken_off", url=url)
    if "error" in event:
        error = event["error"]
        reason = error.get("message", "") if isinstance(error, dict) else str(error)
        raise AfinaError("served.failed", url=url, status="error", reason=reason)
    return event


def _reason(answer: httpx.Response) -> str:
    try:
        body = answer.json()
        error = body.get("error", body)
        return str(error.get("message", body) if isinstance(error, dict) else error)
    except (ValueError, AttributeError, RecursionError):
        return answer.text[:200].strip() or answer.reason_phrase


class _worded:
    """Turns what the connection raises into words."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol)):
            raise AfinaError("served.no_answer", url=self.url) from error
        if isinstance(error, answers.TooLarge):
            raise AfinaError("served.large", url=self.url, mb=answers.MOST // 2**20) from error
        if isinstance(error, httpx.TimeoutException):
            raise AfinaError("served.silent", url=self.url, seconds=int(SILENCE)) from error
        if isinstance(error, (httpx.HTTPError, httpx.StreamError, answers.Unreadable)):
            raise AfinaError("served.broken_off", url=self.url) from error
