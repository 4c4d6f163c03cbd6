"""How long access may last, as the settings say it: every mistake is named at once."""

from datetime import timedelta

import pytest

from chalicelib.config.settings import InvalidSettings, load
from chalicelib.domain.glass import Glass

HOUR = timedelta(hours=1)
TOML = """
report_from = "break-glass@example.com"
trail = "trail"
[defaults]
{defaults}
[glass.prod]
account = "111122223333"
permission_set = "Admin"
may = ["everyone"]
report_to = ["security@example.com"]
{glass}
"""


def prod(glass: str, defaults: str = "") -> Glass:
    return load({}, TOML.format(glass=glass, defaults=defaults)).glasses["prod"]


def mistakes(glass: str, defaults: str = "") -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as caught:
        prod(glass, defaults)
    return caught.value.mistakes


def test_of_several_durations_the_first_is_what_a_plain_button_gives() -> None:
    one = prod('duration = "1h"')
    assert (one.duration, one.others, one.extend_to) == (HOUR, (), None)
    three = prod('duration = ["30m", "1h", "4h"]')
    assert (three.duration, three.others) == (HOUR / 2, (HOUR, 4 * HOUR))
    assert prod('duration = ["2h"]') == prod('duration = "2h"')
    assert prod("", 'duration = ["30m", "4h"]').others == (4 * HOUR,)
    assert prod("").duration == HOUR


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("[]", "[] is no list with something in it"),
        ('["1h", "60m"]', "has one duration twice; keep one of them"),
        ('["1h", "13h"]', '"13h" is too long; 12h at most'),
        ('["1h", "0s"]', '"0s" is too short; 1s at least'),
        ('["1h", 60]', '60 is no duration; write "1h", "90m" or "45s"'),
        ('["1h", ["2h"]]', "['2h'] is no duration"),
        (str([f"{n}m" for n in range(1, 8)]), "7 durations to choose from; 6 at most"),
    ],
)
def test_a_wrong_list_is_named(written: str, says: str) -> None:
    (mistake,) = mistakes(f"duration = {written}")
    assert mistake.startswith("[glass.prod] duration: ")
    assert says in mistake


def test_each_wrong_duration_of_a_list_is_named() -> None:
    assert len(mistakes('duration = ["13h", "soon"]')) == 2


def test_a_glass_may_be_extended_as_far_as_it_says() -> None:
    found = prod('duration = ["30m", "4h"]\nextend = "30m"\nextend_to = "4h"')
    assert (found.extend, found.extend_to) == (HOUR / 2, 4 * HOUR)
    assert prod('extend = "30m"\nextend_to = "24h"').extend_to == 24 * HOUR


@pytest.mark.parametrize(
    ("glass", "says"),
    [
        ('extend_to = "4h"', "extend_to: stands without extend"),
        ('duration = ["30m", "4h"]\nextend = "1h"\nextend_to = "3h30m"',
         "extend_to: 210m is shorter than the longest duration, 4h"),
        ('extend = "30m"\nextend_to = "1h"', "extend_to: 1h is the duration itself"),
        ('extend = "30m"\nextend_to = "25h"', 'extend_to: "25h" is too long; 24h at most'),
    ],
)  # fmt: skip
def test_what_cannot_be_extended_so_is_named(glass: str, says: str) -> None:
    (mistake,) = mistakes(glass)
    assert mistake.startswith(f"[glass.prod] {says}")


def test_a_default_that_does_not_fit_a_glass_is_named_for_that_glass() -> None:
    (mistake,) = mistakes('duration = "8h"', 'extend = "1h"\nextend_to = "4h"')
    assert mistake == "[glass.prod] extend_to: 4h is shorter than the longest duration, 8h"
