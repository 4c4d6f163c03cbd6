"""The settings file: what it may say, and how it is told what is wrong with it."""

import re
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.config import keys, settings
from chalicelib.config.settings import InvalidSettings, load
from chalicelib.domain.glass import groups_among
from chalicelib.domain.lasting import warns

EXAMPLE = settings.GLASSES.with_name("glasses.example.toml")

GOOD = """
report_from = "break-glass@example.com"
cloudtrail_log_group = "trail"
[defaults]
report_to = ["security@example.com"]
[glass.prod]
account = "111122223333"
permission_set = "Admin"
may = ["Alice@Example.com", "group:On call"]
"""


def mistakes(toml: str | Path, **environ: str) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as raised:
        load(environ, toml)
    return raised.value.mistakes


def in_glass(line: str) -> str:
    return GOOD + line + "\n"


def test_the_example_has_every_setting():
    text = EXAMPLE.read_text()
    older = {"cloudtrail_log_group"}
    named = {key.name for key in (*keys.TOP, *keys.GLASS)} - older
    assert {name for name in named if not re.search(rf"^(# )?{name} ", text, re.M)} == set()


def test_the_example_needs_no_change_to_load():
    loaded = load({}, EXAMPLE)
    prod = loaded.glass("prod")
    assert prod is not None
    assert prod.duration == timedelta(hours=1)
    assert prod.extend == timedelta(minutes=30)
    assert prod.report_to == ("security@example.com", "oncall@example.com")
    assert groups_among(prod.may) == ("sre",)
    assert prod.channel == "C0INCIDENTS"
    assert loaded.table == "break-glass"
    assert loaded.reconcile == "report"


@pytest.mark.parametrize(
    "group",
    [
        "aws-controltower/CloudTrailLogs",
        "arn:aws:logs:eu-west-1:111122223333:log-group:aws-cloudtrail-logs-org:*",
    ],
)
def test_the_trail_is_named_or_given_by_its_arn(group):
    assert load({}, GOOD.replace('"trail"', f'"{group}"')).trail == group
    assert load({}, GOOD.replace('cloudtrail_log_group = "trail"', f'trail = "{group}"')) == load(
        {}, GOOD.replace('"trail"', f'"{group}"')
    )


ROLE = "arn:aws:iam::444455556666:role/break-glass-trail"
GROUP = "arn:aws:logs:eu-west-1:444455556666:log-group:aws-cloudtrail-logs-org"


def trail_of(*lines: str) -> str:
    return GOOD.replace('cloudtrail_log_group = "trail"', "\n".join(lines))


@pytest.mark.parametrize("trail", [GROUP, "s3://logs-of-all", "s3://logs-of-all/o-abc/x/"])
def test_the_trail_is_read_by_a_role_where_it_is(trail):
    known = load({}, trail_of(f'trail = "{trail}"', f'trail_role = "{ROLE}"'))
    assert (known.trail, known.trail_role) == (trail.rstrip("/"), ROLE)
    assert known.trail_external_id == "break-glass"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['trail = "s3://logs"'], "trail_role: must be set, for a bucket is read by a role"),
        (['trail = "x"', f'trail_role = "{ROLE}"'], "trail: with trail_role write the log group"),
        (['trail = "x"', 'cloudtrail_log_group = "x"'], "trail: stands beside cloudtrail_log_"),
        ([f'trail = "{GROUP.replace("4444", "7777")}"', f'trail_role = "{ROLE}"'],
         "trail_role: is of another account"),
        (['trail = "s3://Logs"', f'trail_role = "{ROLE}"'], 'trail: "s3://Logs" is no bucket'),
        (['trail = "s3://logs/AWSLogs/o-1"', f'trail_role = "{ROLE}"'], "goes too far"),
        ([f'trail = "{GROUP}"', 'trail_role = "arn:aws:iam::444455556666:role/Admin"'],
         "is no role's ARN that Break Glass may assume"),
        (['trail = "x"', 'trail_external_id = "?"'], '"?" is no external id'),
    ],
)  # fmt: skip
def test_a_trail_that_cannot_be_is_named(lines, said):
    assert any(said in each for each in mistakes(trail_of(*lines)))


