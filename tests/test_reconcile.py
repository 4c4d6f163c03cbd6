"""Nobody keeps access unexplained, and rows that disagree are put right."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.machine import State
from chalicelib.ports import DoorTaken, Mail, Refused, Stale, Unavailable, Unreadable
from chalicelib.reconcile import (
    LOOK_AGAIN,
    Facts,
    Mend,
    Reconciler,
    Verdict,
    judge,
    taking_back,
    wrong_with,
)
from chalicelib.session import Access, Glass, Noted, PermissionSet, Person, Session
from tests.books import MemoryBooks
from tests.stories import NOON, SET, active, glass, requested, revoking, settling

ACCOUNT = "111122223333"
STEVE = Access(ACCOUNT, SET, "steve-id")
ALICE = active().access
ADMIN = PermissionSet(SET, "BreakGlassAdmin", timedelta(hours=1))
NOTED = Noted(access=STEVE, found_at=NOON, glass="prod")


@pytest.mark.parametrize(
    ("verdict", "facts"),
    [
        (Verdict.LIVE, Facts(True, None, None)),
        (Verdict.LIVE, Facts(True, NOTED, None)),
        (Verdict.FOUND, Facts(False, None, None)),
        (Verdict.STOOD, Facts(False, None, "bg-1")),
        (Verdict.SAID, Facts(False, NOTED, None)),
        (Verdict.FOUND, Facts(False, NOTED.with_(gone_at=NOON), None)),
        (Verdict.STANDING, Facts(False, NOTED.with_(standing=True, accepted_by="ann"), None)),
        (
            Verdict.STANDING,
            Facts(False, NOTED.with_(standing=True, accepted_by="ann", gone_at=NOON), None),
        ),
        (Verdict.STANDING, Facts(False, NOTED.with_(standing=True, session_id="bg-1"), None)),
        (
            Verdict.FOUND,
            Facts(False, NOTED.with_(standing=True, session_id="bg-1", gone_at=NOON), None),
        ),
    ],
)
def test_an_assignment_is_explained_by_a_live_session_or_as_standing_and_by_nothing_else(
    verdict: Verdict, facts: Facts
) -> None:
    assert judge(facts) is verdict


@dataclass
class Office:
    """Everything around one Reconciler, in memory."""

    glasses: Mapping[str, Glass] = field(default_factory=lambda: {"prod": glass()})
    revokes: bool = False
    books: MemoryBooks = field(default_factory=MemoryBooks)
    assigned: set[Access] = field(default_factory=set)
    sets: dict[str, PermissionSet] = field(default_factory=lambda: {"BreakGlassAdmin": ADMIN})
    deleted: set[str] = field(default_factory=set)
    posts: list[tuple[str, str]] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    time: datetime = NOON
    meanwhile: Any = None  # happens while it waits to look again
    slack: Exception | None = None
    ses: Exception | None = None
    center: dict[str, Exception] = field(default_factory=dict)  # by account

    def run(self) -> None:
        Reconciler(
            glasses=self.glasses,
            revokes=self.revokes,
            books=self.books,
            assignments=self,
            people=self,
            chat=self,  # type: ignore[arg-type]
            post=self,
            clock=self,
            journal=lambda level, what, /, **facts: self.lines.append((level, what)),
            wakeups=Queue(self.woken),
        ).run()

    def assignees(self, account_id: str, permission_set_arn: str) -> frozenset[str]:
        if account_id in self.center:
            raise self.center[account_id]
        return frozenset(
            each.principal_id
            for each in self.assigned
            if (each.account_id, each.permission_set_arn) == (account_id, permission_set_arn)
        )

    def permission_set(self, name_or_arn: str) -> PermissionSet | None:
        return self.sets.get(name_or_arn)

    def user(self, principal_id: str) -> Person | None:
        if principal_id in self.deleted:
            return None
        name = principal_id.removesuffix("-id")
        return Person(principal_id, name, name.title(), f"{name}@example.com")

    def post(self, channel: str, message: dict[str, Any], thread: str = "") -> str:
        if self.slack:
            raise self.slack
        self.posts.append((channel, message["text"]))
        return "1.0"

    def send(self, mail: Mail) -> None:
        if self.ses:
            raise self.ses
        self.mails.append(mail)

    def now(self) -> datetime:
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.time += duration
        if self.meanwhile:
            self.meanwhile()


@dataclass
class Queue:
    woken: list[str]

    def send(self, session_id: str, after: timedelta, at: datetime | None = None) -> None:
        self.woken.append(session_id)


@pytest.fixture
def office() -> Office:
    return Office()


def keep(office: Office, session: Session, *, door: bool = True, lease: bool = True) -> Session:
    """Puts a session's rows there as they stand while it is live."""
    office.books.sessions[session.id] = session
    if door:
        office.books.doors[session.access.key] = session.id
    if lease:
        office.books.leases[session.id] = 1
    return session


