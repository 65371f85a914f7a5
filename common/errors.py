"""The one exception that is shown to people, and its wording.

An `AfinaError` carries a key and parameters, never a finished sentence: who shows it (the page, a command line)
words it in the language of whoever reads. Knows nothing of Gradio or HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.languages import ENGLISH, texts_of
from common.wording import fill


class AfinaError(Exception):
    """Something a person can understand and mend.

    `key` names a text in `common/locales/*.json` that says what is wrong, shows the offending value and says
    what to do; `params` fill its slots, one that is an `AfinaError` or a `Tally` in the same language. `status`
    is what a route answers with.
    """

    status = 400

    def __init__(self, key: str, /, **params: object) -> None:
        super().__init__(key, params)
        self.key = key
        self.params = params

    def __str__(self) -> str:
        return self.words(ENGLISH)

    def __reduce__(self):  # survives the way through a pickle: keyword parameters are not in `args`
        return (_rebuild, (type(self), self.key, self.params))

    def words(self, language: str) -> str:
        """The message in `language`, in English where it has no text for it."""
        template = messages(language).get(self.key)
        if template is None:
            return f"{self.key} {self.params}"
        worded = {
            name: value.words(language) if isinstance(value, AfinaError | Tally) else value
            for name, value in self.params.items()
        }
        try:
            return fill(template, _Shown(worded))
        except (ValueError, TypeError):  # a parameter that came from a file and does not fit its slot
            return f"{self.key} {self.params}"


@dataclass(frozen=True)
class Tally:
    """How often what happened, to be shown: `prefix` and a name make the key of its text; unknown ones stay."""

    prefix: str
    counts: Mapping[str, int]

    def words(self, language: str) -> str:
        texts = messages(language)
        parts = [f"{texts.get(self.prefix + name, name)}: {n}" for name, n in sorted(self.counts.items()) if n]
        return ", ".join(parts) or "-"

    def __str__(self) -> str:
        return self.words(ENGLISH)


class NotAllowed(AfinaError):
    """The caller's role does not allow it."""

    status = 403


class NotFound(AfinaError):
    """There is no such run, round, file."""

    status = 404


class Conflict(AfinaError):
    """It cannot be done in the present state (too late, still running, already there with other content)."""

    status = 409


class _Shown(dict):
    """Parameters as they are shown: long values are cut, a missing one is visible instead of fatal."""

    def __getitem__(self, name: str) -> str:
        text = str(super().__getitem__(name)) if name in self else "{" + name + "}"
        return text if len(text) <= 300 else text[:297] + "…"

    def __missing__(self, name: str) -> str:
        return "{" + name + "}"


def _rebuild(kind: type[AfinaError], key: str, params: dict) -> AfinaError:
    return kind(key, **params)


def messages(language: str) -> dict[str, str]:
    """key -> text with `{slots}`: the errors and notes that both the page and the command line show."""
    return texts_of("common", language)
