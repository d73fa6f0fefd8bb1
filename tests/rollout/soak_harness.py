"""A fleet in the scenario `chaos` with rollouts running over it, all as processes, judged by what the devices know.

`python tests/rollout/soak_harness.py --seconds 3600 [--devices 100] [--seed N]`; a short run is among the tests.
A simulator, an engine per rollout, and the UI on a pseudo-terminal, whose keys are pressed at random. One rollout
follows the other until the time is up; in between a technician (this harness) deletes images,
resets what failed, and resolves what has to be reviewed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, randrange
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1]))

from rollout.kill_harness import NOT_UPDATED
from shell import Done, Shell
from terminal_fixture import SOURCE, Terminal, on_terminal
from updeck.device.versions import same_version
from updeck.fleet.inventory import DeviceEntry, load_fleet
from updeck.journal.models import Verdict
from updeck.simulator.images import write_image

SPEED = 60.0
"""Init 2 s, run 10 s, a fault of each device about every 20 s."""

IMAGE_BYTES = 300_000
ROLLOUT_S = 420.0
"""When a rollout that has not ended is aborted: more than the patience of an attempt, 6 h of device time."""
LIMITS = ("--max-parallel", "40", "--max-transfers", "12")
SCREENS_DEEP = 5
SAMPLE_S = 1.0
KEPT_BYTES = 1 << 14
KEYS = ("j", "k", "j", "j", "\x1b[6~", "\x1b[5~", "\t", "r", "]", "[", "o", "v", "R", "J", "?", "\x1b", "\x1b", "\x1b")
FAULT = "fault in updeck"
"""What every fault of the program itself is told with, in an engine's log and on the screen."""

READY = "INITIALIZED"
UPDATE = "/api/npm.system_update/2.0"
_SPOILED = (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError, RecursionError)
"""What becomes of a call through the faults of the scenario."""


@dataclass(slots=True)
class Memory:
    """What a process took, in kB, second by second."""

    samples: list[int] = field(default_factory=list)

    def note(self, pid: int) -> None:
        """Take a sample; a process that has ended gives none."""
        with contextlib.suppress(OSError):
            found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            if found:
                self.samples.append(int(found[1]))

    @property
    def growth(self) -> float:
        """How much more the last quarter took than the second, as a share."""
        quarter = len(self.samples) // 4
        if quarter < 5:
            return 0.0
        before, after = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        return (sum(after) / len(after)) / (sum(before) / len(before)) - 1

    def __str__(self) -> str:
        if not self.samples:
            return "no sample"
        return (
            f"{self.samples[-1] / 1024:.0f} MB at the end, {max(self.samples) / 1024:.0f} at most, {self.growth:+.1%}"
        )


@dataclass(slots=True)
class Findings:
    """What came of a run; `wrong` holds a sentence for each violation."""

    seed: int
    devices: int
    seconds: float = 0.0
    rollouts: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    waiting: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    requests: int = 0
    ui_bytes: int = 0
    faulty: bool = False
    ui: Memory = field(default_factory=Memory)
    engine: Memory = field(default_factory=Memory)
    simulator: Memory = field(default_factory=Memory)

    def __str__(self) -> str:
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in self.verdicts.most_common())
        return "\n".join(
            (
                f"seed {self.seed}, {self.devices} devices, {self.seconds:.0f} s, {self.rollouts} rollouts: {verdicts}",
                f"mutating calls: {self.requests}; bytes to the terminal: {self.ui_bytes}",
                f"UI: {self.ui}",
                f"engine: {self.engine}",
                f"simulator: {self.simulator}",
                f"waiting for a person at the end: {'; '.join(self.waiting) or 'nothing'}",
                f"wrong: {'; '.join(self.wrong) or 'nothing'}",
            )
        )


async def soak(seconds: float, devices: int, seed: int, room: Path, *, tell: Callable[[str], None] = print) -> Findings:
    """Run for so long, let the last rollout end, and return what was found."""
    findings = Findings(seed, devices)
    began = time.monotonic()
    words = ("--devices", str(devices), "--seed", str(seed), "--speed", str(SPEED), "--scenario", "chaos")
    async with _simulator(room, *words) as (control_url, pid):
        shell = _shell(room)
        with _ui(room, Random(seed), findings) as ui:
            async with _sampled(findings.ui, ui.process.pid), _sampled(findings.simulator, pid):
                while not findings.rollouts or time.monotonic() - began < seconds:
                    findings.rollouts += 1
                    await _Rollout(findings, room, shell, control_url).play()
                    findings.seconds = time.monotonic() - began
                    tell(f"{findings}\n")
        findings.seconds = time.monotonic() - began
        _look_for_crashes(room, findings)
    return findings


def _shell(room: Path) -> Shell:
    """Return a shell that runs the source beside these tests."""
    shell = Shell(room, room / "state")
    shell.extra["PYTHONPATH"] = str(SOURCE)
    return shell


