"""Calls DynamoDB, SSM and SQS with what Python itself brings: one signed POST of JSON.

For the way from the press to the worker, where somebody waits and each cold start pays for what it
imports: boto3, its descriptions of the services and PynamoDB take a third of a second of CPU, this
a hundredth. Everything else that we ask of AWS goes through boto3 or PynamoDB.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chalicelib.domain.errors import Rejected, Unavailable
from chalicelib.transport.post import posted

if TYPE_CHECKING:
    from ssl import SSLContext

TRIES: Final = 2
PAUSE: Final = 0.05  # seconds between them
CONNECT: Final = 0.5  # seconds
AGAIN: Final = frozenset(  # AWS did not do it, and asks us to come back
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceUnavailable",
        "ThrottlingException",
        "TooManyUpdates",
        "TransactionInProgressException",
    }
)


PLAIN_FIPS: Final = ("ssm", "sqs")  # whose only endpoint in GovCloud is the one for FIPS


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between the services: names, versions, and how long one try may take."""

    service: str
    target: str
    content_type: str
    seconds: float


DYNAMODB: Final = Kind("dynamodb", "DynamoDB_20120810", "application/x-amz-json-1.0", 0.7)
SSM: Final = Kind("ssm", "AmazonSSM", "application/x-amz-json-1.1", 0.7)
SQS: Final = Kind("sqs", "AmazonSQS", "application/x-amz-json-1.0", 1.5)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, and the token that goes with a role's."""

    access_key: str
    secret_key: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class AwsJson:
    """One service in the region of `environ`, whose AWS_ variables mean what they mean to boto3.

    `tls` gives the context that a connection is secured with, on first need.
    """

    kind: Kind
    environ: Mapping[str, str]
    tls: Callable[[], "SSLContext"]
    seconds: Callable[[], float] = time.time

    def call(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The answer. Raises Rejected with AWS's name for the error, or Unavailable.

        Tried twice: so only for what may be repeated. Where an earlier try may have been heard,
        Rejected says so.
        """
        body = json.dumps(asked).encode()
        repeated = False
        why = ""
        for tries in range(TRIES):
            if tries:
                time.sleep(PAUSE)
            try:
                status, answer = self._post(operation, body)
            except (OSError, HTTPException) as error:
                why, repeated = type(error).__name__, True
                continue
            if status == 200:
                return answer
            code = str(answer.get("__type", "")).rpartition("#")[2]
            if status >= 500 or code in AGAIN:
                why, repeated = code or str(status), repeated or status >= 500
                continue
            raise Rejected(code or str(status), repeated=repeated)
        raise Unavailable(f"{self.kind.service}: {why}")

    def _post(self, operation: str, body: bytes) -> tuple[int, dict[str, Any]]:
        url = urlsplit(endpoint(self.kind.service, self.environ))
        target = f"{self.kind.target}.{operation}"
        headers = signed(
            self.kind, url.netloc, url.path or "/", target, body, region(self.environ),
            credentials(self.environ), self.seconds(),
        )  # fmt: skip
        status, text = posted(
            url, body, headers, self.tls, CONNECT, reads=lambda: self.kind.seconds
        )
        try:
            answer = json.loads(text) if text else {}
        except ValueError as error:
            raise HTTPException("the answer is not JSON") from error
        return status, answer if isinstance(answer, dict) else {}


def endpoint(service: str, environ: Mapping[str, str]) -> str:
    """Where the service is: AWS_ENDPOINT_URL_SERVICE, AWS_ENDPOINT_URL, or AWS's own address."""
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        for name in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
            if environ.get(name):
                return environ[name]
    where = region(environ)
    fips = "-fips" if environ.get("AWS_USE_FIPS_ENDPOINT", "").lower() == "true" else ""
    if where.startswith("us-gov-") and service in PLAIN_FIPS:
        fips = ""
    suffix = "amazonaws.com.cn" if where.startswith("cn-") else "amazonaws.com"
    return f"https://{service}{fips}.{where}.{suffix}"


def region(environ: Mapping[str, str]) -> str:
    """The AWS Region that the environment names. Raises Unavailable where it names none."""
    found = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not found:
        raise Unavailable("no region: set AWS_REGION")
    return found


def credentials(environ: Mapping[str, str]) -> Credentials:
    """Lambda's own; elsewhere (`chalice local`) whatever boto3 finds. Raises Unavailable."""
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return Credentials(key, secret, environ.get("AWS_SESSION_TOKEN", ""))
    import boto3

    found = boto3.Session().get_credentials()
    if found is None:
        raise Unavailable("no AWS credentials")
    frozen = found.get_frozen_credentials()
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")


def signed(
    kind: Kind, host: str, path: str, target: str, body: bytes, region: str,
    credentials: Credentials, now: float,
) -> dict[str, str]:  # fmt: skip
    """The headers of the request, signed by AWS's Signature Version 4; `now` in epoch seconds."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    scope = f"{moment[:8]}/{region}/{kind.service}/aws4_request"
    headers = {
        "content-type": kind.content_type,
        "host": host,
        "x-amz-date": moment,
        "x-amz-target": target,
    }
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    digest = hashlib.sha256(body).hexdigest()
    request = "\n".join(["POST", path, "", *lines, "", names, digest])
    hashed = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashed])
    key = b"AWS4" + credentials.secret_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return headers
