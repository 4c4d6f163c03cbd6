"""Every mail, as text and as HTML: it says what is needed, does no harm, and reads on a phone."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain import text
from chalicelib.domain.machine import State
from chalicelib.words import links, mails
from tests.page.browser import browser, programs
from tests.support import reported as report
from tests.support.letters import Letter
from tests.support.mailed import KNOWN, LATE, THREAD, Mail, every
from tests.support.stories import HOUR, NOON, active, revoking, settling
from tests.trail.records import ACCOUNT, event, portal, session_of, sso_role

ID = re.compile(r"bg-[0-9a-f]{24}")
HOSTILE = (
    "<script>alert(1)</script>",
    "</pre></title></style><img src=https://evil.example/x>",
    "Ann\r\nBcc: eve@example.com\u2028x",
    "x" * 2_000,
    "\u202eecila\u2066\u200b\x1b[2J\x00",
    "{{ 7 * 7 }}{% raw %}",
    "\ud800half",
)


@pytest.mark.parametrize("kind", [kind for kind, _ in every()])
def test_a_subject_is_one_short_line_with_the_person_and_no_id(kind: str) -> None:
    for changes in [{}, *({"name": said, "account_name": said, "why": said} for said in HOSTILE)]:
        subject, body, html = dict(every(**changes))[kind]
        assert 0 < len(subject) <= 180
        assert text.clean(subject) == subject
        assert not ID.search(subject)
        assert Letter(html).wrong == []
        for words in (body, html):
            words.encode()
            assert text.lines(words) == words
    person = "Ana Silva" if kind == "report" else "2 people" if kind == "found" else "Alice Ames"
    assert person in dict(every())[kind][0]


@pytest.mark.parametrize("said", HOSTILE)
def test_whatever_anybody_is_called_nothing_of_it_acts(said: str) -> None:
    fields = ("name", "email", "why", "account_name", "permission_set", "last_error", "extended_by",
              "principal_id", "region", "slack_team", "card_ts")  # fmt: skip
    hostile: dict[str, Any] = dict.fromkeys(fields, said) | {"extended": 1}
    nameless = hostile | {"account_name": "", "account_id": said}
    for kind, (_, body, html) in (*every(**hostile), *every(**nameless)):
        letter = Letter(html)
        assert letter.wrong == [], kind
        assert text.lines(body) == body, kind
        assert "Bcc:" not in [line[:4] for line in body.splitlines()], kind
        assert max(map(len, body.splitlines())) < 1_500, kind
        assert not any("evil.example" in link for link in letter.links), kind
        assert len(letter.links) == (2 if kind == "report" else 0), "CloudTrail alone: no thread"


def test_the_command_copied_from_the_html_is_the_one_in_the_text() -> None:
    found = 0
    for said in (KNOWN["region"], *HOSTILE):
        for kind, (_, body, html) in every(principal_id=said, region=said):
            if kind in ("alarm", "found"):
                for box in Letter(html).boxes:
                    assert box in body.splitlines()
                    assert " --region " in box
                    found += 1
    assert found == 3 * (len(HOSTILE) + 1)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("alarm", "ACTION NEEDED: Alice Ames may still have EmergencyAdmin on Production"),
        ("alarm of a report", "Report delayed: The report of Alice Ames on Production is late"),
        ("resolved", "Closed after all: Alice Ames no longer has EmergencyAdmin on Production"),
        ("taken back", "Taken back: Alice Ames had EmergencyAdmin on Production without a session"),
        ("used", "Access given: Alice Ames has EmergencyAdmin on Production"),
    ],
)
def test_the_text_begins_with_what_kind_of_mail_it_is(kind: str, says: str) -> None:
    _, body, _ = dict(every())[kind]
    assert body.splitlines()[0] == says


def test_an_alarm_says_who_has_what_since_when_how_late_what_is_wrong_and_what_to_do() -> None:
    subject, body, html = dict(every())["alarm"]
    assert subject == (
        "ACTION NEEDED: Alice Ames may still have EmergencyAdmin on Production, 2 min late"
    )
    for words in (body, Letter(html).text):
        for said in (
            "Alice Ames, alice@example.com",
            "Production (111122223333)",
            "2026-11-22 12:00 UTC",
            "It should have ended at 13:00 UTC and is 2 min late.",
            "AWS is still busy with another change of this access (Identity Center: Conflict",
            "INC-4711: orders are stuck",
            "aws sso-admin delete-account-assignment --instance-arn ",
            "--principal-id alice-id --region eu-west-1",
            "Session bg-",
        ):
            assert said in words
    assert Letter(html).links == [
        "https://app.slack.com/client/T0EXAMPLE/C0INCIDENT/thread/C0INCIDENT-1763800000.000100"
    ]


def test_the_longest_names_leave_room_for_how_late_it_is() -> None:
    long = dict.fromkeys(("name", "permission_set", "account_name"), "x" * 500)
    subject, *_ = mails.alarm_mail(revoking(**long), LATE + timedelta(hours=40))
    assert subject.endswith(", 40 h 02 min late")


def test_no_command_is_given_for_what_stays() -> None:
    for kind in ("alarm of what stood before", "alarm of a report", "stood before", "used"):
        _, body, html = dict(every())[kind]
        assert "aws sso-admin" not in body
        assert Letter(html).boxes == []


def test_who_gave_no_reason_is_said_to_have_given_none() -> None:
    for kind in ("alarm", "used", "report"):
        _, body, html = dict(every(why=""))[kind]
        assert "no reason given" in body
        assert "no reason given" in Letter(html).text


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("Identity Center: ThrottlingException: rate", "AWS takes no more requests"),
        ("Identity Center: AccessDeniedException: no", "is not allowed to do this"),
        ("Identity Center: ReadTimeoutError", "did not answer in time"),
        ("Identity Center: 503", "an error of its own"),
        ("something else", "something else\n"),
    ],
)
def test_what_went_wrong_is_said_in_plain_words_and_in_its_own(error: str, says: str) -> None:
    _, body, _ = mails.alarm_mail(revoking(last_error=error), LATE)
    assert says in body
    assert error in body


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(-5, "0 s"), (40, "40 s"), (132, "2 min"), (3_900, "1 h 05 min"), (260_000, "3 days")],
)
def test_how_late_it_is_nobody_has_to_convert(seconds: int, says: str) -> None:
    now = NOON + HOUR + timedelta(seconds=seconds)
    assert mails.alarm_mail(revoking(), now)[0].endswith(f", {says} late")


@pytest.mark.parametrize(
    "changes",
    [{"slack_team": ""}, {"channel": ""}, {"card_ts": ""}, {"card_ts": "1/../../evil"}],
)
def test_there_is_no_link_to_a_thread_that_is_not_known(changes: dict[str, Any]) -> None:
    assert links.thread(active(**(THREAD | changes))) == []


def test_the_event_history_is_that_of_the_region_and_the_time() -> None:
    regions = ["evil.example/?", "us-gov-west-1", "cn-north-1", "eu-west-1", "us-east-1"]
    found = [address for _, address in links.event_history(regions, NOON, NOON + HOUR)]
    assert [address.split("/")[2] for address in found] == [
        "us-gov-west-1.console.amazonaws-us-gov.com",
        "cn-north-1.console.amazonaws.cn",
        "eu-west-1.console.aws.amazon.com",
    ]
    time = "StartTime=2026-11-22T11:55:00.000Z&EndTime=2026-11-22T13:05:00.000Z"
    assert found[2].endswith(f"/cloudtrailv2/home?region=eu-west-1#/events?{time}")


# The report ---------------------------------------------------------------------------------------


def reported(*records: Any, **changes: Any) -> Mail:
    return report.to_mail(report.build(session_of(**changes), records))[:3]


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({}, "1 call, nothing changed"),
        ({"readOnly": False, "eventName": "CreateUser"}, "1 change"),
        ({"readOnly": False, "errorCode": "AccessDenied"}, "1 refused"),
        ({"eventName": "GetSecretValue", "eventSource": "secretsmanager.amazonaws.com"},
         "1 secret read"),
    ],
)  # fmt: skip
def test_the_subject_of_a_report_says_what_matters(facts: dict[str, Any], says: str) -> None:
    assert reported(event("ListUsers", "iam", sso_role(), **facts))[0].endswith(f": {says}")


def test_a_report_that_has_not_read_all_says_no_nothing() -> None:
    call = event("ListUsers", "iam", sso_role())
    for records, says in (([], "no call was found, but not all was read"), ([call], "1 call")):
        made = report.build(session_of(), records, truncated=True)
        assert report.to_mail(made)[0].endswith(f": {says}")
    never = report.build(session_of(granted_at=None), [])
    assert report.to_mail(never)[0].endswith(": access never came")


def test_the_facts_come_before_what_is_to_be_looked_at_and_the_rest_below() -> None:
    subject, body, html = dict(every())["report"]
    assert subject == "Ana Silva on abc-prod: 6 changes, 2 secrets read, 10 refused"
    said = (
        "BreakGlass · 2026-11-22 15:00–16:00 UTC · reason: INC-4711: orders are stuck",
        "68 calls",
        "look at these first",
        "open the thread",
        "who signed in from where",
        "203.0.113.7",
        "asked",
        "over time",
        "in the account",
    )
    for words in (body.lower(), Letter(html).text.lower()):
        places = [words.index(each.lower()) for each in said]
        assert places == sorted(places)


def test_each_address_is_named_with_what_its_events_tell() -> None:
    _, body, _ = reported(
        portal("Authenticate", minutes=1)
        | {"sourceIPAddress": "192.0.2.1", "userAgent": "Firefox"},
        event("ListUsers", "iam", sso_role(), 5, sourceIPAddress="192.0.2.1", userAgent="aws-cli"),
        event("ListRoles", "iam", sso_role(), 4, sourceIPAddress="192.0.2.9", userAgent="curl/8"),
    )
    assert re.search(r"192\.0\.2\.1: signed in, 1 call, first seen 15:01:\d\d, Firefox\n", body)
    assert re.search(r"192\.0\.2\.9: no sign-in seen, 1 call, first seen 15:0\d:\d\d, curl/8", body)


def test_more_addresses_than_a_mail_shows_are_counted() -> None:
    calls = [event("ListUsers", "iam", sso_role(), n, n=n, sourceIPAddress=f"192.0.2.{n}")
             for n in range(13)]  # fmt: skip
    _, body, html = reported(*calls)
    for words in (body, html):
        assert "and 3 more addresses; see the attached table." in words


def test_attachments_keep_the_ends_of_their_names() -> None:
    made = report.build(session_of(), [event("ListUsers", "iam", sso_role())])
    names = [name for name, *_ in report.to_mail(made)[3]]
    assert [name.endswith(end) for name, end in
            zip(names, ("-events.jsonl", "-events.csv"), strict=False)] == [True, True]  # fmt: skip
    assert ACCOUNT not in names[0]


# In a browser -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_mail_fits_a_phone_and_a_laptop_in_light_and_dark(
    width: int, dark: bool, tmp_path: Path
) -> None:
    programs()
    longest = {"name": "x" * 2_000, "last_error": "y" * 2_000, "why": "z" * 2_000}
    page = tmp_path / "mail.html"
    with browser("about:blank", width, 800, dark=dark) as window:
        for kind, (_, _, html) in (*every(**longest), *every()):
            page.write_text(html, encoding="utf-8")
            window.driver.get(page.as_uri())
            beyond, paper, ink = window.run(
                "const of = (css, what) => getComputedStyle(document.querySelector(css))[what];"
                "const {scrollWidth, clientWidth} = document.documentElement;"
                "return [scrollWidth - clientWidth,"
                " of('.card', 'backgroundColor'), of('h1', 'color')]"
            )
            assert beyond == 0, f"{kind} at {width} pixels"
            assert (light(paper) < light(ink)) is dark, kind
            assert window.axe() == [], kind


def light(colour: str) -> int:
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


def test_what_was_owed_until_access_was_over_does_not_say_that_it_is_open() -> None:
    subject, text, _ = mails.used(settling(email="alice@example.com", name="Alice Ames"), LATE)
    assert "Alice Ames had" in subject
    assert "It is closed. A report follows." in text
    assert "by itself" not in text


def test_a_mail_about_an_overdue_review_says_who_may_do_it_and_how() -> None:
    due = NOON + timedelta(days=5)
    owes = settling(state=State.REVIEWING, review_until=due, may_review="everyone")
    subject, text, _ = mails.unreviewed_mail(owes, due)
    assert subject.endswith("not reviewed, due 2026-11-27 12:00 UTC")
    assert f"python -m tools review {owes.id} --as-expected" in text
    assert f"python -m tools review {owes.id} --follow-up" in text
    assert "by everyone" in text
    assert "MAY STILL HAVE" not in text


@pytest.mark.parametrize(
    ("often", "says"),
    [(1, "extended by bob@example.com"), (3, "extended 3 times, last by bob@example.com")],
)
def test_a_mail_says_who_extended_it_and_how_often(often: int, says: str) -> None:
    for kind, (_, body, html) in every(extended=often, extended_by="bob@example.com"):
        if kind == "alarm":
            assert says in " ".join(body.split())
            assert says in html
