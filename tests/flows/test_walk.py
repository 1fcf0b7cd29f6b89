"""The index of flows is true, and one order can be read from end to end."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOWS = ROOT / "lex" / "flows"
README = (FLOWS / "README.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line.startswith("| ")]
INDEX = ROWS[2:]


def test_one_order_is_read_in_at_most_eight_files_and_seven_hundred_lines() -> None:
    walk = re.findall(r"^\d+\. \[`[^`]+`\]\(([^)]+)\)", README, re.MULTILINE)
    lines = {name: len((FLOWS / name).read_text().splitlines()) for name in walk}
    assert 5 <= len(lines) <= 8
    assert sum(lines.values()) <= 700, lines


def test_every_flow_stands_in_the_index() -> None:
    named = {name for row in INDEX for name in re.findall(r"`([^`]+)`", row[1])}
    there = {path.name + "/" * path.is_dir() for path in FLOWS.iterdir() if not path.name.startswith(("__", "README"))}
    assert named == there


def test_every_story_names_tests_that_exist() -> None:
    for story, _, tests in INDEX:
        folders = re.findall(r"`([^`]+)`", tests)
        assert folders, story
        for folder in folders:
            assert any((ROOT / folder).glob("test_*.py")), (story, folder)
