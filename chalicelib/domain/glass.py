"""A glass: a named access that may be broken open, and who may; as the settings say it."""

from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.oncall import LAST_KNOWN, SLACK

MAIL, NOBODY = "report_to", "nobody"  # who hears of access that was given: Glass.tell_to
REVIEW_OF_A_BYPASS = timedelta(days=5)  # where the glass wants none by itself
REQUIRED, OPTIONAL = "required", "optional"  # a reason: Glass.reason


def groups_among(who: tuple[str, ...]) -> tuple[str, ...]:
    """The Identity Center groups that are named there."""
    return tuple(each.removeprefix("group:") for each in who if each.startswith("group:"))


def lists_among(who: tuple[str, ...]) -> tuple[str, ...]:
    """The Slack user groups, of those who are on call, that are named there."""
    return tuple(each.removeprefix(SLACK) for each in who if each.startswith(SLACK))


@dataclass(frozen=True, slots=True, kw_only=True)
class Glass:
    """A named access that may be broken open; one `[glass.NAME]` table of glasses.toml."""

    name: str
    account_id: str
    permission_set: str  # its name, or its ARN
    duration: timedelta  # the first one, which a plain button gives
    may: tuple[str, ...]  # e-mails, "group:NAME", "slack:S012ABC", or "everyone"
    report_to: tuple[str, ...]
    channel: str = ""  # Slack channel id; empty: nobody but the person is told
    account_name: str = ""
    report_after: timedelta = timedelta(minutes=15)
    others: tuple[timedelta, ...] = ()  # what may be chosen in place of the first duration
    extend: timedelta | None = None  # by how much *Extend* moves the deadline; None: no extending
    extend_to: timedelta | None = None  # how long access may last by it in all; None: only once
    warn_before: timedelta | None = None  # how long before the end; None: as is usual
    tell_to: str = MAIL  # who hears at once of access that was given: MAIL | NOBODY | a topic's ARN
    tell_refusals: bool = False  # whether the channel hears who was refused
    reason: str = OPTIONAL  # REQUIRED: nobody is let in who does not say why
    approve: timedelta | None = None  # how long a press waits for another person; None: not at all
    acknowledge: timedelta | None = None  # how long access lasts that no other has acknowledged
    approvers: tuple[str, ...] = ()  # who may approve and acknowledge; empty: who may break it
    bypass: tuple[str, ...] = ()  # who may go in without approval
    stale_oncall: str = LAST_KNOWN  # what an old on-call list means: LAST_KNOWN | REFUSE
    review: timedelta | None = None  # within what time another reviews each use; None: not at all
    reviewers: tuple[str, ...] = ()  # who may; empty: who may approve
    block_until_reviewed: bool = False  # the same person does not break it again before

    @property
    def named(self) -> tuple[str, ...]:
        """Everybody whom it names, for whatever."""
        return (*self.may, *self.approvers, *self.bypass, *self.reviewers)

    @property
    def second(self) -> tuple[str, ...]:
        """Who may approve and acknowledge, each for others."""
        return self.approvers or self.may

    @property
    def on_call(self) -> tuple[str, ...]:
        """The Slack user groups that any right on this glass goes by."""
        return lists_among(self.named)

    @property
    def review_by(self) -> tuple[str, ...]:
        """Who may review, each what others did."""
        return self.reviewers or self.second
