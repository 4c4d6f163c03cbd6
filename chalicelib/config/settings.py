"""Reads the environment and `glasses.toml` into settings, and names every mistake at once."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from chalicelib.config.keys import ENVIRONMENT, GLASS, OF_ONE_GLASS, OTHERWISE, TOP, Key
from chalicelib.config.values import (
    SLACK_API,
    address,
    joined,
    mistaken_approval,
    mistaken_extension,
    mistaken_trail,
    shown,
)
from chalicelib.domain.glass import Glass
from chalicelib.domain.oncall import GROUPS
from chalicelib.domain.session import APP
from chalicelib.workflow import policy

GLASSES: Final = Path(__file__).parents[1] / "glasses.toml"
STAGE: Final = "BREAK_GLASS_STAGE"  # the deployment says it, and nobody else


TRAIL: Final = ("trail", "trail_role", "cloudtrail_log_group")  # make sense together alone


CONFIGURE: Final = "see README, “Configure”"


class InvalidSettings(Exception):
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
    trail: str  # a log group's name or ARN, or s3://…
    trail_role: str = ""  # empty: the functions' own
    trail_external_id: str = APP
    instance_arn: str = ""  # empty: discover
    identity_store_id: str = ""  # empty: discover
    access_portal: str = ""  # empty: derived from the identity store
    reconcile: str = "report"
    second_way: str = ""  # empty: nobody has said
    alarm_to: str = ""  # empty: alarms are seen in CloudWatch alone
    keep_days: int = 0  # 0: for ever
    rules: tuple[Mapping[str, Any], ...] = ()  # by which events are judged, beside those that ship
    table: str = OTHERWISE["BREAK_GLASS_TABLE"]
    queue: str = OTHERWISE["BREAK_GLASS_QUEUE"]
    secrets: str = OTHERWISE["BREAK_GLASS_SECRETS"]
    slack_api_url: str = SLACK_API
    region: str = ""
    stage: str = ""  # for the commands in what people read; empty where nobody deployed

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

    Raises InvalidSettings with every mistake that there is; where the TOML itself does not parse,
    with its line.
    """
    mistakes: list[str] = []
    technical = _read(
        ENVIRONMENT, "", {name: text for name, text in environ.items() if text}, mistakes
    )
    try:
        document = tomllib.loads(toml if isinstance(toml, str) else _text(toml))
    except (ValueError, OSError) as error:
        name = toml.name if isinstance(toml, Path) else GLASSES.name
        raise InvalidSettings([*mistakes, f"{name}: {error}"]) from None

    top = _read(TOP, "", document, mistakes)
    glasses = _glasses(document, mistakes)
    people = _people(_table(document, "people", mistakes), mistakes)
    rules = _rules(document.get("rule", []), mistakes)
    known = [*(key.name for key in TOP), "defaults", "glass", "people", "rule"]
    mistakes += _unknown(document, known, "")

    missing = [key.name for key in TOP if key.required and key.name not in document]
    if "trail" not in document and "cloudtrail_log_group" not in document:
        missing.insert(1 if "report_from" in missing else 0, "trail")
    on_call = {group for glass in glasses.values() for group in glass.on_call}
    if len(on_call) > GROUPS:
        mistakes.append(f"may: {len(on_call)} Slack user groups; all glasses together can have "
                        f"{GROUPS}, for Slack is asked for each")  # fmt: skip
    where = [top[name] for name in TRAIL if name in top]
    if len(where) == len(TRAIL) and (wrong := mistaken_trail(*where)):
        mistakes.append(wrong)
    if "glass" not in document or document["glass"] == {}:
        missing.append("a [glass.*] table")
    if missing:
        mistakes.insert(0, f"set {joined(missing)}; {CONFIGURE}")
    if mistakes:
        raise InvalidSettings(mistakes)
    return Settings(
        glasses=MappingProxyType(glasses),
        people=MappingProxyType(people),
        report_from=top["report_from"],
        trail=top["trail"] or top["cloudtrail_log_group"],
        trail_role=top["trail_role"],
        trail_external_id=top["trail_external_id"],
        instance_arn=top["identity_center_instance"],
        identity_store_id=top["identity_store"],
        access_portal=top["access_portal"],
        reconcile=top["reconcile"],
        second_way=top["second_way"],
        alarm_to=top["alarm_to"],
        keep_days=top["keep_days"],
        rules=rules,
        table=technical["BREAK_GLASS_TABLE"],
        queue=technical["BREAK_GLASS_QUEUE"],
        secrets=technical["BREAK_GLASS_SECRETS"],
        slack_api_url=technical["SLACK_API_URL"],
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "",
        stage=environ.get(STAGE, ""),
    )


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
    shared = [key for key in GLASS if key.name not in OF_ONE_GLASS]
    fallback = _read(shared, "[defaults] ", defaults, mistakes)
    for name in sorted(OF_ONE_GLASS & defaults.keys()):
        mistakes.append(f"[defaults] {name}: belongs to one glass; move it into [glass.NAME]")
    mistakes += _unknown(defaults, names, "[defaults] ")

    fallback_named = defaults.keys() - OF_ONE_GLASS  # wrong ones too: they are named above
    glasses: dict[str, Glass] = {}
    opened: dict[tuple[str, str], str] = {}
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
            mistakes.append(f"{where}set {joined(lacking)}; {CONFIGURE}")
        values |= {k: v for k, v in fallback.items() if k not in own}
        if len(mistakes) > before or values.keys() != set(names):
            continue  # what is wrong with it, or with a default that it needs, is named already
        if wrong := mistaken_extension(values):
            mistakes.append(f"{where}{wrong}")
            continue
        access = (values["account"], values["permission_set"])
        if access in opened:
            mistakes.append(f"{where}opens the same account and permission set as "
                            f"[glass.{opened[access]}]; keep one of them")  # fmt: skip
            continue
        opened[access] = name
        first, *others = values.pop("duration")
        account_id = values.pop("account")
        glass = Glass(
            name=name, account_id=account_id, duration=first, others=tuple(others), **values
        )
        mistakes += [f"{where}{mistake}" for mistake in mistaken_approval(glass)]
        glasses[name] = glass
    return glasses


def _people(table: Mapping[str, Any], mistakes: list[str]) -> dict[str, str]:
    people: dict[str, str] = {}
    for user, email in table.items():
        if not re.fullmatch(r"[UW][A-Z0-9]{2,30}", user, re.ASCII):
            mistakes.append(f"[people] {user}: is no Slack user's id; it reads “U012ABC”")
        try:
            people[user] = policy.key(address(email))
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
    mistakes.append(f"{name}: {shown(value)} is no table; write [{name}] above its settings")
    return {}


def _unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> list[str]:
    known = list(known)
    return [f"{where}{name}: unknown{_meant(name, known)}" for name in table if name not in known]


def _meant(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # only for the one who mistyped

    near = get_close_matches(name.lower(), known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {joined(known)}"


def _text(path: Path) -> str:
    """The file's text. OSError and ValueError say what is wrong with it."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        said = (
            "is not there; copy glasses.example.toml to it, or to glasses.STAGE.toml for one stage"
        )
        raise OSError(f"{said}; {CONFIGURE}") from None
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"is not UTF-8 text (at line {line})") from None
