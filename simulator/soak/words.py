"""What people were told, against what happened: by mail, in Slack's channel, in person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from simulator.soak.evidence import Evidence, Said, Session, Span, epoch

ALARMS_AT = (120.0, 300.0, 900.0)  # seconds past the deadline; then every 900
ALLOWED = 90.0  # seconds that an alarm may be late: the sweep that raises it comes once a minute
STEP = 150.0  # seconds; less than lies between two alarms
LATE = ("late", "delayed")  # of a report
EARLY = 5.0
AFTER = 15.0  # seconds after which a worker that had said something has also written it down
COMMAND = "delete-account-assignment"  # every alarm about access has the command that ends it
_TITLE = re.compile(r"(Final report|Report) of (?:session )?\S+")
FOREIGN = ("Slack", "response_url", "SES", "CloudWatch", "CloudTrail", "SQS")  # not what is late


@dataclass(frozen=True)
class Finding:
    kind: str
    session: str
    text: str

    def __str__(self) -> str:
        return ": ".join(each for each in (self.kind, self.session, self.text) if each)


# Alarms ------------------------------------------------------------------------------------------


def alarms(evidence: Evidence) -> list[Said]:
    """Every alarm about access that may still stand, with the session that it is about."""
    found = []
    for said in evidence.said:
        if COMMAND in said.text and "without a session" not in said.text:
            about = _about(evidence, said)
            found.append(Said(said.at, said.way, said.text, about.id if about else ""))
    return found


def no_alarm(evidence: Evidence) -> Iterator[Finding]:
    """While access stands past its end people hear of it, in the channel and by mail."""
    heard = alarms(evidence)
    for session in evidence.sessions:
        if evidence.done_to(session, "row", "spoil"):
            continue
        for span in session.spans:
            for way in ("slack", "mail"):
                wanted = _wanted(evidence, session, span, way)
                told = [each.at for each in heard if (each.session, each.way) == (session.id, way)]
                for number, by in enumerate(wanted):
                    if sum(at <= by for at in told) <= number:
                        late = by - (session.due or by)
                        text = f"number {number + 1} by {way}, {late:.0f} s past the end"
                        yield Finding("no alarm", session.id, text)
                        break


def too_many_alarms(evidence: Evidence) -> Iterator[Finding]:
    """None before two minutes, and one for each step past them."""
    heard = alarms(evidence)
    for session in evidence.sessions:
        for way in ("slack", "mail"):
            told = sorted(
                each.at for each in heard if (each.session, each.way) == (session.id, way)
            )
            if told and session.due is not None and told[0] < session.due + ALARMS_AT[0] - EARLY:
                yield Finding("false alarm", session.id, f"by {way}, before two minutes")
            last = max([each.end or evidence.until for each in session.spans] + told[-1:] + [0.0])
            most = len(_steps(session, last + EARLY))
            more = len(told) - most - _unheard(evidence, way, told)
            if more > 0:
                yield Finding("too many alarms", session.id, f"{len(told)} by {way}, not {most}")


def resolved(evidence: Evidence) -> Iterator[Finding]:
    """“Closed after all” follows an alarm that was heard, and nothing else."""
    heard = {(each.session, each.way) for each in alarms(evidence)}
    after = {
        (_resolves(evidence, each), each.way)
        for each in evidence.said
        if "closed after all" in each.text or "no longer has" in each.text
    }
    for session in evidence.sessions:
        over = session.state == "CLOSED" and all(each.end for each in session.spans)
        for way in ("slack", "mail"):
            alarmed, taken_back = (session.id, way) in heard, (session.id, way) in after
            if taken_back and not alarmed and not _late_report(evidence, session, way):
                yield Finding("closed after all without an alarm", session.id, f"by {way}")
            if alarmed and over and not taken_back:
                yield Finding("an alarm that nobody takes back", session.id, f"by {way}")


def wrong_reason(evidence: Evidence) -> Iterator[Finding]:
    """An alarm about access names what is in its way, and nothing that is not."""
    for said in alarms(evidence):
        named = [name for name in FOREIGN if name in said.text]
        if named:
            yield Finding("wrong reason", said.session, f"by {said.way}: {', '.join(named)}")
    for session in evidence.sessions:
        for each in evidence.personal.get(session.path, []):
            if ("never came" in each.text or "takes longer" in each.text) and any(
                f"{name}:" in each.text for name in FOREIGN
            ):
                yield Finding("wrong reason", session.id, f"to the person: {each.text}")


def _steps(session: Session, until: float) -> list[float]:
    """The moments up to then at which an alarm is to be raised."""
    found: list[float] = []
    at = session.due or until
    while True:
        number = len(found)
        after = ALARMS_AT[number] if number < 3 else 900.0 * (number - 1)
        if at + after > until:
            return found
        found.append(at + after)


def _wanted(evidence: Evidence, session: Session, span: Span, way: str) -> list[float]:
    """By when each alarm must have been heard; while its way was broken it may wait."""
    end = span.end if span.end is not None else evidence.until
    found = []
    for step in _steps(session, end):
        at = max(step, span.start)
        for window in sorted(evidence.windows, key=lambda each: each.start):
            if window.carries == way and window.overlaps(at - AFTER, at + ALLOWED):
                at = max(at, window.end)
            if window.breaks and window.overlaps(at - AFTER, at + AFTER):
                at = max(at, window.end)
        if at + ALLOWED < end:
            found.append(at + ALLOWED)
    return found


def _about(evidence: Evidence, said: Said) -> Session | None:
    """The session that an alarm is about: by its id, else by the access and the time."""
    for session in evidence.sessions:
        if session.id in said.text:
            return session
    of_it = [
        each
        for each in evidence.sessions
        if each.asked <= said.at and all(part in said.text for part in each.access) and each.due
    ]
    past = [each for each in of_it if (each.due or 0.0) + ALARMS_AT[0] - EARLY <= said.at]
    return max(past or of_it, key=lambda each: each.asked, default=None)


def _resolves(evidence: Evidence, said: Said) -> str:
    """The session of which a message says that its access is over after all."""
    if "closed after all" in said.text or said.session:
        return said.session
    of_it = [
        each
        for each in evidence.sessions
        if all(part in said.text
               for part in (each.email, each.access.account_id, each.permission_set))
        and (each.due or said.at) < said.at
    ]  # fmt: skip
    return max(of_it, key=lambda each: each.asked).id if of_it else ""


def _late_report(evidence: Evidence, session: Session, way: str) -> bool:
    """An alarm that a report is late may be taken back as well."""
    return any(
        "report" in each.text and "late" in each.text and session.id in each.text
        for each in evidence.said
        if each.way == way
    )


# Reports and personal words ----------------------------------------------------------------------


def unreported(evidence: Evidence) -> Iterator[Finding]:
    """Every session that had access is reported by mail."""
    for session in evidence.sessions:
        if not session.spans or evidence.done_to(session, "row"):
            continue
        if not any(session.id in each["text"] and _is_report(each) for each in evidence.mails):
            yield Finding("not reported", session.id, "")


def _is_report(mail: dict[str, Any]) -> bool:
    return _TITLE.match(mail["text"]) is not None


def never_came(evidence: Evidence) -> Iterator[Finding]:
    """“Never came” is said of nothing that came."""
    for session in evidence.sessions:
        for each in evidence.personal.get(session.path, []):
            if "never came" in each.text and any(span.start < each.at for span in session.spans):
                yield Finding("never came, though it did", session.id, each.text)
    for who, glass, texts in _by_bot(evidence):
        said = sum("never came" in text for text in texts)
        without = [each for each in evidence.sessions
                   if (each.slack_user, each.glass) == (who, glass) and not each.spans]  # fmt: skip
        if said > len(without):
            yield Finding("never came, though it did", "", f"to {who} about {glass}")


def unanswered(evidence: Evidence) -> Iterator[Finding]:
    """Every press is followed by a word to the person that says what came of it."""
    by_bot = {(who, glass) for who, glass, _ in _by_bot(evidence)}
    removed = {each.session for each in evidence.hands if each.kind == "row"}
    excused = {each.path for each in evidence.sessions if each.id in removed}
    for press in evidence.presses:
        if press.status != 200 or press.path in excused:
            continue
        said = [
            each for each in evidence.personal.get(press.path, []) if "incoming" not in each.text
        ]
        if not said and (press.slack_user, press.glass) not in by_bot:
            yield Finding("no word", "", f"to {press.slack_user} about {press.glass}")


def said_twice(evidence: Evidence) -> Iterator[Finding]:
    """Nothing is said twice: neither to a person, nor in a channel or thread, nor by mail."""
    for kind, text, times in _repeated(evidence):
        way = "mail" if kind == "mail" else "slack"
        if len(times) - 1 > _unheard(evidence, way, times):
            yield Finding("said twice", "", f"{kind}, {len(times)} times: {text[:100]}")


def excused(evidence: Evidence) -> int:
    """How often something was said again because nobody could know that it had been said."""
    return sum(
        min(len(times) - 1, _unheard(evidence, "mail" if kind == "mail" else "slack", times))
        for kind, _, times in _repeated(evidence)
    )


def _repeated(evidence: Evidence) -> Iterator[tuple[str, str, list[float]]]:
    """What was said more than once, and when: alarms excepted, which are counted."""
    times: dict[tuple[str, ...], list[float]] = {}
    for each in evidence.messages:
        text = each["text"] or ""
        if each["via"] in ("chat.postMessage", "response_url") and COMMAND not in text:
            where = each["channel"] or each["path"]
            titled = _TITLE.match(text)  # a report is one thing, whatever it says
            said = titled.group() if titled else text
            key: tuple[str, ...] = ("Slack", said, where, each["thread_ts"] or "")
            times.setdefault(key, []).append(epoch(each))
    for each in evidence.mails:
        if COMMAND not in each["text"]:
            titled = _TITLE.match(each["text"])  # it is one thing, whatever its subject says
            what = (titled.group(), "") if titled else (each["subject"], each["text"])
            key = ("mail", *what, ",".join(each["to"]))
            times.setdefault(key, []).append(epoch(each))
    same = Counter((each.slack_user, each.glass) for each in evidence.sessions)
    for key, found in times.items():
        found = _late_ones(key, found)
        most = 1  # to a person by the bot: once for each of their sessions that it may be about
        if key[0] == "Slack" and key[2].startswith("U"):
            most = max([n for (who, glass), n in same.items()
                        if who == key[2] and f"“{glass}”" in key[1]] or [1])  # fmt: skip
        if len(found) > most:
            yield key[0], key[1], sorted(found)[most - 1 :]


def _late_ones(key: tuple[str, ...], times: list[float]) -> list[float]:
    """That a report is late is said again at each step; sooner than that it is said twice."""
    text = key[1] + key[2]
    if not ("eport" in text and any(word in text for word in LATE)):
        return times
    ordered = sorted(times)
    pairs = [(at, then) for at, then in pairwise(ordered) if then - at < STEP]
    return [ordered[0], *(then for _, then in pairs)]


def _unheard(evidence: Evidence, way: str, times: list[float]) -> int:
    """How many of these the app could not know of: answers lost, or a worker dead in between."""
    return sum(
        any(
            (window.unheard and window.carries == way and window.overlaps(at - 1, at + 1))
            or (window.breaks and window.overlaps(at - 1, at + AFTER))
            for window in evidence.windows
        )
        for at in times
    )


# Reading -----------------------------------------------------------------------------------------


def _by_bot(evidence: Evidence) -> Iterator[tuple[str, str, list[str]]]:
    """What the bot told a person directly, by the glass that it names."""
    found: dict[tuple[str, str], list[str]] = {}
    glasses = {press.glass for press in evidence.presses}
    for each in evidence.messages:
        text = each["text"] or ""
        if each["via"] == "chat.postMessage" and str(each["channel"]).startswith("U"):
            for glass in glasses:
                if f"“{glass}”" in text or "You are in" in text:
                    found.setdefault((each["channel"], glass), []).append(text)
    for (who, glass), texts in found.items():
        yield who, glass, texts


VERDICTS: dict[str, Callable[[Evidence], Iterator[Finding]]] = {
    "every session that had access is reported": unreported,
    "who keeps access is spoken of": no_alarm,
    "no alarm is false": too_many_alarms,
    "“closed after all” follows an alarm": resolved,
    "no reason is wrong": wrong_reason,
    "nothing is said twice": said_twice,
    "“never came” is said of nothing that came": never_came,
    "every press is answered": unanswered,
}
