"""Who somebody is, from the press to the row: by [people], or by what Slack vouches for."""

from chalicelib.domain.errors import Refused
from chalicelib.domain.machine import State
from chalicelib.words import messages, refusals
from tests.fakes.outside import World
from tests.fakes.rows import pressed


def test_who_has_a_pinned_persons_e_mail_in_slack_is_denied_and_told_why() -> None:
    world = World(people={"U0ALICE": "alice@example.com"})
    world.emails["U0EVE"] = "alice@example.com"
    row = world.look(pressed(world, slack_user="U0EVE"))
    assert row.state is State.DENIED
    assert row.reason == messages.PINNED
    assert world.assignments == set()


def test_who_has_no_e_mail_in_slack_is_denied_at_once_and_told_why() -> None:
    world = World()
    world.says["email"] = [Refused(refusals.NO_EMAIL, lasting=True)]
    row = world.look(pressed(world))
    assert row.state is State.DENIED
    assert "no e-mail address" in row.reason
    assert world.told


def test_the_row_is_found_by_the_e_mail_in_small_letters_and_shows_it_as_slack_does() -> None:
    world = World()
    world.emails["U0ZOE"] = "Alice@Example.com"
    row = world.until(pressed(world, slack_user="U0ZOE"), "ACTIVE")
    assert (row.person, row.email) == ("alice@example.com", "Alice@Example.com")
