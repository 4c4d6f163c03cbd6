"""What `chalice deploy` asks of app.py, where nothing is deployed; the rest is in tests/world."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import boto3
import click
import pytest
from botocore.exceptions import ClientError, NoRegionError

from chalicelib.config import settings
from chalicelib.deploy import deployment, schema

EXAMPLE = settings.GLASSES.with_name("glasses.example.toml")
KNOWN: Any = SimpleNamespace(
    table="break-glass",
    queue="break-glass",
    instance_arn="",
    trail="trail",
    trail_role="",
    alarm_to="",
    glasses={},
)


@pytest.fixture(autouse=True)
def _here_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is installed into this process's chalice, and there is a Region."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for module in ("packaging", "patience"):
        monkeypatch.setattr(f"chalicelib.deploy.{module}.install", lambda: None)
    monkeypatch.setattr("chalicelib.deploy.partitions.install", lambda partition: None)
    monkeypatch.setattr("chalicelib.deploy.stages.install", lambda stage: None)


def deploying() -> click.Context:
    context = under("deploy")
    context.params["stage"] = "dev"
    return context


def under(command: str) -> click.Context:
    return click.Context(click.Command(command), info_name=command)


def test_in_lambda_the_stream_is_a_placeholder() -> None:
    assert deployment.stream_arn() == deployment.PLACEHOLDER


@pytest.mark.parametrize("command", ["local", "delete", "url"])
def test_under_another_command_nothing_is_made(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    with under(command):
        assert deployment.stream_arn() == deployment.PLACEHOLDER


def test_every_mistake_is_named_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(environ: Any) -> Any:
        raise settings.InvalidSettings(["[glass.prod] may: missing", "report_from: missing"])

    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    monkeypatch.setattr(settings, "load", wrong)
    with deploying(), pytest.raises(click.ClickException) as refused:
        deployment.stream_arn()
    assert "nothing was deployed" in refused.value.message
    assert "[glass.prod] may: missing" in refused.value.message
    assert "report_from: missing" in refused.value.message


def test_rules_that_cannot_be_used_are_mistakes_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    monkeypatch.setattr(settings, "load", lambda environ: None)
    monkeypatch.setattr(settings, "unusable_rules", lambda known: ["[[rule]] 1: no reason"])
    with deploying(), pytest.raises(click.ClickException) as refused:
        deployment.stream_arn()
    assert refused.value.message == "nothing was deployed:\n  - [[rule]] 1: no reason"


def test_what_aws_refuses_is_one_sentence_and_no_function_is_deployed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}}, "CreateQueue")

    def refuses(*_: Any) -> Any:
        raise denied

    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    monkeypatch.setattr(settings, "load", lambda environ: KNOWN)
    monkeypatch.setattr(settings, "unusable_rules", lambda known: [])
    monkeypatch.setattr(deployment, "on_management_account", lambda session, known: [])
    for question in ("left_behind", "taken"):
        monkeypatch.setattr(f"chalicelib.deploy.stages.{question}", lambda *asked: [])
    monkeypatch.setattr("chalicelib.deploy.infrastructure.ensure_queue", refuses)
    monkeypatch.setattr(deployment, "_session", lambda context: boto3.Session())
    with deploying(), pytest.raises(click.ClickException) as refused:
        deployment.stream_arn()
    assert refused.value.message.startswith("no function was deployed: ")
    assert "AccessDenied" in refused.value.message


def test_a_stage_whose_table_would_be_left_behind_is_not_deployed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def left(client: Any, *what: str) -> list[str]:
        asked.append(what)
        return ["the stage dev is deployed with another table"]

    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    monkeypatch.setattr(settings, "load", lambda environ: KNOWN)
    monkeypatch.setattr(settings, "unusable_rules", lambda known: [])
    monkeypatch.setattr(deployment, "on_management_account", lambda session, known: [])
    monkeypatch.setattr("chalicelib.deploy.stages.left_behind", left)
    monkeypatch.setattr("chalicelib.deploy.stages.taken", lambda *asked: ["and it is another's"])
    with (
        deploying(),
        pytest.raises(click.ClickException, match="with another table\n  - and it is another's"),
    ):
        deployment.stream_arn()
    assert asked == [("break-glass", "dev", "break-glass")]


def test_who_may_not_see_which_identity_center_it_is_deploys_all_the_same() -> None:
    class Refuses:
        def client(self, service: str, config: Any = None) -> Any:
            raise NoRegionError

    known: Any = SimpleNamespace(instance_arn="", table="break-glass")
    assert deployment._remembered(Refuses(), known) == []


class _Center:
    """Identity Center, of which only the instance is asked."""

    region_name = "eu-west-1"

    def __init__(self, owner: str | Exception) -> None:
        self.owner = owner

    def client(self, service: str, config: Any = None) -> Any:
        if isinstance(self.owner, Exception):
            raise self.owner
        return self

    def get_paginator(self, name: str) -> Any:
        if not self.owner:
            return SimpleNamespace(paginate=lambda: [{"Instances": []}])
        found = {"InstanceArn": "arn", "IdentityStoreId": "d-1", "OwnerAccountId": self.owner}
        return SimpleNamespace(paginate=lambda: [{"Instances": [found]}])


def test_a_glass_on_the_management_account_is_a_mistake_where_that_can_be_known() -> None:
    known: Any = settings.load({}, EXAMPLE.read_text())
    (mistake,) = deployment.on_management_account(_Center("111122223333"), known)
    assert mistake.startswith("[glass.prod] account: 111122223333 is the organisation's management")
    assert deployment.on_management_account(_Center("999999999999"), known) == []
    assert deployment.on_management_account(_Center(NoRegionError()), known) == []


def test_where_there_is_no_identity_center_nothing_is_deployed() -> None:
    """As in another Region; whoever names the instance and its store is believed."""
    known: Any = settings.load({}, EXAMPLE.read_text())
    (mistake,) = deployment.on_management_account(_Center(""), known)
    assert "(here: none)" in mistake
    assert mistake.endswith("or deploy in the account and the Region where it is")
    named = replace(known, instance_arn="arn:aws:sso:::instance/ssoins-1", identity_store_id="d-1")
    assert deployment.on_management_account(_Center(""), named) == []


def test_with_such_a_glass_nothing_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    monkeypatch.setattr("chalicelib.deploy.packaging.install", lambda: None)
    known = settings.load({}, EXAMPLE.read_text())
    monkeypatch.setattr(settings, "load", lambda environ: known)
    monkeypatch.setattr(deployment, "_session", lambda context: _Center("111122223333"))
    context = under("deploy")
    context.params["stage"] = "dev"
    with context, pytest.raises(click.ClickException) as refused:
        deployment.stream_arn()
    assert refused.value.message.startswith("nothing was deployed:\n  - [glass.prod] account: 1111")


class _Dynamo:
    """A table that takes a moment, and then another before it can be backed up."""

    class exceptions:  # noqa: N801
        class ResourceNotFoundException(Exception):
            pass

        class ContinuousBackupsUnavailableException(Exception):
            pass

    def __init__(self, refusals: int) -> None:
        self.refusals, self.looked, self.backed_up = refusals, 0, False

    def describe_table(self, **_: Any) -> Any:
        self.looked += 1
        status = "ACTIVE" if self.looked > 2 else "UPDATING"
        facts: dict[str, Any] = {"TableStatus": status, "LatestStreamArn": "arn"}
        facts["StreamSpecification"] = {"StreamEnabled": True}
        made = "ACTIVE" if self.looked > 3 else "CREATING"
        indexes = schema.definition()["GlobalSecondaryIndexes"]
        indexes = [{**each, "IndexStatus": made} for each in indexes]
        return {"Table": facts | {"GlobalSecondaryIndexes": indexes}}

    def update_table(self, **_: Any) -> None:
        pass

    def describe_time_to_live(self, **_: Any) -> Any:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED"}}

    def describe_continuous_backups(self, **_: Any) -> Any:
        status = {"PointInTimeRecoveryStatus": "ENABLED" if self.backed_up else "DISABLED"}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": status}}

    def update_continuous_backups(self, **_: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise self.exceptions.ContinuousBackupsUnavailableException
        self.backed_up = True


def test_a_new_table_is_given_the_moment_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "PAUSE", 0)
    client = _Dynamo(refusals=2)
    assert schema.ensure(client, "break-glass") == "arn"
    assert client.backed_up
    assert client.looked > 3, "its indexes are waited for, too"
    assert schema.ensure(client, "break-glass") == "arn"


def test_a_table_that_cannot_be_backed_up_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schema, "PAUSE", 0)
    with pytest.raises(_Dynamo.exceptions.ContinuousBackupsUnavailableException):
        schema.ensure(_Dynamo(refusals=schema.TRIES), "break-glass")


def test_elsewhere_nothing_is_deployed_and_a_sentence_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-iso-east-1")
    monkeypatch.setattr(settings, "load", lambda environ: KNOWN)
    monkeypatch.setattr(settings, "unusable_rules", lambda known: [])
    with deploying(), pytest.raises(click.ClickException) as refused:
        deployment.stream_arn()
    assert "the Region us-iso-east-1 is in the partition aws-iso" in refused.value.message


@pytest.mark.parametrize(("kind", "partitions"), [
    ("cloudformation", ["${AWS::Partition}"]), ("terraform", []),
])  # fmt: skip
def test_a_template_follows_the_partition_of_its_stack(
    kind: str, partitions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    monkeypatch.setattr("chalicelib.deploy.partitions.install", seen.append)
    context = under("package")
    context.params["pkg_format"] = kind
    monkeypatch.setattr(settings, "GLASSES", EXAMPLE)
    with context:
        assert deployment.stream_arn() == deployment.PLACEHOLDER
    assert seen == partitions
    monkeypatch.setattr(settings, "GLASSES", EXAMPLE.with_name("nowhere.toml"))
    with context, pytest.raises(click.ClickException, match=r"nowhere\.toml: is not there"):
        deployment.stream_arn()


class _Lambda:
    def __init__(self, limit: int) -> None:
        self.limit = limit

    def client(self, name: str) -> Any:
        return self

    def get_account_settings(self) -> Any:
        if not self.limit:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetAccountSettings")
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.limit}}


@pytest.mark.parametrize(("limit", "workers"), [(1000, 20), (20, 12), (10, 2), (5, 2), (0, 20)])
def test_in_an_account_of_few_functions_workers_leave_room_for_the_route(
    limit: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deployment.workers(20) == 20, "in Lambda nothing is asked"
    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    monkeypatch.setattr(deployment, "_session", lambda context: _Lambda(limit))
    with deploying():
        assert deployment.workers(20) == workers
