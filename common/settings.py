"""The installation's settings, read once from the environment by whoever starts it, then passed in.

Every setting is a field with its environment variable and meaning: the documentation's table is made from here.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from common import languages
from common.errors import AfinaError

LEAST_TOKEN = 16  # characters of the teacher's token


def _setting(env: str, default: object, help: str):
    return field(default=default, metadata={"env": env, "help": help})


@dataclass(frozen=True)
class Settings:
    home: Path = _setting("AFINA_HOME", None, "Folder of runs, database and uploads.")  # type: ignore[assignment]
    teacher_token: str = _setting(
        "AFINA_TEACHER_TOKEN",
        "",
        "The teacher's secret, 16 characters or more without spaces; made and printed if unset.",
    )
    database_url: str = _setting("DATABASE_URL", "", "PostgreSQL address; SQLite in the home folder if unset.")
    base_model: str = _setting("AFINA_BASE_MODEL", "pocket", "Base model offered first: pocket, folder or Hub id.")
    hf_token: str = _setting("HF_TOKEN", "", "Hugging Face token, for gated models and uploads.")
    host: str = _setting("AFINA_HOST", "127.0.0.1", "Address to listen on; 0.0.0.0 lets the room's phones in.")
    port: int = _setting("AFINA_PORT", 7860, "Port to listen on.")
    public_url: str = _setting(
        "AFINA_PUBLIC_URL", "", "Address that people open (https://…) where a proxy or container has its own."
    )
    folders: str = _setting(
        "AFINA_FOLDERS",
        "",
        "Folders of this machine, separated as in PATH, whose files and models the teacher may name where others can "
        "reach the app; on a machine that listens to itself alone they may name any.",
    )
    languages: str = _setting(
        "AFINA_LANGUAGES",
        "",
        "Folder with further languages: in it `common/locales/` and `ui/locales/`, as in the code.",
    )
    max_upload_mb: int = _setting("AFINA_MAX_UPLOAD_MB", 200, "Largest upload, in MB.")
    open_chat: bool = _setting("AFINA_OPEN_CHAT", True, "Whether people without the teacher's link may chat.")

    zero_gpu: bool = _setting("SPACES_ZERO_GPU", False, "Set by the platform on a ZeroGPU Space.")

    gpu_slice: int = _setting(
        "AFINA_GPU_SLICE", 60, "ZeroGPU: most seconds of a visitor's quota that are asked for at once."
    )

    accelerate_config: str = _setting(
        "AFINA_ACCELERATE_CONFIG", "", "accelerate's config file: several processes train a run together."
    )
    teachers: str = _setting(
        "AFINA_TEACHERS",
        "",
        "Hub user names, with commas, who are teachers on a Space with sign-in, besides its owner.",
    )
    chat_messages: int = _setting(
        "AFINA_CHAT_MESSAGES",
        20,
        "Messages a minute that a person who is not the teacher may send in the chat.",
    )
    chat_tokens: int = _setting(
        "AFINA_CHAT_TOKENS", 6000, "Tokens a minute that such a person may ask for, all columns together."
    )
    chat_queue: int = _setting(
        "AFINA_CHAT_QUEUE", 64, "Replies written for such people at once; who comes then is asked to wait."
    )
    vote_requests: int = _setting("AFINA_VOTE_REQUESTS", 600, "Requests a minute that one annotator's phone may make.")
    backup: str = _setting(
        "AFINA_BACKUP",
        "",
        "Where votes and finished adapters are copied: a folder on another disk (/data/afina), or OWNER/NAME of a "
        "private data set on the Hub.",
    )
    backup_seconds: int = _setting(
        "AFINA_BACKUP_SECONDS",
        0,
        "How long a vote may be on this machine's disk alone, in seconds; 0 is 2 for a folder and 30 for the Hub.",
    )
    backup_wait: bool = _setting(
        "AFINA_BACKUP_WAIT", False, "Whether a vote is answered only once it is in the backup (for a folder)."
    )
    stop_runs: bool = _setting(
        "AFINA_STOP_RUNS",
        False,
        "Whether a run is stopped and saved when the app ends; otherwise it goes on in its own process.",
    )
    log_json: bool = _setting("AFINA_LOG_JSON", False, "Whether logs are lines of JSON.")

    chat_url: str = _setting(
        "AFINA_CHAT_URL", "", "An OpenAI-compatible server (vLLM) that answers in chat and rounds."
    )
    chat_key: str = _setting("AFINA_CHAT_KEY", "", "The key of that server.")

    judge_url: str = _setting(
        "AFINA_JUDGE_URL",
        "",
        "The OpenAI-compatible service that judges; the key AFINA_JUDGE_KEY is sent there and nowhere else.",
    )

    job_flavor: str = _setting("AFINA_JOB_FLAVOR", "", "Hardware of the Hub (a10g-small, …): runs train there as jobs.")
    job_repo: str = _setting(
        "AFINA_JOB_REPO", "", "Private data set through which such runs travel; <user>/afina-runs if unset."
    )

    def __post_init__(self) -> None:
        if self.home is None:
            object.__setattr__(self, "home", default_home())
        if not 1 <= self.port <= 65535:
            raise AfinaError("settings.port", value=self.port)
        if self.teacher_token and (problem := token_problem(self.teacher_token)):
            raise AfinaError(problem, n=len(self.teacher_token), least=LEAST_TOKEN)
        if self.public_url:
            if not re.fullmatch(r"https?://[^/\s?#]+/*", self.public_url):
                raise AfinaError("settings.public_url", value=self.public_url)
            object.__setattr__(self, "public_url", self.public_url.rstrip("/"))
        if self.judge_url and not re.fullmatch(r"https?://[^/\s?#]+[^\s?#]*", self.judge_url):
            raise AfinaError("settings.judge_url", value=self.judge_url)
        if self.languages:
            try:
                languages.check(Path(self.languages).expanduser())
            except ValueError as reason:
                raise AfinaError("settings.languages", value=self.languages, reason=reason) from None
        for setting in fields(self):
            value = getattr(self, setting.name)
            least = 0 if setting.name == "backup_seconds" else 1
            if isinstance(setting.default, int) and not isinstance(value, bool) and value < least:
                raise AfinaError("settings.number", name=setting.metadata["env"], value=value)

    @property
    def personal(self) -> bool:
        """Whether only this computer's own user reaches the app: neither a Space nor a server nor a classroom."""
        return is_loopback(self.host) and not self.public_url and not os.environ.get("SPACE_ID")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Settings from `env` (default: the process environment).

        Raises: AfinaError `settings.number` for a value that is not of its setting's kind.
        """
        env = os.environ if env is None else env
        values: dict[str, object] = {}
        for setting in fields(cls):
            raw = env.get(setting.metadata["env"], "").strip()
            if raw:
                values[setting.name] = _parse(setting.metadata["env"], raw, setting.default)
        if env.get("SPACE_ID"):  # the platform's proxy comes from outside
            values.setdefault("host", "0.0.0.0")
        return cls(**values)  # type: ignore[arg-type]


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def token_problem(token: str) -> str:
    """The key of what is wrong with a teacher's token; empty where nothing is.

    Visible ASCII alone: it travels in a header (`Bearer …`) and in a link.
    """
    if len(token) < LEAST_TOKEN:
        return "settings.token_short"
    return "" if re.fullmatch(r"[!-~]+", token) else "settings.token_signs"


def table() -> str:
    """All settings as a Markdown table: what stands in docs/hosting.md."""
    rows = ["| Environment variable | Meaning | Default |", "|---|---|---|"]
    for setting in fields(Settings):
        env, default = setting.metadata["env"], setting.default
        shown = str(default).lower() if isinstance(default, bool) else str(default or "")
        shown = "the user's data directory" if env == "AFINA_HOME" else f"`{shown}`" if shown else ""
        rows.append(f"| `{env}` | {setting.metadata['help']} | {shown} |")
    return "\n".join(rows)


def default_home() -> Path:
    """The user's data directory for Afina, by the platform's convention."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "afina"


def _parse(name: str, raw: str, default: object) -> object:
    if isinstance(default, bool):
        if raw.lower() in ("1", "true", "yes", "on"):
            return True
        if raw.lower() in ("0", "false", "no", "off"):
            return False
        raise AfinaError("settings.number", name=name, value=raw)
    if isinstance(default, int):
        try:
            return int(raw)
        except ValueError:
            raise AfinaError("settings.number", name=name, value=raw) from None
    if default is None:
        return Path(raw).expanduser()
    return raw


if __name__ == "__main__":
    print(table())
