"""Identity Center: what each answer of AWS comes to for us."""

import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ParamValidationError
from botocore.stub import ANY, Stubber

from chalicelib.adapters.identity_center import calls
from chalicelib.adapters.identity_center.calls import acting_client, discover, reading_client
from chalicelib.adapters.identity_center.center import IdentityCenter
from chalicelib.adapters.identity_center.directory import Directory
from chalicelib.domain.errors import Gone, Refused, Unavailable, Unknown
from chalicelib.domain.ports import CallStatus
from chalicelib.domain.session import Access
from chalicelib.words import messages

from .server import answering, saying

INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
SET = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef"
OTHER_SET = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-fedcba0987654321"
USER = "11111111-2222-3333-4444-555555555555"
BOB = "66666666-2222-3333-4444-555555555555"
STORE = "d-1234567890"
ACCESS = Access("111122223333", SET, USER)
REQUEST = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

NAMED = {
    "InstanceArn": INSTANCE,
    "TargetId": "111122223333",
    "TargetType": "AWS_ACCOUNT",
    "PermissionSetArn": SET,
    "PrincipalType": "USER",
    "PrincipalId": USER,
}
OURS = {k: v for k, v in NAMED.items() if k != "InstanceArn"}


class Stage:
    """An IdentityCenter over a stubbed client: nothing is asked but what is expected."""

    def __init__(self, session: Any) -> None:
        client = acting_client(session)
        self.stub = Stubber(client)
        self.stub.activate()
        self.seconds = 0.0
        self.center = IdentityCenter(client, client, lambda: INSTANCE, seconds=lambda: self.seconds)

    def answers(self, operation: str, answer: dict[str, Any], expected: Any = None) -> None:
        self.stub.add_response(operation, answer, expected)

    def fails(self, operation: str, code: str, status: int = 400) -> None:
        self.stub.add_client_error(operation, code, "as AWS says", http_status_code=status)


@pytest.fixture
def stage(session: Any):
    stage = Stage(session)
    yield stage
    stage.stub.assert_no_pending_responses()


def test_create_and_delete_answer_with_the_request_id(stage: Stage):
    stage.answers(
        "create_account_assignment",
        {"AccountAssignmentCreationStatus": {"Status": "IN_PROGRESS", "RequestId": REQUEST}},
        NAMED,
    )
    stage.answers(
        "delete_account_assignment",
        {"AccountAssignmentDeletionStatus": {"Status": "IN_PROGRESS", "RequestId": REQUEST}},
        NAMED,
    )
    assert stage.center.create(ACCESS) == REQUEST
    assert stage.center.delete(ACCESS) == REQUEST


@pytest.mark.parametrize(
    "code",
    [
        "ConflictException",
        "ThrottlingException",
        "TooManyRequestsException",
        "ServiceQuotaExceededException",
        "ExpiredTokenException",
    ],
)
@pytest.mark.parametrize("act", ["create", "delete"])
def test_what_may_pass_is_refused_for_now(stage: Stage, act: str, code: str):
    stage.fails(f"{act}_account_assignment", code)
    with pytest.raises(Refused) as refused:
        getattr(stage.center, act)(ACCESS)
    assert not refused.value.lasting
    assert code in str(refused.value)


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ValidationException", "ResourceNotFoundException"]
)
def test_a_create_that_can_never_be_is_refused_for_good(stage: Stage, code: str):
    stage.fails("create_account_assignment", code)
    with pytest.raises(Refused) as refused:
        stage.center.create(ACCESS)
    assert refused.value.lasting


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_no_refusal_of_a_delete_is_for_good(stage: Stage, code: str):
    stage.fails("delete_account_assignment", code)
    with pytest.raises(Refused) as refused:
        stage.center.delete(ACCESS)
    assert not refused.value.lasting


def test_deleting_what_is_not_there_says_so(stage: Stage):
    stage.fails("delete_account_assignment", "ResourceNotFoundException")
    with pytest.raises(Gone):
        stage.center.delete(ACCESS)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InternalServerException", 500),
        ("ServiceUnavailableException", 503),
        ("ThrottlingException", 503),
        ("ResourceNotFoundException", 502),
        ("408", 408),
        ("SomethingNew", 400),
        ("Odd", 302),
    ],
)
@pytest.mark.parametrize("act", ["create", "delete"])
def test_whatever_is_not_certain_is_unknown(stage: Stage, act: str, code: str, status: int):
    stage.fails(f"{act}_account_assignment", code, status)
    with pytest.raises(Unknown):
        getattr(stage.center, act)(ACCESS)


def wired(session: Any, url: str, read_timeout: float = 5) -> IdentityCenter:
    """Over a real client of ours, pointed at `url`."""

    class Pointed:
        def client(self, service: str, region_name: str | None, config: Config) -> Any:
            config = config.merge(Config(read_timeout=read_timeout))
            return session.client(service, endpoint_url=url, config=config)

    return IdentityCenter(acting_client(Pointed()), reading_client(Pointed()), lambda: INSTANCE)


@pytest.mark.parametrize("act", ["create", "delete"])
@pytest.mark.parametrize(
    "answer",
    [
        saying(500, b"{}"),
        saying(503, b'{"__type": "ThrottlingException"}'),
        saying(200, b"<html>a proxy's page</html>"),
        saying(200, b"{}"),
        saying(200, b'{"AccountAssignmentCreationStatus": {"RequestId": ""}}'),
        lambda request: request.connection.shutdown(socket.SHUT_RDWR),
        lambda request: time.sleep(0.6),
    ],
    ids=["500", "503", "html", "empty", "no id", "closed", "silent"],
)
def test_an_outcome_nobody_saw_is_unknown_and_never_asked_for_twice(session, answer, act):
    with answering(answer) as server:
        with pytest.raises(Unknown):
            getattr(wired(session, server.url, read_timeout=0.3), act)(ACCESS)
        assert len(server.seen) == 1


@pytest.mark.parametrize("act", ["create", "delete"])
def test_what_was_never_sent_did_not_happen(session, act):
    with socket.socket() as held:  # bound, not listening: the port refuses
        held.bind(("127.0.0.1", 0))
        center = wired(session, f"http://127.0.0.1:{held.getsockname()[1]}")
        with pytest.raises(Refused) as refused:
            getattr(center, act)(ACCESS)
    assert not refused.value.lasting


def test_reads_try_again(session):
    with answering(saying(500, b"{}")) as server:
        with pytest.raises(Unavailable):
            wired(session, server.url).creation(ACCESS, REQUEST)
        assert len(server.seen) == 2


def test_an_answer_without_a_listing_is_no_empty_listing(session):
    with answering(saying(200, b"<html>a proxy's page</html>")) as server:
        center = wired(session, server.url)
        for ask in (
            lambda: center.assigned(ACCESS),
            lambda: center.creating(ACCESS, NOW),
            lambda: center.creation(ACCESS, REQUEST),
            lambda: center.permission_set("Admin"),
        ):
            with pytest.raises(Unavailable):
                ask()


def test_the_claim_can_outlast_a_call(session):
    config = acting_client(session).meta.config
    assert config.read_timeout == calls.READ_TIMEOUT == 5
    assert config.connect_timeout == calls.CONNECT_TIMEOUT == 2
    assert config.retries["total_max_attempts"] == 1


def test_a_read_holds_nobody_up_for_long(session):
    """Whoever waits for it looks at nothing else meanwhile."""
    for service in ("sso-admin", "identitystore"):
        config = reading_client(session, service=service).meta.config
        assert config.read_timeout == calls.PATIENCE == 3
        assert config.retries["total_max_attempts"] == 2


@pytest.mark.parametrize("status", ["IN_PROGRESS", "SUCCEEDED", "FAILED"])
def test_a_request_tells_what_became_of_it(stage: Stage, status: str):
    stage.answers(
        "describe_account_assignment_creation_status",
        {"AccountAssignmentCreationStatus": {"Status": status, "FailureReason": "why"}},
        {"InstanceArn": INSTANCE, "AccountAssignmentCreationRequestId": REQUEST},
    )
    stage.answers(
        "describe_account_assignment_deletion_status",
        {"AccountAssignmentDeletionStatus": {"Status": status}},
        {"InstanceArn": INSTANCE, "AccountAssignmentDeletionRequestId": REQUEST},
    )
    assert stage.center.creation(ACCESS, REQUEST) == CallStatus(status, "why")
    assert stage.center.deletion(ACCESS, REQUEST) == CallStatus(status)


def listed(request_id: str, created: datetime = NOW, status: str = "IN_PROGRESS") -> dict[str, Any]:
    return {"Status": status, "RequestId": request_id, "CreatedDate": created}


