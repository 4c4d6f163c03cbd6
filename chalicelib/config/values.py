"""What a value of the settings has to look like: each function gives it back, as it is kept.

Each raises ValueError, which says in words what is wrong with one that does not look so.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

from chalicelib.domain.glass import MAIL, NOBODY, OPTIONAL, REQUIRED, Glass
from chalicelib.domain.lasting import span_in
from chalicelib.domain.oncall import GROUP, LAST_KNOWN, REFUSE, SLACK
from chalicelib.workflow import policy

T = TypeVar("T")
RECIPIENTS: Final = 50  # as many as SES takes for one mail


SLACK_API: Final = "https://slack.com/api/"


def string(value: object, what: str, pattern: str, hint: str) -> str:
    """The text, where it has the form; else ValueError says what it is no case of."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise ValueError(f"{shown(value)} is no {what}; {hint}")
    return value


def address(value: object) -> str:
    """An e-mail address, as people write it."""
    plain = r"[^@\s<>,;:\"()\[\]\\]{1,64}@[\w-]{1,63}(\.[\w-]{1,63})+"
    return string(value, "e-mail address", plain, 'write "name@example.com"')


def mailbox(value: object) -> str:
    """An address that SES takes: it refuses any other, and for its sake the whole mail."""
    mail = address(value)
    local, _, domain = mail.rpartition("@")
    if not mail.isascii():
        raise ValueError(f"{shown(value)} is not ASCII; SES takes no such address")
    if not re.fullmatch(rf"{_ATOM}(\.{_ATOM})*", local):
        raise ValueError(f"{shown(value)} is no address that SES takes; look at what is before @")
    if len(mail) > 254 or not re.fullmatch(rf"({_LABEL}\.)+(?![0-9]+$){_LABEL}", domain):
        raise ValueError(f"{shown(value)} is no address that SES takes; look at what is after @")
    return mail


_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def addresses(value: object) -> tuple[str, ...]:
    """Those who get the report; as many as one mail goes to."""
    addresses = tuple(_each(value, mailbox))
    if len(addresses) > RECIPIENTS:
        raise ValueError(f"{len(addresses)} addresses; one mail goes to {RECIPIENTS} at most")
    return addresses


def members(value: object) -> tuple[str, ...]:
    """Who may break a glass: everyone, or e-mails and groups."""
    members = tuple(_each(value, _member))
    if policy.EVERYONE in members and len(members) > 1:
        raise ValueError('"everyone" stands beside others; name everyone, or only the others')
    return members


def _member(value: object) -> str:
    if value == policy.EVERYONE:
        return policy.EVERYONE
    if isinstance(value, str) and re.fullmatch(r"group:\S(.*\S)?", value):
        return value
    if isinstance(value, str) and value.startswith(SLACK):
        hint = 'write its id, as "slack:S012ABC"; Slack shows it in the group\'s own menu'
        return string(value, "Slack user group", rf"{SLACK}({GROUP.pattern})", hint)
    try:
        return policy.key(address(value))
    except ValueError:
        hint = 'write an e-mail address, "group:NAME", "slack:S012ABC" or "everyone"'
        raise ValueError(f"{shown(value)} is nobody; {hint}") from None


def _each(value: object, read: Callable[[object], T]) -> Iterator[T]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{shown(value)} is no list with something in it; write it in [ ]")
    wrong: list[str] = []
    for member in value:
        try:
            yield read(member)
        except ValueError as error:
            wrong += error.args
    if wrong:
        raise ValueError(*wrong)


def duration(shortest: timedelta, longest: timedelta) -> Callable[[object], timedelta]:
    """Reads a length of time within these bounds."""

    def read(value: object) -> timedelta:
        duration = span_in(value) if isinstance(value, str) else None
        if duration is None:
            days = longest > timedelta(days=1)
            hint = 'write "5d", "36h" or "90m"' if days else HOW_SPANS_ARE_WRITTEN
            raise ValueError(f"{shown(value)} is no duration; {hint}")
        if duration < shortest:
            raise ValueError(f"{shown(value)} is too short; {_span(shortest)} at least")
        if duration > longest:
            raise ValueError(f"{shown(value)} is too long; {_span(longest)} at most")
        return duration

    return read


HOW_SPANS_ARE_WRITTEN: Final = 'write "1h", "90m" or "45s"'
CHOICES: Final = 6  # of a duration; nobody reads more of them at three in the morning


def durations(shortest: timedelta, longest: timedelta) -> Callable[[object], tuple[timedelta, ...]]:
    """Reads one length of time, or a list of them, of which the first holds unless one chooses."""
    read = duration(shortest, longest)

    def read_all(value: object) -> tuple[timedelta, ...]:
        if not isinstance(value, list):
            return (read(value),)
        found = tuple(_each(value, read))
        if len(found) > CHOICES:
            raise ValueError(f"{len(found)} durations to choose from; {CHOICES} at most")
        if len(set(found)) < len(found):
            raise ValueError(f"{shown(value)} has one duration twice; keep one of them")
        return found

    return read_all