@asynccontextmanager
async def _simulator(room: Path, *words: str) -> AsyncIterator[tuple[str, int]]:
    """Serve a fleet as a process; gives the control port's URL and the process id."""
    inventory = room / "fleet.toml"
    shell = _shell(room)
    with (room / "simulator.log").open("wb") as log:
        process = await shell.start("simulator", "serve", *words, "--fleet-out", str(inventory), stderr=log.fileno())
        try:
            ready = await shell.line(process, lambda line: line.startswith("ready "))
            text = re.sub(r"(?m)^pair = .*\n", "", inventory.read_text())  # else mates wait for a person
            inventory.write_text(text)
            yield ready.split()[1], process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            await process.communicate()


@asynccontextmanager
async def _sampled(memory: Memory, pid: int) -> AsyncIterator[None]:
    async def sample() -> None:
        while True:
            memory.note(pid)
            await asyncio.sleep(SAMPLE_S)

    task = asyncio.create_task(sample())
    try:
        yield
    finally:
        task.cancel()


@contextmanager
def _ui(room: Path, random: Random, findings: Findings) -> Iterator[Terminal]:
    """Run the UI, read what it draws, and press keys."""
    environment = {"UPDECK_CONFIG": str(room), "UPDECK_STATE": str(room / "state")}
    with on_terminal("-m", "updeck", environment=environment) as terminal:
        terminal.until(lambda seen: "checked" in seen.text)
        over = threading.Event()

        def work() -> None:
            while not over.is_set() and terminal.process.poll() is None:
                terminal.written = terminal.written[-KEPT_BYTES:]
                findings.ui_bytes += len(terminal.read(SAMPLE_S))
                findings.faulty = findings.faulty or FAULT.encode() in terminal.written
                with contextlib.suppress(OSError):  # it has ended
                    terminal.send(random.choice(KEYS))

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield terminal
        finally:
            over.set()
            thread.join()
        _leave(terminal, findings)
        if findings.faulty:
            findings.wrong.append("the UI told of a fault of its own")


def _leave(ui: Terminal, findings: Findings) -> None:
    """Quit the UI as a person does."""
    if ui.process.poll() is not None:
        findings.wrong.append(f"the UI ended by itself with {ui.process.returncode}: {ui.text[-600:]}")
        return
    for _ in range(SCREENS_DEEP):  # one is on top of another, and a filter may be open
        ui.send("\x1b")
        ui.read(SAMPLE_S)
    ui.send("q")
    ui.until(lambda seen: seen.process.poll() is not None)
    if ui.process.returncode != 0:
        findings.wrong.append(f"the UI ended with {ui.process.returncode}: {ui.text[-600:]}")


def _look_for_crashes(room: Path, findings: Findings) -> None:
    for path in sorted((room / "state").glob("crash-*")):
        findings.wrong.append(f"the UI crashed: {path.read_text()[-600:]}")
    for path in sorted((room / "state").glob("engine-*.log*")):
        lines = path.read_text().splitlines()
        findings.wrong += [f"{path.name}: {line}" for line in lines if FAULT in line]
    said = (room / "simulator.log").read_text()
    if said:
        findings.wrong.append(f"the simulator complains: {said[-600:]}")