def test_a_request_that_aws_has_forgotten_wedges_nothing(stage: Stage):
    stage.fails("describe_account_assignment_creation_status", "ResourceNotFoundException")
    stage.answers(
        "list_account_assignment_creation_status", {"AccountAssignmentsCreationStatus": []}
    )
    call = stage.center.creation(ACCESS, REQUEST)
    assert not call.in_progress
    assert not call.failed
    assert call.status == "UNKNOWN"


def test_a_request_too_new_to_be_described_is_in_progress_while_it_is_listed(stage: Stage):
    stage.fails("describe_account_assignment_deletion_status", "ResourceNotFoundException")
    stage.answers(
        "list_account_assignment_deletion_status",
        {"AccountAssignmentsDeletionStatus": [listed(REQUEST)]},
    )
    assert stage.center.deletion(ACCESS, REQUEST).in_progress


def under_way(stage: Stage, pages: list[list[dict[str, Any]]], described: list[Any]) -> bool:
    tokens = ["t" * (n + 1) for n in range(len(pages) - 1)]
    for number, page in enumerate(pages):
        expected: dict[str, Any] = {
            "InstanceArn": INSTANCE,
            "Filter": {"Status": "IN_PROGRESS"},
        }
        if number:
            expected["NextToken"] = tokens[number - 1]
        answer: dict[str, Any] = {"AccountAssignmentsCreationStatus": page}
        if number < len(tokens):
            answer["NextToken"] = tokens[number]
        stage.answers("list_account_assignment_creation_status", answer, expected)
        for _ in page:
            if not described:
                break
            status = described.pop(0)
            if status is None:
                stage.fails(
                    "describe_account_assignment_creation_status", "ResourceNotFoundException"
                )
            else:
                stage.answers(
                    "describe_account_assignment_creation_status",
                    {"AccountAssignmentCreationStatus": status},
                )
    return stage.center.creating(ACCESS, NOW)


A, B = REQUEST, "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee"


@pytest.mark.parametrize(
    ("pages", "described", "answer"),
    [
        ([[]], [], False),
        ([[listed(A)]], [{**OURS, "Status": "IN_PROGRESS"}], True),
        ([[listed(A)]], [{**OURS, "Status": "SUCCEEDED"}], False),
        ([[listed(A)]], [{**OURS, "PrincipalId": BOB, "Status": "IN_PROGRESS"}], False),
        ([[listed(A)]], [{**OURS, "TargetId": "999999999999", "Status": "IN_PROGRESS"}], False),
        ([[listed(A)]], [{**OURS, "PermissionSetArn": OTHER_SET, "Status": "IN_PROGRESS"}], False),
        ([[listed(A)]], [{"Status": "IN_PROGRESS"}], True),  # it does not say whose
        ([[listed(A)]], [None], True),  # listed, yet not to be described: it may be ours
        ([[listed(A, NOW - timedelta(seconds=59))]], [{**OURS, "Status": "IN_PROGRESS"}], True),
        ([[listed(A, NOW - timedelta(seconds=61))]], [], False),
        ([[listed(A, status="SUCCEEDED")]], [], False),
        (
            [[listed(A)], [listed(B)]],
            [
                {**OURS, "PrincipalId": BOB, "Status": "IN_PROGRESS"},
                {**OURS, "Status": "IN_PROGRESS"},
            ],
            True,
        ),
    ],
)
def test_a_creation_under_way_is_ours_until_shown_otherwise(stage, pages, described, answer):
    assert under_way(stage, pages, described) is answer


def test_a_deletion_under_way_is_found(stage: Stage):
    stage.answers(
        "list_account_assignment_deletion_status",
        {"AccountAssignmentsDeletionStatus": [listed(A)]},
    )
    stage.answers(
        "describe_account_assignment_deletion_status",
        {"AccountAssignmentDeletionStatus": {**OURS, "Status": "IN_PROGRESS"}},
    )
    assert stage.center.deleting(ACCESS, NOW)


def assignment(principal: str, kind: str = "USER") -> dict[str, Any]:
    return {"PrincipalId": principal, "PrincipalType": kind}


def test_an_assignment_is_looked_for_on_every_page(stage: Stage):
    stage.answers(
        "list_account_assignments",
        {"AccountAssignments": [assignment(BOB)], "NextToken": "more"},
        {"InstanceArn": INSTANCE, "AccountId": "111122223333", "PermissionSetArn": SET},
    )
    stage.answers("list_account_assignments", {"AccountAssignments": [assignment(USER)]})
    assert stage.center.assigned(ACCESS)