def test_what_no_session_explains_is_said_once_to_channel_and_by_mail(office: Office) -> None:
    office.assigned = {STEVE}
    office.run()
    ((channel, text),) = office.posts
    assert channel == "C0INCIDENT"
    (mail,) = office.mails
    assert mail.to == ("security@example.com",)
    for words in (text, mail.text):
        assert "steve@example.com" in words
        assert "Production (111122223333): BreakGlassAdmin" in words
        assert "aws sso-admin delete-account-assignment" in words
        assert "--principal-id steve-id" in words
    office.run()
    assert len(office.posts) == len(office.mails) == 1
    assert office.assigned == {STEVE}


def test_what_vanished_and_came_back_is_said_again(office: Office) -> None:
    office.assigned = {STEVE}
    office.run()
    office.assigned = set()
    office.run()
    office.run()
    assert len(office.mails) == 1
    office.assigned = {STEVE}
    office.run()
    office.run()
    assert len(office.posts) == len(office.mails) == 2


def test_what_could_not_be_said_is_said_in_the_next_run(office: Office) -> None:
    office.assigned = {STEVE}
    office.slack, office.ses = Unavailable("Slack: down"), Unavailable("SES: down")
    office.run()
    office.ses = None
    office.run()
    office.slack = None
    office.run()
    office.run()
    assert len(office.posts) == len(office.mails) == 1


def test_a_channel_that_is_gone_for_good_is_not_told_for_ever(office: Office) -> None:
    office.assigned = {STEVE}
    office.slack = Refused("Slack: channel_not_found", lasting=True)
    office.run()
    office.slack = None
    office.run()
    assert office.posts == []
    assert len(office.mails) == 1


def test_who_was_deleted_is_named_by_id_and_a_glass_without_channel_by_mail(
    office: Office,
) -> None:
    office.glasses = {"prod": glass(channel="", account_name="")}
    office.deleted, office.assigned = {"steve-id"}, {STEVE}
    office.run()
    (mail,) = office.mails
    assert "user steve-id" in mail.text
    assert office.posts == []


@pytest.mark.parametrize("revokes", [False, True])
def test_live_access_is_explained_and_left_alone(office: Office, revokes: bool) -> None:
    office.revokes = revokes
    session = keep(office, active())
    office.assigned = {session.access}
    office.run()
    assert (office.mails, office.woken) == ([], [])
    assert office.books.sessions == {session.id: session}


@pytest.mark.parametrize("revokes", [False, True])
def test_live_access_is_explained_though_its_door_was_deleted(
    office: Office, revokes: bool
) -> None:
    office.revokes = revokes
    session = keep(office, active(look_at=NOON), door=False)
    office.assigned = {session.access}
    office.run()
    assert office.mails == []
    assert office.books.doors == {session.access.key: session.id}
    assert list(office.books.sessions) == [session.id]


@pytest.mark.parametrize("revokes", [False, True])
def test_what_was_accepted_by_name_is_left_alone(office: Office, revokes: bool) -> None:
    office.revokes = revokes
    office.books.note(NOTED.with_(standing=True, accepted_by="ann"))
    office.assigned = {STEVE}
    office.run()
    office.assigned = set()
    office.run()
    office.assigned = {STEVE}
    office.run()
    assert (office.mails, office.books.sessions) == ([], {})
    known = office.books.noted(STEVE)
    assert known is not None
    assert known.gone_at is None


def test_what_a_session_saw_standing_is_remembered_until_it_goes(office: Office) -> None:
    office.assigned = {ALICE}
    office.books.sessions["bg-old"] = settling(id="bg-old", standing="yes", state=State.CLOSED)
    office.run()
    known = office.books.noted(ALICE)
    assert known is not None
    assert (known.standing, known.session_id) == (True, "bg-old")
    assert office.mails == []
    office.assigned = set()
    office.run()
    office.assigned = {ALICE}
    office.run()
    assert len(office.mails) == 1  # it went and came back: the old session explains it no more


