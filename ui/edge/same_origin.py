"""Whether a request comes from our own pages: only then do the browser's cookies count.

Neither SameSite=Lax nor a partitioned cookie keeps apart two hosts of one domain, or two ports of one host: a page
of either could act as the teacher who looks at it. A token in the `Authorization` header is not concerned: no
browser adds one by itself. Knows headers alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from common.cookies import parsed

_CREDENTIALS = ("afina_token", "session")  # the teacher's, and Gradio's sign-in on a Space
_READING = ("GET", "HEAD")


def is_same_origin(method: str, headers: Mapping[str, str], public: str = "") -> bool:
    """Judges by `Sec-Fetch-Site`; where a browser sends none (plain http), by `Origin`, then by `Referer`.

    `public` is the address that people open, where a proxy has its own. A request that reads and says nothing of
    where it comes from is a typed address or a bookmark; one that changes something always says it, in a browser.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is not None:
        return _is_ours(origin, headers, public)
    if method in _READING:
        referer = headers.get("referer")
        return referer is None or _is_ours(referer, headers, public)
    return False


def without_credentials(pairs: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of a request without the cookies that give rights; a language and a visitor's number stay."""
    return [(name, _harmless(value) if name == b"cookie" else value) for name, value in pairs]


def carries_credentials(cookie: str) -> bool:
    """Whether there is anything that `without_credentials` would take out."""
    return not parsed(cookie).keys().isdisjoint(_CREDENTIALS)


def _harmless(cookie: bytes) -> bytes:
    parts = cookie.decode("latin-1").split(";")
    return ";".join(part for part in parts if parsed(part).keys().isdisjoint(_CREDENTIALS)).strip().encode("latin-1")


def _is_ours(address: str, headers: Mapping[str, str], public: str) -> bool:
    """Whether `address` has this request's host and port, or those of `public`."""
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return False
        if public and _place(parts.scheme, parts.netloc) == _place(*urlsplit(public)[:2]):
            return True
        https = headers.get("x-forwarded-proto", "").split(",")[0].strip() == "https"
        scheme = "https" if https else parts.scheme
        return _place(parts.scheme, parts.netloc) == _place(scheme, headers.get("host", ""))
    except ValueError:  # a port that is no number
        return False


def _place(scheme: str, netloc: str) -> tuple[str, str, int]:
    split = urlsplit(f"{scheme}://{netloc}")
    return scheme, (split.hostname or "").rstrip("."), split.port or (443 if scheme == "https" else 80)
