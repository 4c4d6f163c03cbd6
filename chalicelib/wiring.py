"""Puts the parts together, each on first use: the only place that knows all of them.

Nothing is imported before it is needed, for every import is paid at each cold start.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar, cast

from chalicelib.config.keys import OTHERWISE
from chalicelib.config.settings import Settings, load
from chalicelib.domain.session import whole
from chalicelib.operations.log import JsonLog
from chalicelib.route.front import Front

if TYPE_CHECKING:
    from ssl import SSLContext

    from botocore.session import Session

    from chalicelib.adapters.aws_json import AwsJson
    from chalicelib.adapters.dynamodb.table import Table
    from chalicelib.adapters.identity_center.center import IdentityCenter
    from chalicelib.adapters.identity_center.directory import Directory
    from chalicelib.adapters.mail import Ses
    from chalicelib.adapters.presses import Presses
    from chalicelib.adapters.secrets import Secrets
    from chalicelib.adapters.slack import Slack
    from chalicelib.adapters.sns import Sns
    from chalicelib.adapters.sqs import Queue
    from chalicelib.domain.ports import Letters, Trail
    from chalicelib.report.reading import SessionReports
    from chalicelib.triggers.queue import FromQueue
    from chalicelib.triggers.stream import FromStream
    from chalicelib.triggers.sweep import Sweep
    from chalicelib.workflow.reconcile import Reconciler
    from chalicelib.workflow.runner import Runner


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return whole(datetime.now(UTC))

    def sleep(self, duration: timedelta) -> None:
        sleep(duration.total_seconds())


CLOCK = SystemClock()
WORKERS = 20  # side by side; fewer where the account lets few functions run at all
WORKER_PACE = 1.0  # calls of Identity Center a second: of all workers, as many as AWS allows
SWEEP_PACE = 10.0  # of what runs once, and slows down where the workers are at it too

T = TypeVar("T")


class _Later:
    """Stands for a part until it is asked for something; then it makes it, once."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        if "_part" not in self.__dict__:
            self._part = self._make()
        return getattr(self._part, name)


def later(make: Callable[[], T]) -> T:
    """The part that `make` makes, made when it is first used: a look seldom needs all of them."""
    return cast(T, _Later(make))


def variable(name: str) -> str:
    """An environment variable that our settings know, without a look at the others."""
    return str(os.environ.get(name) or OTHERWISE[name])


LOG = JsonLog(lambda: variable("BREAK_GLASS_TABLE"))


@cache
def settings() -> Settings:
    """Raises InvalidSettings, with every mistake."""
    return load(os.environ)


@cache
def secrets() -> "Secrets":
    """Slack's two secrets, read from SSM."""
    from chalicelib.adapters.secrets import Secrets

    return Secrets(_aws_json("ssm").call, variable("BREAK_GLASS_SECRETS"))


@cache
def presses() -> "Presses":
    """The table as the route writes it, without PynamoDB."""
    from chalicelib.adapters.presses import Presses

    return Presses(_aws_json("dynamodb").call, settings().table)


@cache
def table() -> "Table":
    """The table, with all that is kept in it."""
    from chalicelib.adapters.dynamodb.table import Table

    known = settings()
    return Table(known.table, known.region, known.keep)


@cache
def queue() -> "Queue":
    """The queue of wake-ups."""
    from chalicelib.adapters.sqs import Queue

    return Queue(_aws_json("sqs").call, settings().queue)


