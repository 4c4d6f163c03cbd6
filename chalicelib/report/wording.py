"""The words of a report: its sentence, what to bear in mind, the facts, its lines."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chalicelib.domain.ask import Ask, Kind
from chalicelib.domain.session import Session, from_iso
from chalicelib.domain.text import clean as plain
from chalicelib.judge.judgement import NAMES_NOTHING
from chalicelib.report.made import Line, Report
from chalicelib.report.notable import Worth
from chalicelib.report.whence import Origin
from chalicelib.words.messages import NO_REASON

SENSITIVE = "secret read"  # as the rules call it
TOLD = 5  # lines in Slack
LONGEST = 400  # signs of one


def told(report: Report) -> tuple[str, ...]:
    """What is said in Slack, as plain text: the sentence, what may be wrong, the worthiest."""
    return (sentence(report), *loud(report), *worthiest(report))


def worthiest(report: Report) -> tuple[str, ...]:
    """The lines that a reader should see first, as plain text: the heaviest, of differing kinds."""
    lines = report.worth
    first: dict[str, int] = {}
    for index, worth in enumerate(lines):
        first.setdefault(worth.why.rpartition(": ")[2], index)
    chosen = [*first.values()][:TOLD]
    chosen += [index for index in range(len(lines)) if index not in chosen][: TOLD - len(chosen)]
    return tuple(plain(worth_words(lines[index]), LONGEST) for index in sorted(chosen))


def sentence(report: Report) -> str:
    """What was done, in one sentence."""
    totals = report.totals
    calls = totals.calls
    aside = f" ({number(totals.portal, 'event')} in the access portal)" if totals.portal else ""
    if not calls and report.session.granted_at is None and not report.missing:
        return f"Access never came{aside}."
    if not calls and not report.whole:
        return f"No call in the account was found, but the trail may not show all{aside}."
    if not calls:
        return f"Access was not used: no call was made in the account{aside}."
    parts = [
        number(calls, "call"),
        number(totals.changes, "change"),
        number(secrets, "secret read", "secrets read") if (secrets := _secrets(report)) else "",
        f"{totals.refused:,} refused",
    ]
    if failed := totals.failed - totals.refused:
        parts.append(f"{failed:,} failed")
    if totals.by_service:
        parts.append(f"{totals.by_service:,} by services on their behalf")
    if totals.hops:
        parts.append(f"{totals.hops:,} through roles or keys that were taken on")
    if totals.addresses:
        more = "more than " if totals.addresses_at_least else ""
        parts.append(f"from {more}{number(totals.addresses, 'address', 'addresses')}")
    if totals.regions:
        parts.append("in " + listed([plain(region, 30) for region in totals.regions], 4))
    return ", ".join(filter(None, parts)) + "."


def subject(report: Report) -> str:
    """Who was where, and what matters of what they did: as much as a phone shows."""
    who, session = plain(person(report.session), 60), report.session
    where = plain(session.account_name or session.account_id, 60)
    final = ", final report" if report.final else ""
    return f"{who} on {where}{final}: {_gist(report)}"


def _gist(report: Report) -> str:
    totals = report.totals
    if not totals.calls:
        if report.session.granted_at is None and not report.missing:
            return "access never came"
        return "not used" if report.whole else "no call was found, but not all was read"
    secrets = _secrets(report)
    parts = [
        number(totals.changes, "change") if totals.changes else "",
        number(secrets, "secret read", "secrets read") if secrets else "",
        f"{totals.refused:,} refused" if totals.refused else "",
    ]
    if not any(parts):
        return number(totals.calls, "call") + (", nothing changed" if report.whole else "")
    return ", ".join(filter(None, parts))


def _secrets(report: Report) -> int:
    return sum(worth.count for worth in report.worth if worth.why == SENSITIVE)


def line_of_facts(report: Report) -> str:
    """What was held, from when to when, and why: in one line."""
    session = report.session
    parts = [session.permission_set, _held(session), f"reason: {session.why}"]
    if not session.why:
        parts[-1] = NO_REASON
    return " · ".join(plain(part, 300) for part in parts if part)


def _held(session: Session) -> str:
    start, end = session.granted_at, session.gone_at or session.over_since
    if start is None or end is None:
        return clock(session.asked_at)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M}–{until} UTC"


def origin_words(origin: Origin, report: Report) -> str:
    """What an address's events tell of it."""
    parts = [
        "signed in" if origin.signed_in else "no sign-in seen",
        number(origin.calls, "call"),
        f"first seen {clock(origin.first, report)}" if origin.first else "",
        plain(origin.agent, 120),
    ]
    return ", ".join(filter(None, parts))


