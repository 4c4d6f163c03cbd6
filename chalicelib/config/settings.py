"""Reads the environment and `glasses.toml` into settings, and names every mistake at once."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from chalicelib.domain.session import MAIL, NOBODY, OPTIONAL, REQUIRED, Glass
from chalicelib.workflow import policy

GLASSES: Final = Path(__file__).parents[1] / "glasses.toml"
CONFIGURE: Final = "see README, “Configure”"
RECIPIENTS: Final = 50  # as many as SES takes for one mail

SLACK_API: Final = "https://slack.com/api/"


class Wrong(Exception):
    """The settings cannot be used. `mistakes` has all of them, each with its key: show them."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decided; the same for every session until the next deployment."""

    glasses: Mapping[str, Glass]
    people: Mapping[str, str]  # Slack user id → e-mail
    report_from: str
    cloudtrail_log_group: str
    instance_arn: str = ""  # empty: discover
    identity_store_id: str = ""  # empty: discover
    access_portal: str = ""  # empty: derived from the identity store
    reconcile: str = "report"
    alarm_to: str = ""  # empty: alarms are seen in CloudWatch alone
    keep_days: int = 0  # 0: for ever
    rules: tuple[Mapping[str, Any], ...] = ()  # by which events are judged, beside those that ship
    table: str = "break-glass"
    queue: str = "break-glass"
    secrets: str = "/break-glass"
    slack_api_url: str = SLACK_API
    region: str = ""

    @property
    def keep(self) -> timedelta:
        """How long the log keeps what is over; nothing: for ever."""
        return timedelta(days=self.keep_days)

    def glass(self, name: str) -> Glass | None:
        """The glass of that very name; upper and lower case are not the same."""
        return self.glasses.get(name)

    def glasses_on(self, account_id: str) -> tuple[Glass, ...]:
        return tuple(glass for glass in self.glasses.values() if glass.account_id == account_id)


def load(environ: Mapping[str, str], toml: str | Path = GLASSES) -> Settings:
    """The settings, from the environment and TOML (a text, or the path of a file).

    Raises Wrong with every mistake that there is; where the TOML itself does not parse, with
    its line.
    """
    mistakes: list[str] = []
    technical = _read(
        ENVIRONMENT, "", {name: text for name, text in environ.items() if text}, mistakes
    )
    try:
        document = tomllib.loads(toml if isinstance(toml, str) else _text(toml))
    except (ValueError, OSError) as error:
        raise Wrong([*mistakes, f"glasses.toml: {error}"]) from None

    top = _read(TOP, "", document, mistakes)
    glasses = _glasses(document, mistakes)
    people = _people(_table(document, "people", mistakes), mistakes)
    rules = _rules(document.get("rule", []), mistakes)
    known = [*(key.name for key in TOP), "defaults", "glass", "people", "rule"]
    mistakes += _unknown(document, known, "")

    missing = [key.name for key in TOP if key.required and key.name not in document]
    if "glass" not in document or document["glass"] == {}:
        missing.append("a [glass.*] table")
    if missing:
        mistakes.insert(0, f"set {_and(missing)}; {CONFIGURE}")
    if mistakes:
        raise Wrong(mistakes)
    return Settings(
        glasses=MappingProxyType(glasses),
        people=MappingProxyType(people),
        report_from=top["report_from"],
        cloudtrail_log_group=top["cloudtrail_log_group"],
        instance_arn=top["identity_center_instance"],
        identity_store_id=top["identity_store"],
        access_portal=top["access_portal"],
        reconcile=top["reconcile"],
        alarm_to=top["alarm_to"],
        keep_days=top["keep_days"],
        rules=rules,
        table=technical["BREAK_GLASS_TABLE"],
        queue=technical["BREAK_GLASS_QUEUE"],
        secrets=technical["BREAK_GLASS_SECRETS"],
        slack_api_url=technical["SLACK_API_URL"],
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "",
    )


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


# ---- one reader for each kind of value; ValueError carries what is wrong, one text a mistake


