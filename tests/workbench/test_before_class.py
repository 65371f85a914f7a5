"""Before class: each state is what is, with a remedy where something wants a look; the teacher's alone."""

import json
import time

import pytest

from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from tests import ROOT
from tests.standin.hub import Hub
from ui.before_class_panel import table
from workbench import services as services_module
from workbench.actors import TEACHER, VISITOR
from workbench.before_class import BeforeClass

TEXTS = json.loads((ROOT / "ui/locales/en/before.json").read_text(encoding="utf-8"))


@pytest.fixture
def look(tmp_path, monkeypatch):
    """name -> check, of an installation with these settings; its base model loads, or breaks with `broken`."""
    built = []

    def at(broken: Exception | None = None, addresses: tuple[str, ...] = (), **settings):
        services = services_module.build(Settings(home=tmp_path / f"home{len(built)}", **settings))
        built.append(services)

        def warm() -> None:
            if broken:
                raise broken

        monkeypatch.setattr(services.comparing, "warm", warm)
        checks = BeforeClass(services, lambda: list(addresses)).checks(TEACHER)
        for each in checks:
            assert each.text in TEXTS and f"before.name.{each.name}" in TEXTS
            assert each.ok or each.error or each.remedy in TEXTS
        for language in ("en", "es"):
            assert "{" not in table(checks, language)
        return {each.name: each for each in checks}, services

    yield at
    for services in built:
        services.labels.close()


def test_on_ones_own_machine(look):
    found, services = look()
    assert [name for name, each in found.items() if not each.ok] == ["address", "backup"]
    assert found["kept"].params["where"] == services.labels.path
    assert "sleep" not in found
    with pytest.raises(NotAllowed):
        BeforeClass(services, list).checks(VISITOR)


def test_a_space_without_backup_and_token_says_what_is_lost(look, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "owner/afina")
    found, _ = look(addresses=("https://owner-afina.hf.space",))
    assert {name for name, each in found.items() if not each.ok} == {"token", "backup", "sleep"}
    assert found["backup"].text == "before.backup_none_space" and found["kept"].text == "before.kept_space"
    assert "lost" in table(list(found.values()), "en")


def test_what_is_set_is_well(look, tmp_path):
    found, services = look(addresses=("http://10.0.0.2:7860",), teacher_token="t" * 16, backup=str(tmp_path / "copy"))
    assert all(each.ok for each in found.values())
    assert "Everything is fine" in table(list(found.values()), "en")
    services.doors.close(TEACHER, True)
    found, _ = look(open_chat=False, teacher_token="t" * 16)
    assert found["chat"].text == "before.chat_closed"


def test_what_is_broken_is_said(look, monkeypatch):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2**40, 2**40, 2**30))
    found, services = look(broken=AfinaError("models.unknown", name="x"))
    assert not found["model"].ok and found["model"].error and not found["disk"].ok
    assert not look(broken=OSError("weights"))[0]["model"].ok
    services.doors.close(TEACHER, True)
    monkeypatch.setattr(services.labels, "read", None)
    assert BeforeClass(services, list)._database().text == "before.database_failing"


def test_a_closed_door_wants_a_look(look):
    _, services = look()
    services.doors.close(TEACHER, True)
    assert not BeforeClass(services, list)._seats(TEACHER).ok
    services.doors.close(TEACHER, False)
    services.doors.set_seats(TEACHER, 30)
    assert BeforeClass(services, list)._seats(TEACHER).params == {"n": 30}


def test_a_duplicate_without_a_token_opens_at_once_and_says_what_to_set(look, monkeypatch):
    """It has the name of the author's data set and no token: 401 is answered, not waited for."""
    from huggingface_hub import constants

    server = Hub()
    try:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("SPACE_ID", "pupil/afina")
        begun = time.monotonic()
        found, services = look(backup="owner/afina-labels", hf_token="")
        assert time.monotonic() - begun < 30
    finally:
        server.close()
    assert services.backup is None and services.keeping is None
    said = table([found["backup"]], "en")
    assert "HF_TOKEN" in said and "owner/afina-labels" in said and "AFINA_BACKUP" in said