def test_a_group_of_the_same_id_is_somebody_else(stage: Stage):
    stage.answers("list_account_assignments", {"AccountAssignments": [assignment(USER, "GROUP")]})
    assert not stage.center.assigned(ACCESS)


def test_where_the_permission_set_is_gone_nothing_is_assigned(stage: Stage):
    stage.fails("list_account_assignments", "ResourceNotFoundException")
    stage.answers(
        "list_instances",
        {"Instances": [{"InstanceArn": INSTANCE, "IdentityStoreId": STORE}]},
    )
    assert not stage.center.assigned(ACCESS)


def test_an_instance_out_of_sight_proves_nothing(stage: Stage):
    stage.fails("list_account_assignments", "ResourceNotFoundException")
    stage.answers("list_instances", {"Instances": []})
    with pytest.raises(Unavailable):
        stage.center.assigned(ACCESS)


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_a_read_that_fails_is_unavailable(stage: Stage, code: str):
    stage.fails("list_account_assignments", code)
    with pytest.raises(Unavailable, match=code):
        stage.center.assigned(ACCESS)


def described(stage: Stage, arn: str, name: str, duration: str | None = "PT1H") -> None:
    found = {"PermissionSetArn": arn, "Name": name}
    if duration:
        found["SessionDuration"] = duration
    stage.answers(
        "describe_permission_set",
        {"PermissionSet": found},
        {"InstanceArn": INSTANCE, "PermissionSetArn": arn},
    )


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT1H", timedelta(hours=1)),
        ("PT15S", timedelta(seconds=15)),
        ("PT1H30M", timedelta(minutes=90)),
        ("P1DT1S", timedelta(days=1, seconds=1)),
        (None, timedelta(hours=1)),
        ("an hour", timedelta(hours=12)),
        ("PT", timedelta(hours=12)),
    ],
)
def test_credentials_live_as_long_as_the_permission_set_says(stage, text, duration):
    described(stage, SET, "Admin", text)
    found = stage.center.permission_set(SET)
    assert found is not None
    assert found.session_duration == duration


def test_a_permission_set_is_found_by_name_and_remembered_for_ten_minutes(stage: Stage):
    def searched() -> None:
        stage.answers("list_permission_sets", {"PermissionSets": [OTHER_SET, SET]})
        described(stage, OTHER_SET, "ReadOnly")
        described(stage, SET, "Admin")

    def name() -> str:
        found = stage.center.permission_set("Admin")
        assert found is not None
        assert found.arn == SET
        return found.name

    searched()
    assert name() == "Admin"
    described(stage, SET, "Admin")  # its session duration is read anew each time
    assert name() == "Admin"
    stage.seconds = 601
    searched()
    assert name() == "Admin"


def test_a_permission_set_made_anew_under_its_name_is_found(stage: Stage):
    stage.answers("list_permission_sets", {"PermissionSets": [SET]})
    described(stage, SET, "Admin")
    stage.center.permission_set("Admin")
    stage.fails("describe_permission_set", "ResourceNotFoundException")
    stage.answers("list_permission_sets", {"PermissionSets": [OTHER_SET]})
    described(stage, OTHER_SET, "Admin")
    found = stage.center.permission_set("Admin")
    assert found is not None
    assert found.arn == OTHER_SET


def test_a_permission_set_that_is_not_there_is_none(stage: Stage):
    stage.answers("list_permission_sets", {"PermissionSets": []})
    assert stage.center.permission_set("Admin") is None
    stage.fails("describe_permission_set", "ResourceNotFoundException")
    assert stage.center.permission_set(SET) is None


def test_the_one_instance_is_discovered(stage: Stage):
    instances = [
        {"InstanceArn": INSTANCE, "IdentityStoreId": STORE, "OwnerAccountId": "111122223333"},
        {"InstanceArn": INSTANCE.replace("1", "2"), "IdentityStoreId": "d-2"},
    ]
    client = stage.stub.client
    stage.answers("list_instances", {"Instances": instances[:1]})
    assert discover(client) == (INSTANCE, STORE, "111122223333")
    stage.answers("list_instances", {"Instances": instances})
    assert discover(client, INSTANCE) == (INSTANCE, STORE, "111122223333")
    for unclear in ([], instances):
        stage.answers("list_instances", {"Instances": unclear})
        with pytest.raises(Unavailable, match="set identity_center_instance"):
            discover(client)


