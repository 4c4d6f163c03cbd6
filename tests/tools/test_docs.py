"""What the documents say is what the code does."""

import re

import pytest

from chalicelib.deploy import alarms
from chalicelib.domain.machine import ROWS
from simulator.world import ROOT
from tools.__main__ import main, summaries
from tools.docs import PARTS, documents, renewed


def test_the_documents_say_what_the_code_does() -> None:
    stale = [path.name for path in documents() if path.read_text() != renewed(path)]
    assert not stale, "`make docs` makes them again"


def test_a_document_that_lags_behind_is_made_again(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before.\n<!-- generated: diagram -->\nold\n<!-- end -->\nAfter.\n")
    made = renewed(page)
    assert "old" not in made
    assert "stateDiagram-v2" in made
    assert made.startswith("Before.\n")
    assert made.endswith("<!-- end -->\nAfter.\n")


def test_every_part_can_be_made() -> None:
    assert all(make() for make in PARTS.values())


def test_the_protocols_table_has_every_edge_of_the_machine() -> None:
    told = {row.split("|")[1].strip(): row for row in PARTS["transitions"]().splitlines() if row}
    for state, row in ROWS.items():
        for event, target in row.leads.items():
            assert re.search(rf"\b{event}\b[^→·|]*→ {target}\b", told[state])


def test_each_command_is_listed_with_what_it_does(capsys) -> None:
    assert main([]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert summaries()
    for name, summary in summaries().items():
        assert name in shown
        assert " ".join(summary.split()) in shown


def test_every_test_that_a_document_names_is_there() -> None:
    files = [(path.name, path.read_text()) for path in (ROOT / "tests").rglob("test_*.py")]
    named = [
        (page.name, name)
        for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for name in re.findall(r"`(?:tests/[\w/]*)?(test_\w+(?:\.py)?)`", page.read_text())
    ]
    assert any(page == "security.md" for page, _ in named)
    names, text = {name for name, _ in files}, "\n".join(text for _, text in files)
    gone = [(page, name) for page, name in named
            if name not in names and f"def {name}(" not in text]  # fmt: skip
    assert gone == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/protocol.md"])
def test_every_place_that_a_document_names_is_there(page: str) -> None:
    """Also what stands there: `ROWS` in `chalicelib/domain/machine.py`."""
    text = (ROOT / page).read_text()
    named = set(re.findall(r"`((?:chalicelib|tools|tests|simulator)/[\w/.-]+)`", text))
    assert [each for each in named if not (ROOT / each).exists()] in (
        [],
        ["chalicelib/glasses.toml"],
    )
    for name, place in re.findall(r"`(\w+)(?:\(\))?` in `((?:chalicelib|tools)/[\w/]+\.py)`", text):
        made = rf"^ *(?:def|class) {name}\b|^{name}\b[^=\n]*="  # there, and not only named
        assert re.search(made, (ROOT / place).read_text(), re.M), f"{name} in {place}"


def test_every_alarm_has_its_row_in_the_operators_table() -> None:
    rows = (ROOT / "docs/operate.md").read_text()
    named = {name for row in re.findall(r"^\| `([\w-]+)` \|", rows, re.M) for name in [row]}
    made = {each["AlarmName"].removeprefix("a-b-") for each in alarms.alarms("a", "b", "c")}
    expected = {re.sub(r"^[a-z-]+-(errors|throttles)$", r"FUNCTION-\1", name) for name in made}
    assert expected <= named


def test_every_decision_has_a_number_of_its_own() -> None:
    """Else a link to “decision 14” has two ends."""
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [int(page.name.partition("-")[0]) for page in pages]
    assert {each for each in numbers if numbers.count(each) > 1} == set()
    told = [page.read_text().partition(".")[0] for page in pages]
    assert told == [f"# {number}" for number in numbers]


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in documents():
        for link in re.findall(r"\]\(([^)\s#]+\.md)(?:#[^)]*)?\)", page.read_text()):
            assert "://" in link or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_house_says_which_packages_one_imports_but_for_its_types() -> None:
    rows = {line.split("`")[1]: line.split("|")[3].strip() for line in PARTS["house"]().split("\n")
            if line.startswith("| `")}  # fmt: skip
    assert rows["domain/"] == "none of the others"
    assert rows["route/"] == "domain, operations, words"
    assert "adapters" not in rows["triggers/"]
