"""Browsers that load the page, ask what it asks, and close it, for `benchmarks/edge.py pages`."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections import Counter
from typing import Any

Opening = list[tuple[int, list[Any], bool]]


def browse(port: int, opening: Opening, loads: int, browsers: int, seconds: float) -> Counter[int]:
    """Spreads `loads` page loads over `seconds` and counts the answers by status (0: none)."""
    return asyncio.run(_browse(port, opening, loads, browsers, seconds))


async def _browse(port: int, opening: Opening, loads: int, browsers: int, seconds: float) -> Counter[int]:
    counts: Counter[int] = Counter()
    each = [loads // browsers + (i < loads % browsers) for i in range(browsers)]
    await asyncio.gather(*(_browser(port, opening, n, seconds, counts) for n in each))
    return counts


async def _browser(port: int, opening: Opening, loads: int, seconds: float, counts: Counter[int]) -> None:
    cookie = ""
    pause = seconds / max(1, loads)
    await asyncio.sleep(random.uniform(0, pause / 2))
    for _ in range(loads):
        began = asyncio.get_running_loop().time()
        status, headers, _ = await _ask(port, "GET", "/", None, cookie)
        counts[status] += 1
        cookie = cookie or headers.get("set-cookie", "").split(";")[0]
        session = uuid.uuid4().hex[:11]
        alive = await _heartbeat(port, session, cookie)
        asked = 0
        while asyncio.get_running_loop().time() - began < 0.8 * pause:
            for number, data, queued in opening if asked == 0 else random.sample(opening, 4):
                path = "/gradio_api/queue/join" if queued else "/gradio_api/run/predict"
                body = {"data": data, "fn_index": number, "session_hash": session, "event_data": None}
                status, _, _ = await _ask(port, "POST", path, body, cookie)
                counts[status] += 1
                if queued and status == 200:
                    path = f"/gradio_api/queue/data?session_hash={session}"
                    counts[(await _ask(port, "GET", path, None, cookie))[0]] += 1
            asked += 1
            await asyncio.sleep(2)
        alive.close()
        await asyncio.sleep(max(0.0, pause - (asyncio.get_running_loop().time() - began)))


async def _heartbeat(port: int, session: str, cookie: str) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /gradio_api/heartbeat/{session} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\n\r\n".encode()
    )
    return writer


async def _ask(port: int, method: str, path: str, body: Any, cookie: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body); status 0 where no answer came within a minute."""
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\norigin: http://127.0.0.1:{port}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\ncookie: {cookie}\r\n\r\n"
    )
    try:
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode() + data)
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        return 0, {}, b""
    raw, _, content = answer.partition(b"\r\n\r\n")
    lines = raw.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1]) if lines[0] else 0
    pairs = (line.split(": ", 1) for line in lines[1:] if ": " in line)
    headers = {name.lower(): value for name, value in pairs}
    return status, headers, content