class Nowhere:
    """Which instance it is can be neither asked nor read."""

    def __call__(self) -> str:
        raise Unavailable("no telling which instance it is")


def test_what_is_open_is_closed_though_nobody_can_tell_which_instance_it_is(stage: Stage):
    """The permission set's ARN has the instance in it; only names need to know it."""
    client = stage.stub.client
    center = IdentityCenter(client, client, Nowhere())
    status = {"Status": "IN_PROGRESS", "RequestId": REQUEST}
    stage.answers("delete_account_assignment", {"AccountAssignmentDeletionStatus": status}, NAMED)
    stage.answers(
        "describe_account_assignment_deletion_status",
        {"AccountAssignmentDeletionStatus": {"Status": "SUCCEEDED"}},
        {"InstanceArn": INSTANCE, "AccountAssignmentDeletionRequestId": REQUEST},
    )
    stage.answers("list_account_assignments", {"AccountAssignments": []})
    assert center.delete(ACCESS) == REQUEST
    assert center.deletion(ACCESS, REQUEST).succeeded
    assert not center.assigned(ACCESS)
    described(stage, SET, "Admin")
    assert center.permission_set(SET) is not None
    with pytest.raises(Unavailable):
        center.permission_set("Admin")


def test_nobody_is_found_in_a_directory_that_nobody_can_name(session: Any):
    directory = Directory(reading_client(session, service="identitystore"), Nowhere())
    for ask in (
        lambda: directory.person("alice@example.com"),
        lambda: directory.user(USER),
        lambda: directory.groups_of(USER, ["sre"]),
    ):
        with pytest.raises(Unavailable):
            ask()


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-eusc"])
def test_the_instance_is_that_of_the_permission_set_in_every_partition(partition: str):
    found = calls.instance_of(SET.replace("arn:aws:", f"arn:{partition}:"))
    assert found == INSTANCE.replace("arn:aws:", f"arn:{partition}:")


@pytest.mark.parametrize("odd", ["", "ps-1", "arn:aws", "arn:aws:sso:::permissionSet"])
def test_of_what_is_no_permission_set_there_is_no_instance(odd: str):
    assert calls.instance_of(odd).endswith("/?")


@pytest.mark.parametrize("act", ["create", "delete"])
def test_a_refusal_says_whether_there_were_too_many(stage: Stage, act: str):
    for code, crowded in (("ThrottlingException", True), ("ConflictException", False)):
        stage.fails(f"{act}_account_assignment", code)
        with pytest.raises(Refused) as refused:
            getattr(stage.center, act)(ACCESS)
        assert refused.value.crowded is crowded


def test_a_read_says_whether_there_were_too_many(stage: Stage):
    for code, crowded in (("ThrottlingException", True), ("AccessDeniedException", False)):
        stage.fails("list_account_assignments", code)
        with pytest.raises(Unavailable) as unavailable:
            stage.center.assigned(ACCESS)
        assert unavailable.value.crowded is crowded


class Replaced:
    """The instance, or its store: what is remembered, and by what it was replaced."""

    def __init__(self, before: str, after: str | None) -> None:
        self.known, self.after = before, after

    def __call__(self) -> str:
        return self.known

    def renew(self) -> bool:
        known, self.known = self.known, self.after or self.known
        return self.known != known


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_a_name_is_looked_for_in_the_instance_that_has_replaced_the_remembered_one(
    stage: Stage, code: str
):
    client, old = stage.stub.client, INSTANCE.replace("1", "9")
    instance = Replaced(old, INSTANCE)
    center = IdentityCenter(client, client, instance, renew=instance.renew)
    stage.fails("list_permission_sets", code)
    stage.answers("list_permission_sets", {"PermissionSets": [SET]}, {"InstanceArn": INSTANCE})
    described(stage, SET, "Admin")
    found = center.permission_set("Admin")
    assert found is not None
    assert found.arn == SET


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_what_no_other_instance_mends_is_unavailable_and_asked_once(stage: Stage, code: str):
    client, instance = stage.stub.client, Replaced(INSTANCE, None)
    center = IdentityCenter(client, client, instance, renew=instance.renew)
    stage.fails("list_permission_sets", code)
    with pytest.raises(Unavailable, match=code):
        center.permission_set("Admin")