def mistaken_extension(found: Mapping[str, Any]) -> str:
    """What is wrong about how long one glass's access may last, all taken together; or nothing."""
    longest, most = max(found["duration"]), found["extend_to"]
    if most is None:
        return ""
    if found["extend"] is None:
        return "extend_to: stands without extend, which says by how much *Extend* moves the end"
    if most < longest:
        return f"extend_to: {_span(most)} is shorter than the longest duration, {_span(longest)}"
    if most == min(found["duration"]):
        return f"extend_to: {_span(most)} is the duration itself, so *Extend* would do nothing"
    return ""


def account(value: object) -> str:
    return string(value, "account id", r"\d{12}", 'write its 12 digits in quotes, "111122223333"')


def permission_set(value: object) -> str:
    """A permission set's name, or its ARN."""
    if isinstance(value, str) and value.startswith("arn:"):
        arn = r"arn:aws(-[a-z]{1,5}){0,3}:sso:::permissionSet/(sso)?ins-[\w.-]{16}/ps-[\w./-]{16}"
        hint = "it reads “arn:aws:sso:::permissionSet/ssoins-…/ps-…”"
        return string(value, "permission set's ARN", arn, hint)
    hint = "write its name (1 to 32 letters, digits, + = , . @ _ -) or its ARN"
    return string(value, "permission set", r"[\w+=,.@-]{1,32}", hint)


def instance(value: object) -> str:
    """The ARN of an Identity Center instance."""
    arn = r"arn:aws(-[a-z]{1,5}){0,3}:sso:::instance/(sso)?ins-[\w.-]{16}"
    return string(value, "instance's ARN", arn, "it reads “arn:aws:sso:::instance/ssoins-…”")


def identity_store(value: object) -> str:
    """An identity store's id, of today's form or the older one."""
    shape = r"d-[0-9a-f]{10}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    return string(value, "identity store's id", shape, "it reads “d-” and ten hexadecimal digits")


def log_group(value: object) -> str:
    """A log group's name, or its ARN where another account shares it."""
    hint = "write the name of the CloudWatch log group that the trail delivers to, or its ARN"
    arn = r"arn:aws[\w-]*:logs:[\w-]+:\d{12}:log-group:"  # of a group that another account shares
    return string(value, "log group", rf"({arn})?[\w./#-]{{1,512}}(:\*)?", hint)


def trail(value: object) -> str:
    """A bucket is written as `s3://`; all else is a log group."""
    if isinstance(value, str) and value.startswith("s3:"):
        url = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w!.*'()-]{1,200}){0,10}/?"
        hint = "write “s3://BUCKET/PREFIX”, with what comes before “AWSLogs” as the prefix"
        found = string(value, "bucket's address", url, hint).rstrip("/")
        if "/AWSLogs" in found:
            raise ValueError(f"{shown(value)} goes too far; {hint}")
        return found
    return log_group(value)


def trail_role(value: object) -> str:
    """The functions may assume roles of that name alone: see .chalice/policy-worker.json."""
    arn = r"arn:aws[\w-]*:iam::\d{12}:role/break-glass-trail[\w+=,.@-]{0,47}"
    hint = "it reads “arn:aws:iam::111122223333:role/break-glass-trail…”"
    return string(value, "role's ARN that Break Glass may assume", arn, hint)


def external_id(value: object) -> str:
    return string(value, "external id", r"[\w+=,.@:/-]{2,1224}", "letters, digits, + = , . @ : / -")


def mistaken_trail(trail: str, role: str, older: str) -> str:
    """What is wrong about where the trail is, all taken together; empty where nothing is."""
    if trail and older:
        return "trail: stands beside cloudtrail_log_group, which means the same; keep trail alone"
    trail = trail or older
    if trail.startswith("s3://") and not role:
        return "trail_role: must be set, for a bucket is read by a role alone; see docs/deploy.md"
    if role and not trail.startswith(("s3://", "arn:")):
        return "trail: with trail_role write the log group's ARN, which says its account and Region"
    if role and trail.startswith("arn:") and trail.split(":")[4] != role.split(":")[4]:
        return (
            "trail_role: is of another account than the log group; make it in the one that owns it"
        )
    return ""


