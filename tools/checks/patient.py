"""What is looked at: asked for on first use, and kept for the other checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config.settings import Settings
from chalicelib.deploy.aws_errors import SIGN_IN, cause, denied, sentence
from chalicelib.domain.errors import ExternalError
from chalicelib.domain.session import PermissionSet
from chalicelib.transport.errors import code_of
from tools import _project, _slack
from tools._project import Deployed, Problem

OK, BAD, NOTE = "ok", "bad", "note"


UNMADE = "unmade"  # the check could not be made: nothing is known, so nothing is called ready


MOST_SKEW = timedelta(seconds=30)  # Slack's signatures live five minutes, AWS's as long


QUIET = timedelta(hours=24)  # an account in use says something in a day


MAY_READ = "look with credentials that may read it"


AGAIN = "run `chalice deploy` again: it puts right what has drifted"


APP = "break-glass"


@dataclass(frozen=True)
class Finding:
    """`bad` and `unmade` stand between you and being ready; a `note` is worth knowing."""

    state: str
    said: str
    cure: str = ""


Check = Callable[["Patient"], Iterator[Finding]]


@dataclass
class Patient:
    """What is looked at. Everything is asked for on first use and kept for the other checks."""

    stage: str
    stack: str = ""
    client: Callable[..., Any] = _project.client
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _clients: dict[str, Any] = field(default_factory=dict)
    _sets: dict[str, PermissionSet | None] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        return _project.settings(self.stage)

    @cached_property
    def deployed(self) -> Deployed:
        return _project.deployed(self.stage, self.stack)

    @cached_property
    def caller(self) -> dict[str, Any]:
        found: dict[str, Any] = self.aws("sts").get_caller_identity()
        return found

    @property
    def account(self) -> str:
        return str(self.caller["Account"])

    @cached_property
    def instance(self) -> tuple[str, str]:
        """Identity Center's instance ARN and identity store."""
        from chalicelib.adapters.identity_center.calls import discover

        known = self.settings
        if known.instance_arn and known.identity_store_id:
            return known.instance_arn, known.identity_store_id
        found = discover(self.aws("sso-admin"), known.instance_arn)
        return found[:2]

    @property
    def partition(self) -> str:
        return str(self.caller["Arn"]).split(":")[1]

    @cached_property
    def management_account(self) -> str:
        found = self.aws("organizations").describe_organization()
        return str(found["Organization"]["MasterAccountId"])

    @cached_property
    def table(self) -> dict[str, Any]:
        found = self.aws("dynamodb").describe_table(TableName=self.settings.table)
        return dict(found["Table"])

    @cached_property
    def token(self) -> str:
        return _slack.secret(self.settings.secrets, _slack.BOT_TOKEN)

    def permission_set(self, name_or_arn: str) -> PermissionSet | None:
        from chalicelib.adapters.identity_center.center import IdentityCenter

        if name_or_arn not in self._sets:
            reads = self.aws("sso-admin")
            center = IdentityCenter(reads, reads, lambda: self.instance[0])
            self._sets[name_or_arn] = center.permission_set(name_or_arn)
        return self._sets[name_or_arn]

    def aws(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.client(service)
        return self._clients[service]

    def slack(self, method: str, **arguments: Any) -> dict[str, Any]:
        return _slack.call(self.token, self.settings.slack_api_url, method, **arguments)


def findings(patient: Patient, check: Check) -> list[Finding]:
    """What the check finds. An answer that does not come is a finding as well: UNMADE."""
    found: list[Finding] = []
    try:
        found.extend(check(patient))
    except ClientError as error:
        code, call = code_of(error), error.operation_name
        cure = MAY_READ + ("" if denied(error) else ", or see whether it is there at all")
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
            cure = "AWS has an error of its own: try again in a minute"
        found.append(Finding(UNMADE, f"{call} was answered {code}", cure))
    except BotoCoreError as error:
        found.append(Finding(UNMADE, sentence(error), SIGN_IN))
    except Problem as problem:
        cure = MAY_READ if denied(cause(problem)) else "see what it says"
        found.append(Finding(UNMADE if unseen(problem) else BAD, str(problem), cure))
    except ExternalError as trouble:
        cure = "run doctor again in a minute; if it stays, look at that service in this account"
        cure = MAY_READ if denied(cause(trouble)) else cure
        found.append(Finding(UNMADE, str(trouble), cure))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        said = f"the answer makes no sense here: {type(error).__name__}: {error}"
        found.append(Finding(UNMADE, said, "look at that service yourself, and tell us of it"))
    return found


def unseen(trouble: Exception) -> bool:
    """Whether AWS did not let us look, or could not be asked: so nothing is known of the thing."""
    behind = cause(trouble)
    return isinstance(behind, BotoCoreError) or denied(behind)


def said(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def span(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    return f"{seconds // 3600} h" if seconds >= 3600 and not seconds % 3600 else f"{seconds} s"