def loud(report: Report) -> list[str]:
    """What may make the report untrue, and what it does not have: said first."""
    said = list(report.missing)
    if report.silent:
        said.append(
            "We saw no events from anyone in this account in that time: is the trail delivering?"
        )
    if report.truncated:
        said.append("There were more events than the search gives; some may be missing here.")
    if report.rules_trouble:
        said.append(
            "Rules of glasses.toml could not be used, and events were judged without them: "
            f"{plain(report.rules_trouble, 300)}."
        )
    if cut := report.totals.cut:
        said.append(
            f"{number(cut, 'record')} came without request or answer, which were too large for "
            "CloudTrail: what was done there cannot be told. They are attached as they came."
        )
    if late := report.totals.late:
        said.append(f"{number(late, 'record')} came late, as CloudTrail says; more may follow.")
    if unread := report.unread.count:
        said.append(
            f"{number(unread, 'record')} of the trail could not be read "
            f"({span(report.unread.first, report.unread.last, report)}); as the log has them: "
            f"{len(report.unread.kept):,} attached."
        )
    return said + cut_notes(report)


def cut_notes(report: Report) -> list[str]:
    """What to say where the attachments do not hold all events."""
    records = sum(bool(event.record) for event in report.events)
    return [
        f"Of {report.count:,} events the attached {kind} holds {kept:,}, changes, refusals and "
        "what is worth a look first: a mail takes no more."
        for kind, kept in (("file of records", records), ("table", len(report.events)))
        if kept < report.count
    ]


def cautions(report: Report) -> list[str]:
    """What to bear in mind."""
    session, sifted = report.session, report.sifted
    said: list[str] = []
    if session.stands:
        said.append(
            "This person had the same access before the session, and keeps it: "
            "Break Glass neither gave it nor took it away."
        )
    if session.granted_at is None and report.totals.calls:
        said.append("Access was not seen to come, and yet there are calls: it may have half-come.")
    if unjudged := sifted.unjudged - report.unread.count:
        said.append(
            f"{number(unjudged, 'record')} of the trail could not be judged: "
            "too little stands in them to say whose they are."
        )
    said += _other_sessions(report)
    if timeless := report.totals.timeless:
        said.append(f"{number(timeless, 'event')} came without a time.")
    if not report.new_is_exact:
        said.append(
            "What is marked as new is not certain: "
            "not all events of the first report were found again."
        )
    if report.narrow:
        said.append(
            "The organisation has many accounts. Read were the trail of this one, of where people "
            "sign in, and of roles that were seen to be taken on; what was done by switching roles "
            "in the console into another account is not here."
        )
    came = session.granted_at is not None or bool(report.totals.calls)
    if came and (until := session.credentials_until) and session.tail:
        if not report.final:
            said.append(
                f"Credentials handed out during the session may live until {clock(until)} at the "
                "latest: where nobody else holds the permission set on the account, its role was "
                "removed with the access. A final report follows only if more comes to light."
            )
        else:
            said.append(f"Credentials of the session lived until {clock(until)} at the latest.")
    if any(line.via for line in report.account):
        said.append(
            "Roles and access keys that were taken on live on by their own rules, and what is "
            "done with them after the credentials' end is not in this report."
        )
    said.append(
        "CloudTrail delivers within minutes as a rule, without a promise. Reading and writing data "
        "(S3 objects, table items, messages) is recorded only where the trail is set to."
    )
    return said


def _other_sessions(report: Report) -> list[str]:
    """Where another session of the same person with the same access was open meanwhile."""
    said = []
    if count := report.sifted.earlier:
        said.append(
            "An earlier session of this person with the same access overlaps with this one: "
            f"{number(count, 'call')} with credentials issued before this access came "
            "are left to its report."
        )
    if count := report.sifted.later:
        said.append(
            "A later session of this person with the same access overlaps with this one: "
            f"{number(count, 'call')} with credentials issued after this access was gone "
            "are left to its report. Should there be no such session, look at them at once."
        )
    return said


def facts(report: Report) -> list[tuple[str, str]]:
    """The report's table of the session: label and value, as plain text; the empty left out."""
    session = report.session
    lived = session.tail and session.granted_at
    slack = " ".join(filter(None, (session.slack_user_name, f"({session.slack_user})")))
    by = f" by {slack} in Slack" if session.slack_user else ""
    facts = [
        ("Who", ", ".join(filter(None, (session.name, session.email)))),
        ("Signs in as", session.user_name),
        ("Account", account(session)),
        ("Permission set", session.permission_set),
        ("Glass", session.glass),
        ("Reason", session.why or NO_REASON),
        ("No access", session.reason),
        ("Asked", f"{clock(session.asked_at)}{by}"),
        ("Granted", clock(session.granted_at) or "never"),
        ("Deadline", clock(session.deadline)),
        ("Extended", _extended(session)),
        ("Ended", _ended(session)),
        *(("Asked in vain", _in_vain(each)) for each in report.asked),
        ("Revoked", _revoked(session)),
        ("Credentials until", f"{clock(session.credentials_until)} at the latest" if lived else ""),
        (
            "Would suffice",
            f"{report.used.line()}; attached as a policy" if report.used.actions else "",
        ),
        ("Session", session.id),
    ]
    return [(label, plain(value, 600)) for label, value in facts if value]


