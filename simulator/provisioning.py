"""The roles that Identity Center keeps in accounts, and what it needs there to make one.

As on AWS:
- the first assignment of a permission set in an account makes a role, with a new suffix each time;
  the last one's deletion removes it;
- a member account lets Identity Center do that; in the management account it does it with the IAM
  rights of whoever asked, and what they lack comes back as a FAILED request, minutes after it was
  accepted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection

from simulator.assignments import Access

ROLES = "role/aws-reserved/sso.amazonaws.com/"
PROVIDER = "saml-provider/AWSSSO_0_DO_NOT_DELETE"
_LOOKS = ("iam:GetRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies")
ON_ROLES = {
    "create": (*_LOOKS, "iam:CreateRole", "iam:UpdateRole", "iam:UpdateRoleDescription",
               "iam:PutRolePolicy", "iam:AttachRolePolicy"),
    "delete": (*_LOOKS, "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
}  # fmt: skip
ON_PROVIDER = {"create": ("iam:UpdateSAMLProvider",), "delete": ()}
DENIED = "Access denied by IAM"

May = Callable[[str, str, str], bool]  # caller, action, resource


def anyone_may(caller: str, action: str, resource: str) -> bool:
    return True


def lacking(may: May, kind: str, caller: str, account_id: str) -> str | None:
    """Why Identity Center cannot do it in the management account; None where it can."""
    iam = f"arn:aws:iam::{account_id}:"
    asked = [(action, f"{iam}{ROLES}AWSReservedSSO_Any_0") for action in ON_ROLES[kind]]
    asked += [(action, iam + PROVIDER) for action in ON_PROVIDER[kind]]
    allowed = [may(caller, action, resource) for action, resource in asked]
    return None if all(allowed) else DENIED


class Roles:
    """The suffix of each role that there is, by account and permission set."""

    def __init__(self) -> None:
        self._suffixes: dict[tuple[str, str], str] = {}

    def needed(self, access: Access) -> None:
        """An assignment has appeared."""
        self._suffixes.setdefault(access[:2], secrets.token_hex(8))

    def left(self, access: Access, standing: Collection[Access]) -> None:
        """An assignment has gone; `standing` are those that are left."""
        if not any(each[:2] == access[:2] for each in standing):
            self._suffixes.pop(access[:2], None)

    def suffix(self, account_id: str, permission_set_arn: str) -> str:
        """Empty where there is no such role."""
        return self._suffixes.get((account_id, permission_set_arn), "")
