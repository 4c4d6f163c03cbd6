"""What the commands know of the project: its settings, and what chalice has deployed of it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from chalicelib.config.settings import Settings
    from chalicelib.domain.ports import Trail

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_STAGE = "dev"
_ABOUT_A_STAGE = re.compile(
    r"(python -m tools (?:alert|doctor|judge|logs?|review|secrets|slack-manifest|standing|suggest"
    r"|template)"
    r"|chalice (?:deploy|delete))(?![\w-]|[^`\n;,]*--stage)"
)


class Problem(Exception):
    """The command cannot go on. The text says why, and what to do about it."""


class Misused(Problem):
    """What was typed makes no sense: the text names what would. Exit code 2, as argparse has it."""


@dataclass(frozen=True)
class Deployed:
    """What `chalice deploy` has recorded of a stage."""

    stage: str
    slack_url: str  # the address that Slack calls
    rest_api_id: str
    functions: dict[str, str]  # the name in app.py → the name in AWS


def project() -> Path:
    """Where app.py is; another place than this one's where BREAK_GLASS_PROJECT says so."""
    return Path(os.environ.get("BREAK_GLASS_PROJECT", ROOT))


def use_local_world() -> None:
    """Has everything that follows go to the world that `make demo` has up."""
    file = ROOT / ".local" / "world.json"
    try:
        facts = json.loads(file.read_text())
    except FileNotFoundError:
        raise Problem(f"no world is up: `make demo` boots one ({file} is not there)") from None
    os.environ |= {
        "AWS_ENDPOINT_URL": facts["endpoint"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "SLACK_API_URL": f"{facts['slack_api']}/api/",
        "BREAK_GLASS_PROJECT": facts.get("project", str(ROOT)),
    }
    os.environ.pop("AWS_PROFILE", None)


def config() -> dict[str, Any]:
    """.chalice/config.json, as it is."""
    found: dict[str, Any] = json.loads((project() / ".chalice" / "config.json").read_text())
    return found


def stages() -> list[str]:
    """The stages that there are from here: those that are deployed or have a file of glasses.

    `glasses.toml` is theirs who have no other; where nobody deployed goes by it, it is dev's.
    """
    from chalicelib.deploy.stages import own_glasses, unusable

    folder = project() / "chalicelib"
    deployed = {file.stem for file in (project() / ".chalice" / "deployed").glob("*.json")}
    files = {file.name.split(".", 1)[1][: -len(".toml")] for file in folder.glob("glasses.*.toml")}
    found = deployed | {each for each in files if not unusable(each)}
    usual = (folder / "glasses.toml").is_file()
    if usual and all(own_glasses(each, folder) for each in deployed):
        found.add(DEFAULT_STAGE)
    return sorted(found)


def stage_name(asked: str | None) -> str:
    """The stage asked for; else the only one there is, else chalice's own default.

    Raises Misused where there are several: what is meant for one is done to no other.
    """
    if asked:
        return asked
    there = stages()
    if len(there) > 1:
        raise Misused(f"say which stage with --stage: there are {', '.join(there)}")
    return there[0] if there else DEFAULT_STAGE


def about(stage: str, text: str) -> str:
    """A hint as it is for the stage: its commands with `--stage`, its own file of glasses.

    Where the stage goes without saying, as one alone does that is called dev, no command names it.
    """
    text = text.replace("glasses.toml", glasses(stage).name)
    if stage == DEFAULT_STAGE and stages() in ([], [stage]):
        return text
    return _ABOUT_A_STAGE.sub(rf"\1 --stage {stage}", text)


def settings(stage: str) -> Settings:
    """The settings that the stage is deployed with. Raises Problem, with every mistake."""
    from chalicelib.config import settings as module

    try:
        known = module.load(environment(stage), glasses(stage))
        if wrong_rules := module.unusable_rules(known):
            raise module.InvalidSettings(wrong_rules)
        return known
    except module.InvalidSettings as wrong:
        mistakes = "\n".join(f"  - {mistake}" for mistake in wrong.mistakes)
        raise Problem(f"the settings cannot be used:\n{mistakes}") from None


def glasses(stage: str) -> Path:
    """The file that the stage goes by: its own, where it has one."""
    from chalicelib.deploy.stages import own_glasses

    folder = project() / "chalicelib"
    return own_glasses(stage, folder) or folder / "glasses.toml"


def environment(stage: str) -> dict[str, str]:
    """What the functions of the stage have in their environment, under what we have in ours."""
    from chalicelib.deploy.stages import named

    whole = config()
    own = whole.get("stages", {}).get(stage, {})
    deployed_with: dict[str, str] = whole.get("environment_variables", {})
    said = {**deployed_with, **own.get("environment_variables", {}), **os.environ}
    return said | named(stage, said, project() / "chalicelib")


def table(stage: str) -> str:
    """The name of the stage's table, without a look at its other settings."""
    from chalicelib.config.keys import OTHERWISE

    return environment(stage).get("BREAK_GLASS_TABLE") or str(OTHERWISE["BREAK_GLASS_TABLE"])


def deployed(stage: str, stack: str = "") -> Deployed:
    """What is deployed of the stage, by chalice or as a stack. Raises Problem where nothing is."""
    if stack:
        return _stacked(stage, stack)
    file = project() / ".chalice" / "deployed" / f"{stage}.json"
    try:
        resources = json.loads(file.read_text())["resources"]
    except FileNotFoundError:
        raise Problem(
            f"nothing is deployed as “{stage}” from here: run `chalice deploy --stage {stage}`"
        ) from None
    functions: dict[str, str] = {}
    api = url = ""
    for resource in resources:
        if resource["resource_type"] == "lambda_function":
            functions[resource["name"]] = resource["lambda_arn"].rpartition(":")[2]
        elif resource["resource_type"] == "rest_api":
            api, url = resource["rest_api_id"], resource["rest_api_url"]
    return Deployed(stage, _reachable(url, api) + "slack", api, functions)


def _stacked(stage: str, stack: str) -> Deployed:
    """By the stack's outputs; the functions' names are those that the template gives them."""
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.deploy.alarms import FUNCTIONS, function_name
    from chalicelib.deploy.aws_errors import sentence
    from chalicelib.transport.errors import code_of

    try:
        (found,) = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if code_of(error) != "ValidationError":
            raise Problem(sentence(error)) from error
        raise Problem(f"there is no stack {stack}: {error}") from None
    except BotoCoreError as error:
        raise Problem(sentence(error)) from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    if not {"RestAPIId", "EndpointURL"} <= outputs.keys():
        raise Problem(f"the stack {stack} is {found['StackStatus']} and has no address yet")
    api, url = outputs["RestAPIId"], outputs["EndpointURL"]
    names = {handler: function_name("break-glass", stage, handler) for handler in FUNCTIONS}
    return Deployed(stage, _reachable(url, api) + "slack", api, names)


def _reachable(url: str, api: str) -> str:
    """The API's address; on an AWS of one's own (AWS_ENDPOINT_URL) it is found there."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        stage = urlsplit(url).path.strip("/")
        return f"{endpoint.rstrip('/')}/restapis/{api}/{stage}/_user_request_/"
    return url if url.endswith("/") else f"{url}/"


def add_stage(parser: Any, stack: bool = False) -> None:
    parser.add_argument(
        "--stage", help=f"chalice's stage (the only one there is, else {DEFAULT_STAGE})"
    )
    if stack:
        parser.add_argument("--stack", default="", help="the stack, where CloudFormation deployed")


def client(service: str, **options: Any) -> Any:
    """A boto3 client with whatever credentials this shell has; Problem where it has none."""
    import boto3
    from botocore.exceptions import BotoCoreError

    from chalicelib.deploy.aws_errors import sentence

    try:
        return boto3.client(service, **options)
    except BotoCoreError as error:
        raise Problem(sentence(error)) from error


def trail(known: Settings) -> Trail:
    """The organisation's trail, with whatever credentials this shell has."""
    from botocore.session import Session

    from chalicelib.wiring import trail_of

    role = (known.trail_role, known.trail_external_id)
    return trail_of(known.trail, *role, Session(), known.instance_arn)


def need_credentials() -> None:
    """Before somebody is asked for something in vain. Raises Problem."""
    import boto3
    from botocore.exceptions import BotoCoreError, NoCredentialsError

    from chalicelib.deploy.aws_errors import sentence

    try:
        if boto3.Session().get_credentials() is None:
            raise NoCredentialsError
    except BotoCoreError as error:
        raise Problem(sentence(error)) from error
