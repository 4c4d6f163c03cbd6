"""What `chalice deploy` does besides deploying: checks and queues before it, finishing after it.

Chalice makes neither table nor queue, wants the stream's ARN when app.py is imported, and cannot
say all that is to be said of event sources, the route and logs. So app.py asks here: before, on
import, what must be there is made; after, when chalice's command ends, the rest is put right. Under
any command but `deploy`, and in Lambda, the answer is a placeholder and nothing is called.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import click

    from chalicelib.config.settings import Settings

PLACEHOLDER: Final = "arn:aws:dynamodb:us-east-1:000000000000:table/break-glass/stream/not-deployed"


def stream_arn(app: str = "break-glass") -> str:
    """The stream of the table, which exists afterwards where this is a deployment."""
    context = _command()
    if context is not None and context.info_name in ("deploy", "package"):
        from chalicelib.deploy import packaging, stages

        packaging.install()
        stage = context.params.get("stage", "dev")  # chalice's own default
        _refuse(stages.unusable(stage))
        stages.install(stage)
    if context is not None and context.info_name == "package":
        _package(context, stages.own_glasses(stage))
    if context is None or context.info_name != "deploy":
        return PLACEHOLDER
    import click
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.deploy import partitions, patience, recovery, schema
    from chalicelib.deploy.aws_errors import sentence
    from chalicelib.deploy.infrastructure import ensure_logs, ensure_queue

    patience.install()
    try:
        session = _session(context)
        known = _settings(session.region_name, stages.own_glasses(stage))
        partitions.install(partitions.partition_of(session.region_name))
        _refuse(on_management_account(session, known))
        functions = session.client("lambda")
        _refuse(
            stages.left_behind(functions, app, stage, known.table)
            + stages.taken(functions, app, stage, known.table, known.queue)
            + stages.shared(stage, known)
        )
        ensure_queue(session.client("sqs"), known.queue)
        ensure_logs(session.client("logs"), app, stage)
        arn = schema.ensure(session.client("dynamodb"), known.table)
    except (BotoCoreError, ClientError) as error:
        said = sentence(error).replace("tools doctor", f"tools doctor --stage {stage}")
        raise click.ClickException(f"no function was deployed: {said}") from None

    record = Path.cwd() / ".chalice" / "deployed" / f"{stage}.json"
    all_is_done: list[bool] = []

    def finish_if_deployed() -> None:
        if all_is_done:
            _finish(session, app, stage, known, json.loads(record.read_text()))

    recovery.install(session, record, lambda: all_is_done.append(True))
    context.call_on_close(finish_if_deployed)
    return arn


def workers(most: int) -> int:
    """How many workers may run side by side: `most`, unless the account lets too few run at all.

    Asked of AWS where this is a deployment; `most` also where whoever deploys may not ask.
    """
    context = _command()
    if context is None or context.info_name != "deploy":
        return most
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.deploy.infrastructure import concurrency, fewer

    try:
        return fewer(most, concurrency(_session(context).client("lambda")))
    except (BotoCoreError, ClientError):
        return most


def _package(context: "click.Context", own: Path | None) -> None:
    """The template's policies follow the settings, and the partition of its stack. Terraform knows
    no Fn::Sub. Raises ClickException with every mistake in the settings."""
    from chalicelib.config import settings
    from chalicelib.deploy import partitions

    try:
        settings.load(os.environ, own or settings.GLASSES)
    except settings.InvalidSettings as wrong:
        _refuse(list(wrong.mistakes))
    if context.params.get("pkg_format") != "terraform":
        partitions.install(partitions.BY_CLOUDFORMATION)


def _settings(region: str | None, own: Path | None) -> "Settings":
    """What glasses.toml says, or the stage's own file.

    Raises ClickException with every mistake, the Region's as well.
    """
    from chalicelib.config import settings
    from chalicelib.deploy import partitions

    mistakes: list[str] = []
    known = None
    try:
        known = settings.load(os.environ, own) if own else settings.load(os.environ)
        mistakes += settings.unusable_rules(known)
    except settings.InvalidSettings as wrong:
        mistakes += wrong.mistakes
    mistakes += partitions.mistakes(region, known)
    _refuse(mistakes)
    assert known is not None  # there would be a mistake
    return known


def _refuse(mistakes: list[str]) -> None:
    """Ends the command where there are any. Raises ClickException with all of them."""
    import click

    if mistakes:
        raise click.ClickException("nothing was deployed:\n  - " + "\n  - ".join(mistakes))


def _finish(session: Any, app: str, stage: str, known: "Settings", deployed: Any) -> None:
    """Puts right what chalice leaves. Whatever fails here fails the command, and loudly."""
    import click

    from chalicelib.deploy.alarms import api_name
    from chalicelib.deploy.infrastructure import (
        access_log_group,
        allow_loops,
        ensure_alarms,
        guard_route,
        tune_event_sources,
    )
    from chalicelib.operations.log import namespace

    api = next(each for each in deployed["resources"] if each["resource_type"] == "rest_api")
    function = next(
        each for each in deployed["resources"] if each["resource_type"] == "lambda_function"
    )
    _, partition, _, region, account, *_ = function["lambda_arn"].split(":")
    letters = f"arn:{partition}:sqs:{region}:{account}:{known.queue}-dlq"
    group = access_log_group(app, stage)
    group_arn = f"arn:{partition}:logs:{region}:{account}:log-group:{group}"
    api_stage = api["rest_api_url"].rstrip("/").rpartition("/")[2]
    figures = namespace(known.table)
    try:
        done = [
            *tune_event_sources(session.client("lambda"), app, stage, letters),
            *allow_loops(session.client("lambda"), app, stage),
            *guard_route(session, api["rest_api_id"], api_stage, group_arn, api_name(app, stage)),
            *ensure_alarms(session, app, stage, known.queue, known.alarm_to, figures),
        ]
    except Exception as error:
        raise click.ClickException(
            f"the app is deployed, but NOT FINISHED: {error}\n"
            "Event sources, throttling, access log or alarms are not as they should be. "
            f"Put right what it says and run `chalice deploy --stage {stage}` again."
        ) from error
    done += _remembered(session, known)
    click.echo("Put right: " + ", ".join(done))
    click.echo(
        f"Next: python -m tools slack-manifest --stage {stage}, "
        f"or python -m tools doctor --stage {stage}"
    )


def _remembered(session: Any, known: "Settings") -> list[str]:
    """Which Identity Center it is, kept for the functions, where whoever deploys may see it.

    Without it the first function to need it finds it out.
    """
    from datetime import UTC, datetime

    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.domain.errors import Unavailable
    from chalicelib.domain.instance import kept

    try:
        found = _instance(session, known)
        item = {name: {"S": text} for name, text in kept(found, datetime.now(UTC)).items()}
        session.client("dynamodb").put_item(TableName=known.table, Item=item)
    except (Unavailable, BotoCoreError, ClientError):
        return []
    return ["which Identity Center it is"]


def on_management_account(session: Any, known: "Settings") -> list[str]:
    """The glasses on the organisation's management account, each as a mistake with its cure; or
    that there is no Identity Center where one deploys.

    None where whoever deploys may not see whose the instance is: `doctor` and the press tell them.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.adapters.identity_center.calls import NoInstance
    from chalicelib.domain.errors import Unavailable

    try:
        *_, owner = _instance(session, known)
    except NoInstance as nowhere:
        if known.instance_arn and known.identity_store_id:
            return []
        return [f"{nowhere}, or deploy in the account and the Region where it is"]
    except (Unavailable, BotoCoreError, ClientError):
        return []
    return [
        f"[glass.{glass.name}] account: {owner} is the organisation's management account, where "
        "Break Glass gives no access; give the glass another account"
        for glass in known.glasses_on(owner)
    ]


def _instance(session: Any, known: "Settings") -> tuple[str, str, str]:
    """The instance as it is discovered. No deployment waits long for it: it can do without."""
    from botocore.config import Config

    from chalicelib.adapters.identity_center.calls import discover

    soon = Config(retries={"total_max_attempts": 2, "mode": "standard"})
    return discover(session.client("sso-admin", config=soon), known.instance_arn)


def _command() -> "click.Context | None":
    """The context of chalice's command, where this is an import by one."""
    if os.environ.get("AWS_CHALICE_CLI_MODE") != "true":
        return None
    import click

    return click.get_current_context(silent=True)


def _session(context: "click.Context") -> Any:
    """boto3 with the profile that chalice was given, so that all goes to one account."""
    import boto3

    return boto3.Session(profile_name=context.params.get("profile") or None)