def test_a_remembered_name_that_is_kept_from_us_is_looked_for_anew(stage: Stage):
    stage.answers("list_permission_sets", {"PermissionSets": [OTHER_SET]})
    described(stage, OTHER_SET, "Admin")
    stage.center.permission_set("Admin")
    stage.fails("describe_permission_set", "AccessDeniedException")
    stage.answers("list_permission_sets", {"PermissionSets": [SET]})
    described(stage, SET, "Admin")
    found = stage.center.permission_set("Admin")
    assert found is not None
    assert found.arn == SET


class People:
    def __init__(self, session: Any) -> None:
        client = reading_client(session, service="identitystore")
        self.stub = Stubber(client)
        self.stub.activate()
        self.seconds = 0.0
        self.directory = Directory(client, lambda: STORE, seconds=lambda: self.seconds)

    def finds(self, attribute: str, value: str, user_id: str | None) -> None:
        expected = {
            "IdentityStoreId": STORE,
            "AlternateIdentifier": {
                "UniqueAttribute": {"AttributePath": attribute, "AttributeValue": value}
            },
        }
        kind = "group" if attribute == "displayName" else "user"
        if user_id is None:
            self.stub.add_client_error(
                f"get_{kind}_id", "ResourceNotFoundException", expected_params=expected
            )
        else:
            answer = {"IdentityStoreId": STORE, f"{kind.title()}Id": user_id}
            answer[f"{kind.title()}Arn"] = f"arn:aws:identitystore:::{kind}/{user_id}"
            self.stub.add_response(f"get_{kind}_id", answer, expected)

    def describes(self, **more: Any) -> None:
        user = {"IdentityStoreId": STORE, "UserId": USER, "UserName": "alice", **more}
        user |= {"UserArn": f"arn:aws:identitystore:::user/{USER}", "Revision": "1"}
        self.stub.add_response("describe_user", user)

    def members(self, groups: dict[str, bool]) -> None:
        self.stub.add_response(
            "is_member_in_groups",
            {"Results": [{"GroupId": g, "MembershipExists": is_} for g, is_ in groups.items()]},
            {"IdentityStoreId": STORE, "MemberId": {"UserId": USER}, "GroupIds": ANY},
        )


@pytest.fixture
def people(session: Any):
    people = People(session)
    yield people
    people.stub.assert_no_pending_responses()


def test_a_person_is_found_by_e_mail(people: People):
    people.finds("emails.value", "alice@example.com", USER)
    people.describes(DisplayName="Alice A.", Emails=[{"Value": "alice@example.com"}])
    person = people.directory.person("alice@example.com")
    assert person is not None
    assert (person.principal_id, person.user_name, person.name) == (USER, "alice", "Alice A.")
    assert person.email == "alice@example.com"


def test_a_person_is_found_by_user_name_where_no_e_mail_fits(people: People):
    people.finds("emails.value", "alice@example.com", None)
    people.finds("userName", "alice@example.com", USER)
    people.describes(Name={"GivenName": "Alice", "FamilyName": "A."})
    person = people.directory.person("alice@example.com")
    assert person is not None
    assert person.name == "Alice A."


def test_a_person_is_found_in_lower_case_where_nobody_is_spelled_as_slack_does(people: People):
    people.finds("emails.value", "Alice@Example.com", None)
    people.finds("emails.value", "alice@example.com", USER)
    people.finds("userName", "Alice@Example.com", None)
    people.finds("userName", "alice@example.com", USER)  # of the same person
    people.describes()
    person = people.directory.person("Alice@Example.com")
    assert person is not None
    assert (person.principal_id, person.email) == (USER, "Alice@Example.com")


def test_whoever_is_found_as_spelled_is_not_looked_for_again(people: People):
    people.finds("emails.value", "Alice@Example.com", USER)
    people.describes()
    assert people.directory.person("Alice@Example.com") is not None


def test_two_people_with_one_e_mail_are_refused_for_good(people: People):
    people.finds("emails.value", "Alice@Example.com", None)
    people.finds("emails.value", "alice@example.com", USER)
    people.finds("userName", "Alice@Example.com", USER.replace("1", "2"))
    people.finds("userName", "alice@example.com", None)
    with pytest.raises(Refused, match=messages.TWO_PEOPLE) as refused:
        people.directory.person("Alice@Example.com")
    assert refused.value.lasting


def test_nobody_is_nobody(people: People):
    people.finds("emails.value", "x@example.com", None)
    people.finds("userName", "x@example.com", None)
    assert people.directory.person("x@example.com") is None


def test_who_is_disabled_is_nobody(people: People):
    people.finds("emails.value", "alice@example.com", USER)
    people.describes(UserStatus="DISABLED")
    assert people.directory.person("alice@example.com") is None


