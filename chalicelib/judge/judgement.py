"""What a call means to whoever guards the account: how heavy, why, and done to what.

`judge` is a pure function of one record. Of all rules that match, the heaviest is said; an attempt
that was turned away or failed is still an attempt, and weighs a step less.
"""

from dataclasses import dataclass
from functools import cached_property

from chalicelib.judge.call import Call
from chalicelib.judge.clients import plumbing
from chalicelib.judge.naming import briefly, named
from chalicelib.judge.openness import Reach, reach
from chalicelib.judge.rules import SEVERITIES, Book, Rule, Severity, standard

REFUSED, FAILED = "tried, refused: ", "tried, failed: "
SIGN_IN_FAILED = "sign-in failed"
TURNED_AWAY = "refused"
CHANGED = "changed"
NAMES_NOTHING = "the record does not say on what"
CUT_AWAY = "the request was too large for the record: what it asked for cannot be told"

# They hand out credentials or keep a browser's terminal alive; the account stays as it was.
UNCHANGING = frozenset({"sts.amazonaws.com", "cloudshell.amazonaws.com"})
SIGN_IN = frozenset({"sso.amazonaws.com", "sso-oauth.amazonaws.com", "signin.amazonaws.com"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of one event."""

    severity: Severity = "none"
    reason: str = ""
    weight: int = 0
    note: str = ""  # what has to be added: who is let in, what cannot be told, in whose name
    rule: str = ""  # the rule's id, by which settings may change it

    def __bool__(self) -> bool:
        return self.weight > 0


NOTHING = Judgement()


class Case:
    """A call before its judge: what rules ask of it is found once."""

    def __init__(self, call: Call, book: Book) -> None:
        self.call = call
        self.book = book

    @cached_property
    def reach(self) -> Reach:
        return reach(self.call)

    def matching(self) -> list[Rule]:
        """The rules that the call matches, without those in whose place another is said."""
        call = self.call
        found = []
        for rule in self.book.of(call.service, call.plain, call.read_only):
            if rule.direct and plumbing(call.by_service):
                continue
            if rule.reach and not getattr(self.reach, rule.reach):
                continue
            if rule.holds_of_one(call) if rule.each else rule.holds(call):
                found.append(rule)
        ids = {rule.id for rule in found}
        found = [rule for rule in found if _stands(rule, ids)]
        replaced = {each for rule in found for each in rule.instead_of}
        if "*" in replaced:
            return [rule for rule in found if rule.reach or "*" in rule.instead_of]
        return [rule for rule in found if rule.id not in replaced]

    def heaviest(self) -> Rule | None:
        """The rule that weighs most; None where none matches."""

        def weight(rule: Rule) -> int:
            return self.book.weight(rule.severity, rule.reason, rule.little)

        return max(self.matching(), key=weight, default=None)


def _stands(rule: Rule, found: set[str]) -> bool:
    """A rule that is said in place of others is said only where one of them matches."""
    return (
        not rule.instead_of
        or rule.little
        or "*" in rule.instead_of
        or bool(rule.instead_of & found)
    )


def judge(call: Call, book: Book | None = None) -> Judgement:
    """The judgement of one call; NOTHING where there is nothing to say of it."""
    book = book or standard()
    if call.dry:
        return NOTHING
    if call.read_only and not call.error and not book.of(call.service, call.plain, True):
        return NOTHING
    case = Case(call, book)
    rule = case.heaviest()
    if rule is None:
        return _plain(call, book)
    severity, reason = rule.severity, rule.reason
    if severity == "none":
        return NOTHING
    if call.error and reason != SIGN_IN_FAILED and not (reason == CHANGED or rule.little):
        severity = SEVERITIES[max(1, SEVERITIES.index(severity) - 1)]
        reason = (REFUSED if call.refused else FAILED) + reason
    elif call.error and reason == CHANGED:
        return _plain(call, book)
    return Judgement(
        severity=severity,
        reason=reason,
        weight=book.weight(severity, rule.reason, rule.little),
        note="; ".join(_notes(rule, case)),
        rule=rule.id,
    )


def judge_portal(call: Call, book: Book | None = None) -> Judgement:
    """The same for what was done in the access portal, before there was any access."""
    if not call.error:
        return NOTHING
    weight = (book or standard()).weight("medium", SIGN_IN_FAILED)
    return Judgement("medium", SIGN_IN_FAILED, weight)


def _plain(call: Call, book: Book) -> Judgement:
    """What no rule speaks of: turned away, or a change."""

    def said(severity: Severity, reason: str, note: str = "") -> Judgement:
        return Judgement(severity, reason, book.weight(severity, reason), note)

    if call.error and call.source in SIGN_IN:
        return said("medium", SIGN_IN_FAILED)
    if call.refused:
        return said("low", TURNED_AWAY)
    if call.read_only or call.source in SIGN_IN or call.source in UNCHANGING:
        return NOTHING
    if call.error:
        return said("low", FAILED + CHANGED)
    return said("low", CHANGED, CUT_AWAY if call.cut else "")


def _notes(rule: Rule, case: Case) -> list[str]:
    call, found = case.call, []
    if rule.says:
        found.append(rule.says)
    if rule.reach or rule.reason in ("opened to the world", "shared with another account"):
        found += _let_in(rule, case.reach)
    elif not call.read_only and case.reach.accounts:
        found.append(f"lets in {', '.join(case.reach.accounts[:3])}")
    if rule.reach != "unclear" and not call.read_only and case.reach.unclear:
        found.append(f"it cannot be told {_as_question(case.reach.unclear)}")
    if call.cut:
        found.append(CUT_AWAY)
    return found


def _let_in(rule: Rule, let_in: Reach) -> list[str]:
    if rule.reach == "unclear":
        whose = let_in.unclear.startswith("whose")
        how = "shared with another account" if whose else "opened to the world"
        return [f"perhaps {how}: it cannot be told {_as_question(let_in.unclear)}"]
    if rule.reach == "everybody":
        return [let_in.everybody]
    if let_in.accounts:
        more = len(let_in.accounts) - 3
        rest = f" and {more} more" if more > 0 else ""
        return [f"with {', '.join(let_in.accounts[:3])}{rest}"]
    return []


def _as_question(unclear: str) -> str:
    return unclear if unclear.startswith(("whom", "whose")) else f"whether it is open: {unclear}"


def about(call: Call, verdict: Judgement) -> str:
    """What the call was done to and with."""
    return named(call) if verdict else briefly(call)