def _in_vain(asked: Ask) -> str:
    """`End now by mallory@example.com (U0MALLORY), 2026-11-22 12:05:01 UTC: refused`."""
    what = ASKED[asked.kind]
    return (
        f"{what} by {asked.person} ({asked.slack_user}), {clock(asked.asked_at)}: {asked.outcome}"
    )


ASKED = {Kind.END: "End now", Kind.EXTEND: "Extend", Kind.REASON: "A reason"}


def _extended(session: Session) -> str:
    """By whom, when, from which deadline to which; the last time, where it was more than once."""
    if not session.extended or session.deadline is None:
        return ""
    before = (session.allowed_at or session.asked_at) + session.duration
    when = next((step[:24] for step in reversed(session.steps) if " extended " in step), "")
    at = f"{clock(from_iso(when))}, " if when else ""
    often = f"{session.extended} times, last " if session.extended > 1 else ""
    return f"{often}{at}by {session.extended_by}, from {clock(before)} to {clock(session.deadline)}"


def _ended(session: Session) -> str:
    if session.ended_at is None:
        return ""
    how = session.ended_how or "ended"
    by = f" by {session.ended_by}" if session.ended_by else ""
    return f"{clock(session.ended_at)}, {how}{by}"


def _revoked(session: Session) -> str:
    if session.stands:
        return "no: the access stood before the session"
    if session.gone_at is None:
        return ""
    lag = "" if session.lag_gone is None else f", {session.lag_gone:.1f} s after its end"
    return f"{clock(session.gone_at)}{lag}"


def person(session: Session) -> str:
    return session.name or session.email or session.user_name or session.slack_user


def account(session: Session) -> str:
    """`Production (111122223333)`, or the one of the two that is known."""
    name, number = session.account_name, session.account_id
    return f"{name} ({number})" if name and number else name or number


def worth_words(worth: Worth, report: Report | None = None) -> str:
    """One line of *worth a look* as plain text; without the report its times have their day."""
    times = f" ×{worth.count}" if worth.count > 1 else ""
    about = f", {worth_detail(worth, report)}" if worth_detail(worth, report) else ""
    return f"{worth.why}: {plain(worth.what, 100)}{times} ({worth.severity}){about}"


def worth_detail(worth: Worth, report: Report | None) -> str:
    """To what it was done and with what, what has to be added, when, and through whom."""
    parts = [_subject(worth)]
    if worth.account:
        parts.append(f"in account {plain(worth.account, 20)}")
    parts += [plain(worth.note, 200), span(worth.first, worth.last, report)]
    if worth.error:
        parts.append(plain(worth.error, 80))
    if worth.via:
        parts.append(f"via {plain(worth.via, 160)}")
    if worth.by_service:
        parts.append(f"by {plain(worth.by_service, 60)} in their name")
    return ", ".join(filter(None, parts))


def _subject(worth: Worth) -> str:
    if not worth.resources:
        return NAMES_NOTHING if worth.unnamed else ""
    least = "at least " if worth.at_least else ""
    more = f" and {least}{worth.more_resources} more" if worth.more_resources else ""
    return ", ".join(plain(resource, 160) for resource in worth.resources) + more


def line_detail(line: Line, report: Report) -> str:
    """When, where and through what: what stands behind a line."""
    parts = [span(line.first, line.last, report)]
    if line.regions:
        parts.append(listed([plain(region, 30) for region in line.regions], 4))
    if line.via:
        parts.append(f"via {plain(line.via, 160)}")
    if line.by_service:
        parts.append(f"{line.by_service} by services")
    return ", ".join(filter(None, parts))


def line_errors(line: Line) -> str:
    """How many of a line's events failed, and how; nothing where none did."""
    if not line.errors:
        return ""
    names = listed([plain(name, 60) for name in line.error_names], 3)
    return f"{number(line.errors, 'error')}: {names}"


def clock(moment: datetime | None, report: Report | None = None) -> str:
    """`2026-11-22 15:04:05 UTC`, or `15:04:05` within a report whose session lies in one day."""
    if moment is None:
        return ""
    if report is not None and moment.date() == report.session.asked_at.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d %H:%M:%S}" + ("" if report else " UTC")


def span(first: datetime | None, last: datetime | None, report: Report | None) -> str:
    """`15:04–15:20`, or one time where there is but one."""
    if first is None or last is None:
        return "at an unknown time"
    if first == last:
        return clock(first, report)
    return f"{clock(first, report)}–{clock(last, report)}"


def duration(step: timedelta) -> str:
    """`2 hours`, in the largest unit that goes into it."""
    seconds = round(step.total_seconds())
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return word if seconds == size else f"{seconds // size} {word}s"
    return "second" if seconds == 1 else f"{seconds} seconds"


def number(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(words: Sequence[str], most: int) -> str:
    """`a, b and 3 more`: so many of the words at most."""
    if len(words) > most:
        words = [*words[:most], f"{len(words) - most} more"]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"
