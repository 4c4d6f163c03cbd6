"""People who press: each press through the real route of a world, as Slack sends it."""

from typing import Any

from chalicelib.workflow.answers import Turn
from tests.fakes.outside import World
from tests.support.presses import block_actions

NAMES = {"U0ALICE": "alice", "U0BOB": "bob", "U0MALLORY": "mallory", "U0ALIAS": "alice2"}


class Pressed(World):
    """Each press is another, at whatever time it comes."""

    pressed = 0


def press(
    world: Pressed, who: str, action: str = "break_glass", value: str = "prod", **more: Any
) -> str:
    """Through the real route, as Slack sends it: what came of it, or the new session's id."""
    world.pressed += 1
    user = {"id": who, "username": NAMES[who]}
    body = block_actions(action, value, user=user, ts=str(world.pressed), **more)
    assert world.front().answer({}, body).status == 200
    (row_id,) = world.books.asks
    world.runner().advance(row_id, Turn("queue", lambda: world.left))
    decided = world.books.decided.get(row_id.removeprefix("ask/"))
    return decided.outcome if decided else row_id.removeprefix("ask/")
