"""The people and groups of IAM Identity Center: the `identitystore` half of the stand-in."""

# ruff: noqa: N802  (operations are named as AWS names them)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.wire import Problem, page


@dataclass(frozen=True)
class User:
    user_id: str
    user_name: str
    email: str
    display_name: str


@dataclass(frozen=True)
class Group:
    group_id: str
    display_name: str
    members: tuple[str, ...] = ()  # user ids


class IdentityStore:
    """Answers identitystore operations; one method each, named as AWS names them."""

    def __init__(self, store_id: str, users: list[User], groups: list[Group]) -> None:
        self.store_id = store_id
        self.users = {user.user_id: user for user in users}
        self.groups = {group.group_id: group for group in groups}

    def GetUserId(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        path, value = _unique_attribute(ask)
        for user in self.users.values():
            if _attribute(user, path) == value:  # as it is spelled; a search does not mind
                return {**self._here, "UserId": user.user_id, "UserArn": _user_arn(user)}
        raise _missing("USER", "USER not found.")

    def DescribeUser(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        return self._user_shape(self._user(ask["UserId"]))

    def ListUsers(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        found = list(self.users.values())
        for wanted in ask.get("Filters") or []:
            path, value = wanted["AttributePath"], str(wanted["AttributeValue"])
            if path.lower() not in _LISTABLE:
                raise Problem("ValidationException", f"Filtering on {path} is not supported.")
            found = [user for user in found if _attribute(user, path).lower() == value.lower()]
        return page([self._user_shape(user) for user in found], ask, "Users")

    def GetGroupId(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        path, value = _unique_attribute(ask)
        if path.lower() != "displayname":
            raise Problem("ValidationException", f"{path} is not a unique attribute of a group.")
        for group in self.groups.values():
            if group.display_name.lower() == value.lower():
                return {**self._here, "GroupId": group.group_id, "GroupArn": _group_arn(group)}
        raise _missing("GROUP", "GROUP not found.")

    def DescribeGroup(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        return self._group_shape(self._group(ask["GroupId"]))

    def ListGroups(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        found = list(self.groups.values())
        for wanted in ask.get("Filters") or []:
            value = str(wanted["AttributeValue"]).lower()
            found = [group for group in found if group.display_name.lower() == value]
        return page([self._group_shape(group) for group in found], ask, "Groups")

    def IsMemberInGroups(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        user = self._user(ask["MemberId"]["UserId"])
        groups = [self._group(group_id) for group_id in ask["GroupIds"]]
        return {
            "Results": [
                {
                    "GroupId": group.group_id,
                    "MemberId": {"UserId": user.user_id},
                    "MembershipExists": user.user_id in group.members,
                }
                for group in groups
            ]
        }

    def ListGroupMemberships(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        group = self._group(ask["GroupId"])
        rows = [self._membership(group, user_id) for user_id in group.members]
        return page(rows, ask, "GroupMemberships")

    def ListGroupMembershipsForMember(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        user = self._user(ask["MemberId"]["UserId"])
        rows = [
            self._membership(group, user.user_id)
            for group in self.groups.values()
            if user.user_id in group.members
        ]
        return page(rows, ask, "GroupMemberships")

    @property
    def _here(self) -> dict[str, str]:
        return {"IdentityStoreId": self.store_id}

    def _check(self, ask: dict[str, Any]) -> None:
        if ask.get("IdentityStoreId") != self.store_id:
            raise _missing("IDENTITY_STORE", "IDENTITY_STORE not found.")

    def _user(self, user_id: str) -> User:
        if user_id not in self.users:
            raise _missing("USER", "USER not found.")
        return self.users[user_id]

    def _group(self, group_id: str) -> Group:
        if group_id not in self.groups:
            raise _missing("GROUP", "GROUP not found.")
        return self.groups[group_id]

    def _membership(self, group: Group, user_id: str) -> dict[str, Any]:
        return {
            **self._here,
            "MembershipId": f"{group.group_id}/{user_id}",
            "GroupId": group.group_id,
            "MemberId": {"UserId": user_id},
        }

    def _user_shape(self, user: User) -> dict[str, Any]:
        first, _, last = user.display_name.partition(" ")
        return {
            **self._here,
            "UserId": user.user_id,
            "UserArn": _user_arn(user),
            "UserName": user.user_name,
            "DisplayName": user.display_name,
            "Name": {"GivenName": first, "FamilyName": last or first},
            "Emails": [{"Value": user.email, "Type": "work", "Primary": True}],
            "UserStatus": "ENABLED",
        }

    def _group_shape(self, group: Group) -> dict[str, Any]:
        return {
            **self._here,
            "GroupId": group.group_id,
            "GroupArn": _group_arn(group),
            "DisplayName": group.display_name,
        }


_LISTABLE = ("username", "emails.value")  # ListUsers documents UserName; emails work alike
_ATTRIBUTES = {"username": lambda user: user.user_name, "emails.value": lambda user: user.email}


def _attribute(user: User, path: str) -> str:
    if path.lower() not in _ATTRIBUTES:
        raise Problem("ValidationException", f"{path} is not a unique attribute of a user.")
    return _ATTRIBUTES[path.lower()](user)


def _unique_attribute(ask: dict[str, Any]) -> tuple[str, str]:
    """The only alternate identifier that this store has; nobody is synchronised into it."""
    unique = (ask.get("AlternateIdentifier") or {}).get("UniqueAttribute")
    if not unique:
        raise _missing("USER", "No user or group has that external id.")
    return unique["AttributePath"], str(unique["AttributeValue"])


def _missing(kind: str, message: str) -> Problem:
    return Problem("ResourceNotFoundException", message, {"ResourceType": kind})


def _user_arn(user: User) -> str:
    return f"arn:aws:identitystore:::user/{user.user_id}"


def _group_arn(group: Group) -> str:
    return f"arn:aws:identitystore:::group/{group.group_id}"
