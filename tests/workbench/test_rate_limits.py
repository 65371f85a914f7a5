"""One busy phone is stopped, the class is not."""

import pytest

from common.settings import Settings
from workbench.rate_limits import Bucket, Limits, TooMany


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_bucket_fills_evenly():
    clock = Clock()
    bucket = Bucket(60, 60, clock)
    assert [bucket.take("me") for _ in range(61)] == [0] * 60 + [1]
    assert bucket.take("you") == 0
    clock.now = 10
    assert [bucket.take("me") for _ in range(11)] == [0] * 10 + [1]
    assert bucket.take("me", 30) == 30
    clock.now = 1e6
    assert bucket.take("me", 1000) == 0  # more than it holds: when it is full
    assert bucket.take("me") == 1


@pytest.fixture
def limits(tmp_path):
    settings = Settings(home=tmp_path, chat_messages=3, chat_tokens=100, chat_queue=4, vote_requests=10)
    return Limits(settings, Clock())


def test_messages_and_tokens_are_counted_for_each_person(limits):
    for _ in range(3):
        limits.chat("me", 10)
    with pytest.raises(TooMany, match="At most 3 messages"):
        limits.chat("me", 10)
    limits.chat("you", 90)
    with pytest.raises(TooMany, match="At most 100 tokens"):
        limits.chat("you", 20)


def test_places_in_the_queue_are_given_back_whatever_happens(limits):
    with limits.writing("me", 3):
        with pytest.raises(TooMany, match="3 replies are already being written"), limits.writing("you", 2):
            pass
        with limits.writing("you", 1):
            pass
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), limits.writing("me", 4):
            raise ZeroDivisionError


def test_one_person_holds_an_eighth_of_the_places(tmp_path):
    limits = Limits(Settings(home=tmp_path, chat_queue=64), Clock())
    with limits.writing("me", 4), limits.writing("me", 4):
        with pytest.raises(TooMany, match="8 replies of yours"), limits.writing("me", 1):
            pass
        with limits.writing("you", 32):  # all at once, by who holds none
            with pytest.raises(TooMany), limits.writing("you", 1):
                pass
            with limits.writing("third", 8):
                pass
    with limits.writing("me", 8):
        pass


def test_ten_times_the_rate_is_refused_nine_times(limits):
    refused = 0
    for _ in range(100):
        try:
            limits.request("me")
        except TooMany:
            refused += 1
    assert refused == 90
    limits.request("you")
