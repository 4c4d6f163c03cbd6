"""Records for the judge, made short."""

import re
from typing import Any

from chalicelib.judge.call import Call
from chalicelib.judge.judgement import Case, Judgement, about, judge
from chalicelib.judge.rules import standard
from tests.trail.records import ACCOUNT, Record, event, sso_role

ELSEWHERE = "999988887777"
EXAMPLE = re.compile(r"([\w-]+):(\w+)")


def write(service: str, name: str, asked: Any = None, **facts: Any) -> Record:
    """A call of the session's person that CloudTrail marks as a write."""
    facts = {"readOnly": False, "requestParameters": asked} | facts
    return event(name, service, sso_role(behalf="ana"), **facts)


def verdict(service: str, name: str, asked: Any = None, **facts: Any) -> Judgement:
    return judge(Call(write(service, name, asked, **facts), ACCOUNT))


def named(service: str, name: str, asked: Any = None, **facts: Any) -> str:
    call = Call(write(service, name, asked, **facts), ACCOUNT)
    return about(call, judge(call))


def matching(record: Record) -> set[str]:
    """The ids of the rules that match, before the heaviest is said."""
    return {rule.id for rule in Case(Call(record, ACCOUNT), standard()).matching()}


def of_example(example: str, *, read_only: bool) -> Record:
    """The record that a rule's example stands for: `service:Name parameter=value`, up to a comma.

    "record." and "answer." before a parameter's name put it into the record or the answer.
    """
    first = re.split(r", ", example)[0]
    found = EXAMPLE.match(first)
    assert found, f"{example!r} begins with no call"
    record: Record = {"userIdentity": {"accountId": ACCOUNT}, "responseElements": {}}
    record |= {"requestParameters": {}, "recipientAccountId": ACCOUNT, "readOnly": read_only}
    record |= {"eventSource": f"{found[1]}.amazonaws.com", "eventName": found[2]}
    for name, value in re.findall(r"([\w.-]+)=(\S+)", first):
        *way, last = name.split(".")
        places = {"record": record, "answer": record["responseElements"]}
        inner: Any = record["requestParameters"]
        if way and way[0] in places:
            inner = places[way.pop(0)]
        for step in way:
            inner = inner.setdefault(step, {})
        inner[last] = {"true": True, "false": False}.get(value, value)
    return record
