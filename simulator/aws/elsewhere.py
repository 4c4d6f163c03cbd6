"""Gap: MiniStack is kinder than AWS to who reads another account's trail.

- `aws:PrincipalArn` of a role's session is the role's ARN; MiniStack has the session's.
- An object that is encrypted with a key of KMS is read by who may also decrypt with that key, for
  S3 asks in their name: `kms:ViaService` says so.
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region
from ministack.services import s3

KEY = "x-amz-server-side-encryption-aws-kms-key-id"

_resolve = iam_evaluator._resolve_condition_key
_checks = iam_actions.s3_additional_checks
_resources = iam_actions.s3_access_point_resources


def patch() -> None:
    iam_evaluator._resolve_condition_key = _condition_key
    iam_actions.s3_additional_checks = _with_key
    iam_actions.s3_access_point_resources = _with_service


def _condition_key(key: str, context: Any) -> Any:
    found = _resolve(key, context)
    if key.lower() == "aws:principalarn" and ":assumed-role/" in str(found):
        account, role = found.split(":")[4], found.split("/")[1]
        return f"arn:aws:iam::{account}:role/{role}"
    return found


def _with_key(
    method: str, path: str, headers: dict, body: bytes, query: dict
) -> list[tuple[str, str]]:
    checks: list[tuple[str, str]] = _checks(method, path, headers, body, query)
    bucket, _, name = path.strip("/").partition("/")
    found = s3._buckets.get(bucket, {}).get("objects", {}).get(name)
    if method == "GET" and found and (key := s3._stored_sse_headers(found).get(KEY)):
        checks.append(("kms:Decrypt", key))
    return checks


def _with_service(arn: str) -> list[tuple[str, dict[str, str]]]:
    if arn.startswith("arn:aws:kms:"):
        return [(arn, {"kms:viaservice": f"s3.{get_region()}.amazonaws.com"})]
    found: list[tuple[str, dict[str, str]]] = _resources(arn)
    return found
