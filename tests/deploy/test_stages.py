"""A stage with glasses of its own has names, rights and a package of its own, and loses nothing."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile

import boto3
import pytest
from botocore.stub import Stubber
from chalice import Chalice
from chalice.config import Config
from chalice.deploy.deployer import PolicyGenerator
from chalice.deploy.packager import BaseLambdaDeploymentPackager, DependencyBuilder
from chalice.deploy.packager import LambdaDeploymentPackager as Packager
from chalice.deploy.swagger import SwaggerGenerator
from chalice.utils import UI, OSUtils

from chalicelib.config import settings
from chalicelib.config.keys import OTHERWISE
from chalicelib.deploy import infrastructure, schema, stages
from chalicelib.deploy.alarms import FUNCTIONS, alarms, function_name
from tools import _project
from tools._slack import BOT_TOKEN, SIGNING_SECRET
from tools.checks import rights

ROOT = Path(__file__).parents[2]
POLICIES = sorted((ROOT / ".chalice").glob("policy-*.json"))
NAMES = {
    "BREAK_GLASS_TABLE": "break-glass-prod",
    "BREAK_GLASS_QUEUE": "break-glass-prod",
    "BREAK_GLASS_SECRETS": "/break-glass-prod",
}
ARN = "arn:aws:{}:*:*:{}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As chalicelib, with glasses of three kinds."""
    place = tmp_path / "chalicelib"
    place.mkdir()
    for name in ("glasses.toml", "glasses.prod.toml", "glasses.example.toml"):
        (place / name).write_text(f"# {name}\n")
    return place


def test_a_stage_without_a_file_of_its_own_is_as_it_was(folder: Path) -> None:
    for stage in ("dev", "example", "", "toml"):
        assert stages.own_glasses(stage, folder) is None
        assert stages.named(stage, {"PATH": "/bin", "BREAK_GLASS_QUEUE": ""}, folder) == {}
    said = {"BREAK_GLASS_TABLE": "ours"}
    assert stages.named("dev", said, folder) == said


def test_a_stage_with_one_is_named_for_it_unless_the_environment_says_otherwise(
    folder: Path,
) -> None:
    assert stages.own_glasses("prod", folder) == folder / "glasses.prod.toml"
    assert stages.named("prod", {"BREAK_GLASS_TABLE": ""}, folder) == NAMES
    said = {"BREAK_GLASS_QUEUE": "ours", "PATH": "/bin"}
    assert stages.named("prod", said, folder) == NAMES | {"BREAK_GLASS_QUEUE": "ours"}


EXAMPLE = (ROOT / "chalicelib" / "glasses.example.toml").read_text()


def known_of(stage: str, *lines: str, own: bool = True) -> settings.Settings:
    """The settings of a stage that has a file of its own, or has not; `lines` stand at the top."""
    names = {name: f"{usual}-{stage}" for name, usual in OTHERWISE.items() if name in NAMES}
    toml = "\n".join(lines) + "\n" + EXAMPLE
    if any(each.startswith("trail =") for each in lines):
        toml = toml.replace('trail = "aws-cloudtrail-logs-org"\n', "")
    return settings.load(names if own else {}, toml)


def told(known: settings.Settings, topic: str) -> settings.Settings:
    glasses = {name: replace(each, tell_to=topic) for name, each in known.glasses.items()}
    return replace(known, glasses=glasses)


def fitted(resource: str | list[str], known: settings.Settings) -> list[Any]:
    document = {"Statement": [{"Sid": "X", "Resource": resource}]}
    return list(stages.fitted(document, "prod", known)["Statement"])


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        (("dynamodb", "table/break-glass"), ("dynamodb", "table/break-glass-prod")),
        (
            ("dynamodb", "table/break-glass/index/due"),
            ("dynamodb", "table/break-glass-prod/index/due"),
        ),
        (("sqs", "break-glass"), ("sqs", "break-glass-prod")),
        (("sqs", "break-glass-dlq"), ("sqs", "break-glass-prod-dlq")),
        (("ssm", "parameter/break-glass/x"), ("ssm", "parameter/break-glass-prod/x")),
        (
            ("logs", "log-group:/aws/lambda/break-glass-*-worker:*"),
            ("logs", "log-group:/aws/lambda/break-glass-prod-worker:*"),
        ),
        (
            ("logs", "log-group:/aws/lambda/break-glass-*:*"),
            ("logs", "log-group:/aws/lambda/break-glass-prod:*"),
        ),
    ],
)
def test_what_the_stage_decides_follows_it(written: tuple[str, str], ours: tuple[str, str]) -> None:
    made = fitted([ARN.format(*written), "*"], known_of("prod"))
    assert made == [{"Sid": "X", "Resource": [ARN.format(*ours), "*"]}]
    (alone,) = fitted(ARN.format(*written), known_of("prod"))
    assert alone["Resource"] == ARN.format(*ours)