def test_who_was_deleted_meanwhile_is_nobody(people: People):
    people.finds("emails.value", "alice@example.com", USER)
    people.stub.add_client_error("describe_user", "ResourceNotFoundException")
    assert people.directory.person("alice@example.com") is None


def test_a_directory_that_fails_does_not_say_that_nobody_is_there(people: People):
    people.stub.add_client_error("get_user_id", "AccessDeniedException")
    with pytest.raises(Unavailable):
        people.directory.person("alice@example.com")


def test_groups_are_told_by_name_and_their_ids_remembered(people: People):
    people.finds("displayName", "sre", "11111111-0000-0000-0000-000000000001")
    people.finds("displayName", "ops", "11111111-0000-0000-0000-000000000002")
    people.finds("displayName", "none", None)
    ids = {
        "11111111-0000-0000-0000-000000000001": True,
        "11111111-0000-0000-0000-000000000002": False,
    }
    people.members(ids)
    assert people.directory.groups_of(USER, ["sre", "ops", "none"]) == {"sre"}
    people.members(ids)
    assert people.directory.groups_of(USER, ["sre", "ops"]) == {"sre"}
    assert people.directory.groups_of(USER, []) == frozenset()


GROUP = "11111111-0000-0000-0000-000000000001"
NO_STORE = {"ResourceType": "IDENTITY_STORE"}


@pytest.mark.parametrize("ask", ["person", "user", "groups_of"])
@pytest.mark.parametrize(
    ("code", "facts"), [("ResourceNotFoundException", NO_STORE), ("AccessDeniedException", {})]
)
def test_people_are_looked_for_in_the_store_that_has_replaced_the_remembered_one(
    people: People, ask: str, code: str, facts: dict[str, str]
):
    """Else everybody is refused, as unknown, until what is remembered is a day old."""
    store = Replaced("d-0000000000", STORE)
    directory = Directory(people.stub.client, store, renew=store.renew)
    first = {"person": "get_user_id", "user": "describe_user", "groups_of": "get_group_id"}[ask]
    people.stub.add_client_error(first, code, modeled_fields=facts)
    if ask == "groups_of":
        people.finds("displayName", "sre", GROUP)
        people.members({GROUP: True})
        assert directory.groups_of(USER, ["sre"]) == {"sre"}
        return
    if ask == "person":
        people.finds("emails.value", "alice@example.com", USER)
    people.describes()
    found = directory.person("alice@example.com") if ask == "person" else directory.user(USER)
    assert found is not None
    assert found.principal_id == USER


def test_a_group_of_a_store_that_was_replaced_is_not_remembered(people: People):
    store = Replaced(STORE, "d-0000000000")
    directory = Directory(people.stub.client, store, renew=store.renew)
    people.finds("displayName", "sre", GROUP)
    people.members({GROUP: False})
    assert directory.groups_of(USER, ["sre"]) == set()
    store.renew()
    people.stub.add_client_error("get_group_id", "ResourceNotFoundException")
    assert directory.groups_of(USER, ["sre"]) == set()
    people.stub.assert_no_pending_responses()


def test_a_group_made_anew_under_its_name_is_found(people: People):
    first, second = ("11111111-0000-0000-0000-00000000000" + n for n in "12")
    people.finds("displayName", "sre", first)
    people.members({first: True})
    assert people.directory.groups_of(USER, ["sre"]) == {"sre"}
    people.stub.add_client_error("is_member_in_groups", "ResourceNotFoundException")
    people.finds("displayName", "sre", second)
    people.members({second: False})
    assert people.directory.groups_of(USER, ["sre"]) == frozenset()


def test_who_may_not_ask_who_is_in_a_group_asks_a_few_times_and_no_more(people: People):
    for _ in range(2):
        people.finds("displayName", "sre", GROUP)
        people.stub.add_client_error("is_member_in_groups", "AccessDeniedException")
    with pytest.raises(Unavailable, match="AccessDenied"):
        people.directory.groups_of(USER, ["sre"])


def test_whoever_is_assigned_is_named_and_groups_are_not(stage: Stage):
    stage.answers(
        "list_account_assignments",
        {"AccountAssignments": [assignment(BOB), assignment(USER), assignment("g", "GROUP")]},
    )
    assert stage.center.assignees("111122223333", SET) == {BOB, USER}


