"""The directory behind Identity Center: people, their groups, and the portal they sign in to."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from botocore.exceptions import (
    ClientError,
)

from chalicelib.adapters.identity_center.calls import Memory, P, R, missing, reading, renewing
from chalicelib.domain.errors import Refused
from chalicelib.domain.session import Person
from chalicelib.words import messages
from chalicelib.workflow import policy

PORTALS: Final = {  # by partition
    "aws": "https://{}.awsapps.com/start",
    "aws-cn": "https://start.home.awsapps.cn/directory/{}",
    "aws-us-gov": "https://start.us-gov-home.awsapps.com/directory/{}",
}


class Directory:
    """The people and groups of an identity store."""

    def __init__(
        self,
        client: Any,
        identity_store_id: Callable[[], str],
        seconds: Callable[[], float] = time.time,
        renew: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = client
        self._store_id = identity_store_id
        self._groups = Memory(seconds)  # ids, by store and name
        self._renew = renew

    def person(self, email: str) -> Person | None:
        """The user with that e-mail, or else with that user name; None for one who is disabled.

        Looked up as it is written, and only where nobody has it so, in lower case and as a user
        name: a directory tells the spellings apart, Slack and people do not. The person carries
        the e-mail as asked for: that is the one that `may` is compared with. Refused, for good,
        where it is the e-mail of two.
        """
        return self._asks(self._person)(email)

    def user(self, principal_id: str) -> Person | None:
        """The user of that id, disabled or not; None for one who was deleted."""
        return self._asks(self._user)(principal_id)

    def groups_of(self, principal_id: str, groups: Iterable[str]) -> frozenset[str]:
        """Those of the named groups that the user is in; a group that does not exist has nobody."""
        return self._asks(self._memberships)(principal_id, tuple(groups))

    def portal(self) -> str:
        """`https://d-….awsapps.com/start`, which each instance has beside what it calls itself."""
        store_id = self._store_id()
        if not store_id.startswith("d-"):
            return ""
        return PORTALS.get(self._client.meta.partition, PORTALS["aws"]).format(store_id)

    # ---- below the port

    def _asks(self, ask: Callable[P, R]) -> Callable[P, R]:
        return reading(renewing(ask, self._renew, self._groups))

    def _person(self, email: str) -> Person | None:
        user_id = self._user_id("emails.value", email) or self._spelled_otherwise(email)
        if user_id is None:
            return None
        try:
            user = self._client.describe_user(IdentityStoreId=self._store_id(), UserId=user_id)
        except ClientError as error:
            if missing(error):
                return None  # deleted between the two calls
            raise
        if user.get("UserStatus") == "DISABLED":
            return None
        return Person(
            principal_id=user["UserId"],
            user_name=user["UserName"],
            name=_name(user) or user["UserName"],
            email=email,
        )

    def _user(self, principal_id: str) -> Person | None:
        try:
            user = self._client.describe_user(IdentityStoreId=self._store_id(), UserId=principal_id)
        except ClientError as error:
            if missing(error):
                return None
            raise
        emails = sorted(user.get("Emails") or [], key=lambda each: not each.get("Primary"))
        return Person(
            principal_id=user["UserId"],
            user_name=user["UserName"],
            name=_name(user) or user["UserName"],
            email=emails[0].get("Value", "") if emails else "",
        )

    def _spelled_otherwise(self, email: str) -> str | None:
        """Whoever has the e-mail in lower case, or as a user name: one, or nobody is let in."""
        small = policy.key(email)
        asked = [("emails.value", small), ("userName", email), ("userName", small)]
        if small == email:
            asked = [("userName", email)]
        found = {user_id for each in asked if (user_id := self._user_id(*each))}
        if len(found) > 1:
            raise Refused(messages.TWO_PEOPLE, lasting=True)
        return next(iter(found), None)

    def _user_id(self, attribute: str, value: str) -> str | None:
        return self._id(self._client.get_user_id, "UserId", attribute, value)

    def _group_id(self, name: str) -> str | None:
        known_as = f"{self._store_id()} {name}"
        found = self._groups.get(known_as)
        if found is None:
            found = self._id(self._client.get_group_id, "GroupId", "displayName", name)
            if found is not None:
                self._groups.put(known_as, found)
        return found

    def _id(
        self, operation: Callable[..., Any], member: str, attribute: str, value: str
    ) -> str | None:
        unique = {"AttributePath": attribute, "AttributeValue": value}
        try:
            answer = operation(
                IdentityStoreId=self._store_id(), AlternateIdentifier={"UniqueAttribute": unique}
            )
        except ClientError as error:
            if missing(error):
                return None
            raise
        found: str = answer[member]
        return found

    def _memberships(self, principal_id: str, names: tuple[str, ...]) -> frozenset[str]:
        ids = {name: self._group_id(name) for name in names}
        known = sorted({group_id for group_id in ids.values() if group_id is not None})
        member_of: set[str] = set()
        for start in range(0, len(known), 100):  # as many as one call takes
            answer = self._client.is_member_in_groups(
                IdentityStoreId=self._store_id(),
                MemberId={"UserId": principal_id},
                GroupIds=known[start : start + 100],
            )
            member_of |= {
                result["GroupId"] for result in answer["Results"] if result["MembershipExists"]
            }
        return frozenset(name for name, group_id in ids.items() if group_id in member_of)


def _name(user: dict[str, Any]) -> str:
    name = user.get("Name") or {}
    parts = (name.get("GivenName"), name.get("FamilyName"))
    whole: str = user.get("DisplayName") or name.get("Formatted") or ""
    return whole or " ".join(part for part in parts if part)
