"""Gap: MiniStack is kinder to deployments than AWS, and to a new account most of all.

AWS refuses a second mapping of one source to one function, takes one UpdateAccount of API Gateway
in twenty seconds (and may leave out the error's code), and answers 500 where a function's route
finds no room. In a new account a role is unknown for some seconds, and few functions may run at
once: those two are settings, so that a world is up soon where they are not the question.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import apigateway_v1, iam, lambda_svc

from simulator.faults import Faults

UPDATE_SECONDS = 20.0
ROOM = lambda_svc._ACCOUNT_CONCURRENCY_CAP
ASSUMED = "The role defined for the function cannot be assumed by Lambda."
STREAM = (
    "Cannot access stream {}. Please ensure the role can perform the GetRecords, "
    "GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM."
)
QUEUE = "The provided execution role does not have permissions to call ReceiveMessage on SQS"
LOGS = "The role ARN does not have required permissions configured."

Response = tuple[int, dict[str, str], bytes]


@dataclass
class AccountFaults(Faults):
    """What kind of account it is; the defaults are one that has been in use."""

    roles_settle: float = 0.0  # seconds that a new role is unknown to the other services
    concurrency: int = 0  # functions at once; 0: as many as the machine bears

    def change(self, **settings: object) -> None:
        super().change(**settings)
        lambda_svc._ACCOUNT_CONCURRENCY_CAP = self.concurrency or ROOM

    def heal(self) -> None:
        super().heal()
        lambda_svc._ACCOUNT_CONCURRENCY_CAP = ROOM


_born: dict[str, float] = {}  # role → when it was made
_updated: list[float] = []  # when UpdateAccount was taken or refused


def patch(faults: AccountFaults) -> None:
    make_mapping, make_function = lambda_svc._create_esm, lambda_svc._create_function
    make_role, update_account = iam._create_role, apigateway_v1._update_account
    shape = apigateway_v1._lambda_proxy_response

    def unknown(role: str, hops: int = 1) -> bool:
        """Each service hears of it in its time: `hops` times as late as the first."""
        age = time.monotonic() - _born.get(role.rpartition("/")[2], 0)
        return age < faults.roles_settle * hops

    def create_role(asked: dict[str, Any]) -> Any:
        made = make_role(asked)
        if made[0] == 200:
            _born[iam._p(asked, "RoleName")] = time.monotonic()
        return made

    def create_function(asked: dict[str, Any]) -> Any:
        if unknown(asked.get("Role", "")):
            return error_response_json("InvalidParameterValueException", ASSUMED, 400)
        return make_function(asked)

    def create_mapping(asked: dict[str, Any]) -> Any:
        source = asked.get("EventSourceArn", "")
        name, _, refused = lambda_svc._resolve_existing_esm_function(asked.get("FunctionName", ""))
        if refused:
            return refused
        if unknown(lambda_svc._functions[name]["config"]["Role"], hops=2):
            said = STREAM.format(source) if ":dynamodb:" in source else QUEUE
            return error_response_json("InvalidParameterValueException", said, 400)
        for known in lambda_svc._esms.values():
            if known["EventSourceArn"] == source and known["FunctionName"] == name:
                return error_response_json("ResourceConflictException", _conflict(known), 409)
        return make_mapping(asked)

    def update(asked: dict[str, Any]) -> Any:
        if _updated and time.monotonic() - _updated[-1] < UPDATE_SECONDS:
            _updated.append(_updated[-1])
            return _too_many(nameless=len(_updated) % 2 == 0)
        _updated.append(time.monotonic())
        if any(unknown(str(each.get("value"))) for each in asked.get("patchOperations", [])):
            return apigateway_v1._v1_error("BadRequestException", LOGS, 400)
        return update_account(asked)

    def answered(result: dict[str, Any]) -> Any:
        if result.get("throttle"):
            return {"statusCode": 500, "body": '{"message": "Internal server error"}'}, None
        return shape(result)

    lambda_svc._create_esm, lambda_svc._create_function = create_mapping, create_function
    apigateway_v1._update_account = update
    iam._IAM_HANDLERS["CreateRole"] = create_role
    apigateway_v1._lambda_proxy_response = answered


def _conflict(known: dict[str, Any]) -> str:
    return (
        f'An event source mapping with event source ("{known["EventSourceArn"]}") and function '
        f'("{known["FunctionName"]}") already exists. Please update or delete the existing mapping '
        f"with UUID {known['UUID']}"
    )


def _too_many(nameless: bool) -> Response:
    if nameless:
        body = json.dumps({"message": "Too Many Requests"}).encode()
        return 429, {"Content-Type": "application/json"}, body
    answer: Response = apigateway_v1._v1_error("TooManyRequestsException", "Too Many Requests", 429)
    return answer
