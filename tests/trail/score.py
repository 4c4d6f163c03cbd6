"""How well the sieve tells a session's records from all others."""

import random
from dataclasses import dataclass

from chalicelib.trail.event import Ownership
from tests.trail.labelled import Case, Labelled, cases
from tests.trail.sieved import sift

OWN = ("portal", "account")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One labelled record, and what it was taken for."""

    case: str
    labelled: Labelled
    taken_for: str
    via: str

    @property
    def right(self) -> bool:
        if self.labelled.label == "unclear":
            return True  # how it is counted is another test's
        return (self.taken_for, self.via) == (self.labelled.label, self.labelled.via)


def score(seed: int = 1) -> tuple[float, float]:
    """Precision and recall over the labelled set, its records in any order."""
    found = outcomes(seed)
    own = [each for each in found if each.labelled.label in OWN]
    taken = [each for each in found if each.taken_for in OWN and each.labelled.label != "unclear"]
    right = sum(each.labelled.label == each.taken_for for each in own)
    return right / len(taken), right / len(own)


def outcomes(seed: int = 1) -> list[Outcome]:
    return [outcome for case in cases() for outcome in _outcomes(case, seed)]


def _outcomes(case: Case, seed: int) -> list[Outcome]:
    marked = [(f"{index}", each) for index, each in enumerate(case.records)]
    records = [each.record | {"mark": mark} for mark, each in marked]
    random.Random(seed).shuffle(records)
    sifted = sift(Ownership.of(case.session), records)
    assert sifted.seen == len(records)
    counted = sifted.repeated + sifted.outside + sifted.others + sifted.unjudged
    assert len(sifted.events) + counted == sifted.seen
    taken = {event.to_json().rpartition('"mark":"')[2][:-2]: event for event in sifted.events}
    return [
        Outcome(case.name, each, taken[mark].place, taken[mark].via)
        if mark in taken
        else Outcome(case.name, each, "other", "")
        for mark, each in marked
    ]
