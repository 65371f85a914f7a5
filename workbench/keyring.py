"""Signs with the installation's own random key: cookies, replies. Every use has a sub-key of its own.

The key has nothing to do with the teacher's token, so no signature helps to guess that. It is kept in AFINA_HOME
(`secret-key`, readable by its owner alone); apps on one DATABASE_URL share the one kept there. Who loses it loses no
data: the teacher opens the link again. Knows no cookies and no roles.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

from common.files import write_secret
from common.settings import Settings
from labeling.storage.installation import shared
from labeling.storage.label_store import Store

logger = logging.getLogger(__name__)
_BYTES = 32
_FILE = "secret-key"
_HEX = re.compile(rf"[0-9a-f]{{{2 * _BYTES}}}")


class Keyring:
    """`key`: 32 random bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, label: str, payload: str) -> str:
        """The signature of `payload` for the use named `label`; letters, digits, - and _ alone."""
        sub_key = hmac.digest(self._key, b"afina " + label.encode(), hashlib.sha256)
        signature = hmac.digest(sub_key, payload.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return urlsafe_b64encode(signature).rstrip(b"=").decode()

    def verify(self, label: str, payload: str, signature: str) -> bool:
        """Whether `signature` is what `sign` gave for the same label and payload. Compares in constant time."""
        right = self.sign(label, payload).encode()
        return hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), right)


def keyring(settings: Settings, labels: Store | None = None) -> Keyring:
    """The installation's: of the shared database where DATABASE_URL names one, else of the home folder."""
    if settings.database_url and labels is not None:
        return Keyring(bytes.fromhex(shared(labels, _FILE, secrets.token_hex(_BYTES))))
    return Keyring(bytes.fromhex(_kept(settings.home / _FILE)))


def _kept(path: Path) -> str:
    """The key in the home folder; a file that holds none is replaced."""
    key = write_secret(path, secrets.token_hex(_BYTES) + "\n").strip()
    if not _HEX.fullmatch(key):
        logger.warning("%s held no key and is made anew: people open the teacher's link again", path.name)
        path.unlink(missing_ok=True)
        key = write_secret(path, secrets.token_hex(_BYTES) + "\n").strip()
    path.chmod(0o600)
    return key
