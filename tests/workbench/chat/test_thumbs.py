"""Who may rate which reply: only what this installation wrote, whole, for that very person, and within limits."""

import pytest

from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import ratings
from tests.standin.engine import StandInEngine
from tuning.inference.reply_engine import Partial
from workbench import services as services_module
from workbench.actors import TEACHER, Actor
from workbench.chat import reply_seals
from workbench.keyring import Keyring
from workbench.rate_limits import TooMany

ONE, OTHER = Actor("visitor", "one"), Actor("visitor", "other")
TURNS = [{"role": "user", "content": "Why?"}]


class Engine(StandInEngine):
    """Ends every column as it is told to."""

    def __init__(self):
        super().__init__()
        self.ends = [Partial("Because.", 2, 0.1, True, "end")]

    def stream(self, policies, conversations, sampling, should_stop=lambda: False):
        yield [Partial("Bec", 1, 0.1) for _ in policies]
        yield self.ends


@pytest.fixture
def services(tmp_path):
    made = services_module.build(Settings(home=tmp_path, chat_messages=500))
    made.engine = made.comparing._engine = Engine()
    yield made
    made.labels.close()


def written(services, who=ONE, message="Why?", history=(), system=""):
    *_, (last,) = services.comparing.chat(who, ["pocket"], [list(history)], message, system)
    return last


def state(services):
    return [(each.completion, each.policy, each.value) for each in ratings.counting(services.labels)]


def test_a_reply_is_rated_by_the_policy_that_wrote_it_and_with_its_system_message(services):
    reply = written(services, system=" Be brief. ")
    assert services.thumbs.rate(ONE, reply.seal, TURNS, "Because.", True)
    (kept,) = ratings.counting(services.labels)
    assert (kept.policy, kept.completion, kept.value, kept.verified) == ("pocket", "Because.", 1, True)
    assert kept.prompt == ({"role": "system", "content": "Be brief."}, *TURNS)
    (person,) = annotators.listed(services.labels)
    assert person.kind == "rater"


def test_the_newest_wins_and_a_take_back_removes(services):
    seal = written(services).seal
    for good, after in ((True, [1]), (None, []), (False, [0]), (True, [1]), (None, []), (None, [])):
        services.thumbs.rate(ONE, seal, TURNS, "Because.", good)
        assert [value for *_, value in state(services)] == after
    assert len(annotators.listed(services.labels)) == 1


@pytest.mark.parametrize("forged", ["reply", "prompt", "policy", "person", "seal", "nothing", "garbage", "another key"])
def test_what_was_not_written_here_is_not_rated_and_leaves_nothing(services, forged):
    seal, turns, reply, who = written(services).seal, TURNS, "Because.", ONE
    if forged == "reply":
        reply = "Because!"
    elif forged == "prompt":
        turns = [{"role": "user", "content": "Why not?"}]
    elif forged == "policy":
        other = reply_seals.seal(Keyring(b"x" * 32), ONE.key, "other", TURNS, reply)
        seal = other.partition(".")[0] + seal[seal.index(".") :]
    elif forged == "person":
        who = OTHER
    elif forged == "seal":
        seal = seal[:-1] + ("A" if seal[-1] != "A" else "B")
    elif forged in ("nothing", "garbage"):
        seal = "" if forged == "nothing" else "[" * 5000 + ".x"
    else:
        seal = reply_seals.seal(Keyring(b"x" * 32), ONE.key, "pocket", TURNS, reply)
    for good in (True, False, None):
        with pytest.raises(NotAllowed) as caught:
            services.thumbs.rate(who, seal, turns, reply, good)
        assert caught.value.key == "rating.unsigned"
    assert state(services) == [] and annotators.listed(services.labels) == []


@pytest.mark.parametrize("seal", [None, 3, {}, "a.b", "W10.x", "é.x", "MQ.x", "x" * 400_000])
def test_a_seal_of_any_kind_is_refused_in_words(services, seal):
    with pytest.raises(NotAllowed):
        services.thumbs.rate(ONE, seal, TURNS, "Because.", True)


@pytest.mark.parametrize("reason", ["stopped", "failed", ""])
def test_a_reply_that_is_not_whole_carries_no_seal(services, reason):
    services.engine.ends = [Partial("Because", 2, 0.1, bool(reason), reason)]
    assert written(services).seal == ""
    services.engine.ends = [Partial("", 0, 0.1, True, "end")]
    assert written(services).seal == ""  # an empty one is none


def test_a_teacher_and_visitors_rate_apart(services):
    for who in (TEACHER, ONE, OTHER, Actor("visitor")):
        assert services.thumbs.rate(who, written(services, who).seal, TURNS, "Because.", True)
    assert len(state(services)) == 4
    with pytest.raises(NotAllowed):
        services.thumbs.rate(Actor("visitor"), written(services, TEACHER).seal, TURNS, "Because.", True)


def test_thumbs_of_one_person_are_bounded_and_cost_the_others_nothing(services):
    seal = written(services).seal
    with pytest.raises(TooMany) as caught:
        for i in range(200):
            services.thumbs.rate(ONE, seal, TURNS, "Because.", bool(i % 2))
    assert caught.value.key == "limit.ratings" and i == 40
    assert services.thumbs.rate(OTHER, written(services, OTHER).seal, TURNS, "Because.", True)


def test_long_conversations_use_the_bucket_up_sooner(services):
    long = [{"role": "user", "content": "x" * 190_000}, {"role": "assistant", "content": "y"}]
    seal = written(services, history=long).seal
    with pytest.raises(TooMany):
        for i in range(10):
            services.thumbs.rate(ONE, seal, [*long, *TURNS], "Because.", bool(i % 2))
    assert i == 2
    with pytest.raises(AfinaError) as caught:
        services.thumbs.rate(ONE, seal, [*long, *long, *TURNS], "Because.", True)
    assert caught.value.key == "limit.history"


@pytest.mark.slow
def test_ever_new_people_are_bounded_and_take_nothing_from_the_class(services):
    left = []
    for i in range(400):
        who = Actor("visitor", str(i))
        seal = reply_seals.seal(services.roles.keys, who.key, "pocket", TURNS, "Because.")
        try:
            services.thumbs.rate(who, seal, TURNS, "Because.", True)
        except TooMany:
            left.append(i)
    assert 60 <= len(left) <= 100  # the bucket fills a little meanwhile
    for _ in range(900):  # the class's own bucket is as full as it was
        services.roles.limits.join()


def test_where_the_chat_is_the_teachers_nobody_else_rates(tmp_path):
    services = services_module.build(Settings(home=tmp_path, open_chat=False))
    seal = reply_seals.seal(services.roles.keys, ONE.key, "pocket", TURNS, "Because.")
    with pytest.raises(NotAllowed) as caught:
        services.thumbs.rate(ONE, seal, TURNS, "Because.", True)
    assert caught.value.key == "role.chat"
    services.labels.close()
