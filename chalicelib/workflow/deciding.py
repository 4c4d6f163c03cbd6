"""Who may: decided from the settings and the directory as they stand at the moment of the act."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain import lasting
from chalicelib.domain.errors import Refused
from chalicelib.domain.ports import Chat, Clock, Directory, IdentityCenter
from chalicelib.domain.session import REQUIRED, Glass, PermissionSet, Person, Session
from chalicelib.words import messages, refusals
from chalicelib.workflow import policy

REMEMBERED = timedelta(seconds=30)  # who may not end or extend: they may press and press
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


class Decider:
    """Asks Slack, the directory and Identity Center who somebody is. Writes nothing."""

    def __init__(
        self,
        glasses: Glasses,
        identity_center: IdentityCenter,
        directory: Directory,
        chat: Chat,
        clock: Clock,
    ) -> None:
        self.glasses = glasses
        self.identity_center = identity_center
        self.directory = directory
        self.chat = chat
        self.clock = clock
        self._refused: dict[tuple[str, str, str], tuple[May, datetime]] = {}

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
        refusal = self._refusal(glass, email, person.principal_id)
        if refusal is None and glass.reason == REQUIRED and not session.why:
            refusal = messages.WHY_FIRST  # the route, which sees to it, has not known the glass
        return session, refusal

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
        return session.with_(
            reason=refusals.WITHOUT_A_SESSION,
            email=who.email if who else "",
            name=who.name if who else "",
            user_name=who.user_name if who else "",
            person=policy.key(who.email if who else "") or session.principal_id,
            **self._given(glass, permission_set)
            | {"duration": session.duration, "extend": timedelta(0), "report_after": timedelta(0)},
        )

    def tells(self, session: Session, refusal: str) -> bool:
        """Whether the channel hears of it: whoever finds the access open was not refused."""
        glass = self.glasses.by_name.get(session.glass)
        told = glass is not None and glass.tell_refusals and bool(session.channel)
        return told and not refusal.startswith((messages.ALREADY_OPEN, messages.WHY_FIRST))

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
        return None

    def may_touch(self, session: Session, slack_user: str, *, own: bool = True) -> May:
        """Whether they may ask it: whom the glass allows, and who holds it where it is their `own`.

        Who somebody is, the directory says: two users of Slack may be one person. Raises
        ExternalError.
        """
        if slack_user == session.slack_user:
            return May(session.email, "" if own else messages.YOUR_OWN)
        key = slack_user, session.glass, "" if own else session.principal_id
        now = self.clock.now()
        known = self._refused.get(key)
        if known is not None and now < known[1]:
            return known[0]
        may = self._may_touch(session, slack_user, own)
        if may.refusal:
            if len(self._refused) >= MOST:
                self.forget()
            self._refused[key] = (may, now + REMEMBERED)
        return may

    def forget(self) -> None:
        """Remembers nobody any more."""
        self._refused.clear()

    def _may_touch(self, session: Session, slack_user: str, own: bool) -> May:
        glass = self.glasses.by_name.get(session.glass)
        email, nobody = self._identify(slack_user)
        if nobody:
            return May(slack_user, nobody)
        person, unclear = self._person(email)
        if glass is None or person is None:
            return May(email, unclear or refusals.nobody(glass))
        if not own and person.principal_id == session.principal_id:
            return May(email, messages.YOUR_OWN)
        return May(email, self._refusal(glass, email, person.principal_id) or "")

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

    def _refusal(self, glass: Glass, email: str, principal_id: str) -> str | None:
        groups: frozenset[str] = frozenset()
        if glass.groups and not policy.named(glass, email):
            groups = self.directory.groups_of(principal_id, glass.groups)
        return policy.refusal(glass, email, groups)
