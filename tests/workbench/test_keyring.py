"""The installation's own key: random, kept, shared by those who must share it, and of no use against the token."""

import hashlib
import hmac
import stat
import subprocess
import sys

from sqlalchemy import select

from common.settings import Settings
from labeling.storage import outbox, tables
from labeling.storage.label_store import connect
from tests import ROOT
from tests.labeling.conftest import database, postgresql  # noqa: F401
from workbench.keyring import Keyring, keyring


def test_a_signature_holds_for_its_label_its_text_and_its_key_alone():
    keys, other = Keyring(b"k" * 32), Keyring(b"o" * 32)
    signature = keys.sign("reply", "text ñ \ud800")
    assert keys.verify("reply", "text ñ \ud800", signature)
    for label, payload, given in [
        ("visitor", "text ñ \ud800", signature),
        ("reply", "text", signature),
        ("reply", "text ñ \ud800", signature[:-1]),
        ("reply", "text ñ \ud800", ""),
        ("reply", "text ñ \ud800", "€"),
        ("reply", "text ñ \ud800", other.sign("reply", "text ñ \ud800")),
    ]:
        assert not keys.verify(label, payload, given)


def test_the_key_is_kept_in_the_home_folder_for_its_owner_alone(tmp_path):
    first = keyring(Settings(home=tmp_path)).sign("visitor", "7")
    assert keyring(Settings(home=tmp_path, teacher_token="another" * 3)).sign("visitor", "7") == first
    path = tmp_path / "secret-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keyring(Settings(home=tmp_path / "other")).sign("visitor", "7") != first


def test_a_file_without_a_key_is_made_anew(tmp_path):
    for broken in (b"", b"abc\n", b"\xff\xfe\x00", b"0" * 63):
        (tmp_path / "secret-key").write_bytes(broken)
        made = keyring(Settings(home=tmp_path)).sign("visitor", "7")
        assert keyring(Settings(home=tmp_path)).sign("visitor", "7") == made
        assert len((tmp_path / "secret-key").read_text().strip()) == 64


def test_apps_that_start_together_have_one_key(tmp_path):
    script = (
        "from pathlib import Path; from common.settings import Settings; from workbench.access import Roles\n"
        f"roles = Roles(Settings(home=Path({str(tmp_path)!r})))\n"
        "print(roles.keys.sign('visitor', '7'), roles.token)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert len({process.communicate(timeout=120)[0] for process in started}) == 1


def test_apps_on_one_database_have_one_key_and_no_backup_holds_it(database, tmp_path):  # noqa: F811
    stores = [connect(database) for _ in range(2)]
    given = [
        keyring(Settings(home=tmp_path / str(i), database_url=database), store).sign("visitor", "7")
        for i, store in enumerate(stores)
    ]
    assert given[0] == given[1]
    assert not list(tmp_path.rglob("secret-key"))
    outbox.install(stores[0], "somewhere")
    with stores[0].read() as connection:
        assert connection.execute(select(tables.installation.c.name)).scalars().all() == ["secret-key"]
    assert not [change for change in outbox.collect(stores[0]).changes if change.table == "installation"]
    for store in stores:
        store.close()


def test_no_cookie_helps_to_guess_the_token(tmp_path):
    """What a visitor holds is the same, whatever the token is: there is nothing to try guesses on."""
    from workbench.access import Roles

    token = "maestra2024-abcdef"
    roles = Roles(Settings(home=tmp_path, teacher_token=token))
    cookie = roles.visitor_cookie(False).split(";")[0].partition("=")[2]
    number, _, signature = cookie.partition(".")
    old = hmac.new(hashlib.sha256(b"afina visitor " + token.encode()).digest(), number.encode(), hashlib.sha256)
    assert old.hexdigest()[:24] != signature
    other = Roles(Settings(home=tmp_path, teacher_token="another-token-of-hers"))
    assert other.actor({"cookie": f"afina_visitor={cookie}"}).person == number
