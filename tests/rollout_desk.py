"""What tests of whole rollouts share: a simulated fleet, a shell, plans for it, and the engines that they leave."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shell import Done, Shell
from updeck.simulator.images import write_image
from updeck.simulator.serving import Simulator

NEW = "11.12.0 #40000"
"""A version that no simulated device runs."""


@dataclass(frozen=True)
class Planned:
    """A plan as written to a file, and the code that confirms it."""

    path: Path
    code: str

    @property
    def words(self) -> tuple[str, ...]:
        """The command that carries it out."""
        return "rollout", "run", str(self.path), "--confirm", self.code


class RolloutDesk:
    """Makes plans and looks at rollouts, as a person at a shell would."""

    def __init__(self, simulator: Simulator, shell: Shell, room: Path) -> None:
        self.simulator = simulator
        self.shell = shell
        self.room = room
        self.image = room / "new.iso"
        write_image(self.image, NEW, 300_000)

    async def plan(self, *words: str, of: str = "*") -> Planned:
        """Plan an update to `NEW`, with more options if need be."""
        path = self.room / "plan.json"
        image = ("--image", str(self.image), "--version", NEW)
        done = await self.shell.run("rollout", "plan", of, *image, *words, "-o", str(path), "--json")
        assert done.code == 0, done.err
        return Planned(path, done.json["code"])

    async def detached(self, planned: Planned) -> str:
        """Start a rollout with a detached engine; return its id."""
        done = await self.shell.run(*planned.words, "--detach")
        assert done.code == 7, done.err
        return done.out.strip()

    async def ask(self, *words: str) -> Done:
        """Run one of the `rollout` commands that has to succeed."""
        done = await self.shell.run("rollout", *words)
        assert done.code == 0, done.err
        return done

    async def leave_out(self, rollout: str, names: Iterable[str]) -> None:
        """Skip devices that are held; one that the engine of an earlier skip has ended itself may refuse."""
        for name in names:
            done = await self.shell.run("rollout", "skip", rollout, name, "--reason", "not tonight")
            assert done.code == 0 or "its attempt 1 has ended" in done.err, done.err

    async def shown(self, rollout: str) -> dict[str, Any]:
        """Return `rollout show`."""
        shown: dict[str, Any] = (await self.ask("show", rollout, "--json")).json
        return shown

    async def verdicts(self, rollout: str) -> dict[str, str | None]:
        """Return the verdicts by device."""
        return {device["name"]: device["verdict"] for device in (await self.shown(rollout))["devices"]}

    async def engine(self, rollout: str) -> int:
        """Return the process that drives a rollout."""
        engine = (await self.shown(rollout))["engine"]
        assert engine["alive"]
        return int(engine["pid"])

    async def said(self, rollout: str, text: str) -> None:
        """Wait until the narration of a rollout says so, being attached to it for that long."""
        process = await self.shell.start("rollout", "attach", rollout)
        await self.shell.line(process, lambda line: text in line, of_stderr=True)
        process.send_signal(signal.SIGINT)
        done = await self.shell.end(process)
        assert done.code in (0, 1, 4, 5, 130), done.err

    def posts(self, name: str, path: str) -> list[dict[str, Any]]:
        """Return the POSTs that a device truly received, by the end of their path."""
        requests: Any = self.simulator.truth(name)["requests"]
        return [call for call in requests if call["method"] == "POST" and call["path"].endswith(path)]

    def end_engines(self) -> None:
        """End what a test left behind."""
        end_engines(self.shell.state)


def end_engines(state: Path) -> None:
    """End the engines that work with a state directory; this process is none of them."""
    for pid in _engines(state):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGKILL)


def _engines(state: Path) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            environ = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
            if f"UPDECK_STATE={state}\0".encode() in environ and int(entry.name) != os.getpid():
                yield int(entry.name)
