"""The control address: looks into the world and breaks it while it runs. JSON in, JSON out.

    GET  /                  all settings
    POST /identity_center   change settings of identity_center.IdentityCenterFaults (PATCH too)
    POST /slack             ... of slack.SlackFaults: {"user_groups": {"S0ONCALL": ["U0BOB"]}}
                            hands the shift over, "disabled_groups" and "scopes" break it
    POST /mail              ... of mail.MailFaults (SES)
    POST /trail             ... of aws.insights.TrailFaults (Logs Insights)
    POST /visitor           ... of visitor.VisitorFaults
    POST /ttl               ... of TtlFaults: {"period": seconds between looks; 0 stops TTL}
    POST /outages           ... of outages.Outages: {"calls": {"sso:DeleteAccountAssignment":
                            {"way": "lost"}}}: any call of the functions fails, in any way
    POST /functions         ... of aws.workers.FunctionFaults: {"cold": every call starts cold}
    POST /account           ... of aws.account.AccountFaults: a new account's manners
    POST /heal              everything healthy again
    POST /kill-worker       {"function": name or its last part}: kill its running processes
    POST /stop-worker /continue-worker   ... they stand still, and go on
    POST /assign /unassign  {"account_id", "permission_set_arn", "principal_id"}: at once, as an
                            administrator would, with no request of the app's
    GET  /history           Identity Center's truth: who asked, what appeared and disappeared
    GET  /open              the assignments that stand now
    GET  /mailbox           mails sent through SES
    GET  /permissions       what the functions' roles were asked for
    GET  /timeouts          the functions' calls that were killed because they took too long
    GET  /messages          what the app said in Slack
                            (these three take ?since=N: without the first N)

A body that is not a JSON object, or names an unknown setting, answers 400 and changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

from simulator.assignments import Access
from simulator.faults import Faults, UnknownSetting
from simulator.identity_center import IdentityCenter
from simulator.mail import Mailbox
from simulator.slack import Slack
from simulator.web import Answer, Request


@dataclass
class TtlFaults(Faults):
    period: float = 1.0


class Workers(Protocol):
    """The functions' processes; each answers how many it met. See aws.workers."""

    def kill(self, function: str) -> int: ...

    def stop(self, function: str) -> int: ...

    def go_on(self, function: str) -> int: ...

    def timeouts(self) -> list[dict[str, Any]]: ...


class Control:
    def __init__(
        self,
        center: IdentityCenter,
        slack: Slack,
        mailbox: Mailbox,
        others: dict[str, Faults],
        workers: Workers,
        set_ttl_period: Callable[[float], None],
    ) -> None:
        self.center, self.slack, self.mailbox = center, slack, mailbox
        self.ttl = TtlFaults()
        self._workers, self._set_ttl_period = workers, set_ttl_period
        self.faults: dict[str, Faults] = {
            "identity_center": center.faults,
            "slack": slack.faults,
            "mail": mailbox.faults,
            "ttl": self.ttl,
            **others,
        }

    def handle(self, request: Request) -> Answer:
        name = request.path.strip("/")
        if request.method == "GET":
            look = self._looks().get(name)
            return Answer(_after(look(), request.query)) if look else _not_found(name)
        try:
            ask = json.loads(request.body or b"{}")
            if not isinstance(ask, dict):
                raise TypeError("the body is not a JSON object")
            return self._change(name, ask)
        except (KeyError, TypeError, ValueError, UnknownSetting) as error:
            return Answer({"error": f"{type(error).__name__}: {error}"}, 400)

    def _looks(self) -> dict[str, Callable[[], Any]]:
        return {
            "": self._settings,
            "history": self.center.history,
            "open": self._open,
            "mailbox": self.mailbox.mails,
            "messages": self.slack.messages,
            "permissions": _permissions,
            "timeouts": self._workers.timeouts,
        }

    def _change(self, name: str, ask: dict[str, Any]) -> Answer:
        if name in self.faults:
            self.faults[name].change(**ask)
        elif name == "heal":
            for faults in self.faults.values():
                faults.heal()
            self._workers.go_on("*")
        elif name == "kill-worker":
            return Answer({"killed": self._workers.kill(ask["function"])})
        elif name == "stop-worker":
            return Answer({"stopped": self._workers.stop(ask["function"])})
        elif name == "continue-worker":
            return Answer({"continued": self._workers.go_on(ask["function"])})
        elif name in ("assign", "unassign"):
            act = self.center.assign if name == "assign" else self.center.unassign
            act(_access(ask), "an administrator")
        else:
            return _not_found(name)
        self._set_ttl_period(self.ttl.period)
        return Answer(self._settings())

    def _settings(self) -> dict[str, Any]:
        return {name: faults.as_dict() for name, faults in self.faults.items()}

    def _open(self) -> list[dict[str, Any]]:
        return [
            {**access._asdict(), "since": since} for access, since in self.center.open_now().items()
        ]


def _after(found: Any, query: str) -> Any:
    since = dict(parse_qsl(query)).get("since", "0")
    return found[int(since) :] if isinstance(found, list) and since.isdecimal() else found


def _permissions() -> list[dict[str, Any]]:
    from simulator.aws import permissions_used  # MiniStack's side, loaded by then

    return permissions_used.used()


def _access(ask: dict[str, Any]) -> Access:
    kind = ask.get("principal_type", "USER")
    return Access(ask["account_id"], ask["permission_set_arn"], kind, ask["principal_id"])


def _not_found(name: str) -> Answer:
    return Answer({"error": f"no such address: /{name}", "help": __doc__}, 404)
