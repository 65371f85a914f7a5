"""Who is the teacher, and that nobody else is."""

import stat
import time

import pytest

from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from workbench.access import COOKIE, VISITOR_COOKIE, Roles
from workbench.actors import TEACHER, VISITOR
from workbench.rate_limits import TooMany

TOKEN = "s3cret-of-the-teacher"


@pytest.fixture
def roles(tmp_path) -> Roles:
    return Roles(Settings(home=tmp_path, teacher_token=TOKEN))


def session(roles: Roles) -> str:
    """The value of the teacher's cookie."""
    return roles.enter_cookie(https=False).split(";")[0].partition("=")[2]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, VISITOR),
        ({"authorization": f"Bearer {TOKEN}"}, TEACHER),
        ({"authorization": f"bearer {TOKEN}"}, TEACHER),
        ({"authorization": "Bearer wrong"}, VISITOR),
        ({"authorization": f"Basic {TOKEN}"}, VISITOR),
        ({"authorization": "Bearer "}, VISITOR),
        ({"cookie": f"{COOKIE}={{session}}"}, TEACHER),
        ({"cookie": f"other=1; {COOKIE}={{session}}; third"}, TEACHER),
        ({"cookie": f"{COOKIE}={TOKEN}"}, VISITOR),
        ({"cookie": f"{COOKIE}={{session}}x"}, VISITOR),
        ({"cookie": f"{COOKIE}=9{{session}}"}, VISITOR),
        ({"cookie": f"{COOKIE}="}, VISITOR),
        ({"cookie": f"{COOKIE}=."}, VISITOR),
        ({"cookie": f"{COOKIE}=..."}, VISITOR),
        ({"cookie": f"{COOKIE}=9999999999.x.€"}, VISITOR),
        ({"cookie": "broken;;=\x00"}, VISITOR),
        # A wrong token is not mended by a cookie: who sends one means it.
        ({"authorization": "Bearer wrong", "cookie": f"{COOKIE}={{session}}"}, VISITOR),
        ({"authorization": "Bearer {session}"}, VISITOR),
        ({"authorization": "Bearer ñ€"}, VISITOR),
    ],
)
def test_the_teacher_is_known_by_header_or_cookie(roles, headers, expected):
    sent = {name: value.replace("{session}", session(roles)) for name, value in headers.items()}
    assert roles.actor(sent) == expected


def test_the_cookie_holds_no_token_and_each_is_another(roles):
    assert TOKEN not in roles.enter_cookie(https=True)
    assert session(roles) != session(roles)


def test_a_session_ends_with_its_time_and_with_the_token(roles, tmp_path, monkeypatch):
    value = session(roles)
    headers = {"cookie": f"{COOKIE}={value}"}
    assert Roles(Settings(home=tmp_path, teacher_token=TOKEN)).actor(headers) == TEACHER  # after a restart
    assert Roles(Settings(home=tmp_path, teacher_token="the-next-token-of-hers")).actor(headers) == VISITOR
    assert Roles(Settings(home=tmp_path / "other", teacher_token=TOKEN)).actor(headers) == VISITOR
    later = time.time() + 7 * 24 * 3600 + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert roles.actor(headers) == VISITOR


def test_no_signature_of_another_kind_makes_a_session(roles):
    until = f"{int(time.time()) + 3600}.x"
    for label in ("visitor", "reply", "teacher"):
        signature = roles.keys.sign(label, until)
        assert roles.actor({"cookie": f"{COOKIE}={until}.{signature}"}) == VISITOR
    visitor = roles.visitor_cookie(False).split(";")[0].partition("=")[2]
    assert roles.actor({"cookie": f"{COOKIE}={visitor}"}) == VISITOR
    assert roles.actor({"cookie": f"{VISITOR_COOKIE}={session(roles)}"}).person == ""


def test_wrong_tokens_are_counted_and_the_right_one_is_let_in(roles):
    for _ in range(30):
        assert roles.check_token("bearer", "wrong") is False
    with pytest.raises(TooMany):
        roles.check_token("bearer", "wrong")
    assert roles.check_token("enter", "wrong") is False  # the other door
    assert roles.check_token("bearer", TOKEN) is True


def test_only_the_teacher_may(roles):
    roles.require_teacher(TEACHER)
    with pytest.raises(NotAllowed):
        roles.require_teacher(VISITOR)


def test_the_chat_is_open_or_the_teachers_alone(tmp_path):
    Roles(Settings(home=tmp_path, open_chat=True)).require_chat(VISITOR)
    closed = Roles(Settings(home=tmp_path, open_chat=False))
    closed.require_chat(TEACHER)
    with pytest.raises(NotAllowed):
        closed.require_chat(VISITOR)


def test_a_made_token_is_kept_and_readable_by_its_owner_alone(tmp_path):
    first, second = Roles(Settings(home=tmp_path)), Roles(Settings(home=tmp_path))
    assert len(first.token) >= 30
    assert first.token == second.token
    assert stat.S_IMODE((tmp_path / "teacher-token").stat().st_mode) == 0o600


def test_a_token_in_the_home_folder_is_as_long_as_any(tmp_path):
    (tmp_path / "teacher-token").write_text("short\n")
    with pytest.raises(AfinaError) as caught:
        Roles(Settings(home=tmp_path))
    assert str(tmp_path / "teacher-token") in str(caught.value)
    (tmp_path / "teacher-token").write_text("\n")
    assert len(Roles(Settings(home=tmp_path)).token) >= 30


@pytest.mark.parametrize(
    "token", ["short", "fifteen-letters", "with a space in it", "señal-de-la-maestra", "tab\tin-the-middle!"]
)
def test_tokens_that_are_guessed_or_that_no_link_carries_are_refused(token):
    with pytest.raises(AfinaError):
        Settings.from_env({"AFINA_TEACHER_TOKEN": token})


def test_the_cookie_works_in_an_iframe_on_https_and_scripts_cannot_read_it(roles):
    assert "SameSite=None; Secure; Partitioned" in roles.enter_cookie(https=True)
    assert "Secure" not in roles.enter_cookie(https=False)
    assert "HttpOnly" in roles.enter_cookie(https=False)
