"""Links out of a mail, made of checked parts only: where a part is not known, there is none."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from chalicelib.domain.ask import SLACK_CHANNEL, SLACK_TEAM
from chalicelib.domain.session import Session, iso

TS: Final = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}", re.ASCII)
REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}", re.ASCII)
CONSOLES: Final = {"cn": "amazonaws.cn", "us-gov": "amazonaws-us-gov.com"}
REGIONS: Final = 3  # the event history shows one at a time
AROUND: Final = timedelta(minutes=5)

Link = tuple[str, str]  # what it leads to, and the address


def thread(session: Session) -> list[Link]:
    """To the session's thread in Slack."""
    team, channel, ts = session.slack_team, session.channel, session.card_ts
    if not (SLACK_TEAM.fullmatch(team) and SLACK_CHANNEL.fullmatch(channel) and TS.fullmatch(ts)):
        return []
    return [
        (
            "Open the thread in Slack",
            f"https://app.slack.com/client/{team}/{channel}/thread/{channel}-{ts}",
        )
    ]


def event_history(regions: Sequence[str], start: datetime, end: datetime) -> list[Link]:
    """To CloudTrail's event history of that time in the AWS console, by Region."""
    times = f"StartTime={iso(start - AROUND)}&EndTime={iso(end + AROUND)}"
    known = [region for region in regions if REGION.fullmatch(region)][:REGIONS]
    return [
        (f"CloudTrail's event history in {region}", f"{_page(region)}{times}") for region in known
    ]


def _page(region: str) -> str:
    own = next((part for part in CONSOLES if region.startswith(f"{part}-")), "")
    console = f"{region}.console.{CONSOLES.get(own, 'aws.amazon.com')}"
    return f"https://{console}/cloudtrailv2/home?region={region}#/events?"