def mistaken_approval(glass: Glass) -> Iterator[str]:
    """What is wrong about how others have a say in a glass, all taken together."""
    for name in ("approve", "acknowledge", "review"):
        if getattr(glass, name) and not glass.channel:
            yield f"{name}: needs a channel, where others are asked; set channel"
    if glass.bypass and glass.approve is None:
        yield "bypass: goes around approve, which is not set; set it, or leave bypass out"
    if glass.approvers and glass.approve is None and glass.acknowledge is None:
        yield "approvers: have nothing to approve; set approve or acknowledge"
    for name in ("reviewers", "block_until_reviewed"):
        if getattr(glass, name) and not (glass.review or glass.bypass):
            yield f"{name}: nothing is reviewed; set review"
    if glass.acknowledge and glass.acknowledge >= min(
        glass.duration, *glass.others, glass.duration
    ):
        yield "acknowledge: must be shorter than duration"
    alone = len(glass.second) == 1 and "@" in glass.second[0] and glass.second == glass.may
    if alone and (glass.approve or glass.acknowledge):
        yield f"approvers: {glass.second[0]} is the only one, and nobody approves for themselves"
    alone = len(glass.review_by) == 1 and "@" in glass.review_by[0] and glass.review_by == glass.may
    if alone and glass.review:
        yield f"reviewers: {glass.review_by[0]} is the only one, and nobody reviews their own"


def channel(value: object) -> str:
    """A Slack channel's id; empty: the glass is silent, whatever the default."""
    if value == "":
        return ""
    hint = "write the channel's id, as “C012ABC”; Slack shows it under the channel's details"
    return string(value, "channel", r"[CGD][A-Z0-9]{2,30}", hint)


def line(value: object) -> str:
    return string(value, "name", r"[^\x00-\x1f\x7f]{1,100}", "write 1 to 100 characters")


def reconcile(value: object) -> str:
    return string(value, "way to reconcile", "report|revoke", 'write "report" or "revoke"')


def portal(value: object) -> str:
    """The access portal's address, without a slash at its end."""
    url = r"https://[a-z0-9.-]+\.[a-z]+(:\d{1,5})?(/[\w./~-]*)?"
    hint = "write it as the browser shows it, “https://d-1234567890.awsapps.com/start”"
    return string(value, "portal's address", url, hint).rstrip("/")


def reason(value: object) -> str:
    return string(value, "answer", f"{REQUIRED}|{OPTIONAL}", f'write "{REQUIRED}" or "{OPTIONAL}"')


def stale_oncall(value: object) -> str:
    """What a list of who is on call means that nobody could renew."""
    hint = f'write "{LAST_KNOWN}" or "{REFUSE}"'
    return string(value, "answer", f"{LAST_KNOWN}|{REFUSE}", hint)


def tell_to(value: object) -> str:
    """The functions may publish to topics of that name alone: see .chalice/policy-worker.json."""
    if isinstance(value, str) and value.startswith("arn:"):
        arn = r"arn:aws[\w-]*:sns:[\w-]+:\d{12}:break-glass[\w-]{0,245}"
        hint = "it reads “arn:aws:sns:eu-west-1:111122223333:break-glass-…”, and is not FIFO"
        return string(value, "topic's ARN that Break Glass may publish to", arn, hint)
    return string(value, "listener", f"{MAIL}|{NOBODY}", f'write "{MAIL}", "{NOBODY}" or a topic')


def flag(value: object) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    raise ValueError(f"{shown(value)} is neither true nor false; write one, without quotes")


def alarm_to(value: object) -> str:
    """A topic of SNS, or an e-mail address."""
    if isinstance(value, str) and value.startswith("arn:"):
        arn = r"arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w-]{1,256}"
        hint = "it reads “arn:aws:sns:eu-west-1:111122223333:name”; FIFO topics take no alarms"
        return string(value, "topic's ARN", arn, hint)
    return mailbox(value)


def days(value: object) -> int:
    """TTL may come at any time from then on: a day is the least that makes sense."""
    if type(value) is int and 1 <= value <= 36_500:
        return value
    raise ValueError(f"{shown(value)} is no number of days; write 1 to 36500, without quotes")


def dynamodb_table(value: object) -> str:
    return string(value, "table's name", r"[\w.-]{3,255}", "letters, digits, _ . -, 3 to 255")


def sqs_queue(value: object) -> str:
    # Four of SQS's 80 characters are for “-dlq”.
    return string(value, "queue's name", r"[\w-]{1,76}", "letters, digits, _ -, 76 at most")


def ssm_prefix(value: object) -> str:
    """A path in the parameter store, under which the secrets are."""
    hint = "write it as “/break-glass”, without a slash at the end"
    return string(value, "parameter path", r"(/[\w.-]+){1,10}", hint)


def slack_api(value: object) -> str:
    """The bot's token goes there: so TLS, or this very machine."""
    url = r"(https://[\w.-]+|http://(localhost|127\.0\.0\.1|\[::1\]))(:\d{1,5})?(/[\w./~-]*)?"
    hint = "write “https://…”, or “http://” and this machine"
    return string(value, "address", url, hint).rstrip("/") + "/"


def shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _span(duration: timedelta) -> str:
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    if seconds or not minutes:
        return f"{minutes * 60 + seconds}s"
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"


def joined(names: Iterable[str]) -> str:
    """Names as a sentence lists them."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