def test_a_glass_takes_from_the_defaults_what_it_does_not_say():
    glass = load({}, GOOD).glasses["prod"]
    assert glass.report_to == ("security@example.com",)
    assert glass.duration == timedelta(hours=1)
    assert glass.report_after == timedelta(minutes=15)
    assert glass.extend is None
    assert glass.channel == ""


def test_people_are_compared_without_regard_to_case():
    assert load({}, GOOD).glasses["prod"].may == ("alice@example.com", "group:On call")


def test_glasses_are_found_by_their_very_name_and_by_account():
    loaded = load({}, GOOD)
    assert loaded.glass("Prod") is None
    assert [glass.name for glass in loaded.glasses_on("111122223333")] == ["prod"]
    assert loaded.glasses_on("999999999999") == ()


def test_every_mistake_is_named_at_once():
    found = mistakes(
        """
        report_from = "nobody"
        cloudtrail_log_grup = "trail"
        reconcile = "shout"
        [defaults]
        duration = "1 hour"
        account = "111122223333"
        [glass.Prod]
        account = 111122223333
        permission_set = "arn:aws:sso:::permissionSet/nonsense"
        may = ["bob", "group:", "everyone"]
        report_to = []
        channel = "#incidents"
        repot_after = "5m"
        [glass.empty]
        [people]
        alice = "alice@example.com"
        U012ABC = "alice"
        """,
        BREAK_GLASS_TABLE="x",
        SLACK_API_URL="http://evil.example.com/api/",
    )
    text = "\n".join(found)
    for part in (
        "set trail; see README",
        'report_from: "nobody" is no e-mail address',
        "cloudtrail_log_grup: unknown; did you mean cloudtrail_log_group?",
        'reconcile: "shout" is no way to reconcile',
        '[defaults] duration: "1 hour" is no duration; write "1h", "90m" or "45s"',
        "[defaults] account: belongs to one glass",
        "[glass.Prod] is no name",
        "[glass.Prod] account: 111122223333 is no account id; write its 12 digits in quotes",
        "[glass.Prod] permission_set:",
        '[glass.Prod] may: "bob" is nobody',
        '[glass.Prod] may: "group:" is nobody',
        "[glass.Prod] report_to: [] is no list with something in it",
        '[glass.Prod] channel: "#incidents" is no channel',
        "[glass.Prod] repot_after: unknown; did you mean report_after?",
        "[glass.empty] set account, permission_set, may and report_to",
        "[people] alice: is no Slack user's id",
        '[people] U012ABC: "alice" is no e-mail address',
        'BREAK_GLASS_TABLE: "x" is no table\'s name',
        'SLACK_API_URL: "http://evil.example.com/api/" is no address',
    ):
        assert part in text
    assert len(found) == 19


def test_a_wrong_default_is_named_once_not_for_every_glass():
    toml = GOOD.replace("[glass.prod]", 'duration = "soon"\n[glass.prod]')
    assert mistakes(toml) == (
        '[defaults] duration: "soon" is no duration; write "1h", "90m" or "45s"',
    )


def test_an_empty_file_says_what_to_set():
    assert mistakes("") == (
        "set report_from, trail and a [glass.*] table; see README, “Configure”",
    )


def test_toml_that_does_not_parse_is_named_with_its_line():
    (mistake,) = mistakes('report_from = "a@example.com"\n[glass.prod\n')
    assert mistake.startswith("glasses.toml: ")
    assert "line 2" in mistake


def test_a_missing_file_says_what_to_copy(tmp_path):
    (mistake,) = mistakes(tmp_path / "glasses.toml")
    assert "copy glasses.example.toml" in mistake


def test_a_file_that_is_no_utf8_is_named_with_its_line(tmp_path):
    path = tmp_path / "glasses.toml"
    path.write_bytes(b"# one\n# \xff\n")
    assert mistakes(path) == ("glasses.toml: is not UTF-8 text (at line 2)",)


