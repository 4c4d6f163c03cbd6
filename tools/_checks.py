"""The checks of `doctor`: each looks at one thing, read-only, and says the cure where it fails.

A check yields findings. Whatever AWS refuses to tell becomes a finding too; nothing is assumed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config.settings import Settings
from chalicelib.deploy import infrastructure, schema
from chalicelib.deploy.alarms import FUNCTIONS, alarms, function_name
from chalicelib.deploy.aws_errors import SIGN_IN, sentence
from chalicelib.domain.errors import Trouble
from chalicelib.domain.session import Glass, PermissionSet
from tools import _project, _slack
from tools._project import Deployed, Problem
from tools._rows import Rows
from tools.slack_manifest import SCOPES

OK, BAD, NOTE = "ok", "bad", "note"
MOST_SKEW = timedelta(seconds=30)  # Slack's signatures live five minutes, AWS's as long
QUIET = timedelta(hours=24)  # an account in use says something in a day
OVERDUE = timedelta(minutes=2)
AGAIN = "run `chalice deploy` again: it puts right what has drifted"
APP = "break-glass"


@dataclass(frozen=True)
class Finding:
    """`bad` stands between you and being ready; a `note` is worth knowing."""

    state: str
    said: str
    cure: str = ""


Check = Callable[["Patient"], Iterator[Finding]]


@dataclass
class Patient:
    """What is looked at. Everything is asked for on first use and kept for the other checks."""

    stage: str
    stack: str = ""
    client: Callable[..., Any] = _project.client
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _clients: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        return _project.settings(self.stage)

    @cached_property
    def deployed(self) -> Deployed:
        return _project.deployed(self.stage, self.stack)

    @cached_property
    def caller(self) -> dict[str, Any]:
        found: dict[str, Any] = self.aws("sts").get_caller_identity()
        return found

    @property
    def account(self) -> str:
        return str(self.caller["Account"])

    @cached_property
    def instance(self) -> tuple[str, str]:
        """Identity Center's instance ARN and identity store."""
        from chalicelib.adapters.identity_center.calls import discover

        known = self.settings
        if known.instance_arn and known.identity_store_id:
            return known.instance_arn, known.identity_store_id
        found = discover(self.aws("sso-admin"), known.instance_arn)
        return found[0], found[1]

    @cached_property
    def management_account(self) -> str:
        found = self.aws("organizations").describe_organization()
        return str(found["Organization"]["MasterAccountId"])

    @cached_property
    def table(self) -> dict[str, Any]:
        found = self.aws("dynamodb").describe_table(TableName=self.settings.table)
        return dict(found["Table"])

    @cached_property
    def token(self) -> str:
        return _slack.secret(self.settings.secrets, _slack.BOT_TOKEN)

    def permission_set(self, name_or_arn: str) -> PermissionSet | None:
        from chalicelib.adapters.identity_center.center import IdentityCenter

        reads = self.aws("sso-admin")
        return IdentityCenter(reads, reads, lambda: self.instance[0]).permission_set(name_or_arn)

    def aws(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.client(service)
        return self._clients[service]

    def slack(self, method: str, **arguments: Any) -> dict[str, Any]:
        return _slack.call(self.token, self.settings.slack_api_url, method, **arguments)


def findings(patient: Patient, check: Check) -> list[Finding]:
    """What the check finds; an answer that does not come is a finding as well."""
    found: list[Finding] = []
    try:
        found.extend(check(patient))
    except ClientError as error:
        code, call = error.response["Error"]["Code"], error.operation_name
        cure = "look with credentials that may read it, or see whether it is there at all"
        found.append(Finding(BAD, f"{call} was answered {code}", cure))
    except BotoCoreError as error:
        found.append(Finding(BAD, sentence(error), SIGN_IN))
    except Problem as problem:
        found.append(Finding(BAD, str(problem), "see what it says"))
    except Trouble as trouble:
        cure = "run doctor again in a minute; if it stays, look at that service in this account"
        found.append(Finding(BAD, str(trouble), cure))
    return found


# You and this machine -----------------------------------------------------------------------------


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


# Identity Center ----------------------------------------------------------------------------------


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
        tail = _span(found.session_duration)
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


# What is deployed ---------------------------------------------------------------------------------


def functions(patient: Patient) -> Iterator[Finding]:
    deployed, client = patient.deployed, patient.aws("lambda")
    config = _project.config()
    for handler in FUNCTIONS:
        name = deployed.functions.get(handler)
        if name is None:
            yield Finding(BAD, f"{handler} is not deployed", AGAIN)
            continue
        try:
            found = client.get_function_configuration(FunctionName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            yield Finding(BAD, f"the function {name} is gone", AGAIN)
            continue
        own = config.get("lambda_functions", {}).get(handler, {})
        want = {
            "MemorySize": own.get("lambda_memory_size", config.get("lambda_memory_size")),
            "Timeout": own.get("lambda_timeout", config.get("lambda_timeout")),
        }
        drift = infrastructure.drift(found, want)
        if found.get("State", "Active") not in ("Active", "Inactive"):
            yield Finding(BAD, f"{name} is {found['State']}: {found.get('StateReason', '')}", AGAIN)
        elif drift:
            yield Finding(BAD, f"{name} has {_said(drift)} instead of {_said(want)}", AGAIN)
        else:
            yield Finding(OK, f"{name}: {want['MemorySize']} MB, {want['Timeout']} s")


def table(patient: Patient) -> Iterator[Finding]:
    client, name, found = patient.aws("dynamodb"), patient.settings.table, patient.table
    wrong = []
    if found["TableStatus"] != "ACTIVE":
        wrong.append(f"it is {found['TableStatus']}")
    have = {index["IndexName"] for index in found.get("GlobalSecondaryIndexes", [])}
    missing = sorted(set(schema.INDEXES) - have)
    if missing:
        wrong.append(f"it lacks the index {', '.join(missing)}")
    stream = found.get("StreamSpecification", {})
    if not stream.get("StreamEnabled") or stream.get("StreamViewType") != "NEW_AND_OLD_IMAGES":
        wrong.append("its stream is off, or does not tell both images")
    if not found.get("DeletionProtectionEnabled"):
        wrong.append("it is not protected from deletion")
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        wrong.append("TTL is off, so that a lost lease would end no access")
    elif ttl.get("AttributeName") != schema.TTL_ATTRIBUTE:
        wrong.append(f"TTL is on “{ttl.get('AttributeName')}” instead of “{schema.TTL_ATTRIBUTE}”")
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        wrong.append("point-in-time recovery is off")
    for each in wrong:
        yield Finding(BAD, f"table {name}: {each}", AGAIN)
    if not wrong:
        yield Finding(OK, f"table {name}: stream, TTL, recovery, protection, {len(have)} indexes")


def queues(patient: Patient) -> Iterator[Finding]:
    client, name = patient.aws("sqs"), patient.settings.queue
    attributes = {}
    for each in (name, f"{name}-dlq"):
        try:
            url = client.get_queue_url(QueueName=each)["QueueUrl"]
        except client.exceptions.QueueDoesNotExist:
            yield Finding(BAD, f"there is no queue {each}", AGAIN)
            return
        attributes[each] = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    mine, dead = (attributes[each]["Attributes"] for each in (name, f"{name}-dlq"))
    drift = infrastructure.drift(mine, infrastructure.QUEUE)
    if drift:
        yield Finding(BAD, f"queue {name} has {_said(drift)}", AGAIN)
    redrive = json.loads(mine.get("RedrivePolicy") or "{}")
    if redrive.get("deadLetterTargetArn") != dead["QueueArn"]:
        yield Finding(BAD, f"queue {name} gives its dead letters to nobody", AGAIN)
    letters = int(dead.get("ApproximateNumberOfMessages", 0))
    if letters:
        cure = f"read them (`python -m tools logs --level ERROR` says why), then purge {name}-dlq"
        yield Finding(BAD, f"{letters} dead letters lie in {name}-dlq", cure)
    if not drift and redrive.get("deadLetterTargetArn") == dead["QueueArn"]:
        yield Finding(OK, f"queue {name} and {name}-dlq")


def event_sources(patient: Patient) -> Iterator[Finding]:
    client = patient.aws("lambda")
    region = patient.aws("sqs").meta.region_name
    partition = str(patient.caller["Arn"]).split(":")[1]
    queue = f"arn:{partition}:sqs:{region}:{patient.account}:{patient.settings.queue}"
    sources = {"stream": patient.table.get("LatestStreamArn"), "worker": queue}
    for handler, wanted in infrastructure.event_sources(f"{queue}-dlq").items():
        name = function_name(APP, patient.stage, handler)
        found = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        mine = [each for each in found if each["EventSourceArn"] == sources[handler]]
        if not mine:
            cure = AGAIN + "; where an old mapping is in the way, delete it first"
            yield Finding(BAD, f"nothing from {sources[handler]} reaches {name}", cure)
            continue
        if mine[0]["State"] not in ("Enabled", "Creating", "Updating", "Enabling"):
            cure = f"aws lambda update-event-source-mapping --uuid {mine[0]['UUID']} --enabled"
            yield Finding(BAD, f"the event source of {name} is {mine[0]['State']}", cure)
        drift = infrastructure.drift(mine[0], wanted)
        if drift:
            yield Finding(BAD, f"the event source of {name} has {_said(drift)}", AGAIN)
        elif mine[0]["State"] == "Enabled":
            yield Finding(OK, f"the event source of {name}: enabled, with bounded failures")


def schedule(patient: Patient) -> Iterator[Finding]:
    client, region = patient.aws("events"), patient.aws("events").meta.region_name
    partition = str(patient.caller["Arn"]).split(":")[1]
    for handler, every in (("sweep", "rate(1 minute)"), ("reconcile", "rate(1 hour)")):
        function = patient.deployed.functions.get(handler, "?")
        arn = f"arn:{partition}:lambda:{region}:{patient.account}:function:{function}"
        names = client.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
        rules = [client.describe_rule(Name=name) for name in names]
        mine = [rule for rule in rules if rule.get("ScheduleExpression") == every]
        if not mine:
            yield Finding(BAD, f"no schedule starts {function} at {every}", AGAIN)
        elif mine[0]["State"] != "ENABLED":
            name = mine[0]["Name"]
            cure = f"aws events enable-rule --name {name}"
            yield Finding(BAD, f"the schedule {name} is disabled", cure)
        else:
            yield Finding(OK, f"{mine[0]['Name']}: {every}")


def route(patient: Patient) -> Iterator[Finding]:
    """Ours answers what is signed with the secret in SSM, and refuses what is not."""
    url = patient.deployed.slack_url
    body = json.dumps({"type": "url_verification", "challenge": "doctor"}).encode()
    secret = _slack.secret(patient.settings.secrets, _slack.SIGNING_SECRET)
    status, text = _post(url, body, secret)
    if status == 403:
        cure = "wait five minutes after a rotation; then `python -m tools secrets`"
        yield Finding(BAD, "the route refuses what is signed with the secret in SSM", cure)
    elif status != 200 or "doctor" not in text:
        cure = "`python -m tools logs --function api_handler` says what happened"
        yield Finding(BAD, f"{url} answers {status or text} to a signed request", cure)
    else:
        yield Finding(OK, f"{url} answers what is signed with the secret in SSM")
    status, _ = _post(url, body, "0" * 32)
    if status not in (403, 0):
        yield Finding(BAD, f"{url} answers {status} to a request that nobody signed", AGAIN)


def route_settings(patient: Patient) -> Iterator[Finding]:
    client, api = patient.aws("apigateway"), patient.deployed.rest_api_id
    name = _api_stage(patient)
    stage = client.get_stage(restApiId=api, stageName=name)
    limits = stage.get("methodSettings", {}).get("*/*", {})
    want = {
        "throttlingRateLimit": infrastructure.REQUESTS_PER_SECOND,
        "throttlingBurstLimit": infrastructure.BURST,
    }
    drift = infrastructure.drift(limits, want)
    if drift:
        yield Finding(BAD, f"the route is throttled at {_said(drift)}", AGAIN)
    group = infrastructure.access_log_group(APP, patient.stage)
    logged_to = stage.get("accessLogSettings", {}).get("destinationArn", "")
    if not logged_to.removesuffix(":*").endswith(f":{group}"):
        yield Finding(BAD, "the route writes no access log", AGAIN)
    elif not drift:
        yield Finding(OK, f"the route: {want['throttlingRateLimit']} a second, logged to {group}")


def logs(patient: Patient) -> Iterator[Finding]:
    client = patient.aws("logs")
    wrong = 0
    for name in infrastructure.log_groups(APP, patient.stage):
        found = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        days = next(
            (each.get("retentionInDays") for each in found if each["logGroupName"] == name), 0
        )
        if days != infrastructure.LOG_DAYS:
            wrong += 1
            said = (
                f"{name} is kept {f'{days} days' if days else 'for ever' if days is None else ''}"
            )
            yield Finding(BAD, f"there is no log group {name}" if days == 0 else said, AGAIN)
    if not wrong:
        yield Finding(OK, f"logs are kept for {infrastructure.LOG_DAYS} days")


def watch(patient: Patient) -> Iterator[Finding]:
    client, known = patient.aws("cloudwatch"), patient.settings
    wanted = {each["AlarmName"]: each for each in alarms(APP, patient.stage, known.queue)}
    found = {
        each["AlarmName"]: each
        for page in client.get_paginator("describe_alarms").paginate(AlarmNames=list(wanted))
        for each in page["MetricAlarms"]
    }
    for name, alarm in wanted.items():
        if name not in found:
            yield Finding(BAD, f"the alarm {name} is gone", AGAIN)
            continue
        state, drift = found[name].get("StateValue"), infrastructure.drift(found[name], alarm)
        told = found[name].get("AlarmActions", [])
        if drift:
            yield Finding(BAD, f"the alarm {name} has {_said(drift)}", AGAIN)
        elif known.alarm_to and (not told or not found[name].get("ActionsEnabled", True)):
            yield Finding(BAD, f"the alarm {name} tells nobody", AGAIN)
        elif state == "ALARM" and not name.endswith("-no-sweep"):
            yield Finding(BAD, f"the alarm {name} is on: {alarm['AlarmDescription']}", "see to it")
        elif state == "ALARM":
            cure = "after a first deployment it takes a few minutes to see the sweep"
            yield Finding(NOTE, f"the alarm {name} is on: {alarm['AlarmDescription']}", cure)
    if set(wanted) <= set(found):
        yield Finding(OK, f"{len(found)} alarms")
    if not known.alarm_to:
        cure = "set alarm_to in glasses.toml: an SNS topic or an e-mail"
        yield Finding(NOTE, "alarms are seen in CloudWatch alone", cure)
    elif "@" in known.alarm_to:
        yield from _subscribed(patient, known.alarm_to)


def overdue(patient: Patient) -> Iterator[Finding]:
    rows, now = Rows(patient.settings.table).open_now(), patient.now()
    late = 0
    for row in rows:
        ends = row.get("ended_at") or row.get("deadline")
        if ends and now - datetime.fromisoformat(ends) > OVERDUE:
            late += 1
            cure = f"`python -m tools log {row['id']}` says what is in the way"
            who = f"{row.get('email')} may have {row.get('permission_set')}"
            where = f"on {row.get('account_id')} since it should have ended at {ends}"
            yield Finding(BAD, f"{who} {where}", cure)
    if not late:
        yield Finding(OK, f"{len(rows)} sessions open, none past its deadline")


# Reports ------------------------------------------------------------------------------------------


def trail(patient: Patient) -> Iterator[Finding]:
    client, group = patient.aws("logs"), patient.settings.cloudtrail_log_group
    by_arn = group.startswith("arn:")
    name = group.split(":log-group:")[-1].removesuffix(":*")
    if not by_arn or group.split(":")[4] == patient.account:
        pages = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if name not in [each["logGroupName"] for each in pages]:
            cure = (
                "have the organisation's trail deliver to a log group and name it in glasses.toml"
            )
            yield Finding(BAD, f"the trail's log group {name} does not exist here", cure)
            return
    for account_id in sorted({glass.account_id for glass in patient.settings.glasses.values()}):
        if _heard_of(patient, account_id):
            yield Finding(OK, f"the trail has had events from {account_id} within a day")
        else:
            cure = "see that the trail is the organisation's, covers all regions, and delivers here"
            said = f"the trail has had no event from {account_id} for a day: reports would be empty"
            yield Finding(BAD, said, cure)


def mail(patient: Patient) -> Iterator[Finding]:
    client, known = patient.aws("sesv2"), patient.settings
    account = client.get_account()
    sandbox = not account.get("ProductionAccessEnabled")
    if not account.get("SendingEnabled", True):
        cure = "see the SES console: sending is paused for this account"
        yield Finding(BAD, "SES sends nothing from this account", cure)
    sender = known.report_from
    if not _verified(client, sender):
        cure = f"verify {sender} or its domain in SES, in this region"
        yield Finding(BAD, f"SES does not know {sender}", cure)
    else:
        yield Finding(OK, f"SES sends from {sender}")
    recipients = sorted({to for glass in known.glasses.values() for to in glass.report_to})
    if sandbox:
        cure = "ask for production access in SES, or verify each recipient"
        unknown = [to for to in recipients if not _verified(client, to)]
        for to in unknown:
            yield Finding(BAD, f"SES is in its sandbox and sends nothing to {to}", cure)
        if not unknown:
            yield Finding(NOTE, "SES is in its sandbox: 200 mails a day", cure)
    for to in recipients:
        try:
            client.get_suppressed_destination(EmailAddress=to)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NotFoundException":
                raise
            continue
        cure = f"aws sesv2 delete-suppressed-destination --email-address {to}"
        yield Finding(BAD, f"SES holds back what goes to {to}: it bounced or complained", cure)


# Slack --------------------------------------------------------------------------------------------


def slack(patient: Patient) -> Iterator[Finding]:
    cure = "`python -m tools secrets` takes the bot's token; `slack-manifest` makes the app"
    try:
        found = patient.slack("auth.test")
    except Problem as problem:
        yield Finding(BAD, f"with the bot's token, {problem}", cure)
        return
    yield Finding(OK, f"the bot is {found.get('user')} in {found.get('team')}")
    have = {each.strip() for each in found["scopes"].split(",") if each.strip()}
    for scope in sorted(set(SCOPES) - have):
        cure = "add it under OAuth & Permissions, or paste the manifest anew; then reinstall"
        state = NOTE if scope in ("channels:read", "groups:read") else BAD
        yield Finding(state, f"the app lacks the scope {scope}: it {SCOPES[scope]}", cure)
    for scope in sorted(have - set(SCOPES)):
        cure = "take it away under OAuth & Permissions: what the token may not do, no thief can"
        yield Finding(NOTE, f"the app has the scope {scope}, which nothing here uses", cure)


def channels(patient: Patient) -> Iterator[Finding]:
    glasses = patient.settings.glasses.values()
    for channel in sorted({glass.channel for glass in glasses if glass.channel}):
        try:
            found = patient.slack("conversations.info", channel=channel).get("channel", {})
        except Problem as problem:
            lacks = "missing_scope" in str(problem)
            cure = "correct the glass's channel (its id, not its name), or /invite the app to it"
            if "cannot be read" in str(problem):
                cure = "run `python -m tools secrets`"
            yield Finding(NOTE if lacks else BAD, f"channel {channel}: {problem}", cure)
            continue
        if not found.get("is_member"):
            cure = "invite the app: /invite @Break Glass"
            yield Finding(BAD, f"the app is not in #{found.get('name', channel)}", cure)
        else:
            yield Finding(OK, f"the app is in #{found.get('name', channel)}")


CHECKS: tuple[tuple[str, Check], ...] = (
    ("settings", settings),
    ("credentials", credentials),
    ("clock", clock),
    ("Identity Center", identity_center),
    ("reach", reach),
    ("accounts", accounts),
    ("permission sets", permission_sets),
    ("people", people),
    ("functions", functions),
    ("table", table),
    ("queues", queues),
    ("event sources", event_sources),
    ("schedules", schedule),
    ("route", route),
    ("route's settings", route_settings),
    ("logs", logs),
    ("alarms", watch),
    ("deadlines", overdue),
    ("trail", trail),
    ("mail", mail),
    ("Slack", slack),
    ("channels", channels),
)


# Below --------------------------------------------------------------------------------------------


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


def _heard_of(patient: Patient, account_id: str) -> bool:
    """By Logs Insights, as reports ask: so this shows that reports can ask, too."""
    client, group = patient.aws("logs"), patient.settings.cloudtrail_log_group
    now = patient.now()
    where = {"logGroupIdentifiers" if group.startswith("arn:") else "logGroupNames": [group]}
    query = client.start_query(
        **where,
        startTime=int((now - QUIET).timestamp()),
        endTime=int(now.timestamp()) + 60,
        queryString="fields @timestamp | filter @message like "
        f'/"recipientAccountId": ?"{account_id}"/ | limit 1',
    )["queryId"]
    for _ in range(60):
        answer = client.get_query_results(queryId=query)
        if answer["status"] not in ("Scheduled", "Running"):
            return bool(answer["results"])
        time.sleep(0.5)
    raise Problem("Logs Insights has not answered within half a minute")


def _verified(client: Any, address: str) -> bool:
    """By itself, or by its domain."""
    for identity in (address, address.partition("@")[2]):
        try:
            found = client.get_email_identity(EmailIdentity=identity)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NotFoundException":
                raise
            continue
        if found.get("VerifiedForSendingStatus"):
            return True
    return False


def _subscribed(patient: Patient, address: str) -> Iterator[Finding]:
    arn = f"{APP}-{patient.stage}-alarms"
    client = patient.aws("sns")
    pages = client.get_paginator("list_subscriptions").paginate()
    mine = [
        each["SubscriptionArn"]
        for page in pages
        for each in page["Subscriptions"]
        if each["TopicArn"].endswith(f":{arn}") and each["Endpoint"] == address
    ]
    if not mine:
        yield Finding(BAD, f"{address} is not subscribed to alarms", AGAIN)
    elif not any(each.startswith("arn:") for each in mine):
        cure = "click the link in the mail “AWS Notification - Subscription Confirmation”"
        yield Finding(BAD, f"{address} has not confirmed that it wants alarms", cure)
    else:
        yield Finding(OK, f"alarms go to {address}")


def _post(url: str, body: bytes, secret: str) -> tuple[int, str]:
    """Status and body; status 0 with the reason where nothing answers."""
    stamp = str(int(time.time()))
    mac = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={mac.hexdigest()}",
    }
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, f"nothing ({error})"


def _api_stage(patient: Patient) -> str:
    config = _project.config()
    own = config.get("stages", {}).get(patient.stage, {})
    return str(own.get("api_gateway_stage") or config.get("api_gateway_stage") or "api")


def _said(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _span(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    return f"{seconds // 3600} h" if seconds >= 3600 and not seconds % 3600 else f"{seconds} s"
