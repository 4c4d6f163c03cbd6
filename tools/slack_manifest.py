"""Prints the Slack app's manifest with the deployed address in it, ready to paste.

The manifest goes to standard output and everything else to standard error, so that
`python -m tools slack-manifest | pbcopy` copies the one and shows the other.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from tools import _project

SUMMARY = "prints the manifest of the Slack app, with the deployed address in it"

USER_GROUPS = "usergroups:read"
SCOPES = {
    "chat:write": "tells the person and the channel that access is open, over, and reported",
    "users:read": "asks who pressed: users.info, by the id that the press carries",
    "users:read.email": "has that answer hold the e-mail, by which Identity Center knows people",
    "channels:read": "lets doctor see whether the app is in the public channels it must post to",
    "groups:read": "lets it see the same of private channels; only those that the app is in show",
    USER_GROUPS: "hears who is on call, where a glass's `may` names a Slack user group",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser, stack=True)
    parser.add_argument("--url", help="the address that Slack is to call, where it is another one")
    parser.add_argument("--name", default="Break Glass", help="what the app is called in Slack")


def run(args: argparse.Namespace) -> int:
    stage = args.stage if args.url else _project.stage_name(args.stage)
    url = args.url or _project.deployed(stage, args.stack).slack_url
    print(json.dumps(manifest(url, args.name), indent=2))
    sys.stdout.flush()
    scopes = "\n".join(f"  {name:18} {reason}" for name, reason in SCOPES.items())
    secrets = "python -m tools secrets"
    print(
        f"\nThe manifest above has presses sent to {url}\nand asks for these scopes:\n{scopes}\n\n"
        "Next: at https://api.slack.com/apps choose “Create New App”, “From a manifest”, JSON,\n"
        "and paste it; then “Install to Workspace” and invite the app to the glasses' channels\n"
        f"(/invite @{args.name}). Then hand over its two secrets: "
        f"{_project.about(stage, secrets) if stage else secrets}",
        file=sys.stderr,
    )
    return 0


def manifest(url: str, name: str = "Break Glass") -> dict[str, Any]:
    """The manifest as Slack takes it (_metadata: version 1)."""
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": "Emergency access to an AWS account, that always closes behind you.",
            "background_color": "#7a1f1f",
        },
        "features": {"bot_user": {"display_name": name, "always_online": True}},
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "interactivity": {"is_enabled": True, "request_url": url},
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }
