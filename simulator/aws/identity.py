"""Gap: MiniStack has no IAM Identity Center; ours answers in-process, under the same IAM checks.

The resources of each action are those of AWS's Service Authorization Reference: every ARN that an
action requires must be allowed, so a policy that names too little fails here as it does on AWS.
Where the instance has a customer managed key, every action but ListInstances asks for kms:Decrypt
too, in the caller's name: through the service, under an encryption context of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, router
from ministack.core.responses import get_account_id, get_region

from simulator.assignments import Accepted
from simulator.aws.permissions import role_may
from simulator.identity_center import IdentityCenter
from simulator.identity_store import IdentityStore
from simulator.wire import CONTENT_TYPE, Problem, answer, error

Response = tuple[int, dict[str, str], bytes]


def patch(center: IdentityCenter, store: IdentityStore) -> None:
    """Mount both services. Identity Center's faults hit the identity store's calls as well."""
    _mount("sso", "SWBExternalService", _SsoAdmin(center))
    _mount("identitystore", "AWSIdentityStore", _Store(center, store))
    if app.AUTH:
        center.may = _caller_may


def _caller_may(caller: str, action: str, resource: str) -> bool:
    """By the role's own policies; whoever is no role of ours may do everything, as root may."""
    if ":assumed-role/" not in caller:
        return True
    account, role = caller.split(":")[4], caller.split("/")[1]
    return role_may(f"arn:aws:iam::{account}:role/{role}", action, resource)


_WITHOUT_KEY = ("ListInstances",)
_ASKS_ALSO = {"CreateAccountAssignment": "iam:GetSAMLProvider"}


class _Service:
    """Looks to MiniStack like one of its service modules."""

    namespace = ""
    context_key = ""  # of the encryption context
    kms_reason = ""  # how the service says that it was the key

    def __init__(self, center: IdentityCenter) -> None:
        self.center = center

    def act(self, operation: str, ask: dict[str, Any], caller: str) -> dict[str, Any]:
        raise NotImplementedError

    def arns(self, operation: str, ask: dict[str, Any]) -> list[str]:
        raise NotImplementedError

    def encrypted(self) -> str:
        """The ARN that stands in the encryption context."""
        raise NotImplementedError

    async def handle_request(
        self, method: str, path: str, headers: dict, body: bytes, query: dict
    ) -> Response:
        faults = self.center.faults
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        ask = json.loads(body or b"{}")
        caller = iam_evaluator.request_caller_arn(headers, query) or "?"
        await asyncio.sleep(faults.slow)
        if faults.down == "hang":
            await asyncio.sleep(faults.hang_seconds)
        if faults.down:
            return 503, {"Content-Type": CONTENT_TYPE}, b"{}"
        denied = self._denied(operation, ask, headers, query)
        if denied:
            return denied
        try:
            return answer(self.act(operation, ask, caller))
        except Problem as problem:
            return error(problem)
        except Accepted as accepted:
            if accepted.how == "HANG":
                await asyncio.sleep(faults.hang_seconds)
            return error(Problem("InternalServerException", "The answer was lost."))
        except (KeyError, AttributeError) as unknown:
            return error(Problem("ValidationException", f"{operation}: {unknown}"))

    def _denied(self, operation: str, ask: dict, headers: dict, query: dict) -> Response | None:
        if not app.AUTH:
            return None
        action = f"{self.namespace}:{operation}"
        key = router.extract_access_key_id(headers, query)
        asked = [(action, arn) for arn in self.arns(operation, ask)]
        if operation in _ASKS_ALSO:  # in the caller's name, on a provider that is not listed here
            provider = f"arn:aws:iam::{get_account_id()}:saml-provider/AWSSSO_0_DO_NOT_DELETE"
            asked.append((_ASKS_ALSO[operation], provider))
        for action, arn in asked:
            if denied := _refused(key, action, self.namespace, arn):
                return error(denied)
        if self.center.key_arn and operation not in _WITHOUT_KEY:
            through = {
                "kms:ViaService": f"{self.namespace}.{get_region()}.amazonaws.com",
                f"kms:EncryptionContext:{self.context_key}": self.encrypted(),
            }
            denied = _refused(key, "kms:Decrypt", "kms", self.center.key_arn, through)
            if denied:
                denied.facts = {"Reason": self.kms_reason}
                return error(denied)
        return None

    def get_state(self) -> dict:
        return {}

    def load_persisted_state(self, data: object) -> None:
        """Assignments live as long as the world does."""

    def reset(self) -> None:
        """The history is the tests' evidence: it is never wiped."""


class _SsoAdmin(_Service):
    namespace = "sso"
    context_key = "aws:sso:instance-arn"
    kms_reason = "KMS_AccessDeniedException"

    def encrypted(self) -> str:
        return self.center.instance_arn

    def act(self, operation: str, ask: dict[str, Any], caller: str) -> dict[str, Any]:
        return self.center.answer(operation, ask, caller)

    def arns(self, operation: str, ask: dict[str, Any]) -> list[str]:
        if operation == "ListInstances":
            return ["*"]
        account = ask.get("TargetId") or ask.get("AccountId")
        named = [ask.get("InstanceArn"), ask.get("PermissionSetArn"), ask.get("ResourceArn")]
        return [*filter(None, named), *([f"arn:aws:sso:::account/{account}"] if account else [])]


class _Store(_Service):
    namespace = "identitystore"
    context_key = "aws:identitystore:identitystore-arn"
    kms_reason = "KMS_ACCESS_DENIED"

    def encrypted(self) -> str:
        owner = self.center.owner_account_id
        return f"arn:aws:identitystore::{owner}:identitystore/{self.store.store_id}"

    def __init__(self, center: IdentityCenter, store: IdentityStore) -> None:
        super().__init__(center)
        self.store = store

    def act(self, operation: str, ask: dict[str, Any], caller: str) -> dict[str, Any]:
        self.center.disturb(operation)
        return getattr(self.store, operation)(ask)

    def arns(self, operation: str, ask: dict[str, Any]) -> list[str]:
        store = self.encrypted()
        user = ask.get("UserId") or (ask.get("MemberId") or {}).get("UserId")
        named = {
            "user": [user] if user else _ALL.get(operation, {}).get("user", []),
            "membership": ["*"] if operation == "IsMemberInGroups" else [],
            "group": ask.get("GroupIds") or ([ask["GroupId"]] if ask.get("GroupId") else []),
        }
        named["group"] = named["group"] or _ALL.get(operation, {}).get("group", [])
        arns = [
            f"arn:aws:identitystore:::{kind}/{each}" for kind, ids in named.items() for each in ids
        ]
        return [store, *arns]


# Operations that search name all users or all groups.
_ALL: dict[str, dict[str, list[str]]] = {
    "GetUserId": {"user": ["*"]},
    "ListUsers": {"user": ["*"]},
    "GetGroupId": {"group": ["*"]},
    "ListGroups": {"group": ["*"]},
}


def _refused(
    key: str, action: str, service: str, arn: str, context: dict[str, Any] | None = None
) -> Problem | None:
    found = iam_evaluator.enforce(
        key, action, service, get_region(), resource_arn=arn, service_context=context
    )
    if found is None:
        return None
    if isinstance(found, iam_evaluator.AuthError):
        return Problem("AccessDeniedException", str(found))
    reason = iam_actions.identity_denial_message(
        action, found.principal_arn, arn, found.decision == "Deny"
    )
    return Problem("AccessDeniedException", reason)


def _mount(name: str, target_prefix: str, service: _Service) -> None:
    app._loaded_modules[f"simulator_{name}"] = service
    handler: Callable = service.handle_request
    app.SERVICE_HANDLERS[name] = handler
    router.SERVICE_PATTERNS[name] = {
        "target_prefixes": [target_prefix],
        "credential_scope": name,
    }