def test_windows_line_ends_and_a_byte_order_mark_are_fine(tmp_path):
    path = tmp_path / "glasses.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load({}, path).glass("prod")


def test_two_glasses_may_not_open_the_same_lock():
    # The original project's button names account and permission set, not the glass.
    (mistake,) = mistakes(
        GOOD + '[glass.again]\naccount = "111122223333"\npermission_set = "Admin"\n'
        'may = ["everyone"]\n'
    )
    assert mistake.startswith("[glass.again] opens the same account and permission set as")


def test_everyone_stands_alone():
    toml = GOOD.replace('"group:On call"', '"everyone"')
    (mistake,) = mistakes(toml)
    assert '"everyone" stands beside others' in mistake


def test_a_slack_user_group_is_named_by_its_id_and_what_an_old_list_means_is_said():
    toml = GOOD.replace('"group:On call"', '"slack:S012ABC"')
    glass = load({}, toml).glasses["prod"]
    assert (glass.on_call, glass.stale_oncall) == (("S012ABC",), "last known")
    toml = in_glass('may = ["slack:S012ABC"]\nstale_oncall = "refuse"')
    assert (
        load({}, toml.replace('may = ["Alice@Example.com", "group:On call"]', ""))
        .glasses["prod"]
        .stale_oncall
        == "refuse"
    )


@pytest.mark.parametrize(
    "wrong",
    ["slack:", "slack:sre-oncall", "slack:@sre", "slack:s012abc", "slack: S012ABC", "slack:S",
     "slack:U012ABC", "slack:S012ABC ", "slack:<!subteam^S012ABC>", "slack:S" + "A" * 21],
)  # fmt: skip
def test_a_slack_user_group_by_anything_else_is_named_with_where_to_find_the_id(wrong):
    (mistake,) = mistakes(GOOD.replace("group:On call", wrong))
    assert mistake == (
        f'[glass.prod] may: "{wrong}" is no Slack user group; write its id, as "slack:S012ABC"; '
        "Slack shows it in the group's own menu"
    )


@pytest.mark.parametrize("wrong", ['"last"', '""', "true", '"Refuse"'])
def test_what_an_old_list_means_is_one_of_two(wrong):
    (mistake,) = mistakes(in_glass(f"stale_oncall = {wrong}"))
    assert mistake.endswith('is no answer; write "last known" or "refuse"')


def test_slack_is_asked_for_no_more_groups_than_it_answers_in_a_minute():
    def toml(number: int) -> str:
        groups = ", ".join(f'"slack:S0{n:03}"' for n in range(number))
        return GOOD.replace('"group:On call"', groups)

    assert len(load({}, toml(20)).glasses["prod"].on_call) == 20
    assert mistakes(toml(21)) == (
        "may: 21 Slack user groups; all glasses together can have 20, for Slack is asked for each",
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h", 3600), ("90m", 5400), ("45s", 45), ("1h30m", 5400), ("12h", 43200), ("1s", 1)],
)
def test_durations_are_read(text, seconds):
    glass = load({}, in_glass(f'duration = "{text}"')).glasses["prod"]
    assert glass.duration == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ['""', '"h"', '"1"', "60", '"-1h"', '"0s"', '"13h"', '"1d"', '"٣h"', '"1h "', "true"]
)
def test_what_is_no_duration_or_out_of_bounds_is_refused(text):
    (mistake,) = mistakes(in_glass(f"duration = {text}"))
    assert mistake.startswith("[glass.prod] duration: ")


def test_a_report_may_come_at_once_or_a_day_later_not_more():
    assert load({}, in_glass('report_after = "0s"')).glasses["prod"].report_after == timedelta(0)
    assert load({}, in_glass('report_after = "24h"')).glasses["prod"].report_after.days == 1
    assert "too long" in mistakes(in_glass('report_after = "25h"'))[0]


