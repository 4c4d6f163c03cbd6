"""What a report does not have, and why: it says so at its top. Pure."""

from typing import Final

# What of the trail was not read -------------------------------------------------------------------

NOT_IN_TIME: Final = "The trail could not be read in all that time."
ENDLESS: Final = "The trail could not be read to its end: its search did not end."
WHO_ASKED: Final = "Who asked something of the session in vain could not be read; the log has it."


def not_searched(why: str) -> str:
    """That no search could even be begun."""
    return f"The trail could not be searched ({why})."


def not_to_its_end(why: object) -> str:
    """That something of the trail is missing, for that reason."""
    return f"The trail could not be read to its end ({why})."


def what_it_has(records: int) -> str:
    """What there is all the same."""
    if not records:
        return "What was done is not known to this report."
    return f"It has what {records:,} records say, and nothing of the others."


# Why it was begun afresh --------------------------------------------------------------------------

OTHER_VERSION: Final = "it is of another version"
NO_PROGRESS: Final = "it is none"
ALTERED: Final = "what was kept is not what was written"
NOT_READABLE: Final = "what was kept cannot be read"
OTHER_IDS: Final = "the ids that were kept are not those that were written"
GONE: Final = "what was kept has gone"


def afresh(why: str) -> str:
    """That the search begins once more, and why."""
    return f"begun afresh: {why}"


def ran_for(time: object) -> str:
    """That a query took as long as AWS lets one take."""
    return f"a query ran for {time}"


# What there was too much of -----------------------------------------------------------------------

NOT_FOLLOWED: Final = (
    "So many roles and access keys were taken on that not all could be followed; "
    "what was done with the others is not here."
)


def in_the_sums_alone(calls: int) -> str:
    """That there are more kinds of calls than the tables have lines."""
    return (
        f"There were so many kinds of calls that {calls:,} calls are in the sums alone, "
        "and in no line of the tables."
    )


def not_in_the_list(events: int) -> str:
    """That more is worth a look than the list has lines."""
    return f"{events:,} more events are worth a look, and in no line of that list."
