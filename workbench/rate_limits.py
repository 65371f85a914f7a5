"""How much one person may ask for: messages and tokens a minute, requests a minute, replies at once.

Buckets that fill evenly: a whole minute's worth may be used at once, then it comes back bit by bit. People are known
by what the caller says; addresses are never asked for, because a whole class shares one. So who comes under ever new
names is bounded only together with all others, by the replies that are written at once: that costs the others their
chat for as long, never their votes.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from common.errors import AfinaError
from common.settings import Settings

_PEOPLE = 20_000  # remembered at once; who was quiet for longest is forgotten, with a full bucket
_LONGEST_MESSAGE = 8_000  # characters
_LONGEST_TALK = 200_000  # characters of a column's history and the system message
_SHARE = 8  # of the places for replies, an eighth is one person's
_JOINS = 3_000  # people who may join at once: ten large classes
_JOINS_A_MINUTE = 600
_WRONG_TOKENS = 30  # a minute by each door, whoever sends them; the right one is never counted
_JOINS_OF_A_DEVICE = 6  # in an hour: who has lost their pass, and the next one at a shared computer
_HOUR = 3600.0
_CODES_OF_A_DEVICE = 20  # wrong ones in ten minutes; then the device waits, whatever it sends
_CODES = 300  # wrong ones of all in a minute; the right one is never refused for them
_RATINGS = 40  # thumbs that one person gives, changes or takes back in a minute
_RATED = 400_000  # characters of the rated conversations: of one person in a minute
_RATED_BY_ALL = 4_000_000  # and of all people
_RATERS = 300  # people whose first thumb comes at once; then as many in five minutes


class TooMany(AfinaError):
    """More was asked for than is allowed in this minute."""

    status = 429


class Bucket:
    """`most` at once for each key, filled again within `seconds`."""

    def __init__(self, most: float, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self._rate, self._clock = most, most / seconds, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> (left, when)
        self._lock = threading.Lock()

    def take(self, key: str, amount: float = 1) -> int:
        """Takes `amount` out: 0, or if there is not enough how many seconds to wait (and nothing is taken).

        More than a full bucket holds is given when the bucket is full.
        """
        amount = min(amount, self.most)
        with self._lock:
            now = self._clock()
            left, at = self._left.get(key, (self.most, now))
            left = min(self.most, left + (now - at) * self._rate)
            enough = left >= amount - 1e-9
            self._left[key] = (left - amount if enough else left, now)
            self._left.move_to_end(key)
            if len(self._left) > _PEOPLE:
                self._left.popitem(last=False)
            return 0 if enough else max(1, math.ceil((amount - left) / self._rate))

    def give_back(self, key: str, amount: float = 1) -> None:
        """Undoes a `take`."""
        with self._lock:
            left, at = self._left.get(key, (self.most, self._clock()))
            self._left[key] = (min(self.most, left + amount), at)

    def wait(self, key: str) -> int:
        """How many seconds until `take(key)` is given; takes nothing."""
        with self._lock:
            left, at = self._left.get(key, (self.most, self._clock()))
            left = min(self.most, left + (self._clock() - at) * self._rate)
            return 0 if left >= 1 - 1e-9 else max(1, math.ceil((1 - left) / self._rate))

    def forget(self) -> None:
        """Fills every bucket."""
        with self._lock:
            self._left.clear()


class Limits:
    """Protects the class from one busy phone. The teacher is never limited."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._messages = Bucket(settings.chat_messages, clock=clock)
        self._tokens = Bucket(settings.chat_tokens, clock=clock)
        self._requests = Bucket(settings.vote_requests, clock=clock)
        self._joins = Bucket(_JOINS, 60.0 * _JOINS / _JOINS_A_MINUTE, clock)
        self._wrong = Bucket(_WRONG_TOKENS, clock=clock)
        self._joins_of = Bucket(_JOINS_OF_A_DEVICE, _HOUR, clock)
        self._codes, self._codes_of = Bucket(_CODES, 60.0, clock), Bucket(_CODES_OF_A_DEVICE, 600.0, clock)
        self._ratings = Bucket(_RATINGS, clock=clock)
        self._rated = Bucket(_RATED, clock=clock)
        self._rated_by_all = Bucket(_RATED_BY_ALL, clock=clock)
        self._raters = Bucket(_RATERS, 300.0, clock)
        self._most = settings.chat_queue
        self._writing: Counter[str] = Counter()  # person -> replies
        self._lock = threading.Lock()

    def chat(self, person: str, tokens: int, messages: int = 1) -> None:
        """Counts messages of `person` and the tokens asked for. Raises: TooMany `limit.messages`, `limit.tokens`."""
        if messages and (seconds := self._messages.take(person, messages)):
            raise TooMany("limit.messages", most=int(self._messages.most), seconds=seconds)
        if seconds := self._tokens.take(person, tokens):
            raise TooMany("limit.tokens", most=int(self._tokens.most), seconds=seconds)

    @contextmanager
    def writing(self, person: str, replies: int) -> Iterator[None]:
        """Holds places for replies while they are written.

        Raises: TooMany `limit.own` where this person's are taken, `limit.queue` where none is free.
        """
        with self._lock:
            own, all_of_them = self._writing[person], self._writing.total()
            if own and own + replies > max(1, self._most // _SHARE):
                raise TooMany("limit.own", n=own)
            if all_of_them + replies > max(self._most, replies):
                raise TooMany("limit.queue", n=all_of_them)
            self._writing[person] += replies
        try:
            yield
        finally:
            with self._lock:
                self._writing[person] -= replies
                if not self._writing[person]:
                    del self._writing[person]

    def request(self, token: str) -> None:
        """Counts a request of an annotator's phone. Raises: TooMany `limit.requests`."""
        if seconds := self._requests.take(token):
            raise TooMany("limit.requests", seconds=seconds)

    def rating(self, person: str, characters: int) -> None:
        """Counts a thumb given, changed or taken back, and what is stored with it. Raises: TooMany `limit.ratings`."""
        seconds = self._ratings.take(person) or self._rated.take(person, characters)
        if seconds := seconds or self._rated_by_all.take("", characters):
            raise TooMany("limit.ratings", seconds=seconds)

    def rater(self) -> None:
        """Counts somebody's first thumb, apart from the class's joins. Raises: TooMany `limit.ratings`."""
        if seconds := self._raters.take(""):
            raise TooMany("limit.ratings", seconds=seconds)

    def join(self, device: str | None = None) -> None:
        """Counts somebody who joins, by their device ("" for all without a cookie, who share a bucket).

        Raises: TooMany `limit.device`, `limit.join`.
        """
        if device and (seconds := self._joins_of.take(device)):
            raise TooMany("limit.device", n=_JOINS_OF_A_DEVICE, seconds=seconds)
        if seconds := self._joins.take("cookie" if device else ""):
            raise TooMany("limit.join", seconds=seconds)

    def not_joined(self, device: str) -> None:
        """Whoever was counted had no seat: their device may try again."""
        if device:
            self._joins_of.give_back(device)

    def wrong_token(self, door: str) -> None:
        """Counts a wrong teacher's token that came by `door`. Raises: TooMany `limit.tokens_wrong`."""
        if seconds := self._wrong.take(door):
            raise TooMany("limit.tokens_wrong", seconds=seconds)

    def wrong_code(self, device: str) -> None:
        """Counts a wrong room code. Raises: TooMany `limit.codes`."""
        of_device = self._codes_of.take(device) if device else 0
        if seconds := of_device or self._codes.take(""):
            raise TooMany("limit.codes", seconds=seconds)

    def guesser(self, device: str) -> None:
        """Refuses a device that has tried too many wrong codes, even the right one. Raises: TooMany `limit.codes`."""
        if device and (seconds := self._codes_of.wait(device)):
            raise TooMany("limit.codes", seconds=seconds)

    def open(self) -> None:
        """Forgets who has joined and guessed how often: the teacher lets everybody try again."""
        for bucket in (self._joins, self._joins_of, self._codes, self._codes_of):
            bucket.forget()


def require_length(
    message: str, opening: Sequence[Mapping[str, str]] = (), *histories: Sequence[Mapping[str, str]]
) -> None:
    """Bounds what a model is given to read. Raises: AfinaError `chat.long`, `limit.history`."""
    if len(message) > _LONGEST_MESSAGE:
        raise AfinaError("chat.long", n=len(message), most=_LONGEST_MESSAGE)
    said = _length(opening) + max((_length(each) for each in histories), default=0)
    if said > _LONGEST_TALK:
        raise AfinaError("limit.history", n=said, most=_LONGEST_TALK)


def _length(turns: Sequence[Mapping[str, str]]) -> int:
    return sum(len(turn["content"]) for turn in turns)
