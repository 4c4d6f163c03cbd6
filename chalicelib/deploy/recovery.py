"""Deploys again from anywhere: what AWS has of the stage, for chalice to go on from.

Chalice keeps what it has made in `.chalice/deployed/STAGE.json`, written when all has succeeded. It
finds roles, functions and schedules by their names, but event sources and the route's API by that
file alone. So where a deployment died half-way, the file is gone, or somebody else deployed last,
it would be refused a second mapping, or make a second API, whose address Slack does not know. Here
the file is put right by what AWS says, after chalice knows what it wants and before it plans.
"""

import json
from collections.abc import Callable, Iterable
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final

from chalicelib.deploy.partitions import SUFFIXES
from chalicelib.deploy.patience import patiently

GONE: Final = frozenset({"NoSuchEntity", "NotFoundException", "ResourceNotFoundException"})
DELETES: Final = ("delete_function", "delete_role", "delete_rule", "delete_rest_api",
                  "remove_lambda_event_source", "delete_retention_policy")  # fmt: skip


def install(session: Any, record: Path, deployed: Callable[[], None]) -> None:
    """Has Chalice, in this process, plan by what AWS has. `deployed` is told when all is done.

    On the classes, for Chalice has read the record before it imports app.py.
    """
    from chalice.awsclient import TypedAWSClient
    from chalice.config import DeployedResources
    from chalice.deploy.deployer import ResultsRecorder
    from chalice.deploy.planner import PlanStage

    planned, recorded = PlanStage.execute, ResultsRecorder.record_results

    @wraps(planned)
    def planned_by_aws(self: Any, resources: list[Any]) -> Any:
        known = recovered(session, resources, read(record))
        self._remote_state._deployed_resources = DeployedResources(known)
        write(record, known)
        return planned(self, resources)

    @wraps(recorded)
    def recorded_and_told(self: Any, *results: Any) -> None:
        recorded(self, *results)
        deployed()

    PlanStage.execute = planned_by_aws
    ResultsRecorder.record_results = recorded_and_told
    for name in DELETES:
        setattr(TypedAWSClient, name, unless_gone(getattr(TypedAWSClient, name)))


def read(record: Path) -> dict[str, Any]:
    """What chalice has recorded of the stage; nothing where it has not, or not to the end."""
    try:
        found = json.loads(record.read_text())
        return {**found, "resources": list(found["resources"])}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {"resources": [], "schema_version": "2.0", "backend": "api"}


def write(record: Path, known: dict[str, Any]) -> None:
    """Replaces the record in one step. Safe to repeat; what is as it should be is left alone."""
    if known != read(record):
        record.parent.mkdir(parents=True, exist_ok=True)
        draft = record.with_suffix(".draft")
        draft.write_text(json.dumps(known, indent=2) + "\n")
        draft.replace(record)


def recovered(session: Any, resources: Iterable[Any], known: dict[str, Any]) -> dict[str, Any]:
    """The record with the event sources and the API as AWS has them.

    Deletes mappings of our functions to a table or a queue that is no longer theirs. Raises what
    boto3 raises, and ClickException where more than one API may be the one that Slack knows.
    """
    told = {each["name"]: each for each in known["resources"]}
    for resource in resources:
        kind, name = type(resource).__name__, resource_name(resource)
        if kind in ("DynamoDBEventSource", "SQSEventSource"):
            found = _event_source(session.client("lambda"), resource)
        elif kind == "RestAPI":
            found = _api(session.client("apigateway"), resource, told.get(name, {}))
        else:
            continue
        told.pop(name, None)
        if found:
            told[name] = {"name": name, "resource_type": resource.resource_type, **found}
    return {**known, "resources": list(told.values())}


def resource_name(resource: Any) -> str:
    return str(getattr(resource, "resource_name", ""))


def unless_gone(delete: Callable[..., None]) -> Callable[..., None]:
    """What is to be deleted and is not there is no error: a deployment died behind it."""
    from botocore.exceptions import ClientError
    from chalice.awsclient import ResourceDoesNotExistError

    from chalicelib.transport.errors import code_of

    @wraps(delete)
    def deleted(*args: Any, **kwargs: Any) -> None:
        try:
            delete(*args, **kwargs)
        except ResourceDoesNotExistError:
            pass
        except ClientError as error:
            if code_of(error) not in GONE:
                raise

    return deleted


# Event sources ------------------------------------------------------------------------------------


def _event_source(client: Any, resource: Any) -> dict[str, Any]:
    """What chalice records of the mapping from this very source; empty where there is none."""
    found = {}
    for mapping in _mappings(client, resource.lambda_function.function_name):
        source = mapping["EventSourceArn"]
        if source.split(":")[2] != ("dynamodb" if _is_stream(resource) else "sqs"):
            continue
        if not _wanted(resource, source):
            _delete(client, mapping["UUID"])  # of a table or queue that was there before
        elif mapping["State"] == "Deleting":
            patiently(partial(_gone, client, mapping["UUID"]), _StillThere)
        else:
            found = {
                "stream_arn" if _is_stream(resource) else "queue_arn": source,
                "event_uuid": mapping["UUID"],
                "lambda_arn": mapping["FunctionArn"],
            }
            if not _is_stream(resource):
                found["queue"] = resource.queue
    return found


def _mappings(client: Any, function: str) -> list[dict[str, Any]]:
    """All of that function's; listed without its name, for the function itself may be gone."""
    pages = client.get_paginator("list_event_source_mappings").paginate()
    return [
        mapping
        for page in pages
        for mapping in page["EventSourceMappings"]
        if mapping.get("FunctionArn", "").endswith(f":function:{function}")
        and mapping.get("EventSourceArn")
    ]


def _is_stream(resource: Any) -> bool:
    return hasattr(resource, "stream_arn")


def _wanted(resource: Any, source: str) -> bool:
    if _is_stream(resource):
        return bool(source == resource.stream_arn)
    return bool(source.rpartition(":")[2] == resource.queue)


def _delete(client: Any, uuid: str) -> None:
    def delete() -> None:
        try:
            client.delete_event_source_mapping(UUID=uuid)
        except client.exceptions.ResourceNotFoundException:
            return

    patiently(delete, client.exceptions.ResourceInUseException)


class _StillThere(Exception):
    """A mapping that is being deleted, and in whose place no other can be made yet."""


def _gone(client: Any, uuid: str) -> None:
    try:
        client.get_event_source_mapping(UUID=uuid)
    except client.exceptions.ResourceNotFoundException:
        return
    raise _StillThere(f"event source mapping {uuid} is being deleted: try again in a minute")


# The route's API ----------------------------------------------------------------------------------


def _api(client: Any, resource: Any, recorded: dict[str, Any]) -> dict[str, Any]:
    """What chalice records of the stage's API; empty where there is none.

    Known by the function that it calls; one of before has the app's name, without the stage's. One
    that was made and never deployed has no address that anybody could know.
    """
    pages = client.get_paginator("get_rest_apis").paginate()
    apis = [api for page in pages for api in page["items"]]
    if recorded.get("rest_api_id") in {api["id"] for api in apis}:
        return {key: value for key, value in recorded.items() if key.startswith("rest_api")}
    name, stage = resource.swagger_doc["info"]["title"], resource.api_gateway_stage
    ours = [
        api["id"]
        for api in sorted(apis, key=lambda api: str(api.get("createdDate")))
        if name.startswith(api["name"])
        and _calls(client, api["id"], resource.lambda_function.function_name)
    ]
    live = [api for api in ours if _has_stage(client, api, stage)] or ours[:1]
    urls = {api: _url(client, api, stage) for api in live}
    if len(live) > 1:
        from click import ClickException

        each = "\n".join(f"  - {url}slack" for url in urls.values())
        raise ClickException(
            f"no function was deployed: more than one API calls this stage's function:\n{each}\n"
            "Slack knows one of them (Interactivity, in the app's settings). Delete the others "
            "(aws apigateway delete-rest-api --rest-api-id, the address begins with it), and "
            "deploy this stage again."
        )
    return next(({"rest_api_id": api, "rest_api_url": url} for api, url in urls.items()), {})


def _calls(client: Any, api: str, function: str) -> bool:
    pages = client.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    uris = [
        method.get("methodIntegration", {}).get("uri", "")
        for page in pages
        for each in page["items"]
        for method in each.get("resourceMethods", {}).values()
    ]
    return any(f":function:{function}/" in uri for uri in uris)


def _has_stage(client: Any, api: str, stage: str) -> bool:
    found = client.get_stages(restApiId=api)["item"]
    return any(each["stageName"] == stage for each in found)


def _url(client: Any, api: str, stage: str) -> str:
    suffix = SUFFIXES.get(client.meta.partition, SUFFIXES["aws"])
    return f"https://{api}.execute-api.{client.meta.region_name}.{suffix}/{stage}/"
