"""Who can be let in, and where: settings, credentials, Identity Center, accounts, people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.deploy.aws_errors import SIGN_IN, sentence
from chalicelib.domain.session import Glass
from tools._project import Problem
from tools.checks.patient import BAD, MOST_SKEW, NOTE, OK, Finding, Patient, span


def settings(patient: Patient) -> Iterator[Finding]:
    try:
        known = patient.settings
    except Problem as problem:
        yield Finding(BAD, str(problem), "edit chalicelib/glasses.toml; see README, “Configure”")
        return
    yield Finding(OK, f"glasses.toml names {', '.join(known.glasses)}")


def credentials(patient: Patient) -> Iterator[Finding]:
    try:
        region = patient.aws("dynamodb").meta.region_name  # sts would do without one
        caller = patient.caller
    except (Problem, BotoCoreError, ClientError) as error:
        said = str(error) if isinstance(error, Problem) else sentence(error)
        yield Finding(BAD, said.replace(f" {SIGN_IN}", ""), SIGN_IN if SIGN_IN in said else "")
        return
    yield Finding(OK, f"{caller['Arn']} in {region}")


def clock(patient: Patient) -> Iterator[Finding]:
    answer = patient.aws("sts").get_caller_identity()  # anew: an older answer has an older date
    date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    skew = patient.now() - parsedate_to_datetime(date)
    if abs(skew) > MOST_SKEW:
        cure = "set this machine's clock by NTP: its signatures are refused, Slack's seem stale"
        yield Finding(BAD, f"this clock is {skew.total_seconds():+.0f} s off AWS's", cure)
    else:
        yield Finding(OK, "this clock agrees with AWS's")


def identity_center(patient: Patient) -> Iterator[Finding]:
    found = patient.aws("sso-admin").list_instances().get("Instances", [])
    if not found:
        region = patient.aws("sts").meta.region_name
        yield Finding(
            BAD,
            f"there is no Identity Center instance in {region} that this account administers",
            "deploy in Identity Center's own region, from the management account or from one that "
            "it has delegated Identity Center to",
        )
        return
    instance, store = patient.instance
    if instance not in [each["InstanceArn"] for each in found]:
        cure = "correct identity_center_instance, or leave it out: it is found out"
        yield Finding(BAD, f"{instance} is not an instance that this account administers", cure)
        return
    here = "the management account" if _management(patient) else "a delegated administrator account"
    yield Finding(OK, f"{instance} with {store}, from {here}")


def reach(patient: Patient) -> Iterator[Finding]:
    """A delegated administrator has no say in the management account, nor over its sets."""
    if _management(patient):
        yield Finding(OK, "from the management account every glass can be served")
        return
    out_of_reach = 0
    for glass in patient.settings.glasses.values():
        if glass.account_id == patient.management_account:
            out_of_reach += 1
            cure = "deploy from the management account, or give the glass another account"
            why = "its account is the management account, closed to a delegated administrator"
            yield Finding(BAD, f"“{glass.name}” cannot be served: {why}", cure)
        elif _provisioned_in(patient, glass, patient.management_account):
            out_of_reach += 1
            cure = f"make a copy of {glass.permission_set} that is used in no management account"
            why = "its permission set is provisioned in the management account"
            yield Finding(BAD, f"“{glass.name}” cannot be served: {why}", cure)
    if not out_of_reach:
        yield Finding(OK, "every glass can be served by a delegated administrator")


def accounts(patient: Patient) -> Iterator[Finding]:
    for account_id in sorted({glass.account_id for glass in patient.settings.glasses.values()}):
        try:
            answer = patient.aws("organizations").describe_account(AccountId=account_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccountNotFoundException":
                raise
            cure = "correct the glass's account: it is none of this organisation"
            yield Finding(BAD, f"account {account_id} does not exist", cure)
            continue
        account = answer["Account"]
        if account.get("State", account.get("Status")) != "ACTIVE":
            yield Finding(BAD, f"account {account_id} is not active", "choose another account")
        else:
            yield Finding(OK, f"account {account_id}, {account.get('Name', 'without a name')}")


def permission_sets(patient: Patient) -> Iterator[Finding]:
    for glass in patient.settings.glasses.values():
        found = patient.permission_set(glass.permission_set)
        if found is None:
            cure = "make it in Identity Center, or correct the glass's permission_set"
            said = f"“{glass.name}”: there is no permission set {glass.permission_set}"
            yield Finding(BAD, said, cure)
            continue
        tail = span(found.session_duration)
        said = f"“{glass.name}”: {found.name}; credentials live on for up to {tail} after the end"
        if found.session_duration > timedelta(hours=1):
            cure = "set the permission set's session duration to 1 h, which is the least there is"
            yield Finding(NOTE, said, cure)
        else:
            yield Finding(OK, said)


def people(patient: Patient) -> Iterator[Finding]:
    from chalicelib.adapters.identity_center.directory import Directory

    directory = Directory(patient.aws("identitystore"), lambda: patient.instance[1])
    known = patient.settings
    asked = {who for glass in known.glasses.values() for who in glass.may} | set(
        known.people.values()
    )
    missing = 0
    for who in sorted(asked - {"everyone"}):
        name = who.removeprefix("group:")
        there = _group(patient, name) if who != name else directory.person(who) is not None
        if not there:
            missing += 1
            kind = "group" if who != name else "user with the e-mail"
            cure = "add it in Identity Center, or take it out of glasses.toml"
            yield Finding(BAD, f"Identity Center has no {kind} {name}", cure)
    if not missing:
        yield Finding(OK, f"all {len(asked)} people and groups of the glasses exist")


def _management(patient: Patient) -> bool:
    return patient.account == patient.management_account


def _provisioned_in(patient: Patient, glass: Glass, account_id: str) -> bool:
    found = patient.permission_set(glass.permission_set)
    if found is None:
        return False  # said elsewhere
    pages = (
        patient.aws("sso-admin")
        .get_paginator("list_accounts_for_provisioned_permission_set")
        .paginate(InstanceArn=patient.instance[0], PermissionSetArn=found.arn)
    )
    return any(account_id in page["AccountIds"] for page in pages)


def _group(patient: Patient, name: str) -> bool:
    try:
        patient.aws("identitystore").get_group_id(
            IdentityStoreId=patient.instance[1],
            AlternateIdentifier={
                "UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": name}
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return False
    return True
