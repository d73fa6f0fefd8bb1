"""The README tells the keys that the program has."""

from __future__ import annotations

import re
from pathlib import Path

from updeck.ui.actions import ACTIONS, Action

README = Path(__file__).parents[2] / "README.md"


def row(action: Action) -> str:
    keys = " ".join(f"`{key}`" for key in (action.key, *action.also))
    about = f"{action.label}: {action.help}" if action.help else action.label
    return f"| {keys} | `{action.id}` | {about} |"


def test_the_key_table_is_that_of_the_registry() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    head = lines.index("| key | action id | what it does |")
    table = lines[head + 2 : lines.index("", head)]
    assert table == [row(action) for action in ACTIONS]


def test_the_pictures_of_the_readme_are_those_that_there_are() -> None:
    shown = re.findall(r"!\[[^]]+\]\(screenshots/([^)]+)\)", README.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(path.name for path in README.with_name("screenshots").iterdir())