def test_a_session_that_ends_while_we_look_is_no_finding(office: Office) -> None:
    office.assigned = {STEVE}
    office.meanwhile = office.assigned.clear
    office.run()
    assert office.mails == []
    assert office.time == NOON + LOOK_AGAIN


def test_a_session_that_begins_while_we_look_is_no_finding(office: Office) -> None:
    office.assigned = {ALICE}
    office.revokes = True
    office.meanwhile = lambda: keep(office, active())
    office.run()
    assert (office.mails, list(office.books.sessions)) == ([], [active().id])


def test_one_glass_in_trouble_holds_up_no_other(office: Office) -> None:
    office.glasses = {
        "away": glass(name="away", account_id="999999999999"),
        "unknown": glass(name="unknown", permission_set="Nonesuch"),
        "prod": glass(),
    }
    office.center = {"999999999999": Unavailable("IAM Identity Center: ThrottlingException")}
    office.assigned = {STEVE}
    office.run()
    assert len(office.mails) == 1
    assert [what for level, what in office.lines if level == "error"] == [
        "not reconciled",
        "The permission set “Nonesuch” of “unknown” does not exist.",
    ]


@pytest.mark.parametrize("revokes", [False, True])
def test_a_row_that_cannot_be_read_holds_up_no_other_assignment(
    office: Office, revokes: bool
) -> None:
    """It may be anybody's live access: what hangs on it is left alone, and the rest is not."""
    office.revokes = revokes
    session = keep(office, active(look_at=NOON))
    office.books.unreadable = {session.id}
    office.assigned = {session.access, STEVE}
    office.run()
    assert [mail.text.count("--principal-id steve-id") for mail in office.mails] == [1] * (
        not revokes
    )
    made = [each.access for each in office.books.sessions.values() if each.found]
    assert made == [STEVE] * revokes
    assert ("error", f"{session.id} is no session") in office.lines
    assert not any(what == "not reconciled" for _, what in office.lines)


def test_a_note_that_cannot_be_read_holds_up_no_other_assignment(office: Office) -> None:
    gone = replace(STEVE, principal_id="gone-id")
    real = office.books.noted

    def noted(access: Access) -> Noted | None:
        if access in (ALICE, gone):
            raise Unreadable(f"assignment/{access.key} says nothing")
        return real(access)

    for access in (ALICE, gone):
        office.books.note(NOTED.with_(access=access))
    office.books.noted = noted  # type: ignore[method-assign]
    office.assigned = {ALICE, STEVE}
    office.run()
    (mail,) = office.mails
    assert "steve-id" in mail.text
    assert ALICE.principal_id not in mail.text
    assert ("error", f"assignment/{gone.key} says nothing") in office.lines


def test_a_listing_that_fails_the_second_time_is_no_finding(office: Office) -> None:
    office.assigned = {STEVE}
    office.meanwhile = lambda: office.center.update({ACCOUNT: Unavailable("throttled")})
    office.run()
    assert office.mails == []
    assert ("error", "not reconciled") in office.lines


def test_many_glasses_are_waited_for_once(office: Office) -> None:
    sets = {f"Set{n}": replace(ADMIN, arn=f"{SET}{n}", name=f"Set{n}") for n in range(50)}
    office.sets = sets
    office.glasses = {name: glass(name=name, permission_set=name) for name in sets}
    office.assigned = {Access(ACCOUNT, each.arn, "steve-id") for each in sets.values()}
    office.run()
    assert len(office.mails) == 50
    assert office.time == NOON + LOOK_AGAIN


# ---- revoke ---------------------------------------------------------------------------------


def test_what_no_session_explains_is_taken_back_through_a_session_of_its_own(
    office: Office,
) -> None:
    office.revokes, office.assigned = True, {STEVE}
    office.run()
    (session,) = office.books.sessions.values()
    assert office.woken == [session.id]
    assert session.state is State.GRANTING
    assert session.found
    assert session.access == STEVE
    assert (session.glass, session.email) == ("prod", "steve@example.com")
    assert session.look_at == office.time
    assert office.books.doors == {STEVE.key: session.id}
    assert office.books.leases.keys() == {session.id}
    office.run()
    assert len(office.books.sessions) == 1  # it explains the assignment while it takes it back
    assert office.mails == []


