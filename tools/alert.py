"""Posts an alert with the two buttons, *Retry* and *Break Glass*, as your pipeline would.

The second button carries the glass's name and nothing else. The first is your pipeline's own: Break
Glass tells whoever presses it, kindly, that it is not meant.
"""

from __future__ import annotations

import argparse
from typing import Any

from chalicelib.domain.glass import Glass
from chalicelib.domain.lasting import durations
from chalicelib.words.choosing import how_long
from tools import _project, _slack
from tools._project import Misused, Problem

SUMMARY = "alert demo: posts a failed deployment's message, with Retry and Break Glass"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser)
    parser.add_argument(
        "which", choices=["demo"], metavar="demo", help="the one alert that there is"
    )
    parser.add_argument("--glass", help="the glass that the button breaks (the first one)")
    parser.add_argument("--channel", help="the id of the channel (the glass's own)")


def run(args: argparse.Namespace) -> int:
    stage = _project.stage_name(args.stage)
    settings = _project.settings(stage)
    name = args.glass or next(iter(settings.glasses))
    glass = settings.glass(name)
    if glass is None:
        raise Misused(f"there is no glass “{name}”; there are {', '.join(settings.glasses)}")
    channel = args.channel or glass.channel
    if not channel:
        raise Problem(f"“{name}” has no channel of its own: give one with --channel")
    token = _slack.secret(settings.secrets, _slack.BOT_TOKEN)
    try:
        said = _slack.call(
            token, settings.slack_api_url, "chat.postMessage", channel=channel, **message(glass)
        )
    except Problem as problem:
        hint = "; invite the app to the channel" if "channel" in str(problem) else ""
        raise Problem(f"nothing was posted to {channel}. {problem}{hint}") from None
    print(f"posted to {said.get('channel', channel)}; its second button breaks “{name}”")
    look = _project.about(stage, f"python -m tools log --glass {name}")
    print(f"Next: press it, then look at it: {look}")
    return 0


def message(glass: Glass) -> dict[str, Any]:
    """What any pipeline may post: `action_id` break_glass, and the glass's name as value.

    With the select before it, where the glass has several durations.
    """
    label = f"Break Glass {glass.name.replace('-', ' ').title()}"
    retry = {"type": "button", "action_id": "retry", "value": "retry"}
    broken = {"type": "button", "action_id": "break_glass", "value": glass.name, "style": "danger"}
    return {
        "text": "Deployment of ABC failed",
        "blocks": [
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": ":x: *Deployment of ABC failed*"},
            },
            *how_long(durations(glass)),
            {
                "type": "actions",
                "elements": [
                    retry | {"text": {"type": "plain_text", "text": "Retry"}},
                    broken | {"text": {"type": "plain_text", "text": label}},
                ],
            },
        ],
    }
