"""The way of a first update by keys, from the list to the proven version, on a bare terminal and over a bad line.

`UPDECK_KEEP_PICTURES=DIRECTORY` keeps every picture that was on the screen.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from simulation import StartSimulator
from terminal_fixture import on_terminal
from terminal_stream import beyond_ascii, colours
from terminal_visitor import Visitor
from updeck.simulator.images import write_image
from updeck.simulator.serving import Simulator

PLAIN: dict[str, str | None] = {"LC_ALL": None, "LANG": "C", "NO_COLOR": "1", "TERM": "screen"}
VERSION = "11.8.0 #28924"
RELAY = ("slow_line.py", "--", sys.executable)
WALKS = [
    pytest.param((80, 24), RELAY, 30_000, id="80x24-relay"),
    pytest.param((60, 15), RELAY, 20_000, id="60x15-relay"),
    pytest.param((80, 24), (), 30_000, id="80x24"),
    pytest.param((60, 15), (), 20_000, id="60x15"),
]


def walk(visitor: Visitor, device: str, image: Path) -> None:
    """Go from the list to the proven version."""
    visitor.press("", "3 devices")
    visitor.press(f"/{device}\r", f"filter {device}")
    visitor.press("\r", "choose a file")
    visitor.press(f"{image}\r", "press y to upload to 1 device")
    visitor.press("y", "on its way to 1 device")
    visitor.press("", "uploaded to")
    visitor.press("", "init?")
    visitor.press("\r", "press y to init")
    visitor.press("y", "init ended INITIALIZED")
    visitor.press("", "start?")
    shown = visitor.press("\r", f"type {device} 11.8.0 and press enter")
    assert "[ Cancel ]  [ Start ]" in shown
    while "below: pgdn" in shown:
        shown = visitor.press("\x1b[6~")
    assert "already installed" in shown
    visitor.press(f"{device} 11.8.0", "press enter to start")
    visitor.press("\r", f"proven {VERSION}")
    visitor.press("", "start ended SUCCESS")
    assert f"proven {VERSION}" in visitor.seen[-1]
    visitor.press("v", "History")
    visitor.leave()
    visitor.press("J", "start ended SUCCESS: proven")
    visitor.leave()


@pytest.mark.long
@pytest.mark.parametrize(("size", "relay", "most"), WALKS)
async def test_a_device_is_updated_by_keys_on_a_bare_terminal_and_over_a_bad_line(
    simulator: StartSimulator, tmp_path: Path, size: tuple[int, int], relay: tuple[str, ...], most: int
) -> None:
    served = await simulator(devices=3)
    image = tmp_path / "update-11.8.0.iso"
    write_image(image, version=VERSION, size_bytes=2_000_000, corrupt=False)
    device = served.names[0]
    seen, written = await asyncio.to_thread(sit_there, served, size, relay, image)
    assert beyond_ascii(written) == []
    assert colours(written) == []
    assert len(written) <= most
    assert all(len(one) <= size[0] for shown in seen for one in shown.splitlines())
    truth = served.truth(device)
    assert (truth["inits"], truth["starts"], truth["version"]) == (1, 1, VERSION)
    await asyncio.to_thread(keep, seen, f"{size[0]}x{size[1]}{'-relay' if relay else ''}", "=" * size[0])


def keep(seen: list[str], name: str, rule: str) -> None:
    """Write every picture that was seen to a file, where that is asked for."""
    if kept := os.environ.get("UPDECK_KEEP_PICTURES"):
        Path(kept, f"walk-{name}.txt").write_text(f"\n{rule}\n".join(dict.fromkeys(seen)))


def sit_there(served: Simulator, size: tuple[int, int], relay: tuple[str, ...], image: Path) -> tuple[list[str], bytes]:
    """Walk in a terminal of this size; return what was on view and all that was written."""
    room = served.fleet_path.parent
    told = {**PLAIN, "HOME": str(room), "UPDECK_CONFIG": str(room), "UPDECK_STATE": str(room / "state")}
    words = (*relay, "-m", "updeck", "--fleet", str(served.fleet_path))
    with on_terminal(*words, columns=size[0], rows=size[1], environment=told) as terminal:
        visitor = Visitor(terminal, *size)
        walk(visitor, served.names[0], image)
        terminal.send("q")
        assert terminal.until_end() == 0
        return visitor.seen, terminal.written
