"""The Identity Center stand-in behaves as AWS does where access depends on it."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import company
from simulator.assignments import Accepted
from simulator.identity_center import IdentityCenter
from simulator.identity_store import IdentityStore
from simulator.provisioning import DENIED
from simulator.wire import Problem

ALICE = company.person("alice").user.user_id
STEVE = company.person("steve").user.user_id


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def center(clock: Clock) -> IdentityCenter:
    principals = {user.user_id for user in company.USERS}
    return IdentityCenter(
        company.INSTANCE_ARN,
        company.IDENTITY_STORE_ID,
        company.HOME_ACCOUNT,
        set(company.ACCOUNTS),
        company.PERMISSION_SETS,
        principals,
        clock,
    )


def ask(principal: str = ALICE) -> dict[str, Any]:
    return {
        "InstanceArn": company.INSTANCE_ARN,
        "TargetId": company.PRODUCTION,
        "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": company.ADMIN.arn,
        "PrincipalType": "USER",
        "PrincipalId": principal,
    }


def create(center: IdentityCenter, principal: str = ALICE) -> str:
    made = center.answer("CreateAccountAssignment", ask(principal))
    return made["AccountAssignmentCreationStatus"]["RequestId"]


def delete(center: IdentityCenter, principal: str = ALICE) -> str:
    made = center.answer("DeleteAccountAssignment", ask(principal))
    return made["AccountAssignmentDeletionStatus"]["RequestId"]


def creation(center: IdentityCenter, request_id: str) -> dict[str, Any]:
    question = {
        "InstanceArn": company.INSTANCE_ARN,
        "AccountAssignmentCreationRequestId": request_id,
    }
    found = center.answer("DescribeAccountAssignmentCreationStatus", question)
    return found["AccountAssignmentCreationStatus"]


def listed(center: IdentityCenter) -> list[str]:
    question = {
        "InstanceArn": company.INSTANCE_ARN,
        "AccountId": company.PRODUCTION,
        "PermissionSetArn": company.ADMIN.arn,
    }
    rows = center.answer("ListAccountAssignments", question)["AccountAssignments"]
    return [row["PrincipalId"] for row in rows]


def refusal(center: IdentityCenter, operation: str, **question: Any) -> str:
    with pytest.raises(Problem) as caught:
        center.answer(operation, {**ask(), **question})
    return caught.value.code


def test_a_creation_is_in_progress_before_it_is_true(center: IdentityCenter, clock: Clock) -> None:
    request_id = create(center)
    assert creation(center, request_id)["Status"] == "IN_PROGRESS"
    assert listed(center) == []
    clock.now += 1
    assert creation(center, request_id)["Status"] == "SUCCEEDED"
    assert listed(center) == [ALICE]


def test_an_assignment_is_one_thing_however_often_it_is_created(
    center: IdentityCenter, clock: Clock
) -> None:
    for _ in range(2):
        request_id = create(center)
        clock.now += 1
        assert creation(center, request_id)["Status"] == "SUCCEEDED"
    assert listed(center) == [ALICE]
    delete(center)
    clock.now += 1
    assert listed(center) == []


def test_a_second_write_conflicts_until_the_first_has_settled(
    center: IdentityCenter, clock: Clock
) -> None:
    create(center)
    assert refusal(center, "CreateAccountAssignment") == "ConflictException"
    assert refusal(center, "DeleteAccountAssignment") == "ConflictException"
    create(center, STEVE)  # somebody else's is no conflict
    clock.now += 1
    delete(center)


def test_deleting_what_is_absent(center: IdentityCenter, clock: Clock) -> None:
    assert refusal(center, "DeleteAccountAssignment") == "ResourceNotFoundException"
    center.faults.change(delete_of_absent="FAILED")
    delete(center)
    clock.now += 1
    assert [each["event"] for each in center.history()] == ["delete asked", "delete failed"]


def test_outcomes_are_used_up_in_order(center: IdentityCenter, clock: Clock) -> None:
    planned = ["ThrottlingException", "FAILED: the role is busy", "OK"]
    center.faults.change(outcomes={"CreateAccountAssignment": planned})
    assert refusal(center, "CreateAccountAssignment") == "ThrottlingException"
    failed = create(center)
    clock.now += 1
    assert creation(center, failed)["FailureReason"] == "the role is busy"
    assert listed(center) == []
    create(center)
    clock.now += 1
    assert listed(center) == [ALICE]


def test_a_lost_answer_does_not_undo_the_act(center: IdentityCenter, clock: Clock) -> None:
    center.faults.change(outcomes={"CreateAccountAssignment": ["LOST"]})
    with pytest.raises(Accepted):
        create(center)
    clock.now += 1
    assert listed(center) == [ALICE]


def test_listings_may_lag(center: IdentityCenter, clock: Clock) -> None:
    center.faults.change(listing_lag=5)
    create(center)
    clock.now += 5.9
    assert listed(center) == []
    clock.now += 0.2
    assert listed(center) == [ALICE]


def test_outstanding_creates_are_limited(center: IdentityCenter) -> None:
    center.faults.change(outstanding_creates=1)
    create(center, STEVE)
    assert refusal(center, "CreateAccountAssignment") == "ThrottlingException"


def test_calls_are_throttled(center: IdentityCenter, clock: Clock) -> None:
    center.faults.change(calls_per_second=2)
    listed(center), listed(center)
    with pytest.raises(Problem):
        listed(center)
    clock.now += 1
    listed(center)


def test_status_lists_do_not_say_whose(center: IdentityCenter, clock: Clock) -> None:
    create(center)
    question = {"InstanceArn": company.INSTANCE_ARN, "Filter": {"Status": "IN_PROGRESS"}}
    name = "AccountAssignmentsCreationStatus"
    rows = center.answer("ListAccountAssignmentCreationStatus", question)[name]
    assert [set(row) for row in rows] == [{"Status", "RequestId", "CreatedDate"}]
    clock.now += 1
    assert center.answer("ListAccountAssignmentCreationStatus", question)[name] == []


def test_the_history_tells_when_and_by_which_request(center: IdentityCenter, clock: Clock) -> None:
    first = create(center)
    clock.now += 10  # nobody looked in between: the time is still that of the settling
    second = delete(center)
    clock.now += 10
    told = [(each["event"], each["at"], each["request_id"]) for each in center.history()]
    assert told == [
        ("create asked", 1000.0, first),
        ("appeared", 1001.0, first),
        ("delete asked", 1010.0, second),
        ("disappeared", 1011.0, second),
    ]


def test_an_unknown_principal_fails_later(center: IdentityCenter, clock: Clock) -> None:
    request_id = create(center, "9067f0a1-dead-4000-8000-000000000000")
    clock.now += 1
    assert creation(center, request_id)["Status"] == "FAILED"


def test_listings_come_in_pages(center: IdentityCenter, clock: Clock) -> None:
    center.faults.change(page_size=1)
    create(center), create(center, STEVE)
    clock.now += 1
    question = {
        "InstanceArn": company.INSTANCE_ARN,
        "AccountId": company.PRODUCTION,
        "PermissionSetArn": company.ADMIN.arn,
    }
    first = center.answer("ListAccountAssignments", question)
    rest = center.answer("ListAccountAssignments", {**question, "NextToken": first["NextToken"]})
    assert len(first["AccountAssignments"]) == len(rest["AccountAssignments"]) == 1
    assert "NextToken" not in rest


# The role behind the assignments ------------------------------------------------------------------


def suffix(center: IdentityCenter) -> str:
    return center.roles.suffix(company.PRODUCTION, company.ADMIN.arn)


def test_the_first_assignment_makes_a_role_and_the_last_takes_it_away(
    center: IdentityCenter, clock: Clock
) -> None:
    assert suffix(center) == ""
    create(center)
    clock.now += 2
    center.open_now()
    first = suffix(center)
    assert len(first) == 16
    create(center, STEVE)
    clock.now += 2
    delete(center)
    clock.now += 2
    center.open_now()
    assert suffix(center) == first, "Steve still has it"
    delete(center, STEVE)
    clock.now += 2
    center.open_now()
    assert suffix(center) == ""
    create(center)
    clock.now += 2
    center.open_now()
    assert suffix(center) not in ("", first), "another role, with another name"


@pytest.mark.parametrize(
    ("lacks", "kind"),
    [
        ("iam:CreateRole", "create"),
        ("iam:PutRolePolicy", "create"),
        ("iam:AttachRolePolicy", "create"),
        ("iam:UpdateSAMLProvider", "create"),
        ("iam:DeleteRole", "delete"),
        ("iam:DeleteRolePolicy", "delete"),
        ("iam:DetachRolePolicy", "delete"),
    ],
)
def test_in_the_management_account_each_half_takes_its_own_rights(
    center: IdentityCenter, clock: Clock, lacks: str, kind: str
) -> None:
    """Accepted, and FAILED later: with one half alone access is granted and never taken back."""
    center.accounts.add(company.HOME_ACCOUNT)
    center.may = lambda caller, action, resource: action != lacks
    there = ask() | {"TargetId": company.HOME_ACCOUNT}
    made = center.answer("CreateAccountAssignment", there)["AccountAssignmentCreationStatus"]
    clock.now += 2
    created = creation(center, made["RequestId"])
    if kind == "create":
        assert (created["Status"], created["FailureReason"]) == ("FAILED", DENIED)
        assert center.open_now() == {}
        return
    assert created["Status"] == "SUCCEEDED"
    center.answer("DeleteAccountAssignment", there)
    clock.now += 2
    assert len(center.open_now()) == 1, "it stays"


def test_in_other_accounts_nobody_needs_them(center: IdentityCenter, clock: Clock) -> None:
    center.may = lambda caller, action, resource: False
    create(center)
    clock.now += 2
    assert len(center.open_now()) == 1


def test_an_instance_says_whose_key_it_has(center: IdentityCenter) -> None:
    asked = {"InstanceArn": company.INSTANCE_ARN}
    found = center.answer("DescribeInstance", asked)["EncryptionConfigurationDetails"]
    assert found["KeyType"] == "AWS_OWNED_KMS_KEY"
    center.key_arn = company.KEY_ARN
    found = center.answer("DescribeInstance", asked)["EncryptionConfigurationDetails"]
    assert (found["KeyType"], found["KmsKeyArn"]) == ("CUSTOMER_MANAGED_KEY", company.KEY_ARN)


def test_a_user_is_looked_up_as_spelled_and_searched_for_in_any_spelling() -> None:
    store = IdentityStore(company.IDENTITY_STORE_ID, company.USERS, [])
    here = {"IdentityStoreId": company.IDENTITY_STORE_ID}

    def look(value: str) -> Any:
        unique = {"AttributePath": "emails.value", "AttributeValue": value}
        return store.GetUserId(here | {"AlternateIdentifier": {"UniqueAttribute": unique}})

    assert look("alice@example.com")["UserId"] == ALICE
    with pytest.raises(Problem, match="ResourceNotFoundException"):
        look("Alice@example.com")
    searched = {"AttributePath": "emails.value", "AttributeValue": "Alice@example.com"}
    (found,) = store.ListUsers(here | {"Filters": [searched]})["Users"]
    assert found["UserId"] == ALICE
