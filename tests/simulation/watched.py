"""Lives in which another person approves, acknowledges or reviews, and some go in without."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.ask import OF_A_REVIEW, Ask, Kind
from chalicelib.domain.glass import Glass
from chalicelib.domain.machine import State
from chalicelib.domain.schedule import scheduled
from chalicelib.domain.session import Person, Session
from chalicelib.workflow import changes, policy
from tests.simulation.actors import ANN, BOB, CLEO, MINUTE, SECOND, SLACK, ms_of
from tests.simulation.world import World

WAITS = (Kind.APPROVE, Kind.APPROVE, Kind.DECLINE, Kind.BYPASS)
ALIAS = "UBOB2"  # Bob's second user in Slack
PEOPLE = SLACK | {ALIAS: BOB}


class Watched(World):
    """A life in which glasses want a second pair of eyes; whoever holds it tries it alone as well.

    What must hold is seen from who has pressed what, not from what the rows say of it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.pressed: list[Ask] = []  # every ask, by whomever
        self.wants: dict[str, Glass] = {}
        super().__init__(*args, **kwargs)
        self.slack = PEOPLE
        if self.seed % 10 == 9:  # an operator takes what waits for a mistake
            self.hands.lurking.append((State.APPROVING, self.hands.delete_row))

    def _glasses(self, first: bool = False) -> dict[str, Glass]:
        """A redeploy changes who may break them, and not what they want."""
        made, random = super()._glasses(first), self.random
        self.people_who_may |= {person.email for person in (ANN, BOB, CLEO)}
        if not self.wants:
            soon = (20 * SECOND, 3 * MINUTE, 10 * MINUTE)
            for name, glass in made.items():
                wait = timedelta(milliseconds=random.choice(soon))
                short = min(glass.duration / 2, wait)
                approve, acknowledge = random.choice(((wait, None), (None, short), (wait, short)))
                bypass = random.choice(((), (ANN.email,), (BOB.email,)))
                reviews = timedelta(milliseconds=random.choice((0, *soon)))
                self.wants[name] = replace(
                    glass,
                    approve=approve,
                    acknowledge=acknowledge,
                    approvers=random.choice((("everyone",), (BOB.email, CLEO.email))),
                    bypass=bypass if approve else (),
                    review=reviews or None,
                    reviewers=random.choice(((), ("everyone",), (BOB.email, CLEO.email))),
                    block_until_reviewed=random.random() < 0.3,
                    channel="C1",
                )
        same = ("approve", "acknowledge", "approvers", "bypass", "channel", "review", "reviewers",
                "block_until_reviewed")  # fmt: skip
        return {
            name: replace(glass, **{each: getattr(self.wants[name], each) for each in same})
            for name, glass in made.items()
        }

    def _watch(self, row: Session) -> None:
        """Within seconds, or when its time is nearly up, people press what its card shows them."""
        random, ends = self.random, row.approve_until or row.deadline
        left = max(SECOND, (ms_of(ends) if ends else self.now) - self.now + 2 * SECOND)
        for _ in range(random.choice((0, 1, 2, 4))):
            kind = random.choice(WAITS if row.state is State.APPROVING else (Kind.ACKNOWLEDGE,))
            own = kind is Kind.BYPASS and random.random() < 0.9
            who = row.slack_user if own else random.choice((*PEOPLE, ALIAS))
            self.after(random.randrange(random.choice((SECOND, left))), self.ask, row.id, kind, who)

    def _reviews(self, row: Session) -> None:
        """Whoever did it tries it themselves; others in time or late, and in the end somebody who
        may, for nobody waits a month here."""
        random = self.random
        due = min(ms_of(row.review_until or self.moment) - self.now, 10 * MINUTE)
        for _ in range(random.choice((0, 1, 3))):
            who, wait = (
                random.choice((*PEOPLE, ALIAS, row.slack_user)),
                random.choice((due, 3 * due)),
            )
            self.after(random.randrange(max(SECOND, wait)), self.ask, row.id, self._answers(), who)
        self.after(max(SECOND, random.choice((due, 4 * due))), self._sees_to_it, row.id)
        if random.random() < 0.05:
            self.after(random.randrange(max(SECOND, due)), self.hands.delete_row, row.id)

    def _answers(self) -> Kind:
        return self.random.choice(sorted(OF_A_REVIEW))

    def _sees_to_it(self, session_id: str) -> None:
        row = self.rows.sessions.get(session_id)
        if row is None or row.state is not State.REVIEWING:
            return
        if row.glass not in self.glasses:  # nobody may by Slack; an operator by the command
            after = changes.reviewed(
                row, "as expected", "arn:aws:sts::1:x/eve", "", "command", self.moment
            )
            self.rows.write(scheduled(after, self.moment)[0])
            return
        others = [user for user, each in PEOPLE.items() if each.principal_id != row.principal_id]
        sure = [user for user in others if self._trusted(row, PEOPLE[user])]
        self.ask(session_id, self._answers(), self.random.choice(sure))
        self.after(MINUTE, self._sees_to_it, session_id)

    def said_by(self, kind: Kind) -> str:
        return "INC-4711" if kind is Kind.BYPASS and self.random.random() < 0.8 else ""

    def _asked(self, row_id: str) -> None:
        asked = self.rows.asks[row_id]
        if isinstance(asked, Ask):
            self.pressed.append(asked)
        super()._asked(row_id)

    def _wrote(self, old: Session | None, new: Session) -> None:
        super()._wrote(old, new)
        begins = (old is None or old.state is not new.state) and not self.faults.healed
        if begins and (new.state is State.APPROVING or new.unacknowledged):
            self._watch(new)
        if new.state is State.REVIEWING and (old is None or old.state is not new.state):
            self._reviews(new)
        if new.reviewed_at and (old is None or old.reviewed_at is None):
            how = Kind.EXPECTED if new.reviewed_as == "as expected" else Kind.FOLLOWUP
            by_command = new.reviewed_by.startswith("arn:")
            if not by_command and not self._by_another(new, how):
                self.fail(f"{new.id} was reviewed by nobody else")
        if new.state is State.CLOSED and new.review and new.granted_at and not new.reviewed_at:
            self.fail(f"{new.id} is closed, and nobody has reviewed it")
        if new.state is State.APPROVING and self._of_it(new):
            self.fail(f"{new.id} waits for approval, and has access")
        begins = new.state is State.GRANTING and (old is None or old.state is not State.GRANTING)
        if begins and not new.found:
            self._in_order(new)
        known = new.acknowledged_at is not None and (old is None or old.acknowledged_at is None)
        if known and not self._by_another(new, Kind.ACKNOWLEDGE):
            self.fail(f"{new.id} was acknowledged by nobody else")

    def _of_it(self, session: Session) -> bool:
        return self.truth.get(session.access.key) == session.id

    def _in_order(self, new: Session) -> None:
        """Who is let in was approved by another in time, or goes in without as the glass says."""
        glass = self.wants[new.glass]
        if glass.approve is None:
            return
        without = [each for each in self._of(new, Kind.BYPASS) if each.slack_user == new.slack_user]
        if any(each.why for each in without) and new.email in glass.bypass:
            return
        if not self._by_another(new, Kind.APPROVE):
            self.fail(f"{new.id} is let in, and nobody else has approved it")
        elif new.approved_at is None or new.approve_until is None:
            self.fail(f"{new.id} is let in, and its row does not say who approved it")
        elif new.approved_at >= new.approve_until:
            self.fail(f"{new.id} was approved when its time was up")

    def _of(self, session: Session, kind: Kind) -> list[Ask]:
        mine = [each for each in self.pressed if each.session_id == session.id]
        return [each for each in mine if each.kind is kind]

    def _by_another(self, session: Session, kind: Kind) -> bool:
        """Somebody whom the glass trusts with it, and who is not the one who holds it."""
        people = {PEOPLE[each.slack_user] for each in self._of(session, kind)
                  if each.slack_user in PEOPLE}  # fmt: skip
        return any(
            person.principal_id != session.principal_id and self._trusted(session, person, kind)
            for person in people
        )

    def _trusted(self, session: Session, person: Person, kind: Kind = Kind.EXPECTED) -> bool:
        may = policy.those(self.wants[session.glass], kind)
        return person.email in may or "everyone" in may
