"""The soak's judge: each of its verdicts can fail, and a lag is counted as it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.words import messages
from simulator import company
from simulator.soak import kept as files
from simulator.soak import lags
from simulator.soak.drive import unfinished
from simulator.soak.evidence import Access, Evidence, Hand, Pressed, Window, covered
from simulator.soak.judge import VERDICTS, judge

ID, OTHER = "bg-one", "bg-two"
ALICE = company.person("alice")
ACCESS = Access(company.PRODUCTION, company.ADMIN.arn, ALICE.user.user_id)
STANDING = Access(company.STAGING, company.OPERATOR.arn, "steve")
BEGAN = 1_000_000.0
DUE = BEGAN + 60
COMMAND = f"aws sso-admin delete-account-assignment {' '.join(ACCESS)}"


# ---- the judge ----------------------------------------------------------------------------------


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def row(session_id: str = ID, asked: float = BEGAN, **changes: Any) -> dict[str, Any]:
    return {
        "id": session_id, "kind": "session", "state": "CLOSED", "glass": "admin",
        "slack_user": ALICE.slack_id, "email": ALICE.user.email, "permission_set": "EmergencyAdmin",
        **ACCESS._asdict(), "asked_at": at(asked), "allowed_at": at(asked + 0.5),
        "deadline": at(asked + 60), "ended_at": at(asked + 60.1), "ended_how": "expired",
        "gone_at": at(asked + 62),
    } | changes  # fmt: skip


def event(name: str, when: float, access: Access = ACCESS) -> dict[str, Any]:
    return {"at": when, "event": name, **access._asdict(), "principal_type": "USER"}


def told(when: float, text: str, **where: Any) -> dict[str, Any]:
    """By default to the person, as the answer to the press."""
    known = {"at": at(when), "via": "response_url", "path": "/response/1", "channel": None,
             "ts": f"{when:.6f}", "thread_ts": None, "text": text, "blocks": None}  # fmt: skip
    return known | where


def in_channel(when: float, text: str, **where: Any) -> dict[str, Any]:
    hangs = {"thread_ts": f"{BEGAN + 3:.6f}", "via": "chat.postMessage", "path": "/api",
             "channel": "C0"}  # fmt: skip
    return told(when, text, **(hangs | where))


def mail(when: float, subject: str, text: str = "…") -> dict[str, Any]:
    return {"at": at(when), "subject": subject, "text": text, "to": ["security@example.com"]}


def well() -> Evidence:
    """One session as it should be."""
    return Evidence(
        presses=[Pressed(ALICE.slack_id, "admin", BEGAN - 0.1, BEGAN + 0.2, 200, "/response/1")],
        rows=[row()],
        history=[event("appeared", BEGAN, STANDING), event("create asked", BEGAN + 1),
                 event("appeared", BEGAN + 2), event("delete asked", BEGAN + 60.5),
                 event("disappeared", BEGAN + 61.5)],
        messages=[
            told(BEGAN, messages.INCOMING),
            told(BEGAN + 2, "You are in: EmergencyAdmin"),
            in_channel(BEGAN + 3, "broke the glass", thread_ts=None, blocks=[f"session `{ID}`"]),
            told(BEGAN + 62, "Your access to “admin” is closed."),
            in_channel(BEGAN + 70, f"Report of `{ID}`: nothing was done"),
        ],
        mails=[mail(BEGAN + 69, "alice on production: not used", f"Report of session {ID}: alice")],
        standing=(STANDING,),
        until=BEGAN + 200,
    )  # fmt: skip


def late(seconds: float) -> Evidence:
    """The same, gone so late, with Identity Center down until then, and alarms as they must be."""
    seen, gone = well(), DUE + seconds
    seen.history[-1]["at"] = gone
    seen.rows = [row(gone_at=at(gone + 1))]
    seen.windows = [Window("identity center: error", DUE - 10, gone - 3, holds=True, outage=True)]
    alarm = (
        f"alice MAY STILL HAVE it. Tried 3 times; the last error: Identity Center: 500. {COMMAND}"
        f" Session {ID}"
    )
    seen.messages += [
        in_channel(DUE + 130, alarm),
        in_channel(gone + 2, "alice@example.com no longer has EmergencyAdmin, 130 seconds late."),
    ]
    seen.mails += [
        mail(DUE + 131, "ACTION NEEDED: alice still has it on production, 2 min late", alarm),
        mail(gone + 2, "alice on production: closed after all", f"Session {ID}"),
    ]
    return seen


def kept(evidence: Evidence) -> list[str]:
    return [promise for promise, found in judge(evidence).items() if not found]


@pytest.mark.parametrize("seen", [well, lambda: late(250)], ids=["on time", "late, and said"])
def test_what_went_well_is_found_well(seen: Callable[[], Evidence]) -> None:
    assert {name: found for name, found in judge(seen()).items() if found} == {}


def _stays(seen: Evidence) -> None:
    seen.history.pop()


def _stays_long_after_it_was_healed(seen: Evidence) -> None:
    seen.windows = [Window("identity center: error", DUE - 10, DUE + 20, holds=True)]
    seen.history[-1]["at"] = DUE + 210


def _comes_from_nowhere(seen: Evidence) -> None:
    bob = Access(*ACCESS[:2], company.person("bob").user.user_id)
    seen.history += [event("appeared", BEGAN + 5, bob), event("disappeared", BEGAN + 6, bob)]


def _goes_before_its_time(seen: Evidence) -> None:
    seen.history[-1]["at"] = DUE - 20


def _ends_unasked(seen: Evidence) -> None:
    seen.rows = [row(ended_at=at(DUE - 20), ended_how="lease gone")]


def _takes_what_stood(seen: Evidence) -> None:
    seen.history.append(event("disappeared", BEGAN + 80, STANDING))


def _is_stuck(seen: Evidence) -> None:
    seen.rows = [row(state="REPORTING")]


def _lost_its_row(seen: Evidence) -> None:
    seen.history.pop()
    seen.hands.append(Hand("row", ID, BEGAN + 30))


def _is_not_reported(seen: Evidence) -> None:
    seen.mails[0] = mail(BEGAN + 69, "alice: the report is 5 min late", f"Session {ID}")


def _is_late_and_nobody_is_told(seen: Evidence) -> None:
    _without(seen, COMMAND, "no longer has", "closed after all")


def _is_late_and_no_mail_says_so(seen: Evidence) -> None:
    seen.mails = seen.mails[:1]


def _is_late_and_the_alarm_comes_after_five_minutes(seen: Evidence) -> None:
    for each in (seen.messages[-2], seen.mails[-2]):
        each["at"] = at(DUE + 245)


def _alarms_too_soon(seen: Evidence) -> None:
    seen.messages.append(in_channel(DUE + 30, COMMAND))
    seen.messages.append(in_channel(DUE + 90, "no longer has"))


def _alarms_again_and_again(seen: Evidence) -> None:
    seen.messages.append(in_channel(DUE + 150, f"again {COMMAND}"))


def _is_closed_after_no_alarm(seen: Evidence) -> None:
    seen.mails.append(mail(DUE + 5, "alice: closed after all", f"Session {ID}"))


def _leaves_an_alarm_standing(seen: Evidence) -> None:
    seen.mails.pop()


def _names_slack_for_identity_center(seen: Evidence) -> None:
    seen.messages[-2]["text"] += "the last error: Slack: TimeoutError"


def _tells_the_person_of_slack(seen: Evidence) -> None:
    seen.messages.append(told(BEGAN + 5, "Access takes longer than usual (Slack: TimeoutError)"))


def _says_it_twice_to_the_person(seen: Evidence) -> None:
    seen.messages.append(told(BEGAN + 80, "Your access to “admin” is closed."))


def _says_it_twice_by_the_bot(seen: Evidence) -> None:
    for when in (BEGAN + 80, BEGAN + 90):
        text = "Your access to “admin” is closed."
        seen.messages.append(in_channel(when, text, channel=ALICE.slack_id, thread_ts=None))


def _reports_twice_in_other_words(seen: Evidence) -> None:
    seen.messages.append(in_channel(BEGAN + 80, f"Report of `{ID}`: something was done"))


def _mails_twice(seen: Evidence) -> None:
    text = seen.mails[0]["text"].partition(":")[0]
    seen.mails.append(mail(BEGAN + 90, "alice on production: 1 change", f"{text}: other words"))


def _never_came_though_it_did(seen: Evidence) -> None:
    seen.messages.append(told(BEGAN + 80, "Access to “admin” never came: AWS did not give it."))


def _never_came_says_the_bot(seen: Evidence) -> None:
    text = "Access to “admin” never came: AWS did not give it."
    where = {"channel": ALICE.slack_id, "thread_ts": None}
    seen.messages.append(in_channel(BEGAN + 80, text, **where))


def _is_not_answered(seen: Evidence) -> None:
    seen.messages = [each for each in seen.messages if "incoming" in each["text"]]


def _is_not_carried_out(seen: Evidence) -> None:
    seen.troubles.append("OSError()")


def _has_no_access(seen: Evidence) -> None:
    seen.history = seen.history[:1]


def _without(seen: Evidence, *words: str) -> None:
    seen.messages = [m for m in seen.messages if not any(word in m["text"] for word in words)]
    seen.mails = [
        m for m in seen.mails if not any(word in m["subject"] + m["text"] for word in words)
    ]


def overdue() -> Evidence:
    return late(250)


PLANTED: list[tuple[str, Callable[[], Evidence], Callable[[Evidence], None]]] = [
    ("nobody keeps access", well, _stays),
    ("nobody keeps access", well, _stays_long_after_it_was_healed),
    ("no access without a session", well, _comes_from_nowhere),
    ("no access is taken early", well, _goes_before_its_time),
    ("no session ends unasked", well, _ends_unasked),
    ("what stood before stays", well, _takes_what_stood),
    ("every session ends", well, _is_stuck),
    ("what no row explains is said", well, _lost_its_row),
    ("every session that had access is reported", well, _is_not_reported),
    ("who keeps access is spoken of", overdue, _is_late_and_nobody_is_told),
    ("who keeps access is spoken of", overdue, _is_late_and_no_mail_says_so),
    ("who keeps access is spoken of", overdue, _is_late_and_the_alarm_comes_after_five_minutes),
    ("no alarm is false", well, _alarms_too_soon),
    ("no alarm is false", overdue, _alarms_again_and_again),
    ("“closed after all” follows an alarm", well, _is_closed_after_no_alarm),
    ("“closed after all” follows an alarm", overdue, _leaves_an_alarm_standing),
    ("no reason is wrong", overdue, _names_slack_for_identity_center),
    ("no reason is wrong", well, _tells_the_person_of_slack),
    ("nothing is said twice", well, _says_it_twice_to_the_person),
    ("nothing is said twice", well, _says_it_twice_by_the_bot),
    ("nothing is said twice", well, _reports_twice_in_other_words),
    ("nothing is said twice", well, _mails_twice),
    ("“never came” is said of nothing that came", well, _never_came_though_it_did),
    ("“never came” is said of nothing that came", well, _never_came_says_the_bot),
    ("every press is answered", well, _is_not_answered),
    ("sessions had access", well, _has_no_access),
    ("the plan was carried out", well, _is_not_carried_out),
]


@pytest.mark.parametrize(
    ("promise", "begin", "plant"), PLANTED, ids=[each.__name__ for _, _, each in PLANTED]
)
def test_what_is_planted_is_found(
    promise: str, begin: Callable[[], Evidence], plant: Callable[[Evidence], None]
) -> None:
    seen = begin()
    plant(seen)
    assert promise not in kept(seen)


def test_every_verdict_can_fail() -> None:
    assert {promise for promise, _, _ in PLANTED} == set(VERDICTS)


# ---- what is no fault of anybody's --------------------------------------------------------------


def test_what_was_said_again_because_its_answer_was_lost_is_excused() -> None:
    seen = well()
    _says_it_twice_to_the_person(seen)
    lost = Window("slack: lost", BEGAN + 61, BEGAN + 63, carries="slack", unheard=True)
    seen.windows.append(lost)
    assert "nothing is said twice" in kept(seen)
    seen.windows = [replace(lost, start=BEGAN + 10, end=BEGAN + 20)]
    assert "nothing is said twice" not in kept(seen)


@pytest.mark.parametrize(("apart", "fine"), [(180, True), (20, False)])
def test_that_a_report_is_late_is_said_again_at_each_step(apart: int, fine: bool) -> None:
    seen = well()
    for when in (BEGAN, BEGAN + apart):
        seen.mails.append(mail(when, "alice: the report is late", f"Session {ID}"))
    assert ("nothing is said twice" in kept(seen)) is fine


def test_an_alarm_waits_for_the_way_by_which_it_is_to_come() -> None:
    seen = late(250)
    _without(seen, COMMAND, "no longer has", "closed after all")
    for way in ("slack", "mail"):
        seen.windows.append(Window(way, DUE, DUE + 240, carries=way))
    assert "who keeps access is spoken of" in kept(seen)


def test_a_later_session_of_the_same_access_has_its_own_stay() -> None:
    seen = well()
    seen.rows.append(row(OTHER, BEGAN + 100))
    seen.history += [event("appeared", BEGAN + 102), event("disappeared", BEGAN + 161)]
    first, second = seen.sessions
    assert [span.end for span in first.spans] == [BEGAN + 61.5]
    assert [span.start for span in second.spans] == [BEGAN + 102]


@pytest.mark.parametrize(
    ("left", "busy"),
    [
        ({"kind": "session", "state": "CLOSED"}, False),
        ({"kind": "session", "state": "ACTIVE"}, True),
        ({"kind": "session", "state": "DENIED", "look_at": at(DUE)}, True),
        ({"kind": "ask", "open": "ask"}, True),
        ({"kind": "ask", "outcome": "ended"}, False),
        ({"kind": "door", "open": "door"}, False),
    ],
)
def test_a_soak_waits_for_sessions_and_for_asks(left: dict[str, Any], busy: bool) -> None:
    assert unfinished(left) is busy


# ---- the lags -----------------------------------------------------------------------------------


def test_a_lag_counts_from_the_end_without_the_time_in_which_nothing_could_be_done() -> None:
    (lag,) = lags.lags(late(250))
    assert (lag.fault, lag.after_end, lag.healed) == ("identity center: error", 250, 3)
    assert lag.word == 130
    (line,) = lags.table([lag])
    assert (line.median, line.p95, line.standing, line.word) == (3, 3, 250, 130)
    assert "identity center: error" in lags.shown([line])


def test_a_lag_without_a_fault_is_one_of_nothing() -> None:
    (lag,) = lags.lags(well())
    assert (lag.fault, lag.healed, lag.word) == (lags.NOTHING, 1.5, None)


def test_what_was_done_besides_an_outage_is_no_fault_of_its_own() -> None:
    seen = late(250)
    seen.windows.append(Window("worker killed", DUE + 5, DUE + 6, breaks=True))
    assert [each.fault for each in lags.lags(seen)] == ["identity center: error + …"]
    seen.windows = seen.windows[1:]
    assert [each.fault for each in lags.lags(seen)] == ["worker killed"]


def test_a_row_that_an_operator_has_spoiled_is_no_outage() -> None:
    seen = late(250)
    session = seen.sessions[0].id
    seen.windows.append(Window("row spoiled", DUE - 5, DUE + 6, holds=True, session="another"))
    assert [line.fault for line in lags.total(lags.lags(seen))] == ["any"]
    seen.windows.append(Window("row spoiled", DUE - 5, DUE + 6, holds=True, session=session))
    assert [line.fault for line in lags.total(lags.lags(seen))] == [lags.BY_HAND]


def test_what_is_recorded_stands_beside_the_next_one(tmp_path: Any) -> None:
    record = tmp_path / "soak.json"
    lags.keep(lags.lags(late(250)), 7, 10, record)
    said = lags.shown(lags.table(lags.lags(late(260))), record)
    assert said.splitlines()[0].endswith("last")
    assert said.splitlines()[1].split()[-2:] == ["130.0", "3.0"]


def test_what_was_seen_can_be_judged_again(tmp_path: Any) -> None:
    seen = late(250)
    seen.hands.append(Hand("end", OTHER, BEGAN))
    files.write(seen, tmp_path / "seen.json")
    again = files.read(tmp_path / "seen.json")
    assert again == seen
    assert judge(again) == judge(seen)


def test_windows_that_overlap_are_counted_once() -> None:
    windows = [Window("a", 0, 10), Window("b", 5, 12), Window("c", 20, 30)]
    assert covered(windows, 2, 25) == 15
