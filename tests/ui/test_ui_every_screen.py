"""Every screen and dialog on a terminal without colours and without UTF-8: no colour, and no byte beyond ASCII."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from every_screen import DIALOGS, SCREENS, concrete_screens
from terminal_fixture import Terminal, on_terminal
from terminal_stream import Emulator, beyond_ascii, colours, foreign

PLAIN = {"NO_COLOR": "1", "LC_ALL": "C", "LANG": "C", "TERM": "screen"}
SIZES = [pytest.param(80, 24, id="80x24")]
SIZES += [
    pytest.param(columns, rows, id=f"{columns}x{rows}", marks=pytest.mark.long)
    for columns, rows in ((60, 15), (120, 40))
]


def walk(terminal: Terminal, directory: Path, columns: int, rows: int) -> dict[str, list[str]]:
    """Go to every screen, and return what each showed; asserts that it did, and that nothing foreign came out."""
    places = directory / "places"
    emulator, fed = Emulator(columns, rows), 0
    seen: dict[str, list[str]] = {}
    for number, name in enumerate((*SCREENS, *DIALOGS), 1):
        terminal.until(lambda _, number=number: places.exists() and places.read_text().count("\n") == number)  # type: ignore[misc]
        terminal.until_quiet(0.05)
        new, fed = terminal.written[fed:], len(terminal.written)
        assert foreign(new) == [], name
        assert colours(new) == [], name
        assert beyond_ascii(new) == [], name
        emulator.feed(new)
        seen[name] = emulator.lines()
        place = json.loads(places.read_text().splitlines()[-1])
        assert place["name"] == name
        assert place["top"] in "\n".join(seen[name]), (place, "\n".join(seen[name]))
        os.kill(terminal.process.pid, signal.SIGUSR1)
    return seen


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_every_screen_is_without_colour_and_in_ascii_where_the_terminal_asks_for_it(
    tmp_path: Path, columns: int, rows: int
) -> None:
    with on_terminal("every_screen_child.py", str(tmp_path), columns=columns, rows=rows, environment=PLAIN) as terminal:
        seen = walk(terminal, tmp_path, columns, rows)
        assert terminal.until_end() == 0
        assert foreign(terminal.written) == []
        assert colours(terminal.written) == []
        assert beyond_ascii(terminal.written) == []
    been = {json.loads(place)["class"] for place in (tmp_path / "places").read_text().splitlines()}
    assert been == {screen.__name__ for screen in concrete_screens()}, "the tables know every screen of the source"
    if kept := os.environ.get("UPDECK_KEEP_PICTURES"):
        told = "".join(f"== {name}\n" + "\n".join(lines) + "\n" for name, lines in seen.items())
        Path(kept, f"{columns}x{rows}.txt").write_text(told)
    assert_marked(seen["devices"])


def assert_marked(lines: list[str]) -> None:
    """Assert that a name in foreign scripts has become ASCII marks, and its columns stand under their heads."""
    (head,) = (line for line in lines if line.startswith("   name "))
    state = head.index("state")
    (row,) = (line for line in lines if line[3:].startswith("ar11-zurich"))
    name = row[3 : state - 2].rstrip()
    assert name == "ar11-zurich-????-????-e" or (name.endswith("~") and name.startswith("ar11-zurich-"))
    assert row[state:].startswith("x FAILED_GRACEFUL")
    others = [line for line in lines if line[3:].startswith("ar11-") and line[state - 2] == " "]
    assert len(others) >= 5
    assert {line[state - 1] for line in others} == {" "}
    assert all(line[state] in "o~*x!#?." for line in others)
