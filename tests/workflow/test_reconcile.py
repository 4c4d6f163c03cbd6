"""Nobody keeps access unexplained, and rows that disagree are put right."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.errors import Partly, Refused, Unavailable, Unreadable
from chalicelib.domain.machine import State
from chalicelib.domain.ports import Mail
from chalicelib.domain.session import Access, Noted, Session
from chalicelib.domain.verdict import Facts, Verdict, judge
from chalicelib.workflow.reconcile import LOOK_AGAIN
from tests.fakes.office import ACCOUNT, ADMIN, ALICE, NOTED, STEVE, Office, keep
from tests.support.stories import NOON, SET, active, glass, revoking, settling


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


@pytest.fixture
def office() -> Office:
    return Office()


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
        assert "python -m tools standing --stage prod accept " in words
    assert "--principal-id steve-id --region eu-west-1\n" in mail.text
    office.run()
    assert len(office.posts) == len(office.mails) == 1
    assert office.assigned == {STEVE}


def test_a_mail_of_what_was_found_goes_on_to_whom_it_has_not_reached(office: Office) -> None:
    office.assigned = {STEVE}
    reached, send = [], office.send

    def slow(mail: Mail) -> None:
        reached.append(mail.reached)
        if len(reached) < 3:
            raise Partly("SES: it takes long", len(reached) * 4)
        send(mail)

    office.send = slow  # type: ignore[method-assign]
    office.run()
    assert reached == [0, 4, 8]
    office.run()
    assert len(office.mails) == 1


def test_a_mail_that_gets_no_further_is_owed(office: Office) -> None:
    office.assigned, office.ses = {STEVE}, Partly("SES: it takes long", 0)
    office.run()
    office.ses = None
    office.run()
    assert len(office.mails) == 1


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
    assert office.asked_back() == []


@pytest.mark.parametrize("revokes", [False, True])
def test_live_access_is_explained_though_its_lock_was_deleted(
    office: Office, revokes: bool
) -> None:
    office.revokes = revokes
    session = keep(office, active(look_at=NOON), lock=False)
    office.assigned = {session.access}
    office.run()
    assert office.mails == []
    assert office.books.locks == {session.access.key: session.id}
    assert (list(office.books.sessions), office.asked_back()) == ([session.id], [])


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
    assert (office.mails, office.asked_back()) == ([], [])
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
    assert (office.mails, office.asked_back()) == ([], [])


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
    assert [line for line in office.lines if line[0] != "info"] == [
        ("warning", "not reconciled"),
        ("error", "The permission set “Nonesuch” of “unknown” does not exist."),
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
    assert office.asked_back() == [STEVE] * revokes
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
    assert ("warning", "not reconciled") in office.lines


def test_many_glasses_are_waited_for_once(office: Office) -> None:
    sets = {f"Set{n}": replace(ADMIN, arn=f"{SET}{n}", name=f"Set{n}") for n in range(50)}
    office.sets = sets
    office.glasses = {name: glass(name=name, permission_set=name) for name in sets}
    office.assigned = {Access(ACCOUNT, each.arn, "steve-id") for each in sets.values()}
    office.run()
    assert len(office.mails) == 50
    assert office.time == NOON + LOOK_AGAIN


# ---- revoke ---------------------------------------------------------------------------------


def test_what_no_session_explains_is_asked_to_be_taken_back_and_nothing_else_is_written(
    office: Office,
) -> None:
    office.revokes, office.assigned = True, {STEVE}
    office.run()
    assert office.asked_back() == [STEVE]
    ((row_id, ask),) = office.books.asks.items()
    assert row_id.startswith("ask/found-")
    assert isinstance(ask, Session)
    assert (ask.glass, ask.asked_at, ask.version) == ("prod", office.time, 0)
    assert office.woken == [row_id]
    assert (office.books.sessions, office.books.locks, office.books.leases) == ({}, {}, {})
    assert office.mails == []


def test_the_workers_side_takes_back_what_was_asked_through_a_session_of_its_own(
    office: Office,
) -> None:
    office.revokes, office.assigned = True, {STEVE}
    office.run()
    world = office.decide()
    (session,) = office.books.sessions.values()
    assert (session.found, session.access, session.email) == (True, STEVE, "steve@example.com")
    assert office.books.asks == {}
    world.until(session, "CLOSED")
    assert office.assigned == set()
    assert "create" not in world.asked


def test_while_it_is_taken_back_it_is_not_asked_for_again(office: Office) -> None:
    office.revokes, office.assigned = True, {STEVE}
    office.run()
    ((row_id, ask),) = office.books.asks.items()
    assert isinstance(ask, Session)
    del office.books.asks[row_id]
    keep(office, revoking(id=ask.id, principal_id="steve-id", shape="found", look_at=NOON))
    office.run()
    assert office.asked_back() == [], "its session explains it"


def test_it_is_asked_for_again_in_an_hour_should_nobody_have_heard(office: Office) -> None:
    office.revokes, office.assigned = True, {STEVE}
    office.queue = Unavailable("SQS: down")
    office.run()
    assert office.asked_back() == [STEVE], "the stream and the sweep see the ask as well"
    assert ("warning", "no wake-up") in office.lines
    office.time += timedelta(hours=1)
    office.run()
    assert office.asked_back() == [STEVE, STEVE]
    office.decide()
    assert len(office.books.sessions) == 1, "the second one finds the lock taken"
    assert office.books.asks == {}


def test_what_was_said_before_is_taken_back_once_that_is_asked_for(office: Office) -> None:
    office.assigned = {STEVE}
    office.run()
    office.revokes = True
    office.run()
    assert office.asked_back() == [STEVE]


def test_what_was_found_is_not_explained_by_a_session_that_sees_it_before_it_is_taken_back(
    office: Office,
) -> None:
    """It was found behind a lock whose session's row is gone, and the next press came first."""
    office.revokes, office.assigned = True, {ALICE}
    office.books.locks[ALICE.key] = "bg-missing"
    office.run()
    assert (office.books.locks, office.books.sessions) == ({}, {})
    closed = settling(id="bg-next", standing="yes", state=State.CLOSED, look_at=None)
    office.books.sessions[closed.id] = closed
    office.books.asks.clear()
    office.run()
    assert office.asked_back() == [ALICE]
    office.decide()
    assert [each.access for each in office.books.sessions.values() if each.found] == [ALICE]
    assert office.mails == []


def test_what_was_found_and_is_a_sessions_own_by_now_is_said_to_be_nobodys_by_nobody(
    office: Office,
) -> None:
    office.revokes, office.assigned = True, {ALICE}
    office.run()
    keep(office, active(look_at=NOON))
    office.revokes = False
    office.run()
    assert office.mails == []
    office.decide()
    assert list(office.books.sessions) == [active().id]
    assert (office.assigned, office.books.asks) == ({ALICE}, {})


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
    office.decide()
    assert (office.mails, office.books.sessions) == ([], {})
    assert (office.assigned, office.books.asks) == ({STEVE}, {})


@pytest.mark.parametrize("what", ["accepted", "pressed"])
def test_who_is_accepted_or_presses_after_it_was_asked_for_wins(office: Office, what: str) -> None:
    office.revokes, office.assigned = True, {STEVE}
    office.run()
    if what == "accepted":
        accept(office)
    else:
        office.books.locks[STEVE.key] = "bg-not-there-yet"
    world = office.decide()
    assert (office.books.sessions, office.books.asks) == ({}, {})
    assert (office.assigned, "delete" in world.asked) == ({STEVE}, False)