TRAIL, ROLE = ARN.format("logs", "log-group:*"), "arn:aws:iam::*:role/break-glass-trail*"
OURS = "arn:aws:iam::555566667777:role/break-glass-trail-prod"
THERE = "arn:aws:logs:eu-west-1:555566667777:log-group:org/trail:*"


@pytest.mark.parametrize("trail", ["org/trail", THERE, THERE.removesuffix(":*")])
def test_a_trail_is_read_by_the_functions_or_by_a_role_and_no_other_log_group_is(
    trail: str,
) -> None:
    known = known_of("prod", f'trail = "{trail}"')
    (made,) = fitted(TRAIL, known)
    groups = [ARN.format("logs", f"log-group:org/trail{end}") for end in ("", ":*")]
    assert made["Resource"] == groups
    assert fitted(ROLE, known) == [], "there is no role to assume"


@pytest.mark.parametrize("trail", [THERE, "s3://bucket/prefix"])
def test_where_a_role_reads_the_trail_the_functions_read_no_log_group(trail: str) -> None:
    known = known_of("prod", f'trail = "{trail}"', f'trail_role = "{OURS}"')
    assert fitted(TRAIL, known) == []
    (made,) = fitted(ROLE, known)
    assert made["Resource"] == OURS


def test_the_topics_are_those_that_the_settings_name() -> None:
    topics = ARN.format("sns", "break-glass*")
    known = known_of("prod")
    for nobody in ("report_to", "nobody"):
        assert fitted(topics, told(known, nobody)) == []
    (made,) = fitted(topics, told(known, "arn:aws:sns:eu-west-1:1:break-glass-use"))
    assert made["Resource"] == "arn:aws:sns:eu-west-1:1:break-glass-use"


@pytest.mark.parametrize(
    "other",
    [
        ARN.format("dynamodb", "table/break-glass-older"),  # by somebody's own hand
        ARN.format("sqs", "break-glass-older"),
        ARN.format("sns", "break-glass-older"),
        ARN.format("logs", "log-group:older:*"),
    ],
)
def test_what_it_does_not_decide_stays(other: str) -> None:
    (made,) = fitted(other, known_of("prod"))
    assert made["Resource"] == other


# What a stage's functions may, held against what another stage has --------------------------------


def things(stage: str, known: settings.Settings) -> list[str]:
    """The ARN of each thing that there is of a stage, by the code that makes it."""
    arn = "arn:aws:{}:eu-west-1:111122223333:{}"
    names = [function_name("break-glass", stage, each) for each in FUNCTIONS]
    groups = [f"log-group:{each}" for each in infrastructure.log_groups("break-glass", stage)]
    table = f"table/{known.table}"
    indexes = schema.definition()["GlobalSecondaryIndexes"]
    return [
        arn.format("dynamodb", table),
        arn.format("dynamodb", f"{table}/stream/2026-11-27T00:00:00.000"),
        *(arn.format("dynamodb", f"{table}/index/{each['IndexName']}") for each in indexes),
        *(arn.format("sqs", f"{known.queue}{end}") for end in ("", "-dlq")),
        *(arn.format("ssm", f"parameter{known.secrets}/{each}")
          for each in (SIGNING_SECRET, BOT_TOKEN)),
        *(arn.format("logs", each + end)
          for each in groups for end in ("", ":*", ":log-stream:x")),
        *(arn.format("lambda", f"function:{each}") for each in names),
        *(f"arn:aws:iam::111122223333:role/{each}" for each in names),
        *(arn.format("events", f"rule/{each}-event") for each in names),
        *(arn.format("cloudwatch", f"alarm:{each['AlarmName']}")
          for each in alarms("break-glass", stage, known.queue)),
        f"arn:aws:cloudwatch::111122223333:dashboard/break-glass-{stage}",
        arn.format("sns", f"break-glass-{stage}-alarms"),
        *{each.tell_to for each in known.glasses.values()} - {"report_to", "nobody"},
        known.trail.removesuffix(":*"),
        known.trail_role,
    ]  # fmt: skip