@cache
def front() -> Front:
    """The Slack route."""
    from chalicelib.adapters import response_url, signature

    def genuine(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
        return signature.genuine(
            secret,
            headers.get("x-slack-request-timestamp"),
            headers.get("x-slack-signature"),
            body,
            now,
        )

    def respond(url: str, message: dict[str, Any]) -> None:
        response_url.respond(url, message, slack_api_url(), _tls)

    return Front(
        secret=lambda *, refresh: secrets().signing_secret(refresh=refresh),
        genuine=genuine,
        table=presses,
        glasses=lambda: settings().glasses,
        respond=respond,
        clock=CLOCK,
        log=LOG,
    )


@cache
def worker() -> "FromQueue":
    """What the queue's messages come to."""
    from chalicelib.triggers.queue import FromQueue

    return FromQueue(later(runner), later(queue), later(table), CLOCK, LOG)


@cache
def stream() -> "FromStream":
    """What the table's stream comes to."""
    from chalicelib.triggers.stream import FromStream

    return FromStream(later(runner), later(queue), later(table), CLOCK, LOG)


@cache
def sweep() -> "Sweep":
    """What the minute's schedule comes to."""
    from chalicelib.triggers.sweep import Sweep

    return Sweep(later(runner), later(queue), later(table), CLOCK, LOG)


@cache
def runner() -> "Runner":
    """What moves sessions, with all that it needs from outside."""
    from uuid import uuid4

    from chalicelib.adapters.aside import aside
    from chalicelib.operations.step_log import Logged
    from chalicelib.workflow.answers import Outside
    from chalicelib.workflow.deciding import Glasses
    from chalicelib.workflow.runner import Runner

    known = settings()
    identity_center, directory = _identity()
    outside = Outside(
        store=Logged(table(), LOG),
        identity_center=identity_center,
        directory=directory,
        chat=_slack(),
        post=later(_ses),
        topics=later(_sns),
        letters=later(_letters),
        wakeups=queue(),
        clock=CLOCK,
        log=LOG,
        token=lambda: uuid4().hex,
        reports=later(_reports),
        aside=aside,
    )
    takes_back = known.reconcile == "revoke"
    return Runner(
        outside,
        Glasses(
            dict(known.glasses), dict(known.people), takes_back, known.access_portal, known.region
        ),
    )


@cache
def reconciler() -> "Reconciler":
    """What holds the table against what Identity Center shows."""
    from chalicelib.workflow.reconcile import Reconciler

    known = settings()
    identity_center, directory = _identity()
    return Reconciler(
        glasses=known.glasses,
        revokes=known.reconcile == "revoke",
        books=table(),
        assignments=identity_center,
        people=directory,
        chat=_slack(),
        post=later(_ses),
        letters=later(_letters),
        clock=CLOCK,
        log=LOG,
        wakeups=queue(),
        region=known.region,
        stage=known.stage,
    )


@cache
def _identity() -> "tuple[IdentityCenter, Directory]":
    from chalicelib.adapters.identity_center.calls import (
        Pace,
        acting_client,
        discover,
        reading_client,
    )
    from chalicelib.adapters.identity_center.center import IdentityCenter
    from chalicelib.adapters.identity_center.directory import Directory
    from chalicelib.domain.instance import Instance

    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    pace = Pace(SWEEP_PACE if function.endswith(("-sweep", "-reconcile")) else WORKER_PACE)
    known, aws = settings(), _Clients()
    reads = later(lambda: pace.hold(reading_client(aws)))
    instance = Instance(
        said=(known.instance_arn, known.identity_store_id),
        discover=lambda arn: discover(reads, arn),
        kept=table,
        clock=CLOCK,
        writes=not function.endswith("-reconcile"),  # which may write asks and notes alone
    )
    people = later(lambda: reading_client(aws, service="identitystore"))
    acts = later(lambda: pace.hold(acting_client(aws)))
    identity_center = IdentityCenter(
        acts, reads, instance.arn, renew=instance.renew, owner=instance.owner
    )
    return identity_center, Directory(people, instance.store_id, renew=instance.renew)


@cache
def _slack() -> "Slack":
    from chalicelib.adapters import response_url
    from chalicelib.adapters.slack import TIMEOUT, Slack

    def respond(url: str, message: dict[str, Any], slack_api_url: str) -> None:
        response_url.respond(url, message, slack_api_url, _tls, TIMEOUT)

    return Slack(secrets().bot_token, settings().slack_api_url, respond)


@cache
def _trail() -> "Trail":
    known = settings()
    return trail_of(
        known.trail, known.trail_role, known.trail_external_id, table().session, known.instance_arn
    )


def trail_of(
    where: str, role: str, external_id: str, session: "Session", instance_arn: str = ""
) -> "Trail":
    """The trail where it is. `session` is botocore's, of whoever reads it."""
    aws = _Clients(session)
    if role:
        from chalicelib.adapters.assumed import Assumed

        there: Any = Assumed(session, role, external_id)
    else:
        there = aws
    if where.startswith("s3://"):
        from chalicelib.adapters.identity_center.calls import owner, reading_client
        from chalicelib.adapters.trail_bucket import TrailBucket, client_for

        return TrailBucket(
            client_for(there), where, lambda: owner(reading_client(aws), instance_arn)
        )
    from chalicelib.adapters.cloudtrail import CloudTrail, clients_for

    region = where.split(":")[3] if where.startswith("arn:") else ""
    reads, starts = clients_for(there, region)
    return CloudTrail(reads, where, starts)


@cache
def _reports() -> "SessionReports":
    from chalicelib.adapters.dynamodb.asked_in_vain import asked_in_vain
    from chalicelib.adapters.pieces import Pieces
    from chalicelib.report.reading import SessionReports

    pieces = Pieces(_aws_json("dynamodb").call, settings().table, CLOCK.now)
    table()  # whose connection it is
    return SessionReports(later(_trail), pieces, settings().rules, asked_in_vain)


@cache
def _letters() -> "Letters":
    from chalicelib.words import mails

    return mails


@cache
def _sns() -> "Sns":
    from chalicelib.adapters.sns import Sns

    return Sns(_Clients().client)


@cache
def _ses() -> "Ses":
    from chalicelib.adapters.mail import Ses, client_for

    return Ses(client_for(_Clients()), settings().report_from, LOG)


def slack_api_url() -> str:
    """Where Slack's Web API is, without a look at the other settings."""
    return variable("SLACK_API_URL")


@cache
def _tls() -> "SSLContext":
    """One for all: to read the authorities that it trusts takes 30 ms of CPU."""
    from ssl import create_default_context

    return create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))


def _aws_json(service: str) -> "AwsJson":
    from chalicelib.adapters.aws_json import DYNAMODB, SQS, SSM, AwsJson

    kinds = {kind.service: kind for kind in (DYNAMODB, SQS, SSM)}
    return AwsJson(kinds[service], os.environ, _tls)


class _Clients:
    """boto3's `client`, of the one botocore session that PynamoDB has anyway.

    To import boto3 itself brings S3's transfer manager, and its session reads everything again.
    """

    def __init__(self, session: "Session | None" = None) -> None:
        self._session = session

    def client(self, service: str, **settings: Any) -> Any:
        return (self._session or table().session).create_client(service, **settings)
