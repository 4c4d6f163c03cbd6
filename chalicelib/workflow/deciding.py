"""Who may: decided from the settings and the directory as they stand at the moment of the act."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain import lasting
from chalicelib.domain.ask import OF_THEIR_OWN, Kind
from chalicelib.domain.errors import Refused
from chalicelib.domain.glass import (
    REQUIRED,
    REVIEW_OF_A_BYPASS,
    Glass,
    groups_among,
    lists_among,
)
from chalicelib.domain.oncall import SLACK, Lists
from chalicelib.domain.ports import Chat, Clock, Directory, IdentityCenter
from chalicelib.domain.session import PermissionSet, Person, Session
from chalicelib.words import messages, refusals
from chalicelib.workflow import policy

REMEMBERED = timedelta(seconds=30)  # who may not, and why: they may press and press
TOLD_FOR = timedelta(minutes=10)  # that somebody was refused a glass
MOST = 1_000  # of them


@dataclass(frozen=True, slots=True)
class Glasses:
    """What the worker's side reads of the settings, at the moment of deciding only."""

    by_name: dict[str, Glass]
    people: dict[str, str]  # Slack user id → e-mail
    takes_back: bool = False  # whether reconciliation takes back what it finds
    portal: str = ""  # the AWS access portal's address; empty: the directory knows it
    region: str = ""


@dataclass(frozen=True, slots=True)
class May:
    """Who somebody is, and why they may not; `refusal` is empty where they may."""

    email: str
    refusal: str = ""


