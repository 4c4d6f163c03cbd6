"""Holds what Identity Center shows against what the table says: nobody keeps access unexplained.

An assignment of a glass's permission set on its account is explained by a live session, or by being
known as standing: a person accepted it by name, or a session saw it standing before it began. What
is left is said once, or taken back, as `reconcile` in glasses.toml says. To take it back is a
session of its own: it takes the lock as any other, and lets go where somebody's session is alive.

Rows that disagree are put right: a lock or a lease without a live session, a live session without
its lock, or one that nobody would look at again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from chalicelib.domain.errors import ExternalError, Partly, Refused, Stale, Unavailable, Unreadable
from chalicelib.domain.glass import Glass
from chalicelib.domain.ports import (
    Assignments,
    Books,
    Chat,
    Clock,
    Letters,
    Log,
    Mail,
    People,
    Post,
    WakeUps,
)
from chalicelib.domain.session import Access, Noted, PermissionSet, Session
from chalicelib.domain.verdict import UNEXPLAINED, Facts, Verdict, judge
from chalicelib.words import findings, messages
from chalicelib.words.findings import Mend

LATEST: Final = timedelta(minutes=10)  # what AWS has accepted takes no longer
LOOK_AGAIN: Final = timedelta(seconds=5)  # a session may have begun or ended between two reads
FORGOTTEN: Final = timedelta(minutes=10)  # so long overdue, a session is looked at by nobody


T = TypeVar("T")


def lock_is_wrong(holder: Session | None, access: Access) -> bool:
    """Whether no live session of that access holds the lock."""
    return holder is None or not holder.live or holder.access != access


def lease_is_wrong(session: Session | None, leased: bool) -> bool:
    """Whether the lease is of no live session."""
    return leased and (session is None or not session.live)


def wrong_with(session: Session, holder_id: str | None, now: datetime) -> tuple[Mend, ...]:
    """What is wrong with a live session, besides its lease, which is the machine's own business."""
    wrong: list[Mend] = []
    if holder_id is None:
        wrong.append(Mend.NO_LOCK)
    elif holder_id != session.id:
        wrong.append(Mend.OTHERS_LOCK)
    if session.look_at is None or session.look_at < now - FORGOTTEN:
        wrong.append(Mend.FORGOTTEN)
    return tuple(wrong)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """One run: `run()`. Safe to repeat, and to run beside everything else."""

    glasses: Mapping[str, Glass]
    revokes: bool
    books: Books
    assignments: Assignments
    people: People
    chat: Chat
    post: Post
    letters: Letters
    clock: Clock
    log: Log
    wakeups: WakeUps  # others look; this run changes rows only
    region: str = ""  # of Identity Center, for the command in a mail
    stage: str = ""  # ours, for the same

    def run(self) -> None:
        """A glass that fails keeps neither another nor the rows from being looked at."""
        looked = [(place, found) for glass in self.glasses.values()
                  for place, found in self._looked(glass)]  # fmt: skip
        if any(Verdict.FOUND in verdicts.values() for _, verdicts in looked):
            self.clock.sleep(LOOK_AGAIN)  # lists and rows are not read at one moment: once more
        listed = self._listed()
        for place, verdicts in looked:
            try:
                self._glass(place, verdicts, listed)
            except ExternalError as error:
                self._not_reconciled(place.glass, error)
        try:
            self._mend()
        except ExternalError as error:
            self.log("warning", "rows not compared", error=str(error))

    # ---- assignments

    def _looked(self, glass: Glass) -> "Iterator[tuple[Place, Verdicts]]":
        try:
            permission_set = self.assignments.permission_set(glass.permission_set)
            if permission_set is None:
                self.log("error", messages.no_permission_set(glass), glass=glass.name)
                return
            place = Place(glass, permission_set)
            yield place, {access: self._verdict(access, place) for access in self._shown(place)}
        except ExternalError as error:
            self._not_reconciled(glass, error)

    def _not_reconciled(self, glass: Glass, error: ExternalError) -> None:
        self.log("warning", "not reconciled", glass=glass.name, error=str(error))

    def _glass(
        self, place: "Place", verdicts: "Verdicts", listed: Mapping[tuple[str, str], list[Access]]
    ) -> None:
        glass = place.glass
        if Verdict.FOUND in verdicts.values():
            still = set(self._shown(place))
            verdicts = verdicts | {
                access: self._verdict(access, place) if access in still else Verdict.LIVE
                for access, verdict in verdicts.items()
                if verdict is Verdict.FOUND
            }
        found = [access for access, verdict in verdicts.items() if verdict in UNEXPLAINED]
        for access in found:
            if verdicts[access] is Verdict.FOUND:  # first, lest a press that sees it explain it
                self._note(access, place)
            if self.revokes:
                self._take_back(access, place)
        here = (glass.account_id, place.permission_set.arn)
        for access in set(listed.get(here, ())) - verdicts.keys():
            self._gone(access)
        if not self.revokes:
            self._say(glass, [noted for access in found if (noted := self._owed(access))])
        self.log(
            "info",
            "reconciled",
            metrics={"AssignmentsWithoutSession": len(found)},
            glass=glass.name,
            assignments=len(verdicts),
        )

    def _shown(self, place: "Place") -> list[Access]:
        account_id, arn = place.glass.account_id, place.permission_set.arn
        assignees = self.assignments.assignees(account_id, arn)
        return [Access(account_id, arn, each) for each in sorted(assignees)]

    def _verdict(self, access: Access, place: "Place") -> Verdict:
        """One row that an operator has spoiled says nothing of the others."""
        try:
            return self._judged(access, place)
        except Unreadable as unreadable:
            self.log("error", str(unreadable), glass=place.glass.name)
            return Verdict.UNREADABLE

    def _judged(self, access: Access, place: "Place") -> Verdict:
        live = self._lives(access)
        noted = self.books.noted(access)
        search = not live and noted is None
        facts = Facts(live, noted, self.books.session_that_saw(access) if search else None)
        verdict = judge(facts)
        if verdict is Verdict.STOOD:
            seen = self._new_note(access, place)
            self._remember(seen.with_(standing=True, session_id=facts.stood_in or ""))
        elif verdict is Verdict.STANDING and noted and noted.gone_at:
            self._remember(noted.with_(gone_at=None))
        return verdict

    def _lives(self, access: Access) -> bool:
        """By the lock, and by the index, for a lock may have been deleted by hand."""
        lock = self.books.lock(access)
        for session_id in {*self.books.living(access), *([lock.holder] if lock else [])}:
            session, _ = self.books.read(session_id)
            if session is not None and session.live and session.access == access:
                return True
        return False

    def _take_back(self, access: Access, place: "Place") -> None:
        """Asks for it: who looks for what nobody accounts for cannot itself take anything."""
        row_id = self.books.ask_back(access, place.glass.name, self.clock.now())
        self.log("warning", "asks to take back what was found", ask=row_id)
        try:
            self.wakeups.send(row_id, timedelta(0))
        except Unavailable as error:  # the stream and the sweep see the ask as well
            self.log("warning", "no wake-up", ask=row_id, error=str(error))

    def _note(self, access: Access, place: "Place") -> None:
        known = self.books.noted(access)
        if judge(Facts(False, known, None)) is not Verdict.FOUND:
            return  # accepted by name, or noted by another run, since we looked
        owed = ("channel", "mail") if place.glass.channel else ("mail",)
        version = known.version if known else 0
        self._remember(self._new_note(access, place).with_(owed=owed, version=version))

    def _new_note(self, access: Access, place: "Place") -> Noted:
        who = self.people.user(access.principal_id)
        return Noted(
            access=access,
            found_at=self.clock.now(),
            glass=place.glass.name,
            email=who.email if who else "",
            name=who.name if who else "",
            account_name=place.glass.account_name,
            permission_set=place.permission_set.name,
        )

    def _gone(self, access: Access) -> None:
        try:
            noted = self.books.noted(access)
        except Unreadable as unreadable:
            self.log("error", str(unreadable))
            return
        if noted is not None and noted.gone_at is None:
            self._remember(noted.with_(gone_at=self.clock.now(), owed=()))

    def _owed(self, access: Access) -> Noted | None:
        noted = self.books.noted(access)
        return noted if noted and noted.owed and not noted.standing else None

    def _say(self, glass: Glass, owed: Sequence[Noted]) -> None:
        """At least once: what could not be said is said in the next run."""
        said: list[str] = []
        where = self.region, self.stage
        for to in ("channel", "mail"):
            what = [noted for noted in owed if to in noted.owed]
            try:
                if what and to == "channel" and glass.channel:
                    self.chat.post(glass.channel, findings.found(glass, what, *where))
                elif what and to == "mail":
                    self._mail(Mail(glass.report_to, *self.letters.found_mail(glass, what, *where)))
                said.append(to)
            except ExternalError as error:
                self.log("warning", "not said", glass=glass.name, error=str(error))
                if isinstance(error, Refused) and error.lasting:
                    said.append(to)  # no later try will help
        for noted in owed:
            self._remember(noted.with_(owed=tuple(to for to in noted.owed if to not in said)))

    def _mail(self, mail: Mail) -> None:
        """To all of them; a run has more time than one try of the mail takes."""
        while True:
            try:
                return self.post.send(mail)
            except Partly as partly:
                if partly.reached <= mail.reached:
                    raise
                mail = replace(mail, reached=partly.reached)

    def _remember(self, noted: Noted) -> None:
        try:
            self.books.note(noted)
        except Stale:
            self.log("info", "noted by another meanwhile", access=noted.access.key)

    def _listed(self) -> dict[tuple[str, str], list[Access]]:
        listed: dict[tuple[str, str], list[Access]] = {}
        try:
            for access in self.books.notes():
                here = (access.account_id, access.permission_set_arn)
                listed.setdefault(here, []).append(access)
        except ExternalError as error:
            self.log("warning", "notes not read", error=str(error))
        return listed

    # ---- rows

    def _mend(self) -> None:
        mended: list[Mended] = []
        for row_id, access in self.books.all_locks():
            if access is None:
                self.log("error", "a lock whose id says nothing", lock=row_id)
            else:
                mended += self._carefully(self._mend_lock, access)
        for session_id in self.books.all_leases():
            mended += self._carefully(self._mend_lease, session_id)
        for session_id in self.books.alive():
            mended += self._carefully(self._mend_live, session_id)
        for each in mended:
            self.log("warning", each.what, metrics={"RowsMended": 1})
        self._say_mended(mended)

    def _carefully(self, mend: "Callable[[T], Iterable[Mended]]", what: T) -> "list[Mended]":
        """A row that cannot be read says nothing: what hangs on it is left for a human."""
        try:
            return list(mend(what))
        except Unreadable as unreadable:
            self.log("error", str(unreadable))
            return []

    def _mend_lock(self, access: Access) -> "Iterator[Mended]":
        lock = self.books.lock(access)
        if lock is None:
            return
        holder, _ = self.books.read(lock.holder)
        if lock.free_at is not None and self.clock.now() < lock.free_at + LATEST:
            return  # its session is over, and what that has asked for may still land
        # A session lets go of its lock and of its life in one write: so the lock is read again.
        if lock_is_wrong(holder, access) and self.books.lock(access) == lock:
            self.books.free(access, lock)
            if lock.free_at is not None:
                return  # as it should be, once it is free
            yield Mended(self._channel(access), f"{Mend.LONE_LOCK}: {access.key}")

    def _mend_lease(self, session_id: str) -> "Iterator[Mended]":
        session, leased = self.books.read(session_id)
        if lease_is_wrong(session, leased):
            self.books.drop(session_id)
            yield Mended(session.channel if session else "", f"{Mend.LEASE}: {session_id}")

    def _mend_live(self, session_id: str) -> "Iterator[Mended]":
        session, _ = self.books.read(session_id)
        if session is None or not session.live:
            return  # the index was late
        lock = self.books.lock(session.access)
        for mend in wrong_with(session, lock.holder if lock else None, self.clock.now()):
            try:
                if mend is Mend.NO_LOCK:
                    self.books.restore_lock(session)
                else:
                    self.wakeups.send(session.id, timedelta(0))
            except Stale:  # it moved on meanwhile; perhaps it was just letting go
                continue
            yield Mended(session.channel, f"{mend}: {session_id}")

    def _say_mended(self, mended: "Sequence[Mended]") -> None:
        for channel in sorted({each.channel for each in mended} - {""}):
            what = [each.what for each in mended if each.channel == channel]
            try:
                self.chat.post(channel, findings.mended(what))
            except ExternalError as error:  # the log has it
                self.log("warning", "not said", error=str(error))

    def _channel(self, access: Access) -> str:
        """Of the glass that the access may be of: by account, where the set is given by name."""
        for glass in self.glasses.values():
            by_name = not glass.permission_set.startswith("arn:")
            fits = by_name or glass.permission_set == access.permission_set_arn
            if fits and glass.account_id == access.account_id:
                return glass.channel
        return ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where assignments are looked for."""

    glass: Glass
    permission_set: PermissionSet


Verdicts = dict[Access, Verdict]


@dataclass(frozen=True, slots=True)
class Mended:
    """What was put right, and the channel that is told."""

    channel: str
    what: str
