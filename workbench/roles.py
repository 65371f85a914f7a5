"""Who may do what: the teacher opens a link with a token, everybody else is a visitor.

Knows headers and cookies as mappings, no web framework. Hiding a button protects nothing: every service call takes
an `Actor` and asks `Roles`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Literal

from common.errors import NotAllowed
from common.files import write_text
from common.settings import Settings

COOKIE = "afina_token"
_TOKEN_FILE = "teacher-token"
_WEEK = 7 * 24 * 3600


@dataclass(frozen=True)
class Actor:
    """Whoever calls. `visitor` may look and, where it is open, chat; `teacher` may do everything."""

    kind: Literal["teacher", "visitor"]

    @property
    def is_teacher(self) -> bool:
        return self.kind == "teacher"


TEACHER, VISITOR = Actor("teacher"), Actor("visitor")


class Roles:
    """Recognises the teacher. Without a token in the settings one is made, and kept so that links survive."""

    def __init__(self, settings: Settings) -> None:
        self._open_chat = settings.open_chat
        self.token = settings.teacher_token or _kept_token(settings.home)

    def actor(self, headers: Mapping[str, str], cookies: Mapping[str, str] | None = None) -> Actor:
        """The actor of a request: `Authorization: Bearer …` first, then the cookie that `/enter` set.

        `headers` has lower-case names; `cookies` is read from it where it is not given.
        """
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return TEACHER if self.is_teacher_token(bearer.strip()) else VISITOR
        given = (cookies or _cookies(headers.get("cookie", ""))).get(COOKIE, "")
        return TEACHER if self.is_teacher_token(given) else VISITOR

    def is_teacher_token(self, token: str) -> bool:
        """Compares in constant time."""
        return secrets.compare_digest(token.encode("utf-8"), self.token.encode("utf-8"))

    def require_teacher(self, actor: Actor) -> None:
        """Raises: NotAllowed `role.teacher`."""
        if not actor.is_teacher:
            raise NotAllowed("role.teacher")

    def require_chat(self, actor: Actor) -> None:
        """Raises: NotAllowed `role.chat` where the chat is the teacher's alone."""
        if not (actor.is_teacher or self._open_chat):
            raise NotAllowed("role.chat")

    def enter_cookie(self, https: bool) -> str:
        """The Set-Cookie value that makes a browser the teacher's for a week; on https it works in an iframe."""
        placed = "SameSite=None; Secure; Partitioned" if https else "SameSite=Lax"
        return f"{COOKIE}={self.token}; Path=/; Max-Age={_WEEK}; HttpOnly; {placed}"


def _kept_token(home: Path) -> str:
    path = home / _TOKEN_FILE
    try:
        token = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        token = ""
    if not token:
        token = secrets.token_urlsafe(24)
        write_text(path, token + "\n")
        path.chmod(0o600)
    return token


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
