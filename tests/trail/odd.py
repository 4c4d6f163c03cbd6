"""Records with fields gone, swapped or filled with anything at all."""

from typing import Any

from hypothesis import strategies as st

from tests.trail import outcomes
from tests.trail.records import (
    ACCOUNT,
    event,
    paths,
    portal,
    sso_role,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
RECORDS = [
    event(
        "AssumeRole",
        "sts",
        sso_role(behalf="ana"),
        responseElements={
            "credentials": {"accessKeyId": "ASIAX"},
            "assumedRoleUser": {"arn": "a", "assumedRoleId": "b"},
        },
        requestParameters={"roleArn": "x"},
        resources=[{"ARN": "y"}],
        sharedEventID="s",
        additionalEventData={"SwitchFrom": "z"},
        errorCode="e",
    ),
    portal("Federate", serviceEventDetails={"account_id": ACCOUNT, "role_name": "x"}),
    *(each.labelled.record for each in outcomes()[:90:6]),
]


@st.composite
def odd_records(draw: st.DrawFn) -> list[Any]:
    """Records with fields gone, swapped or filled with anything at all."""
    found: list[Any] = []
    for record in draw(st.lists(st.sampled_from(RECORDS), min_size=1, max_size=5)):
        for path in draw(st.lists(st.sampled_from(paths(record)), max_size=4)):
            record = _with(record, path.split("."), draw(JSON))
        found.append(record)
    return found + draw(st.lists(JSON, max_size=2))


def _with(record: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    if not isinstance(record, dict):
        return record
    return record | {path[0]: _with(record.get(path[0]), path[1:], value)}