def strings(value: Any) -> Iterator[str]:
    """Every text in a document, whatever it is for."""
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, str):
            yield each
        else:
            yield from strings(each)


def reached(document: Any, there: list[str]) -> list[tuple[str, str]]:
    """Which of the things a document's patterns match. One that matches everything is not held
    against it: only what AWS knows no resource for may have that, which other tests hold."""
    return [
        (pattern, thing)
        for pattern in strings(document)
        if pattern != "*" and not pattern.startswith("arn:aws:sso:::")
        for thing in there
        if thing and fnmatchcase(thing, pattern)
    ]


def with_everything(stage: str, own: bool = True) -> settings.Settings:
    group = f"arn:aws:logs:eu-west-1:111122223333:log-group:trail-of-{stage}:*"
    topic = f"arn:aws:sns:eu-west-1:111122223333:break-glass-told-by-{stage}"
    return told(known_of(stage, f'trail = "{group}"', own=own), topic)


STAGES = ("prod", "prod2", "prod-eu", "eu-prod", "staging", "dev")


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
@pytest.mark.parametrize("stage", STAGES)
def test_nothing_that_a_stage_may_do_reaches_what_another_has(policy: Path, stage: str) -> None:
    """For every text of every policy and every thing, `dev` being the one without a file."""
    known = with_everything(stage, own=stage != "dev")
    made = stages.fitted(json.loads(policy.read_text()), stage, known)
    assert len(reached(made, things(stage, known))) > 2, "its own it reaches"
    for other in STAGES:
        if other != stage:
            theirs = with_everything(other, own=other != "dev")
            assert reached(made, things(other, theirs)) == []
    by_role = f"arn:aws:iam::555566667777:role/break-glass-trail-{stage}"
    made = stages.fitted(json.loads(policy.read_text()), stage, replace(known, trail_role=by_role))
    assert reached(made, ["arn:aws:iam::555566667777:role/break-glass-trail-other"]) == []


@pytest.mark.parametrize("stage", ["prod", "staging", "dev"])
def test_nor_does_what_its_deployer_may_do(stage: str) -> None:
    """But for a stage whose name goes on from another's, which the guide says to leave be."""
    text = (ROOT / "docs" / "deployer-policy.json").read_text().replace("STAGE", stage)
    lines = text.splitlines()
    if stage != "dev":
        lines = [each for each in lines if not re.search(r'[:/]break-glass(-dlq)?",$', each)]
    document = json.loads("\n".join(lines))
    for other in STAGES:
        if other != stage and not other.startswith(f"{stage}-"):
            own = other != "dev"
            assert reached(document, things(other, known_of(other, own=own))) == []


