"""Who is the teacher, and that nobody else is."""

import stat

import pytest

from common.errors import NotAllowed
from common.settings import Settings
from workbench.roles import COOKIE, TEACHER, VISITOR, Roles


@pytest.fixture
def roles(tmp_path) -> Roles:
    return Roles(Settings(home=tmp_path, teacher_token="s3cret"))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, VISITOR),
        ({"authorization": "Bearer s3cret"}, TEACHER),
        ({"authorization": "bearer s3cret"}, TEACHER),
        ({"authorization": "Bearer wrong"}, VISITOR),
        ({"authorization": "Basic s3cret"}, VISITOR),
        ({"authorization": "Bearer "}, VISITOR),
        ({"cookie": f"{COOKIE}=s3cret"}, TEACHER),
        ({"cookie": f"{COOKIE}=s3cre"}, VISITOR),
        ({"cookie": f"{COOKIE}="}, VISITOR),
        ({"cookie": "broken;;=\x00"}, VISITOR),
        # A wrong token is not mended by a cookie: who sends one means it.
        ({"authorization": "Bearer wrong", "cookie": f"{COOKIE}=s3cret"}, VISITOR),
        ({"authorization": "Bearer ñ€"}, VISITOR),
    ],
)
def test_the_teacher_is_known_by_header_or_cookie(roles, headers, expected):
    assert roles.actor(headers) == expected


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


def test_the_cookie_works_in_an_iframe_on_https_and_scripts_cannot_read_it(roles):
    assert "SameSite=None; Secure; Partitioned" in roles.enter_cookie(https=True)
    assert "Secure" not in roles.enter_cookie(https=False)
    assert "HttpOnly" in roles.enter_cookie(https=False)
