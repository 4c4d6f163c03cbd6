"""Takes the Slack app's two secrets and keeps them in SSM, encrypted; nowhere else.

They are asked for without an echo and so stand in no shell history and on no screen. Where standard
input is no terminal its first line is the signing secret and its second the bot token; an empty
line leaves that one as it is. To rotate, run it again: the functions notice within minutes.
"""

from __future__ import annotations

import argparse
import getpass
import re
import sys

from tools import _project, _slack
from tools._project import Problem

SUMMARY = "asks for the Slack app's signing secret and bot token and keeps them in SSM"

ASKED = {
    _slack.SIGNING_SECRET: (
        "Signing Secret (Basic Information → App Credentials)",
        re.compile(r"[0-9a-z]{32}"),
        "32 letters and digits; it is neither the Client Secret nor a token",
    ),
    _slack.BOT_TOKEN: (
        "Bot User OAuth Token (OAuth & Permissions)",
        re.compile(r"xoxb-[\w-]{10,}"),
        "it begins with “xoxb-”; a token that begins with “xoxp-” is a person's",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser)
    parser.add_argument("--only", choices=sorted(ASKED), help="only this one, as for a rotation")


def run(args: argparse.Namespace) -> int:
    stage = _project.stage_name(args.stage)
    settings = _project.settings(stage)
    _project.need_credentials()
    names = [args.only] if args.only else list(ASKED)
    given = {name: value for name in names if (value := _asked(name))}
    wrong = [f"{name}: {ASKED[name][2]}" for name in given if not _fits(name, given[name])]
    if wrong:
        raise Problem("nothing was written:\n  - " + "\n  - ".join(wrong))
    if _slack.BOT_TOKEN in given:
        _try(given[_slack.BOT_TOKEN], settings.slack_api_url)
    ssm = _project.client("ssm")
    for name, value in given.items():
        path = f"{settings.secrets}/{name}"
        ssm.put_parameter(Name=path, Value=value, Type="SecureString", Overwrite=True)
        print(f"kept {path}, encrypted under the account's own key aws/ssm")
    for name in set(names) - set(given):
        print(f"left {settings.secrets}/{name} as it is")
    print(_project.about(stage, "Next: python -m tools doctor"))
    return 0


def _asked(name: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{ASKED[name][0]}: ").strip()
    return sys.stdin.readline().strip()


def _fits(name: str, value: str) -> bool:
    return bool(ASKED[name][1].fullmatch(value))


def _try(token: str, api_url: str) -> None:
    """Says whose token it is. Slack being away keeps nobody from writing it."""
    try:
        found = _slack.call(token, api_url, "auth.test")
    except Problem as problem:
        if "does not answer" not in str(problem):
            raise Problem(f"nothing was written: with this token, {problem}") from None
        print(f"not tried: {problem}", file=sys.stderr)
        return
    print(f"the token is {found.get('user')}'s, of the workspace {found.get('team')}")
