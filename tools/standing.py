"""Assignments of a glass's permission set that are there without a session, and which of them may.

    python -m tools standing                         who has which, and whether that is accepted
    python -m tools standing accept prod ann@x.org   this one is meant to stay: no session ends it
    python -m tools standing forget prod ann@x.org   not any more: reconciliation says or ends it

PERSON is an e-mail, a user name or a user id of IAM Identity Center. What is accepted is kept in
the table, by account, permission set and user; a session of that person finds it standing and
leaves it alone, whether it was accepted or not.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chalicelib.workflow import policy
from tools import _project
from tools._project import Misused, Problem
from tools._words import as_json

if TYPE_CHECKING:
    from chalicelib.adapters.dynamodb.table import Table
    from chalicelib.adapters.identity_center.center import IdentityCenter
    from chalicelib.adapters.identity_center.directory import Directory
    from chalicelib.domain.glass import Glass
from chalicelib.domain.session import Access, Noted, PermissionSet, Person

SUMMARY = "assignments without a session: lists them, accepts one by name, forgets it again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser)
    parser.add_argument("what", nargs="?", choices=("list", "accept", "forget"), default="list")
    parser.add_argument("glass", nargs="?", metavar="GLASS", help="its name; of list: only this")
    parser.add_argument("person", nargs="?", metavar="PERSON")
    parser.add_argument("--by", default="", help="who accepts it (the AWS identity that you have)")
    parser.add_argument("--json", action="store_true", help="list: one JSON object a line")


def run(args: argparse.Namespace) -> int:
    if args.what != "list" and not (args.glass and args.person):
        raise Misused(f"say whose: python -m tools standing {args.what} GLASS PERSON")
    office = Office.of(_project.stage_name(args.stage))
    if args.what == "list":
        return _list(office, args.glass, args.json)
    found = office.find(args.glass, args.person)
    if args.what == "accept":
        return _accept(office, found, _whoever(args.by))
    return _forget(office, found)


@dataclass(frozen=True)
class Found:
    """An assignment that Identity Center shows, or that is noted."""

    glass: Glass
    permission_set: PermissionSet
    access: Access
    person: Person | None
    noted: Noted | None
    assigned: bool
    held_by: str | None  # the session whose it is now

    def fits(self, who: str) -> bool:
        names = {self.access.principal_id}
        if self.person:
            names |= {self.person.email, self.person.user_name}
        if self.noted:
            names |= {self.noted.email}
        return policy.key(who) in {policy.key(name) for name in names if name}

    @property
    def name(self) -> str:
        email = self.person.email if self.person else self.noted.email if self.noted else ""
        return email or self.access.principal_id

    @property
    def said(self) -> str:
        noted = self.noted
        if self.held_by:
            return f"open by session {self.held_by}"
        if noted and noted.standing and noted.accepted_by:
            return f"accepted by {noted.accepted_by} on {noted.found_at:%Y-%m-%d}"
        if noted and noted.standing:
            return f"stood before session {noted.session_id}"
        if noted:
            return f"found on {noted.found_at:%Y-%m-%d %H:%M} UTC, not accepted"
        return "not looked at yet"


@dataclass(frozen=True)
class Office:
    """The glasses, the table and Identity Center of a stage."""

    glasses: dict[str, Glass]
    books: Table
    identity_center: IdentityCenter
    directory: Directory

    @classmethod
    def of(cls, stage: str) -> Office:
        known = _project.settings(stage)
        import boto3

        from chalicelib.adapters.dynamodb.table import Table
        from chalicelib.adapters.identity_center.calls import discover, reading_client
        from chalicelib.adapters.identity_center.center import IdentityCenter
        from chalicelib.adapters.identity_center.directory import Directory

        reads = reading_client(boto3)
        instance, store = known.instance_arn, known.identity_store_id
        if not (instance and store):
            instance, store, _ = discover(reads, instance)
        people = Directory(reading_client(boto3, service="identitystore"), lambda: store)
        center = IdentityCenter(reads, reads, lambda: instance)
        return cls(dict(known.glasses), Table(known.table, known.region), center, people)

    def all(self, glass_name: str | None) -> Iterator[Found]:
        from chalicelib.domain.session import Access

        if glass_name and glass_name not in self.glasses:
            known = ", ".join(sorted(self.glasses))
            raise Misused(f"there is no glass called “{glass_name}”; there are {known}")
        notes = list(self.books.notes())
        for glass in self.glasses.values():
            if glass_name not in (None, glass.name):
                continue
            permission_set = self.identity_center.permission_set(glass.permission_set)
            if permission_set is None:
                continue
            arn = permission_set.arn
            assigned = self.identity_center.assignees(glass.account_id, arn)
            noted = {
                each.principal_id
                for each in notes
                if (each.account_id, each.permission_set_arn) == (glass.account_id, arn)
            }
            for user in sorted(assigned | noted):
                access = Access(glass.account_id, arn, user)
                yield Found(
                    glass=glass,
                    permission_set=permission_set,
                    access=access,
                    person=self.directory.user(user),
                    noted=self.books.noted(access),
                    assigned=user in assigned,
                    held_by=self._held_by(access),
                )

    def _held_by(self, access: Access) -> str | None:
        """By the lock, and by the index, for a lock may have been deleted by hand."""
        lock = self.books.lock(access)
        held = lock is not None and lock.free_at is None
        return lock.holder if lock and held else next(iter(self.books.living(access)), None)

    def find(self, glass_name: str, who: str) -> Found:
        for each in self.all(glass_name):
            if each.fits(who):
                return each
        raise Problem(
            f"nobody called “{who}” has the permission set of “{glass_name}” assigned; "
            "`python -m tools standing` lists who has"
        )


def _whoever(by: str) -> str:
    """Who accepts: the AWS identity, which nobody can only claim, and who they say they are."""
    identity = str(_project.client("sts").get_caller_identity()["Arn"])
    return f"{by} ({identity})" if by else identity


def _as_json(each: Found) -> str:
    noted = each.noted
    standing = bool(noted and noted.standing)
    return as_json({
        "glass": each.glass.name,
        "account_id": each.access.account_id,
        "permission_set": each.permission_set.name,
        "permission_set_arn": each.access.permission_set_arn,
        "principal_id": each.access.principal_id,
        "email": each.name if "@" in each.name else "",
        "assigned": each.assigned,
        "session": each.held_by or "",
        "standing": standing,
        "accepted_by": noted.accepted_by if noted and standing else "",
        "found_at": f"{noted.found_at:%Y-%m-%dT%H:%M:%SZ}" if noted else "",
    })  # fmt: skip


def _list(office: Office, glass_name: str | None, is_json: bool) -> int:
    if is_json:
        for each in office.all(glass_name):
            print(_as_json(each))
        return 0
    rows = [
        (each.glass.name, each.name, each.said if each.assigned else f"gone; {each.said}")
        for each in office.all(glass_name)
    ]
    if not rows:
        print("Nobody has the permission set of a glass assigned.")
        return 0
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for glass, who, said in rows:
        print(f"{glass:{widths[0]}}  {who:{widths[1]}}  {said}")
    return 0


def _accept(office: Office, found: Found, by: str) -> int:
    from chalicelib.domain.session import Noted

    if found.held_by:
        raise Problem(
            f"session {found.held_by} holds it now, and what a session gave is not standing; "
            "try again when it is closed"
        )
    note = Noted(
        access=found.access,
        found_at=datetime.now(UTC),
        glass=found.glass.name,
        email=found.person.email if found.person else "",
        name=found.person.name if found.person else "",
        account_name=found.glass.account_name,
        permission_set=found.permission_set.name,
        standing=True,
        accepted_by=by,
        version=found.noted.version if found.noted else 0,
    )
    office.books.note(note)
    print(f"{found.name} may keep {found.permission_set.name} on {found.access.account_id}.")
    return 0


def _forget(office: Office, found: Found) -> int:
    if found.noted is None or not found.noted.standing:
        raise Problem(f"{found.name} is not known as standing, so there is nothing to forget")
    owed = ("channel", "mail") if found.glass.channel else ("mail",)
    forgotten = found.noted.with_(standing=False, accepted_by="", session_id="", owed=owed)
    office.books.note(forgotten)
    print(f"Forgotten. The next reconciliation finds {found.name} on “{found.glass.name}”.")
    return 0