def test_what_was_said_before_is_taken_back_once_that_is_asked_for(office: Office) -> None:
    office.assigned = {STEVE}
    office.run()
    office.revokes = True
    office.run()
    assert [each.access for each in office.books.sessions.values()] == [STEVE]


def test_what_was_found_is_not_explained_by_a_session_that_sees_it_before_it_is_taken_back(
    office: Office,
) -> None:
    """It was found behind a door whose session's row is gone, and the next press came first."""
    office.revokes, office.assigned = True, {ALICE}
    office.books.doors[ALICE.key] = "bg-missing"
    office.run()
    assert (office.books.doors, office.books.sessions) == ({}, {})
    closed = settling(id="bg-next", standing="yes", state=State.CLOSED, look_at=None)
    office.books.sessions[closed.id] = closed
    office.run()
    assert [each.access for each in office.books.sessions.values() if each.found] == [ALICE]
    assert office.mails == []


def test_what_was_found_and_is_a_sessions_own_by_now_is_said_to_be_nobodys_by_nobody(
    office: Office,
) -> None:
    office.revokes, office.assigned = True, {ALICE}
    office.run()
    office.books.sessions.clear()
    office.books.doors.clear()
    keep(office, active(look_at=NOON))
    office.revokes = False
    office.run()
    assert office.mails == []


def accept(office: Office) -> None:
    known = office.books.noted(STEVE)
    accepted = NOTED.with_(standing=True, accepted_by="ann")
    office.books.note(accepted.with_(version=known.version if known else 0))


@pytest.mark.parametrize("revokes", [False, True])
def test_what_is_accepted_between_the_look_and_the_note_stays_accepted(
    office: Office, revokes: bool
) -> None:
    office.revokes, office.assigned = revokes, {STEVE}
    real, calls = office.books.noted, []

    def noted(access: Access) -> Noted | None:
        calls.append(access)
        if len(calls) == 3:  # after two looks, before it is noted
            office.books.noted = real  # type: ignore[method-assign]
            accept(office)
        return real(access)

    office.books.noted = noted  # type: ignore[method-assign]
    office.run()
    known = office.books.noted(STEVE)
    assert known is not None
    assert known.accepted_by == "ann"
    assert (office.mails, office.books.sessions) == ([], {})


def test_who_is_accepted_or_presses_at_the_last_moment_wins(office: Office) -> None:
    office.revokes, office.assigned = True, {STEVE}
    office.meanwhile = lambda: office.books.doors.update({STEVE.key: "bg-not-there-yet"})
    office.run()
    assert office.books.sessions == {}

    session = taking_back(STEVE, glass(), ADMIN, None, NOON)
    office.books.doors[STEVE.key] = "bg-1"
    with pytest.raises(DoorTaken):
        office.books.take_over(session)
    office.books.doors.clear()
    accept(office)
    with pytest.raises(Stale):
        office.books.take_over(session)


# ---- rows -----------------------------------------------------------------------------------


def test_a_door_without_a_live_session_is_taken_away_and_said(office: Office) -> None:
    closed = keep(office, settling(look_at=NOON), lease=False)
    office.books.doors["444455556666/arn:aws:sso:::x/y/z"] = "bg-missing"
    office.books.doors["nonsense"] = "bg-1"
    office.run()
    assert office.books.doors == {"nonsense": "bg-1"}
    ((channel, text),) = office.posts
    assert channel == "C0INCIDENT"
    assert f"{Mend.DOOR}: {closed.access.key}" in text
    assert ("error", "a door whose id says nothing") in office.lines


def test_the_door_of_a_live_session_stays(office: Office) -> None:
    keep(office, revoking(look_at=NOON))
    office.run()
    assert office.books.doors == {ALICE.key: revoking().id}
    assert (office.posts, office.woken) == ([], [])


def test_a_door_that_names_a_session_of_another_access_is_taken_away(office: Office) -> None:
    session = keep(office, active(look_at=NOON))
    office.books.doors[STEVE.key] = session.id
    office.run()
    assert office.books.doors == {session.access.key: session.id}


