"""Every key of the settings: what it says, how it is read, and what it is unless set."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from chalicelib.config.values import (
    CHOICES,
    RECIPIENTS,
    SLACK_API,
    account,
    addresses,
    alarm_to,
    channel,
    days,
    duration,
    durations,
    dynamodb_table,
    external_id,
    flag,
    identity_store,
    instance,
    line,
    log_group,
    mailbox,
    members,
    permission_set,
    portal,
    reason,
    reconcile,
    slack_api,
    sqs_queue,
    ssm_prefix,
    stale_oncall,
    tell_to,
    trail,
    trail_role,
)
from chalicelib.domain.glass import MAIL, OPTIONAL
from chalicelib.domain.oncall import LAST_KNOWN
from chalicelib.domain.session import APP


def table() -> str:
    """All settings as a Markdown table, for the README."""
    sections = (
        ("`glasses.toml`", TOP),
        ("`[glass.NAME]`, or `[defaults]` for all", GLASS),
        ("Environment", ENVIRONMENT),
    )
    lines = ["| setting | what it says | unless set |", "|---|---|---|"]
    for title, keys in sections:
        lines.append(f"| **{title}** | | |")
        lines += [f"| `{key.name}` | {key.says} | {key.otherwise} |" for key in keys]
    lines.append("| **`[people]`** | | |")
    says = (
        "the e-mail of that Slack user, where Slack's own is not the one in the directory; "
        "it pins: nobody else in Slack is taken for whoever is named here"
    )
    lines.append(f"| `U012ABC` | {says} | Slack's own |")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Key:
    """A setting: how it is read, what it says, and what holds where it is not set."""

    name: str
    read: Callable[[object], Any]
    says: str
    default: Any = None
    shown: str = ""  # the default, in words

    @property
    def required(self) -> bool:
        return self.default is None and not self.shown

    @property
    def otherwise(self) -> str:
        return self.shown or (f"`{self.default}`" if self.default is not None else "must be set")


_MOMENT, _NIGHT, _DAY = timedelta(seconds=1), timedelta(hours=12), timedelta(hours=24)
_MONTH = timedelta(days=30)


TOP: Final = (
    Key("report_from", mailbox, "the address that reports come from, verified in SES"),
    Key("trail", trail, "where the organisation's trail is: the ARN of its CloudWatch log group, "
        "or the name of one in this account and Region, or `s3://BUCKET/PREFIX`",
        "", "must be set"),
    Key("trail_role", trail_role, "the ARN of a role to read it by, in the account that owns it; "
        "its name begins with `break-glass-trail`", "", "the functions' own roles"),
    Key("trail_external_id", external_id, "the external id that the role asks for", APP),
    Key("cloudtrail_log_group", log_group, "the older name of `trail`, for a log group",
        "", "`trail`"),
    Key("identity_center_instance", instance, "the Identity Center instance", "", "found out"),
    Key("identity_store", identity_store, "the instance's identity store", "", "found out"),
    Key("access_portal", portal, "the address of your AWS access portal, for links into it",
        "", "derived from the identity store"),
    Key("reconcile", reconcile, "what to do about an assignment that no session accounts for: "
        "`report` or `revoke`", "report"),
    Key("second_way", line, "how you get in where Identity Center itself is down; `doctor` asks",
        "", "nobody has said; `doctor` warns"),
    Key("alarm_to", alarm_to, "who is told of alarms: the ARN of an SNS topic, or an e-mail",
        "", "nobody; CloudWatch shows them"),
    Key("keep_days", days, "after how many days closed and denied sessions leave the log",
        0, "kept for ever"),
)  # fmt: skip


GLASS: Final = (
    Key("account", account, "the account's 12 digits, in quotes (not in `[defaults]`)"),
    Key("permission_set", permission_set, "its name or ARN (not in `[defaults]`)"),
    Key("may", members, "who may break it: e-mails, `group:NAME` of Identity Center, "
        "`slack:S012ABC` (a Slack user group, as that of who is on call), or `everyone`"),
    Key("report_to", addresses, f"who gets the report, {RECIPIENTS} addresses at most"),
    Key("duration", durations(_MOMENT, _NIGHT), "how long access lasts, up to 12 h; or a list "
        f"of {CHOICES} at most to choose from beside the button, the first one unless one chooses",
        (timedelta(hours=1),), "`1h`"),
    Key("report_after", duration(timedelta(0), _DAY), "how long CloudTrail is given to catch up "
        "before the report, up to 24 h", timedelta(minutes=15), "`15m`"),
    Key("extend", duration(_MOMENT, _NIGHT), "by how much *Extend* moves the end",
        None, "no extending"),
    Key("extend_to", duration(_MOMENT, _DAY), "how long access may last by extending, counted from "
        "when it was allowed, up to 24 h: *Extend* works until then", None,
        "*Extend* works once"),
    Key("channel", channel, "the id of the Slack channel that is told", "", "nobody but the "
        "person is told"),
    Key("account_name", line, "what people call the account", "", "its id"),
    Key("warn_before", duration(timedelta(0), _NIGHT), "how long before the end the person is "
        "warned; `0s`: never", None, "`5m`, where access lasts longer than ten"),
    Key("approve", duration(_MOMENT, _NIGHT), "how long a press waits for another person to "
        "approve it, and is denied otherwise", None, "access at once"),
    Key("acknowledge", duration(_MOMENT, _NIGHT), "after how long access ends that no other person "
        "has acknowledged", None, "it need not be"),
    Key("approvers", members, "who may approve and acknowledge, never for themselves: as in `may`",
        (), "those in `may`"),
    Key("bypass", members, "who may go in without approval, with a reason and everybody told: as "
        "in `may`", (), "nobody"),
    Key("review", duration(_MOMENT, _MONTH), "within what time another person reviews each use, "
        "up to 30 days, as `5d`", None, "it need not be; after a bypass within 5 days"),
    Key("reviewers", members, "who may review, never what they did themselves: as in `may`",
        (), "those who may approve"),
    Key("block_until_reviewed", flag, "whether who owes a review may not break it again before; "
        "never the last person who may", False, "`false`"),
    Key("reason", reason, "`required`: nobody is let in who does not say why", OPTIONAL),
    Key("tell_to", tell_to, "who hears at once that access was given: `report_to`, `nobody`, or "
        "the ARN of an SNS topic whose name begins with `break-glass`", MAIL),
    Key("tell_refusals", flag, "whether the channel hears who was refused", False, "`false`"),
    Key("stale_oncall", stale_oncall, "what a `slack:` group's list means that is older than 15 "
        "minutes: `last known`: who was on it is let in; `refuse`: nobody is", LAST_KNOWN),
)  # fmt: skip


ENVIRONMENT: Final = (
    Key("BREAK_GLASS_TABLE", dynamodb_table, "the DynamoDB table", APP),
    Key("BREAK_GLASS_QUEUE", sqs_queue, "the SQS queue", APP),
    Key("BREAK_GLASS_SECRETS", ssm_prefix, "where in SSM the Slack secrets are", f"/{APP}"),
    Key("SLACK_API_URL", slack_api, "where Slack's Web API is", SLACK_API),
)
OTHERWISE: Final = {key.name: key.default for key in ENVIRONMENT}  # where it is not set


OF_ONE_GLASS: Final = frozenset({"account", "permission_set"})  # no sense as a default