def _string(value: object, what: str, pattern: str, hint: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise ValueError(f"{_shown(value)} is no {what}; {hint}")
    return value


def _address(value: object) -> str:
    plain = r"[^@\s<>,;:\"()\[\]\\]{1,64}@[\w-]{1,63}(\.[\w-]{1,63})+"
    return _string(value, "e-mail address", plain, 'write "name@example.com"')


def _mailbox(value: object) -> str:
    """An address that SES takes: it refuses any other, and for its sake the whole mail."""
    address = _address(value)
    local, _, domain = address.rpartition("@")
    if not address.isascii():
        raise ValueError(f"{_shown(value)} is not ASCII; SES takes no such address")
    if not re.fullmatch(rf"{_ATOM}(\.{_ATOM})*", local):
        raise ValueError(f"{_shown(value)} is no address that SES takes; look at what is before @")
    if len(address) > 254 or not re.fullmatch(rf"({_LABEL}\.)+(?![0-9]+$){_LABEL}", domain):
        raise ValueError(f"{_shown(value)} is no address that SES takes; look at what is after @")
    return address


_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def _addresses(value: object) -> tuple[str, ...]:
    addresses = tuple(_each(value, _mailbox))
    if len(addresses) > RECIPIENTS:
        raise ValueError(f"{len(addresses)} addresses; one mail goes to {RECIPIENTS} at most")
    return addresses


def _may(value: object) -> tuple[str, ...]:
    members = tuple(_each(value, _member))
    if "everyone" in members and len(members) > 1:
        raise ValueError('"everyone" stands beside others; name everyone, or only the others')
    return members


def _member(value: object) -> str:
    if value == "everyone":
        return "everyone"
    if isinstance(value, str) and re.fullmatch(r"group:\S(.*\S)?", value):
        return value
    try:
        return policy.key(_address(value))
    except ValueError:
        hint = 'write an e-mail address, "group:NAME" or "everyone"'
        raise ValueError(f"{_shown(value)} is nobody; {hint}") from None


def _each(value: object, read: Callable[[object], str]) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{_shown(value)} is no list with something in it; write it in [ ]")
    wrong: list[str] = []
    for member in value:
        try:
            yield read(member)
        except ValueError as error:
            wrong += error.args
    if wrong:
        raise ValueError(*wrong)


def _duration(shortest: timedelta, longest: timedelta) -> Callable[[object], timedelta]:
    def read(value: object) -> timedelta:
        pattern = r"(?=\d)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?"
        hint = 'write "1h", "90m" or "45s"'
        parts = re.fullmatch(pattern, value, re.ASCII) if isinstance(value, str) else None
        if parts is None:
            raise ValueError(f"{_shown(value)} is no duration; {hint}")
        hours, minutes, seconds = (int(part or 0) for part in parts.groups())
        duration = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if duration < shortest:
            raise ValueError(f"{_shown(value)} is too short; {_span(shortest)} at least")
        if duration > longest:
            raise ValueError(f"{_shown(value)} is too long; {_span(longest)} at most")
        return duration

    return read


def _account(value: object) -> str:
    return _string(value, "account id", r"\d{12}", 'write its 12 digits in quotes, "111122223333"')


def _permission_set(value: object) -> str:
    if isinstance(value, str) and value.startswith("arn:"):
        arn = r"arn:aws(-[a-z]{1,5}){0,3}:sso:::permissionSet/(sso)?ins-[\w.-]{16}/ps-[\w./-]{16}"
        hint = "it reads “arn:aws:sso:::permissionSet/ssoins-…/ps-…”"
        return _string(value, "permission set's ARN", arn, hint)
    hint = "write its name (1 to 32 letters, digits, + = , . @ _ -) or its ARN"
    return _string(value, "permission set", r"[\w+=,.@-]{1,32}", hint)


def _instance(value: object) -> str:
    arn = r"arn:aws(-[a-z]{1,5}){0,3}:sso:::instance/(sso)?ins-[\w.-]{16}"
    return _string(value, "instance's ARN", arn, "it reads “arn:aws:sso:::instance/ssoins-…”")


def _identity_store(value: object) -> str:
    shape = r"d-[0-9a-f]{10}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    return _string(value, "identity store's id", shape, "it reads “d-” and ten hexadecimal digits")


def _log_group(value: object) -> str:
    hint = "write the name of the CloudWatch log group that the trail delivers to, or its ARN"
    arn = r"arn:aws[\w-]*:logs:[\w-]+:\d{12}:log-group:"  # of a group that another account shares
    return _string(value, "log group", rf"({arn})?[\w./#-]{{1,512}}(:\*)?", hint)


def _channel(value: object) -> str:
    if value == "":
        return ""  # a glass may silence the default
    hint = "write the channel's id, as “C012ABC”; Slack shows it under the channel's details"
    return _string(value, "channel", r"[CGD][A-Z0-9]{2,30}", hint)


def _line(value: object) -> str:
    return _string(value, "name", r"[^\x00-\x1f\x7f]{1,100}", "write 1 to 100 characters")


def _reconcile(value: object) -> str:
    return _string(value, "way to reconcile", "report|revoke", 'write "report" or "revoke"')


def _portal(value: object) -> str:
    url = r"https://[a-z0-9.-]+\.[a-z]+(:\d{1,5})?(/[\w./~-]*)?"
    hint = "write it as the browser shows it, “https://d-1234567890.awsapps.com/start”"
    return _string(value, "portal's address", url, hint).rstrip("/")


def _reason(value: object) -> str:
    return _string(value, "answer", f"{REQUIRED}|{OPTIONAL}", f'write "{REQUIRED}" or "{OPTIONAL}"')


def _tell_to(value: object) -> str:
    """The functions may publish to topics of that name alone: see .chalice/policy-worker.json."""
    if isinstance(value, str) and value.startswith("arn:"):
        arn = r"arn:aws[\w-]*:sns:[\w-]+:\d{12}:break-glass[\w-]{0,245}"
        hint = "it reads “arn:aws:sns:eu-west-1:111122223333:break-glass-…”, and is not FIFO"
        return _string(value, "topic's ARN that Break Glass may publish to", arn, hint)
    return _string(value, "listener", f"{MAIL}|{NOBODY}", f'write "{MAIL}", "{NOBODY}" or a topic')


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{_shown(value)} is neither true nor false; write one, without quotes")


def _alarm_to(value: object) -> str:
    if isinstance(value, str) and value.startswith("arn:"):
        arn = r"arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w-]{1,256}"
        hint = "it reads “arn:aws:sns:eu-west-1:111122223333:name”; FIFO topics take no alarms"
        return _string(value, "topic's ARN", arn, hint)
    return _mailbox(value)


def _days(value: object) -> int:
    """TTL may come at any time from then on: a day is the least that makes sense."""
    if type(value) is int and 1 <= value <= 36_500:
        return value
    raise ValueError(f"{_shown(value)} is no number of days; write 1 to 36500, without quotes")


def _dynamodb_table(value: object) -> str:
    return _string(value, "table's name", r"[\w.-]{3,255}", "letters, digits, _ . -, 3 to 255")


def _sqs_queue(value: object) -> str:
    # Four of SQS's 80 characters are for “-dlq”.
    return _string(value, "queue's name", r"[\w-]{1,76}", "letters, digits, _ -, 76 at most")


def _ssm_prefix(value: object) -> str:
    hint = "write it as “/break-glass”, without a slash at the end"
    return _string(value, "parameter path", r"(/[\w.-]+){1,10}", hint)


def _slack_api(value: object) -> str:
    """The bot's token goes there: so TLS, or this very machine."""
    url = r"(https://[\w.-]+|http://(localhost|127\.0\.0\.1|\[::1\]))(:\d{1,5})?(/[\w./~-]*)?"
    hint = "write “https://…”, or “http://” and this machine"
    return _string(value, "address", url, hint).rstrip("/") + "/"


# ---- the settings themselves


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

TOP: Final = (
    Key("report_from", _mailbox, "the address that reports come from, verified in SES"),
    Key("cloudtrail_log_group", _log_group, "name or ARN of the trail's CloudWatch log group"),
    Key("identity_center_instance", _instance, "the Identity Center instance", "", "found out"),
    Key("identity_store", _identity_store, "the instance's identity store", "", "found out"),
    Key("access_portal", _portal, "the address of your AWS access portal, for links into it",
        "", "derived from the identity store"),
    Key("reconcile", _reconcile, "what to do about an assignment that no session accounts for: "
        "`report` or `revoke`", "report"),
    Key("alarm_to", _alarm_to, "who is told of alarms: the ARN of an SNS topic, or an e-mail",
        "", "nobody; CloudWatch shows them"),
    Key("keep_days", _days, "after how many days closed and denied sessions leave the log",
        0, "kept for ever"),
)  # fmt: skip

GLASS: Final = (
    Key("account", _account, "the account's 12 digits, in quotes (not in `[defaults]`)"),
    Key("permission_set", _permission_set, "its name or ARN (not in `[defaults]`)"),
    Key("may", _may, "who may break it: e-mails, `group:NAME` of Identity Center, or `everyone`"),
    Key("report_to", _addresses, f"who gets the report, {RECIPIENTS} addresses at most"),
    Key("duration", _duration(_MOMENT, _NIGHT), "how long access lasts, up to 12 h",
        timedelta(hours=1), "`1h`"),
    Key("report_after", _duration(timedelta(0), _DAY), "how long CloudTrail is given to catch up "
        "before the report, up to 24 h", timedelta(minutes=15), "`15m`"),
    Key("extend", _duration(_MOMENT, _NIGHT), "by how much *Extend* moves the end",
        None, "no extending"),
    Key("channel", _channel, "the id of the Slack channel that is told", "", "nobody but the "
        "person is told"),
    Key("account_name", _line, "what people call the account", "", "its id"),
    Key("warn_before", _duration(timedelta(0), _NIGHT), "how long before the end the person is "
        "warned; `0s`: never", None, "`5m`, where access lasts longer than ten"),
    Key("reason", _reason, "`required`: nobody is let in who does not say why", OPTIONAL),
    Key("tell_to", _tell_to, "who hears at once that access was given: `report_to`, `nobody`, or "
        "the ARN of an SNS topic whose name begins with `break-glass`", MAIL),
    Key("tell_refusals", _flag, "whether the channel hears who was refused", False, "`false`"),
)  # fmt: skip

ENVIRONMENT: Final = (
    Key("BREAK_GLASS_TABLE", _dynamodb_table, "the DynamoDB table", "break-glass"),
    Key("BREAK_GLASS_QUEUE", _sqs_queue, "the SQS queue", "break-glass"),
    Key("BREAK_GLASS_SECRETS", _ssm_prefix, "where in SSM the Slack secrets are", "/break-glass"),
    Key("SLACK_API_URL", _slack_api, "where Slack's Web API is", SLACK_API),
)

_OF_ONE_GLASS: Final = frozenset({"account", "permission_set"})  # no sense as a default


# ---- reading whole tables


def _read(
    keys: Iterable[Key], where: str, values: Mapping[str, Any], mistakes: list[str]
) -> dict[str, Any]:
    """Each key's value, or its default; a wrong one is left out and its mistakes are kept."""
    found: dict[str, Any] = {}
    for key in keys:
        value = values.get(key.name)
        if value is None:
            found[key.name] = key.default
            continue
        try:
            found[key.name] = key.read(value)
        except ValueError as error:
            mistakes += [f"{where}{key.name}: {text}" for text in error.args]
    return found


def _glasses(document: Mapping[str, Any], mistakes: list[str]) -> dict[str, Glass]:
    names = [key.name for key in GLASS]
    defaults = _table(document, "defaults", mistakes)
    shared = [key for key in GLASS if key.name not in _OF_ONE_GLASS]
    fallback = _read(shared, "[defaults] ", defaults, mistakes)
    for name in sorted(_OF_ONE_GLASS & defaults.keys()):
        mistakes.append(f"[defaults] {name}: belongs to one glass; move it into [glass.NAME]")
    mistakes += _unknown(defaults, names, "[defaults] ")

    fallback_named = defaults.keys() - _OF_ONE_GLASS  # wrong ones too: they are named above
    glasses: dict[str, Glass] = {}
    doors: dict[tuple[str, str], str] = {}
    for name, own in _table(document, "glass", mistakes).items():
        where = f"[glass.{name}] "
        if not isinstance(own, dict):
            mistakes.append(f"[glass] {name}: is no table; write [glass.NAME] above its settings")
            continue
        before = len(mistakes)
        if not re.fullmatch(r"[a-z0-9-]{1,40}", name, re.ASCII):
            mistakes.append(f"{where}is no name; write a-z, 0-9 and -, 40 at most")
        values = _read(GLASS, where, own, mistakes)
        mistakes += _unknown(own, names, where)
        lacking = [
            key.name
            for key in GLASS
            if key.required and key.name not in own and key.name not in fallback_named
        ]
        if lacking:
            mistakes.append(f"{where}set {_and(lacking)}; {CONFIGURE}")
        values |= {k: v for k, v in fallback.items() if k not in own}
        if len(mistakes) > before or values.keys() != set(names):
            continue  # what is wrong with it, or with a default that it needs, is named already
        door = (values["account"], values["permission_set"])
        if door in doors:
            mistakes.append(f"{where}opens the same account and permission set as "
                            f"[glass.{doors[door]}]; keep one of them")  # fmt: skip
            continue
        doors[door] = name
        glasses[name] = Glass(
            name=name,
            account_id=values.pop("account"),
            **values,
        )
    return glasses


def _people(table: Mapping[str, Any], mistakes: list[str]) -> dict[str, str]:
    people: dict[str, str] = {}
    for user, email in table.items():
        if not re.fullmatch(r"[UW][A-Z0-9]{2,30}", user, re.ASCII):
            mistakes.append(f"[people] {user}: is no Slack user's id; it reads “U012ABC”")
        try:
            people[user] = policy.key(_address(email))
        except ValueError as error:
            mistakes.append(f"[people] {user}: {error}")
    return people


def _rules(value: object, mistakes: list[str]) -> tuple[Mapping[str, Any], ...]:
    """As they are: `unusable_rules` knows what a rule is, and whoever reports."""
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return tuple(MappingProxyType(each) for each in value)
    mistakes.append("rule: is no list of tables; write [[rule]] above each")
    return ()


def unusable_rules(settings: Settings) -> list[str]:
    """What is wrong with the rules, for whoever deploys; the route never asks."""
    from chalicelib.judge.rules import mistakes_in  # rules are many, and read for reports alone

    return [f"[[rule]] {mistake}" for mistake in mistakes_in(settings.rules)]


def _table(document: Mapping[str, Any], name: str, mistakes: list[str]) -> dict[str, Any]:
    value = document.get(name, {})
    if isinstance(value, dict):
        return value
    mistakes.append(f"{name}: {_shown(value)} is no table; write [{name}] above its settings")
    return {}


def _unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> list[str]:
    known = list(known)
    return [f"{where}{name}: unknown{_meant(name, known)}" for name in table if name not in known]


def _meant(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # only for the one who mistyped

    near = get_close_matches(name.lower(), known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {_and(known)}"


def _text(path: Path) -> str:
    """The file's text. OSError and ValueError say what is wrong with it."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise OSError(f"is not there; copy glasses.example.toml to it; {CONFIGURE}") from None
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"is not UTF-8 text (at line {line})") from None


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _span(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    return f"{seconds // 3600}h" if seconds >= 3600 else f"{seconds}s"


def _and(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
