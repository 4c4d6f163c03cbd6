"""What was deployed: functions, table, queues, event sources, route, logs, alarms."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from botocore.exceptions import ClientError

from chalicelib import wiring
from chalicelib.deploy import infrastructure, schema
from chalicelib.deploy.alarms import FUNCTIONS, alarms, function_name
from chalicelib.operations.log import namespace
from chalicelib.transport.errors import code_of
from tools import _project, _slack
from tools.checks.patient import AGAIN, APP, BAD, NOTE, OK, Finding, Patient, said


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
            if code_of(error) != "ResourceNotFoundException":
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
            yield Finding(BAD, f"{name} has {said(drift)} instead of {said(want)}", AGAIN)
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
        yield Finding(BAD, f"queue {name} has {said(drift)}", AGAIN)
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
            yield Finding(BAD, f"the event source of {name} has {said(drift)}", AGAIN)
        elif mine[0]["State"] == "Enabled":
            yield Finding(OK, f"the event source of {name}: enabled, with bounded failures")


def concurrency(patient: Patient) -> Iterator[Finding]:
    """Whether the route has room beside the workers, in an account that may run few functions."""
    client = patient.aws("lambda")
    limit = infrastructure.concurrency(client)
    fewer = infrastructure.fewer(wiring.WORKERS, limit)
    name = function_name(APP, patient.stage, "worker")
    for mapping in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
        found = mapping.get("ScalingConfig", {}).get("MaximumConcurrency", limit)
        if found > fewer:
            said = f"up to {found} workers may leave the route no room: the account runs {limit}"
            yield Finding(BAD, f"{said} functions at once", f"{AGAIN}, with {fewer} workers")
    more = (
        "aws service-quotas request-service-quota-increase --service-code lambda "
        "--quota-code L-B99A9384 --desired-value 1000; then `chalice deploy` again"
    )
    said = f"the account runs {limit} functions at once, all of its own counted"
    if limit < infrastructure.FEWEST + infrastructure.BESIDE_WORKERS:
        yield Finding(BAD, f"{said}: the route has no room of its own", more)
    elif fewer < wiring.WORKERS:
        yield Finding(NOTE, f"{said}: so there are {fewer} workers, and much at once waits", more)
    else:
        yield Finding(OK, said)


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
        yield Finding(BAD, f"the route is throttled at {said(drift)}", AGAIN)
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
    made = alarms(APP, patient.stage, known.queue, (), namespace(known.table))
    wanted = {each["AlarmName"]: each for each in made}
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
            yield Finding(BAD, f"the alarm {name} has {said(drift)}", AGAIN)
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
