"""Stages beside one another: each with glasses, names and rights of its own.

Where `chalicelib/glasses.STAGE.toml` exists, that stage goes by it and not by `glasses.toml`, and
its table, queue and secrets are named for it, unless the environment says otherwise. Its package
carries that file as `glasses.toml`, and its functions have the names in their environment: in
Lambda there is one file, and nothing to choose. The policies are written for whatever a stage may
have; here they get its own, and no other's. A stage without such a file is as it would be alone.
What cannot work is said here as well, each in a sentence, before anything is made.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from chalicelib.config.keys import OTHERWISE
from chalicelib.config.settings import GLASSES, STAGE, InvalidSettings, Settings, load
from chalicelib.deploy.alarms import FUNCTIONS, api_name, function_name
from chalicelib.domain.text import clean

OWN: Final = ("BREAK_GLASS_TABLE", "BREAK_GLASS_QUEUE", "BREAK_GLASS_SECRETS")
EXAMPLE: Final = "example"  # no stage's, though its name is like one
LONGEST: Final = 36  # EventBridge takes 64 signs, and break-glass-STAGE-reconcile-event is one name
_NAME: Final = re.compile(f"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST - 1}}}")
_ENDINGS: Final = ("dlq", *(each for each in FUNCTIONS if each != "api_handler"))
_FILE: Final = re.compile(r"chalicelib[/\\]glasses(?:\.(?P<stage>.+))?\.toml")
_NAMED: Final = re.compile(  # of an ARN in .chalice/policy-*.json, what the stage decides
    r"(?P<head>arn:[^:]*:(?:"
    r"dynamodb:[^:]*:[^:]*:(?P<table>table/break-glass)(?=$|/)"
    r"|sqs:[^:]*:[^:]*:(?P<queue>break-glass)(?=$|-dlq$)"
    r"|ssm:[^:]*:[^:]*:(?P<secrets>parameter/break-glass)(?=/)"
    r"|logs:[^:]*:[^:]*:(?P<logs>log-group:/aws/lambda/break-glass-\*)(?=[:-])"
    r"|logs:[^:]*:[^:]*:(?P<trail>log-group:\*)$"
    r"|iam:[^:]*:[^:]*:(?P<role>role/break-glass-trail\*)$"
    r"|sns:[^:]*:[^:]*:(?P<topics>break-glass\*)$"
    r"))(?P<rest>.*)"
)


def own_glasses(stage: str, folder: Path = GLASSES.parent) -> Path | None:
    """The stage's own file of glasses; None where it has none, and goes by `glasses.toml`."""
    file = folder / f"glasses.{stage}.toml"
    return file if stage != EXAMPLE and file.is_file() else None


def named(stage: str, environ: Mapping[str, str], folder: Path = GLASSES.parent) -> dict[str, str]:
    """The variables that name the stage's table, queue and secrets: those said, or its own.

    Of a stage without a file of its own those that are said alone; the others go without saying.
    """
    said = {name: environ[name] for name in OWN if environ.get(name)}
    if own_glasses(stage, folder) is None:
        return said
    return {name: f"{OTHERWISE[name]}-{stage}" for name in OWN} | said


def fitted(policy: Any, stage: str, known: Settings) -> dict[str, Any]:
    """A policy document about the stage's own things: its table, queue, secrets and logs, and the
    trail and the topics that its settings name. What is about nothing that it has is left out."""
    group = known.trail.partition(":log-group:")[2].removesuffix(":*") or known.trail
    elsewhere = known.trail_role or known.trail.startswith("s3://")
    topics = {each.tell_to: None for each in known.glasses.values()}
    ours = {
        "table": [f"table/{known.table}"],
        "queue": [known.queue],
        "secrets": [f"parameter{known.secrets}"],
        "logs": [f"log-group:/aws/lambda/break-glass-{stage}"],
        # AWS writes log groups both ways. What is elsewhere is read by the role.
        "trail": [] if elsewhere else [f"log-group:{group}", f"log-group:{group}:*"],
        "role": [known.trail_role] if known.trail_role else [],
        "topics": [each for each in topics if each.startswith("arn:")],
    }
    made: dict[str, Any] = _fitted(policy, ours)
    return {**made, "Statement": [each for each in made["Statement"] if each.get("Resource") != []]}


def _fitted(value: Any, ours: Mapping[str, list[str]]) -> Any:
    if isinstance(value, Mapping):
        return {key: _fitted(each, ours) for key, each in value.items()}
    if isinstance(value, list):
        made = [_fitted(each, ours) for each in value]
        return [one for each in made for one in (each if isinstance(each, list) else [each])]
    found = _NAMED.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    what = next(kind for kind in ours if found[kind])
    head = found["head"].removesuffix(found[what])
    named = [
        each if each.startswith("arn:") else head + each + found["rest"] for each in ours[what]
    ]
    return named[0] if len(named) == 1 else named


def packed(files: Iterable[tuple[str, str]], own: Path | None) -> Iterator[tuple[str, str]]:
    """What chalice packs (a file, and its place in the package), with one stage's glasses alone."""
    for file, place in files:
        found = _FILE.fullmatch(place)
        usual = found is not None and found["stage"] is None
        if found is None or found["stage"] == EXAMPLE or (usual and own is None):
            yield file, place
        elif own is not None and Path(file).name == own.name:
            yield file, str(Path(place).with_name(GLASSES.name))