def test_a_mail_has_fifty_recipients_at_most():
    def to(count: int) -> str:
        return in_glass(f"report_to = {[f'p{n}@example.com' for n in range(count)]}")

    assert len(load({}, to(50)).glasses["prod"].report_to) == 50
    assert "51 addresses" in mistakes(to(51))[0]


@pytest.mark.parametrize(
    "address",
    ["a@b.com\\nBcc: x@y.com", "A <a@b.com>", "a@b.com,c@d.com", "a@b", "@b.com", "a b@c.com", ""],
)
def test_an_address_is_one_plain_address(address):
    assert mistakes(in_glass(f'report_to = ["{address}"]'))


@pytest.mark.parametrize(
    "address",
    [
        "dån@example.com", "security@exämple.com", "ops@пример.рф", ".ops@example.com",
        "ops.@example.com", "o..ps@example.com", "ops@-example.com", "ops@example-.com",
        "ops@exam_ple.com", "ops@10.0.0.1", f"ops@{'a.' * 130}com", "o\u200bps@example.com",
    ],
)  # fmt: skip
def test_an_address_that_ses_never_takes_is_a_mistake_before_anything_is_deployed(
    address: str,
) -> None:
    listed = f'report_to = ["{address}", "security@example.com"]'
    (mistake,) = mistakes(in_glass(listed))
    assert mistake.startswith("[glass.prod] report_to: ")
    assert address in mistake
    assert mistakes(GOOD.replace("break-glass@example.com", address))
    assert mistakes(f'alarm_to = "{address}"\n{GOOD}')


@pytest.mark.parametrize(
    "address", ["o'neil+aws@sub.example.co.uk", "a_b-c=d@x1.xn--p1ai", "1@2.example", "A@B-C.COM"]
)
def test_an_address_that_ses_takes_is_none(address: str) -> None:
    assert load({}, in_glass(f'report_to = ["{address}"]')).glasses["prod"].report_to == (address,)


def test_who_may_can_have_an_e_mail_that_no_mail_goes_to() -> None:
    toml = GOOD.replace("Alice@Example.com", "dån@example.com")
    assert "dån@example.com" in load({}, toml).glasses["prod"].may


@pytest.mark.parametrize("name", ["Admin", "a+b=c,d.e@f-g_h", "A" * 32])
def test_permission_sets_go_by_their_name(name):
    toml = GOOD.replace('"Admin"', f'"{name}"')
    assert load({}, toml).glasses["prod"].permission_set == name


def test_permission_sets_go_by_their_arn():
    arn = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef"
    toml = GOOD.replace('"Admin"', f'"{arn}"')
    assert load({}, toml).glasses["prod"].permission_set == arn


@pytest.mark.parametrize("name", ["", "A" * 33, "a b", "Ädmin", "arn:aws:iam::1:role/x"])
def test_what_names_no_permission_set_is_refused(name):
    (mistake,) = mistakes(GOOD.replace('"Admin"', f'"{name}"'))
    assert mistake.startswith("[glass.prod] permission_set: ")


@pytest.mark.parametrize(
    "toml",
    [
        "glass = 3",
        "[[glass]]",
        "[glass]\nprod = 1",
        "people = []",
        "defaults = 1",
        "[glasses.prod]\naccount = '1'",
    ],
)
def test_a_table_that_is_none_is_a_mistake_not_a_crash(toml):
    assert mistakes(toml)


def test_the_environment_can_move_everything_technical():
    loaded = load(
        {
            "BREAK_GLASS_TABLE": "bg-2",
            "BREAK_GLASS_QUEUE": "bg-2",
            "BREAK_GLASS_SECRETS": "/teams/bg",
            "SLACK_API_URL": "http://127.0.0.1:9999/api",
            "AWS_DEFAULT_REGION": "eu-west-1",
        },
        GOOD,
    )
    assert (loaded.table, loaded.queue, loaded.secrets) == ("bg-2", "bg-2", "/teams/bg")
    assert loaded.slack_api_url == "http://127.0.0.1:9999/api/"
    assert loaded.region == "eu-west-1"


