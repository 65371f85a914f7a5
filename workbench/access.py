"""Who may do what: the teacher opens a link with a token, everybody else is a visitor.

Does not depend on a web framework: headers and cookies are mappings. Hiding a button protects nothing, so each method
of a service declares who may call it: `@teacher` or `@anybody`.
"""

from __future__ import annotations

import functools
import inspect
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from common.cookies import parsed
from common.errors import AfinaError, NotAllowed
from common.files import write_secret
from common.settings import Settings, token_problem
from workbench.actors import TEACHER, Actor
from workbench.keyring import Keyring, keyring
from workbench.rate_limits import Limits
from workbench.server_paths import Paths

COOKIE = "afina_token"
VISITOR_COOKIE = "afina_visitor"
_TOKEN_FILE = "teacher-token"
_WEEK = 7 * 24 * 3600


class Roles:
    """Recognises the teacher. Without a token in the settings one is made, and kept so that links survive."""

    def __init__(self, settings: Settings, keys: Keyring | None = None) -> None:
        self._open_chat = settings.open_chat
        self.keys = keys or keyring(settings)
        self.token = settings.teacher_token or _kept_token(settings.home)
        self.limits = Limits(settings)
        self.paths = Paths(settings)
        self.sign_in = sign_in_offered()
        named = {os.environ.get("SPACE_ID", "").partition("/")[0], *settings.teachers.split(",")}
        self._teachers = {each.strip().casefold() for each in named} - {""}

    def actor(self, headers: Mapping[str, str], cookies: Mapping[str, str] | None = None, user: str = "") -> Actor:
        """The actor of a request: `Authorization: Bearer …` first, then the cookie that `/enter` set, then `user`.

        `headers` has lower-case names; `cookies` is read from it where it is not given. `user` is the name with which
        somebody signed in on a Space, as its signed session tells it.
        """
        values = cookies or parsed(headers.get("cookie", ""))
        visitor = Actor("visitor", self._visitor(values.get(VISITOR_COOKIE, "")))
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return TEACHER if self.is_teacher_token(bearer.strip()) else visitor
        if self.sign_in and user and user.casefold() in self._teachers:
            return TEACHER
        return TEACHER if self._is_session(values.get(COOKIE, "")) else visitor

    def is_teacher_token(self, token: str) -> bool:
        """Compares in constant time."""
        return secrets.compare_digest(_bytes(token), _bytes(self.token))

    def check_token(self, door: Literal["enter", "bearer"], token: str) -> bool:
        """Whether `token` is the teacher's. The right one always is; wrong ones are counted, each door by itself.

        Raises: TooMany `limit.tokens_wrong`.
        """
        if self.is_teacher_token(token):
            return True
        self.limits.wrong_token(door)
        return False

    def require_teacher(self, actor: Actor) -> None:
        """Raises: NotAllowed `role.teacher`."""
        if not actor.is_teacher:
            raise NotAllowed("role.teacher")

    def require_chat(self, actor: Actor) -> None:
        """Raises: NotAllowed `role.chat` where the chat is the teacher's alone."""
        if not (actor.is_teacher or self._open_chat):
            raise NotAllowed("role.chat")

    def spend(self, actor: Actor, tokens: int, messages: int = 1) -> None:
        """Counts what a visitor asks of the machine. Raises: NotAllowed `role.chat`; TooMany as `Limits.chat`."""
        self.require_chat(actor)
        if not actor.is_teacher:
            self.limits.chat(actor.person, tokens, messages)

    @contextmanager
    def writing(self, actor: Actor, replies: int) -> Iterator[None]:
        """Holds places while replies are written. Raises: TooMany as `Limits.writing`."""
        if actor.is_teacher:
            yield
            return
        with self.limits.writing(actor.person, replies):
            yield

    def require_own_file(self, source: str | Path) -> None:
        """Raises: as `Paths.require_file`."""
        self.paths.require_file(source)

    def require_no_folder(self, model: str) -> None:
        """Raises: as `Paths.require_model`."""
        self.paths.require_model(model)

    def enter_cookie(self, https: bool) -> str:
        """The Set-Cookie value that makes a browser the teacher's for a week; on https it works in an iframe.

        It holds no token: a time, a random number, and the signature of both.
        """
        until = f"{int(time.time()) + _WEEK}.{secrets.token_urlsafe(9)}"
        return _set_cookie(COOKIE, f"{until}.{self._session_signature(until)}", https)

    def visitor_cookie(self, https: bool) -> str:
        """The Set-Cookie value that tells one browser from another, for limits alone: a random number, signed."""
        number = secrets.token_urlsafe(9)
        return _set_cookie(VISITOR_COOKIE, f"{number}.{self.keys.sign('visitor', number)}", https)

    def _visitor(self, cookie: str) -> str:
        number, _, signature = cookie.partition(".")
        return number if number and self.keys.verify("visitor", number, signature) else ""

    def _is_session(self, cookie: str) -> bool:
        until, _, signature = cookie.rpartition(".")
        if not secrets.compare_digest(_bytes(signature), self._session_signature(until).encode()):
            return False
        return int(until.partition(".")[0]) > time.time()

    def _session_signature(self, until: str) -> str:
        """Covers the token too: with another token all sessions end."""
        return self.keys.sign("teacher", f"{until} {self.token}")


