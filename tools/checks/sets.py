"""The permission sets of the glasses: whether they are there, and what each gives where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.domain.glass import Glass
from chalicelib.domain.session import PermissionSet
from chalicelib.transport.errors import code_of
from tools.checks.patient import BAD, NOTE, OK, Finding, Patient, span

HOUR = timedelta(hours=1)


def permission_sets(patient: Patient) -> Iterator[Finding]:
    for glass in patient.settings.glasses.values():
        found = patient.permission_set(glass.permission_set)
        if found is None:
            cure = "make it in Identity Center, or correct the glass's permission_set"
            said = f"“{glass.name}”: there is no permission set {glass.permission_set}"
            yield Finding(BAD, said, cure)
            continue
        yield _credentials(patient, glass, found)
        yield from _policies(patient, glass, found)


def provisioned_in(patient: Patient, glass: Glass, account_id: str) -> bool:
    found = patient.permission_set(glass.permission_set)
    if found is None:
        return False  # said elsewhere
    name = "list_accounts_for_provisioned_permission_set"
    pages = patient.aws("sso-admin").get_paginator(name).paginate(**_of(patient, found))
    return any(account_id in page["AccountIds"] for page in pages)


def _credentials(patient: Patient, glass: Glass, found: PermissionSet) -> Finding:
    """How long they live after the end: with the last assignment the role goes as well."""
    pages = (
        patient.aws("sso-admin")
        .get_paginator("list_account_assignments")
        .paginate(AccountId=glass.account_id, **_of(patient, found))
    )
    others = sum(len(page["AccountAssignments"]) for page in pages)
    tail = span(found.session_duration)
    said = f"“{glass.name}”: {found.name}; credentials live on for up to {tail} after the end"
    if others:
        said += f", for its role stays: {others} more have it on {glass.account_id}"
    else:
        said += " at the latest: nobody else has it there, so its role goes with the access"
    if found.session_duration > HOUR:
        cure = "set the permission set's session duration to 1 h, which is the least there is"
        return Finding(NOTE, said, cure)
    return Finding(OK, said)


def _policies(patient: Patient, glass: Glass, found: PermissionSet) -> Iterator[Finding]:
    """Customer managed ones are known by their names, and have to be in the account already: where
    one is missing there, AWS takes the grant and then fails it."""
    paths = _customer_managed(patient, found)
    if not paths:
        return
    names = ", ".join(path.rpartition("/")[2] for path in paths)
    arns = [f"arn:{patient.partition}:iam::{glass.account_id}:policy{path}" for path in paths]
    if glass.account_id == patient.account:
        for arn in arns:
            if not _there(patient, arn):
                cure = f"make it, or take it out of {found.name}: without it every grant fails"
                yield Finding(BAD, f"“{glass.name}”: there is no policy {arn}", cure)
    elif provisioned_in(patient, glass, glass.account_id):
        said = f"“{glass.name}”: {found.name} is provisioned there, with its policies {names}"
        yield Finding(OK, said)
    else:
        said = f"“{glass.name}”: whether {glass.account_id} has {names} cannot be seen from here"
        cure = "with credentials of that account: " + "; ".join(
            f"aws iam get-policy --policy-arn {arn}" for arn in arns
        )
        yield Finding(NOTE, said, cure)


def _customer_managed(patient: Patient, found: PermissionSet) -> list[str]:
    """Path and name of each, that of its permissions boundary included."""
    client, asked = patient.aws("sso-admin"), _of(patient, found)
    name = "list_customer_managed_policy_references_in_permission_set"
    pages = client.get_paginator(name).paginate(**asked)
    named: list[dict[str, Any]] = [
        each for page in pages for each in page["CustomerManagedPolicyReferences"]
    ]
    try:
        boundary = client.get_permissions_boundary_for_permission_set(**asked)
        named.append(boundary["PermissionsBoundary"].get("CustomerManagedPolicyReference") or {})
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
    return [f"{each.get('Path', '/')}{each['Name']}" for each in named if each]


def _there(patient: Patient, arn: str) -> bool:
    try:
        patient.aws("iam").get_policy(PolicyArn=arn)
    except ClientError as error:
        if code_of(error) != "NoSuchEntity":
            raise
        return False
    return True


def _of(patient: Patient, found: PermissionSet) -> dict[str, str]:
    return {"InstanceArn": patient.instance[0], "PermissionSetArn": found.arn}
