"""Every screen and dialog over a fleet that is hostile in all it says: nothing of it drives or tears the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile_fleet import HostileFleet, hostile_fleet
from hostile_texts import CONTROLS
from terminal_fixture import on_terminal
from terminal_stream import foreign
from terminal_visitor import ESCAPE, HANG_S, Visitor

SIZES = [pytest.param(120, 40, marks=pytest.mark.long, id="120x40"), pytest.param(80, 24, id="80x24")]
PASTE = "\x1b[200~http://127.0.0.1/{}\x1b[201~"
PASTED = "".join(CONTROLS).replace("\x1b", "").encode(errors="ignore").decode()
TAME = "␛"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[HostileFleet]:
    """Serve the fleet in which all is hostile."""
    with hostile_fleet(tmp_path) as served:
        yield served


def list_is_aligned(lines: list[str]) -> None:
    """Whether each row of the list has its columns where the head has them, and the bar to the right stands upright."""
    (top,) = (number for number, line in enumerate(lines) if line.startswith("   name "))
    head = lines[top]
    state, moving = head.index("state"), head.index("next")
    rows = [line for line in lines[top + 1 :] if len(line) > state and line[state] in "○●↻✗⊘≠?" and line[2] == " "]
    assert len(rows) >= 8
    for row in rows:
        assert row[state - 2 : state] in ("  ", "! "), row
        assert row[moving - 2 : moving] == "  ", row
        assert row[moving] != " ", row
    if (bar := head.find("│")) > 0:
        below = [line[bar] for line in lines[top:]]
        assert below.count("│") >= len(rows)
        assert set("".join(below[: below.index("┴")])) == {"│"}


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_no_screen_and_no_dialog_lets_anything_through(fleet: HostileFleet, columns: int, rows: int) -> None:
    arguments = ("-m", "updeck", "--fleet", str(fleet.inventory))
    with on_terminal(*arguments, columns=columns, rows=rows, environment=fleet.environment) as terminal:
        terminal.until(lambda seen: "1 insecure" in seen.text and "someone else's init" in seen.text)
        visitor = Visitor(terminal, columns, rows)
        visitor.look()
        list_is_aligned(visitor.lines())
        for _ in fleet.names[: 14 if columns > 80 else 4]:
            visitor.press("j")
        list_is_aligned(visitor.lines())
        assert visitor.painted_anew() == visitor.lines()
        screens(visitor)
        dialogs(visitor, fleet)
        assert sum(TAME in shown for shown in visitor.seen) >= 15, "it must have been shown to have been tamed"
        before = visitor.lines()
        assert visitor.painted_anew() == before
        visitor.terminal.send("q")
        assert visitor.terminal.process.wait(HANG_S) == 0
        visitor.terminal.read(0.1)
        assert foreign(visitor.terminal.written[visitor.looked :]) == []


def screens(visitor: Visitor) -> None:
    """Open all that is only read."""
    press = visitor.press
    for pane in range(4):
        press("\t")
        press("jjj" if pane else "kkk")
    press(ESCAPE)
    press("v", "esc back")
    for keys in ("\x1b[6~", "\x1b[6~", "/\x1b[200~\x9b\u202e[x\x1b[201~", "\r", "n", ESCAPE):
        press(keys)
    visitor.leave()
    for keys, title in (("?", "un-init (reset)"), ("J", "Activity "), ("\x10", "action:"), ("R", "Rollouts")):
        press(keys, title)
        visitor.leave()
    press("R", "Rollouts")
    assert TAME in press("\r", "REVIEW")
    press("\x1b[6~")
    visitor.leave("Rollouts")
    visitor.leave()
    press("/\x1b[200~\x1b]0;x\x9b2J\u202e[@click=app.quit]\x1b[201~", "no device matches")
    visitor.leave()


def dialogs(visitor: Visitor, fleet: HostileFleet) -> None:
    """Open every dialog on a device to which it applies, and leave it again."""
    press = visitor.press
    ready, failed = (fleet.simulator.with_trait(trait) for trait in ("foreign_init", "failed_graceful"))
    resting = fleet.simulator.names[-2]
    for device, keys, title in (
        (ready, "S", "someone else initialized"),
        (ready, "X", "Un-init: "),
        (failed, "X", "Un-init: "),
        ("stranger", "c", "CN="),
        (ready, "c", "Log in to"),
        (ready, "a", "Acknowledge"),
        (ready, "n", "Plan a rollout"),
        (resting, "f", "Fetch"),
    ):
        visitor.go_to(device)
        press(keys, title)
        press(PASTE.format(PASTED))
        press("\x1b[6~")
        visitor.leave()
    visitor.go_to(resting)
    upload(visitor, fleet)


def upload(visitor: Visitor, fleet: HostileFleet) -> None:
    """Choose a file among hostile names, and come to the dialog that shows it."""
    press = visitor.press
    press("u", "choose a file")
    press("\x1b[B" * 12)
    lines = visitor.lines()
    dates = {line.index(" 20", 30) for line in lines if ".iso" in line and " 20" in line[30:]}
    assert len(dates) == 1, "\n".join(lines)
    press("folder", "1 entry")
    press("\r", "new-")
    press("\r", "sha256")
    visitor.leave()