class _Service(Protocol):
    _roles: Roles


_S = TypeVar("_S", bound=_Service)
_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Access:
    """A decorator that declares who may call a service's method. Callers pass their `Actor` as the first argument.

    The method itself gets it only if its first parameter is called `actor`.
    """

    def __init__(self, name: str, require: Callable[[Roles, Actor], None]) -> None:
        """`require` raises NotAllowed for whoever may not call the method; it runs before the method begins."""
        self._name, self._require = name, require

    @overload
    def __call__(
        self, method: Callable[Concatenate[_S, Actor, _P], _R]
    ) -> Callable[Concatenate[_S, Actor, _P], _R]: ...

    @overload
    def __call__(self, method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, Actor, _P], _R]: ...

    def __call__(self, method: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(method)
        reads_actor = "actor" in signature.parameters

        @functools.wraps(method)
        def checked(service: _Service, actor: Actor, *args: Any, **kwargs: Any) -> Any:
            self._require(service._roles, actor)
            return method(service, actor, *args, **kwargs) if reads_actor else method(service, *args, **kwargs)

        checked.access = self._name  # type: ignore[attr-defined]  # for the test that lists all methods
        if not reads_actor:
            service, *others = signature.parameters.values()
            actor_first = inspect.Parameter("actor", inspect.Parameter.POSITIONAL_OR_KEYWORD)
            taken = signature.replace(parameters=[service, actor_first, *others])
            checked.__signature__ = taken  # type: ignore[attr-defined]  # what callers pass, not what `method` takes
        return checked


teacher = _Access("teacher", Roles.require_teacher)
anybody = _Access("anybody", lambda roles, actor: None)  # within the limits that the method checks


def sign_in_offered() -> bool:
    """Whether people can sign in with their Hub account: on a Space with OAuth, never elsewhere.

    Elsewhere Gradio would take every visitor for the owner of this machine's Hub token.
    """
    env = os.environ  # without the client's secret anybody could sign Gradio's session
    variables = ("SPACE_ID", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET")
    return env.get("SYSTEM") == "spaces" and all(env.get(name) for name in variables)


def _kept_token(home: Path) -> str:
    path = home / _TOKEN_FILE
    if path.is_file() and not path.read_bytes().strip():
        path.unlink()
    token = write_secret(path, secrets.token_urlsafe(24) + "\n").strip()
    if token_problem(token):
        raise AfinaError("settings.token_file", path=path)
    path.chmod(0o600)
    return token


def _set_cookie(name: str, value: str, https: bool) -> str:
    placed = "SameSite=None; Secure; Partitioned" if https else "SameSite=Lax"
    return f"{name}={value}; Path=/; Max-Age={_WEEK}; HttpOnly; {placed}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