@pytest.mark.parametrize(
    "url",
    [
        "http://slack.com/api/",
        "https://slack.com@evil.example.com/",
        "https://slack.com/api/?x=1",
        "ftp://slack.com/",
        "slack.com",
        "http://127.0.0.1.evil.example.com/",
    ],
)
def test_the_bot_token_goes_nowhere_in_the_clear(url):
    assert mistakes(GOOD, SLACK_API_URL=url)


def test_the_settings_table_has_every_setting():
    text = keys.table()
    for key in (*keys.TOP, *keys.GLASS, *keys.ENVIRONMENT):
        assert f"| `{key.name}` | {key.says} | {key.otherwise} |" in text
    assert "| must be set |" in text


def test_settings_cannot_be_changed():
    loaded = load({}, GOOD)
    with pytest.raises(TypeError):
        loaded.glasses["x"] = loaded.glasses["prod"]  # type: ignore[index]


def test_settings_are_light_to_import():
    # The route reads them within Slack's three seconds, from a cold start.
    script = "import sys, chalicelib.config.settings; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"boto3", "botocore", "slack_sdk", "pynamodb", "difflib", "json"} & set(loaded)


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(key=st.sampled_from([*settings.TOP, *settings.GLASS]), value=_plain)
def test_no_value_of_any_setting_is_a_crash(key, value):
    with suppress(ValueError):  # whatever else it raised would be a bare traceback at deploy time
        key.read(value)


@pytest.mark.parametrize("target", ["arn:aws:sns:eu-west-1:111122223333:oncall", "ops@example.com"])
def test_alarms_go_to_a_topic_or_an_address(target):
    assert load({}, f'alarm_to = "{target}"' + GOOD).alarm_to == target
    assert load({}, GOOD).alarm_to == ""


@pytest.mark.parametrize("target", ["oncall", "arn:aws:sns:eu-west-1:111122223333:oncall.fifo"])
def test_alarms_go_nowhere_else(target):
    (mistake,) = mistakes(f'alarm_to = "{target}"' + GOOD)
    assert mistake.startswith("alarm_to: ")


def test_the_log_is_kept_for_ever_unless_days_are_named():
    assert load({}, GOOD).keep_days == 0
    assert load({}, "keep_days = 730" + GOOD).keep_days == 730


@pytest.mark.parametrize("days", ["0", "-1", '"30"', "true", "1.5", "40000"])
def test_days_are_a_whole_number_of_them(days):
    (mistake,) = mistakes(f"keep_days = {days}" + GOOD)
    assert mistake.startswith("keep_days: ")


RULE = """
[[rule]]
id = "our-vault"
calls = ["s3:GetObject"]
reads = true
severity = "critical"
reason = "secret read"
"""


def test_rules_of_ones_own_are_kept_as_they_are():
    (rule,) = load({}, GOOD + RULE).rules
    assert rule["id"] == "our-vault"
    assert load({}, GOOD).rules == ()
    assert settings.unusable_rules(load({}, GOOD + RULE)) == []


