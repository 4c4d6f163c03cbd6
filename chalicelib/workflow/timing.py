"""How long things take, rest, and are waited for; and what time says. Pure."""

from datetime import datetime, timedelta
from zlib import crc32

from chalicelib.domain.errors import ExternalError
from chalicelib.domain.session import Session

# What a call may take, and how late it may still land
CALL_TAKES = timedelta(seconds=8)  # the longest that a create or delete takes, all in all
LONGEST_CLAIM = timedelta(seconds=70)  # nothing lands later after its claim: see Calls.claim
NETWORK_DELAY = timedelta(seconds=3)  # what was sent before a worker died may still arrive
CLOCK_SKEW = timedelta(seconds=2)  # between any two workers' clocks
CLAIM_KEEPS_OTHERS_FOR = CALL_TAKES + CLOCK_SKEW  # from the same duty
LISTING_LAG = timedelta(seconds=20)  # how long a listing may hide what has succeeded
AWS_FORGETS_AFTER = timedelta(minutes=10)  # what AWS cannot describe by then is not just delayed

# How long a worker waits in place, and a duty between two tries
NOTHING, POLL = timedelta(0), timedelta(seconds=1)
WAITS_IN_PLACE_FOR = CLOCK_SKEW + timedelta(seconds=1)  # a deadline that is so close
DELETE_AGAIN_AFTER = tuple(timedelta(milliseconds=ms) for ms in (300, 700, 1500))
LONGEST_REST_WHILE_OPEN = timedelta(seconds=2)  # of a try while access may be open …
REST_WHEN_CROWDED = timedelta(seconds=5)  # … and where AWS says “too many”, of the first
CROWDED_TRIES = 20

# What is said, and when
COME_WITHIN = timedelta(seconds=3)  # access by then is said when it has come, else also before
GONE_WITHIN = timedelta(seconds=2)  # access that is gone by then is said so, else also before
NOTIFYING_TAKES = timedelta(seconds=30)  # at most, to say what has just happened
NOTIFY_TRIES = 100  # about a day
MINUTE = timedelta(minutes=1)


def rests_for(session: Session, error: ExternalError) -> timedelta:
    """How long a duty that was not done rests. While access may be open only seconds, lest the
    last of a burst wait for nobody, or it stand when AWS answers again; and not all of them the
    same, lest they meet again. Where there are too many, longer after a while."""
    most = timedelta(seconds=30)
    if session.live:
        crowded = getattr(error, "crowded", False)
        most = (
            LONGEST_REST_WHILE_OPEN
            if not crowded
            else REST_WHEN_CROWDED
            if session.tries < CROWDED_TRIES
            else most
        )
    rest = backoff(session.tries, most=most)
    odd = crc32(f"{session.id}/{session.tries}".encode()) / 2**32  # the same in every run
    return timedelta(milliseconds=int(rest / timedelta(milliseconds=1) * (0.5 + odd)))


def backoff(tries: int, most: timedelta = timedelta(seconds=30)) -> timedelta:
    """Twice as long after each try: 1 s, 2 s, 4 s … up to `most`."""
    return min(timedelta(seconds=2 ** min(tries, 20)), most)


def reached(moment: datetime | None, now: datetime) -> bool:
    """Whether that moment has come; one that is not set never does."""
    return moment is not None and now >= moment


def later_by(moment: datetime | None, wait: timedelta) -> datetime | None:
    """The moment after that wait; None where there is none to wait from."""
    return moment + wait if moment is not None else None


def seconds_between(start: datetime | None, end: datetime) -> float | None:
    """The seconds from one to the other; None where it has no start."""
    return (end - start).total_seconds() if start is not None else None
