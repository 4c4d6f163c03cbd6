"""The report on the running local AWS: both passes, what arrives late, and what makes no sense."""

from __future__ import annotations

import base64
import csv
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import cloudtrail_records as cloudtrail
from simulator import company
from simulator.visitor import actor_for, actor_named
from tests.world.scene import Press, Scene
from tests.world.together import together

pytestmark = pytest.mark.world

Record = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def nobody_else(scene: Scene) -> Iterator[None]:
    """What CloudTrail tells is told by the tests alone."""
    scene.world.control("visitor", on=False)
    yield
    scene.world.control("heal", change=True)


def call(pressed: Press, name: str, service: str, at: float = 0, **facts: Any) -> Record:
    """A call in the session's account, with the session's own role."""
    actor, glass = actor_for(pressed.who.user.user_id), pressed.glass
    return cloudtrail.account(actor, at or time.time(), glass.account_id,
                              glass.permission_set.name, name, f"{service}.amazonaws.com",
                              **facts)  # fmt: skip


def tell(scene: Scene, *messages: Record | str) -> None:
    """As CloudTrail hands records to the log group, each now."""
    stream = f"{company.HOME_ACCOUNT}_CloudTrail_{company.REGION}"
    scene.aws("logs").put_log_events(
        logGroupName=company.TRAIL,
        logStreamName=stream,
        logEvents=[
            {
                "timestamp": int(time.time() * 1000),
                "message": each if isinstance(each, str) else json.dumps(each),
            }
            for each in messages
        ],
    )


def table_of(mail: dict[str, Any]) -> list[dict[str, str]]:
    """The attached CSV."""
    (content,) = (a["base64"] for a in mail["attachments"] if a["type"] == "text/csv")
    return list(csv.DictReader(io.StringIO(base64.b64decode(content).decode())))


@together
def test_what_comes_to_light_later_is_marked_in_a_final_report(scene: Scene) -> None:
    pressed = scene.press("carol", "admin")
    pressed.until("ACTIVE")
    during = time.time()
    tell(
        scene,
        call(pressed, "DescribeInstances", "ec2"),
        call(pressed, "StopInstances", "ec2", read_only=False),
    )
    first = scene.until("the first report", lambda: scene.mails(pressed.id, "Report"))[0]
    assert "2 calls, 1 change, 0 refused" in first["text"]
    assert "NEW" not in first["text"]
    pressed.until("TAILING")
    tell(
        scene,
        call(pressed, "GetSecretValue", "secretsmanager", during,
             requestParameters={"secretId": "prod/orders"}),
        call(pressed, "CreateUser", "iam", read_only=False, errorCode="AccessDenied"),
    )  # fmt: skip
    row = pressed.until("CLOSED")
    assert (row["report_final"], row["report_events"]) == ("second", 4)
    (final,) = scene.mails(pressed.id, "Final report")
    assert "New since the first report: 2 of 4 events, marked NEW." in final["text"]
    marked = {each["event"]: each["new"] for each in table_of(final)}
    assert marked == {
        "DescribeInstances": "",
        "StopInstances": "",
        "GetSecretValue": "yes",
        "CreateUser": "yes",
    }
    assert "NEW secret read: secretsmanager:GetSecretValue" in final["text"]
    assert "not certain" not in final["text"]
    assert len(scene.mails(pressed.id, "eport of session")) == 2
    scene.until("both reports in the thread", lambda: scene.posted("C0INCIDENT", "Final report",
                                                                   pressed.id))  # fmt: skip


@together
def test_where_nothing_more_comes_to_light_there_is_one_report(scene: Scene) -> None:
    """Whatever stands in the log group: the session's one call is told from all of it."""
    pressed = scene.press("mallory", "s-admin")
    pressed.until("ACTIVE")
    name, sign = pressed.who.user.user_name, "<script>alert('é')</script>\u202e"
    own = call(pressed, "PutParameter", "ssm", read_only=False,
               requestParameters={"name": sign}, userAgent=sign)  # fmt: skip
    nobody = call(pressed, "ListUsers", "iam") | {"userIdentity": None, "requestID": f"/{name}"}
    longer = call(pressed, "DeleteBucket", "s3", read_only=False)
    said = json.dumps(longer).replace(pressed.who.user.user_id, "9067f0a1-dead-4000-8000-0")
    for before in "/:":
        said = said.replace(f"{before}{name}", f"{before}{name}s")
    tell(scene, own, own, nobody, said, f'no JSON at all :{name}"', f'["/{name}"]',
         json.dumps({"eventID": f"x:{name}", "userIdentity": ["odd"], "eventTime": 7}))  # fmt: skip
    row = pressed.until("CLOSED")
    assert (row["report_final"], row["report_events"]) == ("first", 1)
    (mail,) = scene.mails(pressed.id, "eport of session")
    assert "1 call, 1 change, 0 refused" in mail["text"]
    assert "could not be judged" in mail["text"]
    assert "<script" not in mail["html"]
    assert "\u202e" not in mail["text"] + mail["html"]


@together
def test_access_that_nobody_used_is_reported_as_that(scene: Scene) -> None:
    pressed = scene.press("steve", "operator")
    pressed.until("ACTIVE")
    glass = pressed.glass
    others = cloudtrail.account_visit(
        actor_named("stevens"), time.time(), glass.account_id, glass.permission_set.name
    )
    tell(scene, *others)
    mail = scene.until("the report", lambda: scene.mails(pressed.id, "Report"))[0]
    assert "Access was not used: no call was made in the account." in mail["text"]
    assert "is the trail delivering?" not in mail["text"]