@pytest.fixture
def _put_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `install` changes in this process."""
    for owner, name in (
        (Config, "environment_variables"),
        (PolicyGenerator, "_read_document_from_file"),
        (BaseLambdaDeploymentPackager, "_iter_app_filenames"),
        (SwaggerGenerator, "generate_swagger"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    for name in stages.OWN:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("_put_back")
@pytest.mark.parametrize(
    ("stage", "file"), [("prod", "glasses.prod.toml"), ("dev", "glasses.toml")]
)
def test_chalice_deploys_the_stage_by_its_own_names(
    folder: Path, stage: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for read in (stages.own_glasses, stages.named):
        monkeypatch.setattr(read, "__defaults__", (folder,))
    for each in ("glasses.toml", "glasses.prod.toml"):
        (folder / each).write_text(f"# {each}\n{EXAMPLE}")
    monkeypatch.setattr(stages, "GLASSES", folder / "glasses.toml")
    stages.install(stage)
    expected = NAMES if stage == "prod" else {}
    assert {name: os.environ[name] for name in stages.OWN if name in os.environ} == expected
    config = {"environment_variables": {"SLACK_API_URL": "x"}}
    made = Config(chalice_stage=stage, config_from_disk=config)
    assert made.environment_variables == expected | {
        "SLACK_API_URL": "x", "BREAK_GLASS_STAGE": stage}  # fmt: skip
    api = SwaggerGenerator("eu-west-1", {}).generate_swagger(Chalice("break-glass"))
    assert api["info"]["title"] == f"break-glass-{stage}", "as its alarm has it"

    read_policy = PolicyGenerator(None, OSUtils())._read_document_from_file
    table = expected.get("BREAK_GLASS_TABLE", "break-glass")
    for policy in POLICIES:
        assert f':table/{table}"' in json.dumps(read_policy(str(policy)))

    (folder.parent / "app.py").write_text("")
    package = folder.parent / "x.zip"  # beside what is packed
    with ZipFile(package, "w") as zipped:
        packager = Packager(OSUtils(), DependencyBuilder(OSUtils()), UI())
        packager._add_app_files(zipped, str(folder.parent))
    with ZipFile(package) as zipped:
        glasses = [name for name in zipped.namelist() if "glasses" in name]
        assert sorted(glasses) == ["chalicelib/glasses.example.toml", "chalicelib/glasses.toml"]
        assert zipped.read("chalicelib/glasses.toml").decode().startswith(f"# {file}\n")


@pytest.mark.parametrize(
    ("deployed_with", "table", "left"),
    [
        ({}, "break-glass", ""),
        ({}, "break-glass-prod", "break-glass"),
        ({"BREAK_GLASS_TABLE": "break-glass-prod"}, "break-glass-prod", ""),
        ({"BREAK_GLASS_TABLE": "break-glass-prod"}, "break-glass", "break-glass-prod"),
    ],
)
def test_no_deployment_leaves_a_table_behind(
    deployed_with: dict[str, str], table: str, left: str
) -> None:
    client = boto3.client("lambda", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as aws:
        answer = {"Environment": {"Variables": deployed_with}} if deployed_with else {}
        asked = {"FunctionName": "break-glass-prod-worker"}
        aws.add_response("get_function_configuration", answer, asked)
        refused = stages.left_behind(client, "break-glass", "prod", table)
    assert [f"is deployed with the table {left}, and" in each for each in refused] == (
        [True] if left else []
    )


def test_what_was_never_deployed_leaves_nothing() -> None:
    client = boto3.client("lambda", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as aws:
        aws.add_client_error("get_function_configuration", "ResourceNotFoundException")
        assert stages.left_behind(client, "break-glass", "prod", "break-glass-prod") == []


@pytest.mark.parametrize("stage", ["dev", "prod", "eu-prod_2", "9", "x" * 36, "dlq", "worker"])
def test_a_stage_may_be_called_what_aws_takes(stage: str) -> None:
    assert stages.unusable(stage) == []
    longest = {f"break-glass-{stage}-{each}-event" for each in ("sweep", "reconcile")}
    assert all(len(name) <= 64 for name in longest), "as EventBridge has it"


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("", "letters, digits"),
        ("-x", "begins with a letter"),
        ("prod/eu", "letters, digits"),
        ("Prüfung", "letters, digits"),
        ("x" * 37, "36 signs at most"),
        ("example", "is the file that one copies"),
        ("prod-worker", "break-glass-prod-worker is a name that the stage prod has"),
        ("prod-dlq", "break-glass-prod-dlq is a name that the stage prod has"),
        ("a-b-sweep", "break-glass-a-b-sweep is a name that the stage a-b has"),
    ],
)
def test_a_stage_that_cannot_be_called_so_is_refused_in_a_sentence(stage: str, said: str) -> None:
    (sentence,) = stages.unusable(stage)
    assert sentence.startswith("no stage can be called")
    assert said in sentence


def test_no_two_stages_have_a_name_in_common() -> None:
    """Whatever two names are taken: what a stage makes is told from what another makes."""
    ours = made_by("prod")
    for other in ("dev", "prod2", "prod-eu", "eu-prod", "worker", "dlq"):
        assert stages.unusable(other) == []
        assert not ours & made_by(other), other


def made_by(stage: str) -> set[str]:
    functions = {function_name("break-glass", stage, each) for each in FUNCTIONS}
    return functions | {f"break-glass-{stage}-dlq", f"break-glass-{stage}-alarms"} | {
        each["AlarmName"] for each in alarms("break-glass", stage, "queue")
    }  # fmt: skip


class _Mappings:
    """Lambda, of which the event sources alone are asked."""

    def __init__(self, *known: tuple[str, str]) -> None:
        self.known = known

    def get_paginator(self, name: str) -> Any:
        pages = [
            {"EventSourceMappings": [
                {"EventSourceArn": source, "FunctionArn": f"arn:aws:lambda:r:1:function:{name}"}
            ]}
            for source, name in self.known
        ]  # fmt: skip
        return SimpleNamespace(paginate=lambda: [*pages, {"EventSourceMappings": [
            {"FunctionArn": "arn:aws:lambda:r:1:function:kafka"}]}])  # fmt: skip


STREAM = "arn:aws:dynamodb:r:1:table/break-glass/stream/2026"
QUEUE = "arn:aws:sqs:r:1:break-glass"


def test_no_two_stages_read_one_table_or_one_queue() -> None:
    theirs = _Mappings((STREAM, "break-glass-dev-stream"), (QUEUE, "break-glass-dev-worker"))
    asked = ("break-glass", "break-glass")
    assert stages.taken(theirs, "break-glass", "dev", *asked) == []
    queue, table = stages.taken(theirs, "break-glass", "prdo", *asked)
    assert queue.startswith("the queue break-glass is the stage dev's")
    assert table.startswith("the table break-glass is the stage dev's")
    assert "Give prdo a file of its own, chalicelib/glasses.prdo.toml" in table
    own = ("break-glass-prod", "break-glass-prod")
    assert stages.taken(theirs, "break-glass", "prod", *own) == []
    audit = _Mappings((STREAM, "audit"), (STREAM.replace("glass/", "glass-2/"), "break-glass-a-b"))
    assert stages.taken(audit, "break-glass", "dev", *asked) == []


def test_no_two_stages_open_the_same_access(folder: Path) -> None:
    text = (ROOT / "chalicelib" / "glasses.example.toml").read_text()
    (folder / "glasses.prod.toml").write_text(text)
    known = settings.load({}, text)
    assert stages.shared("prod", known, folder) == [], (
        "neither the example nor one that is unusable"
    )
    (folder / "glasses.toml").write_text(text)
    found = stages.shared("prod", known, folder)
    assert len(found) == len(known.glasses)
    assert found[0].startswith("[glass.prod] opens ")
    assert "so does [glass.prod] of chalicelib/glasses.toml" in found[0]
    assert stages.shared("dev", known, folder)[0].endswith("glasses.prod.toml, delete it")


# The commands -------------------------------------------------------------------------------------


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BREAK_GLASS_PROJECT", str(folder.parent))
    (folder.parent / ".chalice").mkdir()
    config: dict[str, Any] = {
        "stages": {"prod": {"environment_variables": {"BREAK_GLASS_QUEUE": "ours"}}},
        "lambda_functions": {"worker": {"iam_policy_file": "policy-worker.json"}},
    }
    (folder.parent / ".chalice" / "config.json").write_text(json.dumps(config))
    example = (ROOT / "chalicelib" / "glasses.example.toml").read_text()
    (folder / "glasses.prod.toml").write_text(example)
    return folder.parent


def test_the_commands_go_by_the_stages_own_file_and_names(project: Path) -> None:
    known = _project.settings("prod")
    assert (known.table, known.queue, known.secrets) == (
        "break-glass-prod", "ours", "/break-glass-prod")  # fmt: skip
    assert (_project.table("prod"), _project.table("dev")) == ("break-glass-prod", "break-glass")


def test_a_mistake_is_named_with_the_file_that_has_it(project: Path) -> None:
    (project / "chalicelib" / "glasses.prod.toml").write_text("nonsense")
    with pytest.raises(_project.Problem, match=r"glasses\.prod\.toml: "):
        _project.settings("prod")


def test_the_doctor_asks_for_rights_on_the_stages_own_things(project: Path) -> None:
    text = (ROOT / ".chalice" / "policy-worker.json").read_text()
    (project / ".chalice" / "policy-worker.json").write_text(text)
    patient: Any = SimpleNamespace(
        stage="prod",
        settings=_project.settings("prod"),
        aws=lambda service: SimpleNamespace(meta=SimpleNamespace(region_name="eu-west-1")),
        account="111122223333",
        partition="aws",
        instance=("arn:aws:sso:::instance/ssoins-1",),
        permission_set=lambda name: None,
    )
    asked = [resource for _, resources, _ in
             rights.needs(patient, "worker", "break-glass-prod-worker")
             for resource in resources]  # fmt: skip
    where = "eu-west-1:111122223333:"
    assert f"arn:aws:dynamodb:{where}table/break-glass-prod" in asked
    assert f"arn:aws:sqs:{where}ours-dlq" in asked
    assert f"arn:aws:ssm:{where}parameter/break-glass-prod/bot-token" in asked
