"""The protocol of an OpenAI-compatible server, as far as replies need it: models, streamed completions, adapters.

Adapters are loaded and unloaded as vLLM offers it (`/v1/load_lora_adapter`). What goes wrong becomes an AfinaError
`served.…`; the key is in no message. Knows no policies and no tokenizers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from common.errors import AfinaError

CONNECT, SILENCE = 5.0, 120.0  # seconds until a connection, until the next token


class Server:
    """`url`: with or without `/v1` at its end. Thread-safe."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers=headers, timeout=httpx.Timeout(SILENCE, connect=CONNECT))

    def models(self) -> dict[str, str | None]:
        """id -> the id of the model it is an adapter of, None for a base. Raises: AfinaError."""
        with _worded(self.url):
            answer = self._client.get(f"{self.url}/v1/models", timeout=10)
        try:
            self._check(answer, "")
            return {str(model["id"]): model.get("parent") for model in answer.json()["data"]}
        except (ValueError, KeyError, TypeError):
            raise AfinaError("served.no_protocol", url=self.url) from None

    def load_adapter(self, name: str, folder: str) -> None:
        """Raises: AfinaError `served.no_loading` where the server does not offer it, `served.refused`."""
        body = {"lora_name": name, "lora_path": folder}
        with _worded(self.url):
            answer = self._client.post(f"{self.url}/v1/load_lora_adapter", json=body)
        if answer.status_code in (404, 405, 501):
            raise AfinaError("served.no_loading", name=name, url=self.url)
        if answer.status_code == 400 and "already been loaded" in answer.text:
            return
        self._check(answer, name)

    def unload_adapter(self, name: str) -> None:
        """One that is not there (any more) is no error."""
        with _worded(self.url):
            answer = self._client.post(f"{self.url}/v1/unload_lora_adapter", json={"lora_name": name})
        if answer.status_code not in (400, 404, 405):
            self._check(answer, name)

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The events of `POST /v1/<path>` with `stream`. Closing the generator closes the connection, which tells
        the server to stop. Raises: AfinaError."""
        asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
        ended = False
        with _worded(self.url), self._client.stream("POST", f"{self.url}/v1/{path}", json=asked) as answer:
            if answer.status_code != 200:
                answer.read()
                self._check(answer, str(body.get("model", "")))
            if "text/event-stream" not in answer.headers.get("content-type", ""):
                raise AfinaError("served.no_protocol", url=self.url)
            for line in answer.iter_lines():
                if not line.startswith("data:"):
                    continue
                data = line[5:].strip()
                if data == "[DONE]":
                    ended = True
                    break
                yield _event(data, self.url)
        if not ended:
            raise AfinaError("served.broken_off", url=self.url)

    def _check(self, answer: httpx.Response, model: str) -> None:
        status = answer.status_code
        if status < 400:
            return
        if status in (401, 403):
            raise AfinaError("served.key", url=self.url)
        if status in (429, 503):
            raise AfinaError("served.busy", url=self.url)
        if status == 404:
            raise AfinaError("served.unknown", name=model, url=self.url)
        key = "served.refused" if status < 500 else "served.failed"
        raise AfinaError(key, url=self.url, status=status, reason=_reason(answer))


def _event(data: str, url: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except ValueError:
        raise AfinaError("served.broken_off", url=url) from None
    if "error" in event:
        error = event["error"]
        reason = error.get("message", "") if isinstance(error, dict) else str(error)
        raise AfinaError("served.failed", url=url, status="error", reason=reason)
    return event


def _reason(answer: httpx.Response) -> str:
    try:
        told = answer.json()
        error = told.get("error", told)
        return str(error.get("message", told) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        return answer.text[:200].strip() or answer.reason_phrase


class _worded:
    """Turns what the connection raises into words."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(
            error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol)
        ):
            raise AfinaError("served.no_answer", url=self.url) from error
        if isinstance(error, httpx.TimeoutException):
            raise AfinaError("served.silent", url=self.url, seconds=int(SILENCE)) from error
        if isinstance(error, (httpx.HTTPError, httpx.StreamError)):
            raise AfinaError("served.broken_off", url=self.url) from error