def test_a_lease_without_a_live_session_is_taken_away_and_said(office: Office) -> None:
    keep(office, settling(look_at=NOON), door=False)
    office.books.leases["bg-missing"] = 1
    office.run()
    assert office.books.leases == {}
    ((_, text),) = office.posts
    assert f"{Mend.LEASE}: {settling().id}" in text
    said = {what for _, what in office.lines}
    assert f"{Mend.LEASE}: bg-missing" in said


def test_a_live_session_without_its_door_gets_it_back(office: Office) -> None:
    session = keep(office, active(look_at=NOON), door=False)
    office.run()
    assert office.books.doors == {session.access.key: session.id}
    ((_, text),) = office.posts
    assert f"{Mend.NO_DOOR}: {session.id}" in text


def test_a_live_session_that_nobody_would_look_at_is_looked_at(office: Office) -> None:
    session = keep(office, active(look_at=None))
    office.run()
    assert office.woken == [session.id]
    ((_, text),) = office.posts
    assert str(Mend.FORGOTTEN) in text


def test_what_is_wrong_with_a_live_session_is_named() -> None:
    session = active(look_at=NOON)
    late = NOON + timedelta(minutes=11)
    assert wrong_with(session, session.id, NOON) == ()
    assert wrong_with(session, "bg-other", NOON) == (Mend.OTHERS_DOOR,)
    assert wrong_with(session, None, late) == (Mend.NO_DOOR, Mend.FORGOTTEN)


def test_a_session_that_moves_on_while_it_is_mended_is_left_alone(office: Office) -> None:
    session = keep(office, active(look_at=NOON), door=False)
    real = office.books.read

    def read(session_id: str) -> tuple[Session | None, bool]:
        found, leased = real(session_id)
        if found is not None:
            office.books.sessions[session_id] = replace(found, version=found.version + 1)
        return found, leased

    office.books.read = read  # type: ignore[method-assign]
    office.run()
    assert session.access.key not in office.books.doors
    assert office.posts == []


def test_a_row_that_cannot_be_read_keeps_its_door_and_holds_up_nothing(office: Office) -> None:
    keep(office, active(look_at=NOON))
    office.books.unreadable = {active().id}
    office.books.leases["bg-missing"] = 1
    office.run()
    assert office.books.doors == {ALICE.key: active().id}
    assert office.books.leases.keys() == {active().id}
    assert ("error", f"{active().id} is no session") in office.lines


def test_a_table_that_does_not_answer_is_said_in_the_log_alone(office: Office) -> None:
    def away(*_: Any) -> Any:
        raise Unavailable("DynamoDB: down")

    office.assigned = {STEVE}
    for name in ("notes", "holder", "all_doors"):
        setattr(office.books, name, away)
    office.run()
    assert [what for _, what in office.lines] == [
        "not reconciled",
        "notes not read",
        "rows not compared",
    ]


def test_what_was_mended_is_in_the_log_where_slack_is_down(office: Office) -> None:
    office.slack = Unavailable("Slack: down")
    keep(office, settling(look_at=NOON), lease=False)
    office.run()
    assert ("warning", "not said") in office.lines
    assert any(str(Mend.DOOR) in what for _, what in office.lines)


def test_an_index_that_is_late_mends_nothing(office: Office) -> None:
    """It lists a door, a session and a note that have moved on by now."""
    keep(office, settling(look_at=NOON), door=False, lease=False)
    office.books.note(NOTED.with_(gone_at=NOON))
    for name, late in (
        ("all_doors", [(f"door/{ALICE.key}", ALICE)]),
        ("alive", [settling().id]),
        ("notes", [STEVE]),
    ):
        setattr(office.books, name, lambda late=late: late)
    office.run()
    assert (office.posts, office.woken) == ([], [])


def test_what_another_noted_meanwhile_stays_as_they_noted_it(office: Office) -> None:
    accepted = NOTED.with_(standing=True, accepted_by="ann")
    office.assigned = {STEVE}
    real = office.books.note

    def note(noted: Noted) -> None:
        office.books.note = real  # type: ignore[method-assign]
        real(accepted)
        real(noted)

    office.books.note = note  # type: ignore[method-assign]
    office.run()
    assert office.books.noted(STEVE) == accepted.with_(version=1)
    assert office.mails == []


def test_requested_sessions_are_no_business_of_ours(office: Office) -> None:
    keep(office, requested(), door=False, lease=False)
    office.run()
    assert (office.posts, office.woken) == ([], [])