def test_a_rule_that_cannot_be_used_is_said_to_whoever_deploys():
    loaded = load({}, GOOD + RULE.replace("critical", "grave") + RULE.replace("calls", "cals"))
    first, second = settings.unusable_rules(loaded)
    assert first.startswith("[[rule]] our-vault: 'grave' is none of")
    assert "cals is nothing that a rule has" in second
    (mistake,) = mistakes("rule = 7" + GOOD)
    assert "write [[rule]] above each" in mistake


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("", "warns", timedelta(minutes=5)),
        ('duration = "10m"', "warns", timedelta(0)),
        ('warn_before = "0s"', "warns", timedelta(0)),
        ('duration = "1m"\nwarn_before = "20s"', "warns", timedelta(seconds=20)),
        ("", "reason", "optional"),
        ('reason = "required"', "reason", "required"),
        ("", "tell_to", "report_to"),
        ('tell_to = "nobody"', "tell_to", "nobody"),
        ('tell_to = "arn:aws:sns:eu-west-1:111122223333:break-glass-use"', "tell_to",
         "arn:aws:sns:eu-west-1:111122223333:break-glass-use"),
        ("", "tell_refusals", False),
        ("tell_refusals = true", "tell_refusals", True),
    ],
)  # fmt: skip
def test_what_people_see_of_a_session_is_the_glasses_to_say(line, name, value):
    glass = load({}, in_glass(line)).glasses["prod"]
    found = warns(glass, glass.duration) if name == "warns" else getattr(glass, name)
    assert found == value


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('reason = "maybe"', 'reason: "maybe" is no answer; write "required" or "optional"'),
        ('tell_to = "bob@example.com"', 'write "report_to", "nobody" or a topic'),
        (
            'tell_to = "arn:aws:sns:eu-west-1:111122223333:oncall"',
            "that Break Glass may publish to",
        ),
        ('tell_to = "arn:aws:sns:eu-west-1:111122223333:break-glass.fifo"', "is not FIFO"),
        ('tell_refusals = "yes"', "is neither true nor false"),
        ("tell_refusals = 1", "is neither true nor false"),
        ('warn_before = "soon"', "warn_before: "),
    ],
)
def test_what_they_cannot_see_is_named(line, says):
    assert says in "\n".join(mistakes(in_glass(line)))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("https://acme.awsapps.com/start", "https://acme.awsapps.com/start"),
        ("https://acme.awsapps.com/start/", "https://acme.awsapps.com/start"),
    ],
)
def test_the_portal_is_an_address_as_the_browser_shows_it(said, kept):
    assert load({}, f'access_portal = "{said}"\n{GOOD}').access_portal == kept
    assert load({}, GOOD).access_portal == ""


@pytest.mark.parametrize(
    "said",
    ["http://acme.awsapps.com/start", "acme", "https://a b.com/", "https://acme.com/start?x=1#y",
     "https://acme.com|click"],
)  # fmt: skip
def test_no_link_leads_elsewhere(said):
    assert "access_portal" in "\n".join(mistakes(f'access_portal = "{said}"\n{GOOD}'))


# ---- a review ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"), [("5d", 432_000), ("1d12h", 129_600), ("36h", 129_600), ("30d", 2_592_000)]
)
def test_the_time_for_a_review_may_be_days(text, seconds):
    glass = load({}, in_glass(f'review = "{text}"\nchannel = "C0INCIDENTS"')).glasses["prod"]
    assert glass.review == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('review = "31d"\nchannel = "C0"', 'review: "31d" is too long; 720h at most'),
        ('review = "soon"', 'review: "soon" is no duration; write "5d", "36h" or "90m"'),
        ('review = "5d"\nchannel = ""', "review: needs a channel, where others are asked"),
        ('reviewers = ["bob@example.com"]', "reviewers: nothing is reviewed; set review"),
        ("block_until_reviewed = true", "block_until_reviewed: nothing is reviewed; set review"),
        (
            'review = "5d"\nchannel = "C0INCIDENTS"\nreviewers = ["bob@example.com"]',
            "reviewers: bob@example.com is the only one, and nobody reviews their own",
        ),
    ],
)
def test_a_review_that_nobody_could_do_is_refused(settings, said):
    toml = in_glass(settings)
    if "only one" in said:
        toml = re.sub(r"^may = .*$", 'may = ["bob@example.com"]', toml, flags=re.M)
    assert any(f"[glass.prod] {said}" in each for each in mistakes(toml)), mistakes(toml)


def test_who_went_in_by_a_bypass_may_be_reviewed_by_others_than_approve():
    text = 'approve = "15m"\nbypass = ["group:leads"]\nreviewers = ["group:audit"]\nchannel = "C0X"'
    glass = load({}, in_glass(f"{text}\nblock_until_reviewed = true")).glasses["prod"]
    assert (glass.review, glass.review_by) == (None, ("group:audit",))
