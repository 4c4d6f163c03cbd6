"""No file is longer than a stranger reads in one go; tables of rules are not code."""

import pytest

from simulator.world import ROOT

LONGEST = 400  # lines


@pytest.mark.parametrize("folder", ["chalicelib", "simulator", "tools"])
def test_no_file_is_too_long(folder: str) -> None:
    files = [ROOT / "app.py", *(ROOT / folder).rglob("*.py")]
    lengths = {str(each.relative_to(ROOT)): len(each.read_text().splitlines()) for each in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