class _Rollout:
    """One rollout over the whole fleet, and the tidying up before it."""

    def __init__(self, findings: Findings, room: Path, shell: Shell, control_url: str) -> None:
        self._findings = findings
        self._room = room
        self._shell = shell
        self._control_url = control_url
        self._version = f"11.12.{findings.rollouts} #{40_000 + findings.rollouts}"

    async def play(self) -> None:
        """Plan it, run it to its end, and judge."""
        image = self._room / f"new-{self._findings.rollouts}.iso"
        write_image(image, self._version, IMAGE_BYTES)
        if self._findings.rollouts > 1:
            await _tidy(
                load_fleet(self._room / "fleet.toml").devices, (self._room / "fleet.password").read_text().strip()
            )
        before = await self._truth()
        plan = self._room / f"plan-{self._findings.rollouts}.json"
        goal = ("--image", str(image), "--version", self._version, "--max-failures", str(self._findings.devices))
        planned = await self._planned("rollout", "plan", "*", *goal, *LIMITS, "-o", str(plan), "--json")
        if planned.code == 2:
            self._wrong(f"the plan was refused: {planned.err}")
            return
        engine = await self._shell.start("rollout", "run", str(plan), "--confirm", planned.json["code"], "--foreground")
        async with _sampled(self._findings.engine, engine.pid):
            told = asyncio.create_task(engine.communicate())
            done, _ = await asyncio.wait({told}, timeout=ROLLOUT_S)
            shown = await self._shown()
            if not done:
                self._findings.waiting += [
                    f"{one['name']}: {one['next']}" for one in shown["devices"] if not one["verdict"]
                ]
                await self._shell.run("rollout", "abort", shown["id"])
                await asyncio.wait({told}, timeout=ROLLOUT_S)
        if not told.done():
            self._wrong("the engine did not end after an abort")
            engine.kill()
        out, err = await told
        if b"Traceback" in out + err:
            self._wrong(f"the engine crashed: {err.decode()[-600:]}")
        after, shown = await self._truth(), await self._shown()
        self._judge(before, after, shown)
        await self._resolve(after, shown)

    async def _planned(self, *words: str) -> Done:
        """Plan, however long the devices that do not answer keep that."""
        process = await self._shell.start(*words)
        async with asyncio.timeout(ROLLOUT_S):
            out, err = await process.communicate()
        return Done(process.returncode or 0, out.decode(), err.decode())

    async def _shown(self) -> dict[str, Any]:
        listed = (await self._shell.run("rollout", "list", "--json")).json["rollouts"]
        shown = (await self._shell.run("rollout", "show", listed[0]["id"], "--json")).json
        assert isinstance(shown, dict)
        return shown

    async def _truth(self) -> dict[str, dict[str, Any]]:
        names = [entry.name for entry in load_fleet(self._room / "fleet.toml").devices]
        truth = {}
        async with aiohttp.ClientSession() as session:
            for name in names:
                async with session.get(f"{self._control_url}/truth/{name}") as response:
                    truth[name] = await response.json()
        return truth

    def _judge(self, before: dict[str, Any], after: dict[str, Any], shown: dict[str, Any]) -> None:
        for device in shown["devices"]:
            name, verdict = device["name"], device["verdict"]
            self._findings.verdicts[str(verdict)] += 1
            if verdict is None:
                self._findings.waiting.append(f"{name}: {device['phase']} {device['reason']}")
            for problem in self._problems(before[name], after[name], verdict):
                self._wrong(f"{name}: {problem}")

    async def _resolve(self, truth: dict[str, Any], shown: dict[str, Any]) -> None:
        """Look after what only a person can know, as a technician who was there: else the next rollout waits for it."""
        for device in shown["devices"]:
            if device["verdict"] == Verdict.REVIEW:
                updated = same_version(truth[device["name"]]["version"], self._version)
                verdict = Verdict.SUCCESS if updated else Verdict.NO_EFFECT
                words = ("resolve", shown["id"], device["name"], verdict.value, "--reason", "seen on its console")
                done = await self._shell.run("rollout", *words)
                if done.code != 0:
                    self._wrong(f"{device['name']} cannot be resolved: {done.err}")

    def _problems(self, before: dict[str, Any], after: dict[str, Any], verdict: str | None) -> Iterator[str]:
        posts = [call for call in after["requests"] if call["method"] != "GET"][_posts(before) :]
        self._findings.requests += len([call for call in posts if UPDATE in call["path"]])
        for call in ("init", "start", "reset"):
            received = [post for post in posts if post["path"].endswith(f"/update/{call}")]
            if len(received) > 1:
                yield f"{call} was received {len(received)} times"
            if after[f"{call}s"] - before[f"{call}s"] > 1:
                yield f"{call} was done twice"
            if call == "start":
                yield from (f"start was received in {post['state']}" for post in received if post["state"] != READY)
        updated = same_version(after["version"], self._version)
        if verdict == Verdict.SUCCESS and not updated:
            yield f"SUCCESS, and it runs {after['version']}"
        elif verdict in NOT_UPDATED | {Verdict.FAILED_CRITICAL} and updated:
            yield f"{verdict}, and it runs {after['version']}"

    def _wrong(self, problem: str) -> None:
        self._findings.wrong.append(f"rollout {self._findings.rollouts}, {problem}")


def _posts(truth: dict[str, Any]) -> int:
    return sum(call["method"] != "GET" for call in truth["requests"])


async def _tidy(devices: tuple[DeviceEntry, ...], password: str) -> None:
    """Reset what is not IDLE and delete all images, as often as it takes with the faults that strike."""
    login = {"Authorization": f"Basic {base64.b64encode(f'admin:{password}'.encode()).decode()}"}
    timeout = aiohttp.ClientTimeout(total=5)

    async def tidy(device: DeviceEntry) -> None:
        for _ in range(60):
            with contextlib.suppress(*_SPOILED):
                async with aiohttp.ClientSession(f"{device.url}", headers=login, timeout=timeout) as session:
                    async with session.get(f"{UPDATE}/update", ssl=False) as answer:
                        state = (await answer.json())["state"]
                    if state not in ("IDLE", "RUNNING"):
                        await session.post(f"{UPDATE}/update/reset", ssl=False)
                    async with session.get(f"{UPDATE}/images", ssl=False) as answer:
                        images = (await answer.json())["items"]
                    for image in images:
                        await session.delete(f"{UPDATE}/images/items/{image['id']}", ssl=False)
                    if state == "IDLE" and not images:
                        return
            await asyncio.sleep(0.3)

    await asyncio.gather(*map(tidy, devices))


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--seed", type=int, default=randrange(1 << 31))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="updeck-soak-") as room:
        findings = asyncio.run(soak(arguments.seconds, arguments.devices, arguments.seed, Path(room)))
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(_main())
