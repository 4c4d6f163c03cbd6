"""What was not kept: access, by Identity Center's own history. words.py has what people were told.

Each verdict is a function of the evidence and answers its findings; none found is well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simulator.soak import words
from simulator.soak.evidence import FINAL, Access, Evidence, Session, Span, covered
from simulator.soak.words import Finding

BOUND = 180.0  # seconds past the deadline in which Identity Center answered: longer is kept
EARLY = 1.5  # seconds that clocks and roundings may make of nothing

Verdict = Callable[[Evidence], Iterator[Finding]]


def kept_access(evidence: Evidence) -> Iterator[Finding]:
    """Nobody keeps access: it ends soon after Identity Center answers again."""
    for session in evidence.sessions:
        if session.due is None or evidence.done_to(session, "row"):
            continue
        for span in session.spans:
            late = unheld(evidence, session, span)
            if span.end is None:
                yield Finding("kept access", session.id, f"still open, {late:.0f} s late")
            elif late > BOUND:
                yield Finding("kept access", session.id, f"for {late:.0f} s")


def access_of_nobody(evidence: Evidence) -> Iterator[Finding]:
    """No access comes without a session that was allowed it."""
    known = {span for session in evidence.sessions for span in session.spans}
    for access, span in evidence.stays:
        if span not in known:
            yield Finding("access without a session", "", f"{access}")


def taken_early(evidence: Evidence) -> Iterator[Finding]:
    """Access lasts as long as was promised; above all no late delete takes the next session's."""
    for session in evidence.sessions:
        for span in session.spans:
            if span.end is not None and session.due and span.end < session.due - EARLY:
                early = session.due - span.end
                yield Finding("taken early", session.id, f"{early:.0f} s before its end")


def ended_unasked(evidence: Evidence) -> Iterator[Finding]:
    """Only the deadline, a person or a lease that is gone ends access."""
    for session in evidence.sessions:
        if not session.spans or session.ended is None or session.deadline is None:
            continue
        early = session.ended < session.deadline - EARLY
        by_somebody = session.how in ("ended", "lease gone")
        if early and by_somebody and not evidence.done_to(session, "end", "lease"):
            yield Finding("ended unasked", session.id, session.how)


def took_what_stood(evidence: Evidence) -> Iterator[Finding]:
    """What we did not give is not taken."""
    for entry in evidence.history:
        access = Access(*(entry[name] for name in Access._fields))
        if entry["event"] == "disappeared" and access in evidence.standing:
            yield Finding("took what stood", "", f"{access}")


def stuck(evidence: Evidence) -> Iterator[Finding]:
    """Every session comes to its end."""
    for session in evidence.sessions:
        if session.state not in FINAL and not evidence.done_to(session, "row"):
            yield Finding("stuck", session.id, f"in {session.state}")


def row_gone(evidence: Evidence) -> Iterator[Finding]:
    """Where an operator deleted a row, access ends, or people hear that nobody accounts for it."""
    said = [each["text"] or "" for each in evidence.messages]
    said += [f"{each['subject']} {each['text']}" for each in evidence.mails]
    for session in evidence.sessions:
        still = any(span.end is None for span in session.spans)
        told = any("without a session" in text and session.access.principal_id in text
                   for text in said)  # fmt: skip
        if evidence.done_to(session, "row") and still and not told:
            yield Finding("access that nobody speaks of", session.id, "its row was deleted by hand")


def nothing_seen(evidence: Evidence) -> Iterator[Finding]:
    """Where nobody had access, nothing was shown."""
    if not evidence.stays:
        yield Finding("no access at all", "", f"of {len(evidence.presses)} presses")


def not_done(evidence: Evidence) -> Iterator[Finding]:
    """What was planned was done; else the rest says too little."""
    for trouble in evidence.troubles:
        yield Finding("not done", "", trouble)


VERDICTS: dict[str, Verdict] = {
    "nobody keeps access": kept_access,
    "no access without a session": access_of_nobody,
    "no access is taken early": taken_early,
    "no session ends unasked": ended_unasked,
    "what stood before stays": took_what_stood,
    "every session ends": stuck,
    "what no row explains is said": row_gone,
    **words.VERDICTS,
    "sessions had access": nothing_seen,
    "the plan was carried out": not_done,
}


def judge(evidence: Evidence) -> dict[str, list[Finding]]:
    """Every promise, with what was found against it."""
    return {promise: list(verdict(evidence)) for promise, verdict in VERDICTS.items()}


def unheld(evidence: Evidence, session: Session, span: Span) -> float:
    """Seconds that access stood past its end while it could have been taken back."""
    start = max(session.due or span.start, span.start)
    end = span.end if span.end is not None else evidence.until
    if end <= start:
        return 0.0
    holding = [each for each in evidence.around(start, end, session.id) if each.holds]
    return end - start - covered(holding, start, end)
