"""The pace: a session by itself never waits, and twenty workers stay below AWS's limit."""

import contextlib
import json
from typing import Any

from chalicelib.adapters.identity_center.calls import Pace, reading_client
from tests.adapters.server import answering, saying


class Time:
    def __init__(self) -> None:
        self.now = 1e9

    def seconds(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


def paced(rate: float) -> tuple[Time, Pace]:
    time = Time()
    return time, Pace(rate, seconds=time.seconds, sleep=time.sleep)


def calls(time: Time, pace: Pace, count: int) -> float:
    """The seconds that they took."""
    began = time.now
    for _ in range(count):
        pace.wait()
    return time.now - began


def test_nobody_waits_while_nobody_is_refused():
    assert calls(*paced(1.0), 1000) == 0


def test_from_a_refusal_on_twenty_workers_make_twenty_calls_a_second():
    asked: list[float] = []
    for time, pace in (paced(1.0) for _ in range(20)):
        pace.wait()
        pace.slow_down()
        for _ in range(30):
            pace.wait()
            asked.append(time.now)
    ordered = sorted(asked)
    assert all(
        later - sooner >= 0.999 for sooner, later in zip(ordered, ordered[20:], strict=False)
    )


def test_who_is_refused_again_slows_down_and_recovers():
    time, pace = paced(10.0)
    pace.wait()
    for _ in range(4):
        pace.slow_down()
    assert calls(time, pace, 10) > 1.4
    time.now += 30
    assert calls(time, pace, 10) < 1.1


def test_a_minute_after_the_last_refusal_all_is_as_before():
    time, pace = paced(1.0)
    pace.wait()
    pace.slow_down()
    assert calls(time, pace, 5) >= 5
    time.now += 60
    assert calls(time, pace, 100) == 0


def test_a_clock_set_back_holds_up_nobody():
    time, pace = paced(1.0)
    pace.wait()
    pace.slow_down()
    time.now -= 1e6
    assert calls(time, pace, 100) == 0


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
    assert noted.waits == noted.slowed == len(server.seen) == 2


class _At:
    """The session, with its clients at another address."""

    def __init__(self, session: Any, url: str) -> None:
        self._session, self._url = session, url

    def client(self, service: str, **settings: Any) -> Any:
        return self._session.client(service, endpoint_url=self._url, **settings)