class Remembered:
    """What is known for a while, of so many at most. In memory alone: whoever begins cold asks."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[Any, datetime]] = {}

    def at(self, key: tuple[str, ...], now: datetime) -> Any:
        """What is known at that moment; None where nothing is."""
        value, until = self._known.get(key, (None, now))
        return value if now < until else None

    def keep(self, key: tuple[str, ...], value: Any, until: datetime) -> None:
        """Remembers it until then; of too many, it forgets the others."""
        if len(self._known) >= MOST:
            self.clear()
        self._known[key] = value, until

    def clear(self) -> None:
        """Forgets all of it."""
        self._known.clear()


class Decider:
    """Asks Slack, the directory and Identity Center who somebody is. Writes nothing."""

    def __init__(
        self,
        glasses: Glasses,
        identity_center: IdentityCenter,
        directory: Directory,
        chat: Chat,
        clock: Clock,
        lists: Lists,
    ) -> None:
        self.glasses = glasses
        self.identity_center = identity_center
        self.directory = directory
        self.chat = chat
        self.clock = clock
        self.lists = lists  # of who is on call
        self._may_not, self._turned_away, self._told = Remembered(), Remembered(), Remembered()

    def pressed(self, session: Session, now: datetime) -> tuple[Session, str | None]:
        """As `known`, of a press; who was just refused the same is so again, and nobody is asked.

        Raises ExternalError.
        """
        key = session.slack_user, session.glass, session.account_id, session.permission_set_arn
        again = self._turned_away.at(key, now) if not session.version else None
        if again is not None:
            changes, refusal = again
            return session.with_(**changes), refusal
        known, refusal = self.known(session)
        if refusal is not None and refusal != messages.WHY_FIRST and not session.version:
            found = {each.name: getattr(known, each.name) for each in fields(known)}
            changes = {name: it for name, it in found.items() if it != getattr(session, name)}
            self._turned_away.keep(key, (changes, refusal), now + REMEMBERED)
        return known, refusal

    def known(self, session: Session) -> tuple[Session, str | None]:
        """The session with who and what it is about, and why it is refused. Raises ExternalError.

        A refused one keeps what is known by then: the log finds it by the person's e-mail.
        """
        found = self._glass(session)
        if found is None:
            return session, messages.no_such_glass(session)
        glass, permission_set = found
        session = session.with_(glass=glass.name, channel=glass.channel)
        email, nobody = self._identify(session.slack_user)
        if nobody:
            return session, nobody
        session = session.with_(email=email, person=policy.key(email))
        person, unclear = self._person(email)
        if person is None:
            return session, unclear or refusals.unknown(glass, email)
        if self._on_management_account(glass):
            return session, messages.management_account(glass)
        if permission_set is None:
            return session, messages.no_permission_set(glass)
        session = session.with_(
            name=person.name,
            user_name=person.user_name,
            principal_id=person.principal_id,
            **self._given(glass, permission_set, session.chosen),
        )
        if session.approved_by:  # so another person knows of it
            session = session.with_(acknowledge=timedelta(0))
        if glass.approve or glass.acknowledge:
            session = session.with_(may_approve=refusals.whom(glass.second))
        if session.bypassed_at and not session.review:
            session = session.with_(review=REVIEW_OF_A_BYPASS)
        if session.review:
            session = session.with_(may_review=refusals.whom(glass.review_by))
        by, refusal = self._let_in(glass, email, person.principal_id, session.slack_user)
        session = session.with_(let_in_by=by if by.startswith(SLACK) else "")
        if refusal is None and glass.reason == REQUIRED and not session.why:
            refusal = messages.WHY_FIRST  # the route, which sees to it, has not known the glass
        return session, refusal

    def blocked(self, session: Session) -> Glass | None:
        """The glass, where a review that is still owed keeps out who is known by now."""
        glass = self.glasses.by_name[session.glass]
        return glass if policy.blocks(glass, session.email) else None

    def waits(self, session: Session, now: datetime) -> dict[str, object] | None:
        """What a session that is known, and must wait for another's approval, is told of that.

        None: nobody has to approve it, or it was approved, or has gone in without. Raises
        ExternalError.
        """
        glass = self.glasses.by_name[session.glass]
        if glass.approve is None or session.approved_at or session.bypassed_at:
            return None
        email, principal = session.email, session.principal_id
        user = session.slack_user
        outside = glass.bypass and self._let_in(glass, email, principal, user, Kind.BYPASS)[1]
        return {
            "approve_until": now + glass.approve,
            "may_bypass": "yes" if glass.bypass and not outside else "",
        }

    def found(self, session: Session) -> Session | None:
        """The session that takes back what nobody accounts for; None where it must not.

        Who asked for that cannot act, so all of it is held against the settings.
        Raises ExternalError.
        """
        glass = self.glasses.by_name.get(session.glass)
        if not self.glasses.takes_back or glass is None:
            return None
        permission_set = self.identity_center.permission_set(glass.permission_set)
        if permission_set is None or session.permission_set_arn != permission_set.arn:
            return None
        if session.account_id != glass.account_id or self._on_management_account(glass):
            return None
        who = self.directory.user(session.principal_id)
        never = dict.fromkeys(("extend", "acknowledge", "review", "report_after"), timedelta(0))
        return session.with_(
            reason=refusals.WITHOUT_A_SESSION,
            email=who.email if who else "",
            name=who.name if who else "",
            user_name=who.user_name if who else "",
            person=policy.key(who.email if who else "") or session.principal_id,
            **self._given(glass, permission_set) | {"duration": session.duration, **never},
        )

    def tells(self, session: Session, refusal: str, now: datetime) -> bool:
        """Whether the channel hears of it: whoever finds the access open was not refused, and who
        was refused the same glass some minutes ago has been named. The log has each."""
        glass = self.glasses.by_name.get(session.glass)
        if glass is None or not glass.tell_refusals or not session.channel:
            return False
        known = (messages.ALREADY_OPEN, messages.ALREADY_WAITING, messages.WHY_FIRST)
        if refusal.startswith(known):
            return False
        key = session.slack_user, session.glass
        told_of = self._told.at(key, now) or session.id
        if told_of == session.id:  # also where its write was lost, and it is decided once more
            self._told.keep(key, told_of, now + TOLD_FOR)
        return bool(told_of == session.id)

    def still_refused(self, session: Session) -> str | None:
        """Why a glass does not allow to that person now what the session is to give; None: it does.

        Asked before the assignment is, so that no row alone can bring it about.
        Raises ExternalError.
        """
        now, refusal = self.known(session)
        if refusal is not None:
            return refusal
        if now.access != session.access:
            return refusals.GLASS_CHANGED
        return refusals.NOT_APPROVED if self.waits(now, self.clock.now()) else None

    def may_touch(self, session: Session, slack_user: str, kind: Kind = Kind.END) -> May:
        """Whether they may ask it: whom the glass allows, and who holds it where it is their own.

        Who somebody is, the directory says: two users of Slack may be one person. Raises
        ExternalError.
        """
        theirs, own = slack_user == session.slack_user, kind in OF_THEIR_OWN
        if kind is Kind.BYPASS and not theirs:
            return May(slack_user, messages.THEIRS_ALONE)
        if theirs and kind is not Kind.BYPASS:
            return May(session.email, "" if own else messages.YOUR_OWN)
        key = slack_user, f"{kind} {session.glass}", "" if own else session.principal_id
        now = self.clock.now()
        known: May | None = self._may_not.at(key, now)
        if known is not None:
            return known
        may = self._may_touch(session, slack_user, kind)
        if may.refusal:
            self._may_not.keep(key, may, now + REMEMBERED)
        return may

    def _may_touch(self, session: Session, slack_user: str, kind: Kind) -> May:
        glass = self.glasses.by_name.get(session.glass)
        email, nobody = self._identify(slack_user)
        if nobody:
            return May(slack_user, nobody)
        person, unclear = self._person(email)
        if glass is None or person is None:
            return May(email, unclear or refusals.nobody(glass))
        if kind not in OF_THEIR_OWN and person.principal_id == session.principal_id:
            return May(email, messages.YOUR_OWN)
        _, refusal = self._let_in(glass, email, person.principal_id, slack_user, kind)
        return May(email, refusal or "")

    def _given(
        self, glass: Glass, permission_set: PermissionSet, chosen: str = ""
    ) -> dict[str, object]:
        """What a session copies of its glass, so that no deployment changes it in flight."""
        duration = lasting.lasts(glass, chosen)
        return {
            "account_id": glass.account_id,
            "account_name": glass.account_name,
            "permission_set": permission_set.name,
            "permission_set_arn": permission_set.arn,
            "duration": duration,
            "tail": permission_set.session_duration,
            "extend": glass.extend or timedelta(0),
            "extend_to": glass.extend_to or timedelta(0),
            "acknowledge": glass.acknowledge or timedelta(0),
            "review": glass.review or timedelta(0),
            "report_to": glass.report_to,
            "report_after": glass.report_after,
            "channel": glass.channel,
            "portal": self.glasses.portal or self.directory.portal(),
            "region": self.glasses.region,
            "warn_before": lasting.warns(glass, duration),
            "tell_to": glass.tell_to,
        }

    def _glass(self, session: Session) -> tuple[Glass, PermissionSet | None] | None:
        """The glass that was pressed; by account and permission set where no name was given."""
        if session.glass:
            glass = self.glasses.by_name.get(session.glass)
            if glass is None:
                return None
            return glass, self.identity_center.permission_set(glass.permission_set)
        for glass in self.glasses.by_name.values():
            if glass.account_id == session.account_id:
                found = self.identity_center.permission_set(glass.permission_set)
                if found is not None and found.arn == session.permission_set_arn:
                    return glass, found
        return None

    def _on_management_account(self, glass: Glass) -> bool:
        """There Identity Center would make the role with the IAM rights of whoever asks, and the
        functions have none. Raises Unavailable."""
        return glass.account_id == self.identity_center.owner()

    def _person(self, email: str) -> tuple[Person | None, str]:
        """Whom the directory has under that e-mail, or why there is no telling.

        Raises ExternalError.
        """
        try:
            return self.directory.person(email), ""
        except Refused as refused:
            if not refused.lasting:
                raise
            return None, str(refused)

    def _identify(self, slack_user: str) -> tuple[str, str]:
        return policy.identify(slack_user, self.glasses.people, self.chat.email)

    def _let_in(
        self,
        glass: Glass,
        email: str,
        principal_id: str,
        slack_user: str,
        kind: Kind = Kind.BREAK,
    ) -> tuple[str, str | None]:
        """By which entry of the glass they may ask that of it, or why they may not.

        A list of who is on call is read as it is kept. Raises ExternalError.
        """
        who = policy.those(glass, kind)
        by, notes = policy.named(glass, email, kind), dict[str, str]()
        if not by and (groups := lists_among(who)):
            now = self.clock.now()
            lists = {group: self.lists.read(group) for group in groups}
            by = policy.on_call(glass, slack_user, lists, now)
            notes = {
                group: refusals.list_note(group, kept, glass, now) for group, kept in lists.items()
            }
        if not by and (groups := groups_among(who)):
            by = policy.in_group(glass, self.directory.groups_of(principal_id, groups), kind)
        return by, None if by else refusals.not_among(glass, email, who, kind, notes)
