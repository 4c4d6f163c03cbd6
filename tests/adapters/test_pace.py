"""The pace: a session by itself never waits, and twenty workers stay below AWS's limit."""

import contextlib
import json
from collections import deque
from typing import Any

from chalicelib.adapters.identity_center import Pace, reading_client
from tests.adapters.server import answering, saying


class Time:
    def __init__(self) -> None:
        self.now = 1e9

    def seconds(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


def test_a_session_by_itself_never_waits():
    time = Time()
    pace = Pace(1.0, seconds=time.seconds, sleep=time.sleep)
    for _ in range(7):
        pace.wait()
    assert time.now == 1e9


def test_twenty_workers_make_no_more_than_twenty_calls_a_second():
    calls: deque[float] = deque()
    times = [Time() for _ in range(20)]
    paces = [Pace(1.0, spare=0, seconds=each.seconds, sleep=each.sleep) for each in times]
    for _ in range(30):
        for each, pace in zip(times, paces, strict=True):
            pace.wait()
            calls.append(each.now)
    ordered = sorted(calls)
    assert all(
        later - sooner >= 0.999 for sooner, later in zip(ordered, ordered[20:], strict=False)
    )


def test_what_is_spare_is_earned_again():
    time = Time()
    pace = Pace(1.0, seconds=time.seconds, sleep=time.sleep)
    for _ in range(20):
        pace.wait()
    time.now += 60
    before = time.now
    for _ in range(6):
        pace.wait()
    assert time.now == before


def test_who_is_refused_slows_down_for_a_while():
    time = Time()
    pace = Pace(10.0, spare=0, seconds=time.seconds, sleep=time.sleep)
    pace.wait()
    for _ in range(3):
        pace.slow_down()
    began = time.now
    for _ in range(10):
        pace.wait()
    assert time.now - began > 1.4
    time.now += 30
    began = time.now
    for _ in range(10):
        pace.wait()
    assert time.now - began < 1.1


def test_a_clock_set_back_holds_up_nobody():
    time = Time()
    pace = Pace(1.0, spare=0, seconds=time.seconds, sleep=time.sleep)
    pace.wait()
    time.now -= 1e6
    before = time.now
    pace.wait()
    assert time.now - before <= 1.0


def test_a_client_keeps_the_pace_and_hears_that_it_was_too_fast(session: Any):
    class Noted(Pace):
        waits = slowed = 0

        def wait(self, **_: Any) -> None:
            self.waits += 1

        def slow_down(self) -> None:
            self.slowed += 1

    said = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()
    noted = Noted(1.0)
    with answering(saying(400, said)) as server:
        client = noted.hold(reading_client(_At(session, server.url)))
        with contextlib.suppress(client.exceptions.ThrottlingException):
            client.list_instances()
    assert noted.waits == noted.slowed == len(server.seen) == 3


class _At:
    """The session, with its clients at another address."""

    def __init__(self, session: Any, url: str) -> None:
        self._session, self._url = session, url

    def client(self, service: str, **settings: Any) -> Any:
        return self._session.client(service, endpoint_url=self._url, **settings)
