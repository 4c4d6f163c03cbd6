"""Who can be let in, and where: settings, credentials, Identity Center, accounts, people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.deploy.aws_errors import SIGN_IN, sentence
from chalicelib.domain.oncall import SLACK
from chalicelib.transport.errors import code_of
from chalicelib.workflow import policy
from tools._project import Problem
from tools.checks.patient import BAD, MOST_SKEW, NOTE, OK, Finding, Patient
from tools.checks.sets import provisioned_in


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
        cure = SIGN_IN if SIGN_IN in said else "look at the credentials of this shell"
        yield Finding(BAD, said.replace(f" {SIGN_IN}", ""), cure)
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
    described = patient.aws("sso-admin").describe_instance(InstanceArn=instance)
    owner = described["OwnerAccountId"]
    if described.get("PermissionSetsEnabled") is False or owner != _organisation(patient):
        cure = "deploy where the organisation's instance is administered, in its Region"
        said = f"{instance} is the account instance of {owner}: it gives no access to accounts"
        yield Finding(BAD, said, cure)
        return
    here = "the management account" if _management(patient) else "a delegated administrator account"
    yield Finding(OK, f"{instance} with {store}, from {here}")
    yield _key(described.get("EncryptionConfigurationDetails", {}))


def _organisation(patient: Patient) -> str:
    """The organisation's management account; empty where there is no organisation."""
    try:
        return patient.management_account
    except ClientError as error:
        if code_of(error) != "AWSOrganizationsNotInUseException":
            raise
        return ""


def _key(details: dict[str, str]) -> Finding:
    if details.get("KeyType") != "CUSTOMER_MANAGED_KEY":
        return Finding(OK, "it is encrypted with AWS's own key")
    key = details.get("KmsKeyArn", "a customer managed key")
    if details.get("EncryptionStatus") == "UPDATE_FAILED":
        cure = f"see the key's policy and state: {details.get('EncryptionStatusReason', '')}"
        return Finding(BAD, f"it could not be encrypted with {key}", cure)
    return Finding(OK, f"it is encrypted with {key}; “rights” has who may use it")


def second_way(patient: Patient) -> Iterator[Finding]:
    """No tool of this kind lets anybody in while Identity Center's Region is down."""
    if patient.settings.second_way:
        yield Finding(OK, f"where Identity Center is down: {patient.settings.second_way}")
        return
    cure = (
        "prepare one that needs no Identity Center (an IAM user with MFA under seal, say), try "
        "it now and then, and say in glasses.toml what it is: second_way"
    )
    yield Finding(NOTE, "there is no second way in for when Identity Center is down", cure)


def reach(patient: Patient) -> Iterator[Finding]:
    """Nobody is let into the management account; and a delegated administrator has no say over
    the permission sets that are provisioned there."""
    out_of_reach = 0
    for glass in patient.settings.glasses.values():
        if glass.account_id == patient.management_account:
            out_of_reach += 1
            cure = "give the glass another account, and have a second way into that one"
            why = "its account is the management account, where a press is refused"
            yield Finding(BAD, f"“{glass.name}” cannot be served: {why}", cure)
        elif _management(patient):
            continue
        elif provisioned_in(patient, glass, patient.management_account):
            out_of_reach += 1
            cure = f"make a copy of {glass.permission_set} that is used in no management account"
            why = "its permission set is provisioned in the management account"
            yield Finding(BAD, f"“{glass.name}” cannot be served: {why}", cure)
    if not out_of_reach:
        yield Finding(OK, "every glass can be served from this account")


def accounts(patient: Patient) -> Iterator[Finding]:
    for account_id in sorted({glass.account_id for glass in patient.settings.glasses.values()}):
        try:
            answer = patient.aws("organizations").describe_account(AccountId=account_id)
        except ClientError as error:
            if code_of(error) != "AccountNotFoundException":
                raise
            cure = "correct the glass's account: it is none of this organisation"
            yield Finding(BAD, f"account {account_id} does not exist", cure)
            continue
        account = answer["Account"]
        if account.get("State", account.get("Status")) != "ACTIVE":
            yield Finding(BAD, f"account {account_id} is not active", "choose another account")
        else:
            yield Finding(OK, f"account {account_id}, {account.get('Name', 'without a name')}")


def people(patient: Patient) -> Iterator[Finding]:
    from chalicelib.adapters.identity_center.directory import Directory

    directory = Directory(patient.aws("identitystore"), lambda: patient.instance[1])
    known = patient.settings
    may = {who for glass in known.glasses.values() for who in glass.named}
    asked = {who for who in may if not who.startswith(SLACK)} | set(known.people.values())
    missing = 0
    for who in sorted(asked - {policy.EVERYONE}):
        name = who.removeprefix("group:")
        there = _group(patient, name) if who != name else directory.person(who) is not None
        if not there:
            missing += 1
            kind = "group" if who != name else "user with the e-mail"
            cure = "add it in Identity Center, or take it out of glasses.toml"
            yield Finding(BAD, f"Identity Center has no {kind} {name}", cure)
    for email in _shared(patient):
        cure = "have one user alone have that e-mail, however it is spelled"
        said = (
            f"{email} is the e-mail of two users: may of one is may of both, or a press is refused"
        )
        yield Finding(BAD if email in asked else NOTE, said, cure)
    if not missing:
        yield Finding(OK, f"all {len(asked)} people and groups of the glasses exist")


def _management(patient: Patient) -> bool:
    return patient.account == patient.management_account


def _shared(patient: Patient) -> list[str]:
    """E-mails that two users of the directory have, as the settings would compare them."""
    pages = (
        patient.aws("identitystore")
        .get_paginator("list_users")
        .paginate(IdentityStoreId=patient.instance[1])
    )
    users = [user for page in pages for user in page["Users"]]
    had = Counter(
        email
        for user in users
        for email in {policy.key(each.get("Value", "")) for each in user.get("Emails") or []}
    )
    return sorted(email for email, users in had.items() if users > 1)


def _group(patient: Patient, name: str) -> bool:
    try:
        patient.aws("identitystore").get_group_id(
            IdentityStoreId=patient.instance[1],
            AlternateIdentifier={
                "UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": name}
            },
        )
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return False
    return True