def unusable(stage: str) -> list[str]:
    """Why there can be no stage of that name: AWS takes it not, or it is like another's things."""
    said, wrong = clean(stage, 60), ""
    if not _NAME.fullmatch(stage):
        wrong = (
            "it becomes part of names in AWS, so it has letters, digits, - and _, begins with a "
            f"letter or a digit, and has {LONGEST} signs at most"
        )
    elif stage == EXAMPLE:
        wrong = f"chalicelib/glasses.{stage}.toml is the file that one copies"
    else:
        ending = next((each for each in _ENDINGS if stage.endswith(f"-{each}")), "")
        first = stage.removesuffix(f"-{ending}")
        wrong = ending and f"break-glass-{stage} is a name that the stage {first} has for its own"
    return [f"no stage can be called “{said}”: {wrong}"] if wrong else []


def taken(client: Any, app: str, stage: str, table: str, queue: str) -> list[str]:
    """Why the stage cannot have that table or that queue: another stage's functions read it.

    `client` is Lambda's. Raises what boto3 raises.
    """
    ours = {function_name(app, stage, each) for each in FUNCTIONS}
    found = {}
    for page in client.get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            source = mapping.get("EventSourceArn", "")
            function = mapping["FunctionArn"].split(":")[6]
            other = re.fullmatch(rf"{re.escape(app)}-(.+)-(?:stream|worker)", function)
            if other is None or function in ours:
                continue
            if f":table/{table}/stream/" in source:
                found[f"table {table}"] = other[1]
            elif source.endswith(f":{queue}"):
                found[f"queue {queue}"] = other[1]
    return [
        f"the {what} is the stage {other}'s: each would take the other's sessions for its own. "
        f"Give {stage} a file of its own, chalicelib/glasses.{stage}.toml, or look at how it is "
        f"spelt; where {other} is deleted, delete what is left of its event sources"
        for what, other in sorted(found.items())
    ]


def shared(stage: str, known: Settings, folder: Path = GLASSES.parent) -> list[str]:
    """Which of the stage's glasses open what another stage's do: each ends the other's access.

    By the files that are here; one that cannot be used is no stage's yet.
    """
    mine = own_glasses(stage, folder) or folder / GLASSES.name
    accesses = {
        (each.account_id, each.permission_set): each.name for each in known.glasses.values()
    }
    found = []
    for file in sorted(folder.glob("glasses*.toml")):
        if file == mine or not _FILE.fullmatch(f"chalicelib/{file.name}"):
            continue
        if file.name == f"glasses.{EXAMPLE}.toml":
            continue
        with suppress(InvalidSettings):
            found += [
                f"[glass.{accesses[access]}] opens {each.permission_set} on {each.account_id}, and "
                f"so does [glass.{each.name}] of chalicelib/{file.name}: each would take the "
                "other's access for what no session accounts for. Let one of them have another "
                f"permission set; or, where no stage goes by {file.name}, delete it"
                for each in load({}, file).glasses.values()
                if (access := (each.account_id, each.permission_set)) in accesses
            ]
    return found


def left_behind(client: Any, app: str, stage: str, table: str) -> list[str]:
    """Why the stage cannot get that table: it is deployed with another one, where sessions live.

    Raises what boto3 raises.
    """
    name = function_name(app, stage, "worker")
    try:
        deployed = client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        return []
    variables = deployed.get("Environment", {}).get("Variables", {})
    before = variables.get("BREAK_GLASS_TABLE") or OTHERWISE["BREAK_GLASS_TABLE"]
    if before == table:
        return []
    said = (
        f"the stage {stage} is deployed with the table {before}, and by its settings would get "
        f"{table}: whose access is open there would not be taken back, and the log would begin "
        f"anew. Is chalicelib/glasses.{stage}.toml missing, or new? To keep {before}, set "
        "BREAK_GLASS_TABLE, BREAK_GLASS_QUEUE and BREAK_GLASS_SECRETS to what is deployed, as "
        f"environment_variables of the stage in .chalice/config.json. To begin with {table}, wait "
        f"until every session is CLOSED or DENIED (python -m tools log --stage {stage}), run "
        f"`chalice delete --stage {stage}`, and deploy"
    )
    return [said]


def install(stage: str) -> None:
    """Has Chalice, in this process, deploy that stage by its own names, and us read them.

    On the classes, for Chalice has read its configuration before it imports app.py.
    """
    from chalice.config import Config
    from chalice.deploy.deployer import PolicyGenerator
    from chalice.deploy.packager import BaseLambdaDeploymentPackager as Packager
    from chalice.deploy.swagger import SwaggerGenerator

    names, own = named(stage, os.environ), own_glasses(stage)
    os.environ.update(names)
    told: Any = Config.environment_variables
    read, files = PolicyGenerator._read_document_from_file, Packager._iter_app_filenames
    described = SwaggerGenerator.generate_swagger

    def variables(self: Any) -> dict[str, str]:
        return {STAGE: stage, **names, **told.fget(self)}

    def about_the_stage(self: Any, filename: str) -> Any:
        return fitted(read(self, filename), stage, load(os.environ, own or GLASSES))

    def with_its_glasses(self: Any, project_dir: str) -> Iterator[tuple[str, str]]:
        return packed(files(self, project_dir), own)

    def by_its_name(self: Any, app: Any, rest_api: Any = None) -> dict[str, Any]:
        api: dict[str, Any] = described(self, app, rest_api)
        api["info"]["title"] = api_name(app.app_name, stage)
        return api

    Config.environment_variables = property(variables)
    PolicyGenerator._read_document_from_file = about_the_stage
    Packager._iter_app_filenames = with_its_glasses
    SwaggerGenerator.generate_swagger = by_its_name