def test_a_permission_set_that_goes_while_they_are_listed_is_passed_over(stage: Stage):
    stage.answers("list_permission_sets", {"PermissionSets": [SET, SET]})
    stage.fails("describe_permission_set", "ResourceNotFoundException")
    described(stage, SET, "BreakGlassAdmin")
    found = stage.center.permission_set("BreakGlassAdmin")
    assert found is not None
    assert found.arn == SET


def test_a_permission_set_that_cannot_be_described_is_unavailable(stage: Stage):
    stage.fails("describe_permission_set", "AccessDeniedException")
    with pytest.raises(Unavailable):
        stage.center.permission_set(SET)


def test_an_assignment_that_botocore_would_not_send_is_refused_for_good():
    class Strict:
        def __getattr__(self, name: str) -> Any:
            def refuse(**_: Any) -> None:
                raise ParamValidationError(report="Invalid length for parameter PrincipalId")

            return refuse

    center = IdentityCenter(Strict(), Strict(), lambda: INSTANCE)
    with pytest.raises(Refused) as refused:
        center.create(ACCESS)
    assert refused.value.lasting


def test_an_answer_without_a_request_id_is_unknown(session: Any):
    class Odd:
        def __getattr__(self, name: str) -> Any:
            kind = "Creation" if name.startswith("create") else "Deletion"
            return lambda **_: {f"AccountAssignment{kind}Status": {"RequestId": ""}}

    center = IdentityCenter(Odd(), Odd(), lambda: INSTANCE)
    for act in (center.create, center.delete):
        with pytest.raises(Unknown):
            act(ACCESS)


def test_a_user_is_found_by_id_though_disabled(people: People):
    emails = [
        {"Value": "old@example.com"},
        {"Value": "alice@example.com", "Primary": True},
    ]
    people.describes(UserStatus="DISABLED", Emails=emails)
    person = people.directory.user(USER)
    assert person is not None
    assert (person.principal_id, person.user_name, person.name) == (USER, "alice", "alice")
    assert person.email == "alice@example.com"
    people.describes()
    person = people.directory.user(USER)
    assert person is not None
    assert person.email == ""


def test_a_user_who_was_deleted_is_nobody_and_one_out_of_reach_is_unavailable(people: People):
    people.stub.add_client_error("describe_user", "ResourceNotFoundException")
    assert people.directory.user(USER) is None
    people.stub.add_client_error("describe_user", "AccessDeniedException")
    with pytest.raises(Unavailable):
        people.directory.user(USER)


def test_a_directory_that_fails_half_way_is_unavailable(people: People):
    people.finds("emails.value", "alice@example.com", USER)
    people.stub.add_client_error("describe_user", "AccessDeniedException")
    with pytest.raises(Unavailable):
        people.directory.person("alice@example.com")
    people.finds("displayName", "sre", "11111111-0000-0000-0000-000000000001")
    people.stub.add_client_error("is_member_in_groups", "AccessDeniedException")
    with pytest.raises(Unavailable):
        people.directory.groups_of(USER, ("sre",))


def test_only_a_refusal_for_too_many_calls_slows_the_pace():
    slowed: list[str] = []

    class Heard(calls.Pace):
        def slow_down(self) -> None:
            slowed.append("slower")

    pace = Heard(10)
    for code in ("", "AccessDeniedException", "ThrottlingException"):
        pace._heard(parsed_response={"Error": {"Code": code}})
    pace._heard(parsed_response=None)
    assert slowed == ["slower"]


@pytest.mark.parametrize(
    ("region", "portal"),
    [
        ("cn-north-1", "https://start.home.awsapps.cn/directory/d-1234567890"),
        ("us-gov-west-1", "https://start.us-gov-home.awsapps.com/directory/d-1234567890"),
    ],
)
def test_in_another_partition_the_portal_is_elsewhere(
    monkeypatch: pytest.MonkeyPatch, region: str, portal: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    client = reading_client(boto3.Session(region_name=region), service="identitystore")
    assert Directory(client, lambda: STORE).portal() == portal


@pytest.mark.parametrize(
    ("store_id", "portal"),
    [
        (STORE, "https://d-1234567890.awsapps.com/start"),
        ("11111111-2222-3333-4444-555555555555", ""),  # an older instance's: it does not say
    ],
)
def test_the_portal_is_where_the_identity_store_says(
    session: Any, store_id: str, portal: str
) -> None:
    client = reading_client(session, service="identitystore")
    assert Directory(client, lambda: store_id).portal() == portal
