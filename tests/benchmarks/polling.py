"""CPU of polling: updeck's monitor, and its client alone, beside `requests` in threads, for few and many devices.

`python tests/benchmarks/polling.py [--polls 2000] [--rounds 3] [--rate 200] [--devices 10,100,1000]`, by hand; it
serves the devices itself, over HTTPS with connections that are kept. A poll reads the state and the images. All three
poll as often: so many times a second in all, however many devices there are. The peer polls as SteelScript does: a
Session and a thread per device, no certificate verified. Counted is the CPU (user and system) of the polling process
alone, once every device has its connection.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.appliance import IMAGES_PATH, UPDATE_PATH, Serving, serving
from benchmarks.processes import cpu_s
from updeck.device.trust import Tls
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.settings import PollSettings

KINDS = {"monitor": "updeck", "client": "its client", "requests": "requests"}
SETTLED_ROUNDS = 2
LOOK_EVERY_S = 0.05
PER = 10_000


def devices(url: str, fingerprint: str, count: int) -> tuple[DeviceEntry, ...]:
    """Return so many devices at one address, pinned as boxes with certificates of their own are."""
    tls = Tls("pin", pin=fingerprint)
    return tuple(DeviceEntry(f"ar11-s{number:04}", url, username="admin", tls=tls) for number in range(count))


def monitor(url: str, fingerprint: str, count: int, interval_s: float, room: Path) -> None:
    """Poll as the UI and `updeck watch` do: everything between the wire and the view, and a journal."""
    from updeck.clock import SystemClock
    from updeck.fleet.service import FleetService
    from updeck.journal.store import Journal, this_actor

    async def prompt(_: DeviceEntry) -> str:
        return "a password"

    fleet = Fleet(None, devices=devices(url, fingerprint, count), poll=PollSettings(rest=interval_s))
    with Journal.open(room, actor=this_actor("ui"), clock=SystemClock()) as journal:
        service = FleetService(fleet, journal, prompt=prompt)
        service.start()
        sys.stdin.read()
        service.stop()


def client(url: str, fingerprint: str, count: int, interval_s: float, room: Path) -> None:
    """Poll with a client per device in one loop, and throw away what comes."""
    from device.desk import BookedSource
    from updeck.device.client import DeviceClient, Endpoint

    async def poll(entry: DeviceEntry, first_s: float) -> None:
        one = DeviceClient(Endpoint(entry.name, entry.url, tls=entry.tls), BookedSource())
        due = time.monotonic() + first_s
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await one.update()
            await one.images()
            due += interval_s

    async def main() -> None:
        spread = Random(1)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(poll(entry, interval_s * spread.random()))
                for entry in devices(url, fingerprint, count)
            ]
            await asyncio.to_thread(sys.stdin.read)
            for task in tasks:
                task.cancel()

    asyncio.run(main())


def requests(url: str, fingerprint: str, count: int, interval_s: float, room: Path) -> None:
    """Poll with a Session and a thread per device."""
    import warnings

    from requests import Session, exceptions

    warnings.simplefilter("ignore")  # it warns of each request that verifies nothing, which is not what is measured

    def last(first_s: float) -> None:
        try:
            poll(first_s)
        except Exception:
            traceback.print_exc()
            os._exit(1)  # a device less to poll would be no fair count

    def poll(first_s: float) -> None:
        session = Session()
        session.verify = False
        session.headers["Authorization"] = "Bearer " + "4f1c" * 60
        due = time.monotonic() + first_s
        while True:
            time.sleep(max(0.0, due - time.monotonic()))
            with suppress(exceptions.ConnectionError):  # on a machine too busy for so many threads; not counted then
                for path in (UPDATE_PATH, IMAGES_PATH):
                    answer = session.get(url + path)
                    answer.raise_for_status()
                    answer.json()
            due += interval_s

    spread = Random(1)
    for _ in range(count):
        threading.Thread(target=last, args=(interval_s * spread.random(),), daemon=True).start()
    sys.stdin.read()


CHILDREN = {"monitor": monitor, "client": client, "requests": requests}


def measure(kind: str, count: int, far: Serving, arguments: argparse.Namespace) -> float:
    """Run one of the three for so many polls; return its seconds of CPU per 10,000."""
    interval_s = count / arguments.rate
    with tempfile.TemporaryDirectory(prefix="updeck-polling-") as room:
        words = json.dumps([kind, far.url, far.fingerprint, count, interval_s, room])
        environ = {"PATH": os.environ["PATH"], "HOME": room, "UPDECK_CONFIG": room, "UPDECK_STATE": room}
        child = subprocess.Popen([sys.executable, __file__, "--child", words], stdin=subprocess.PIPE, env=environ)
        try:
            _until(far, far.polls() + count * SETTLED_ROUNDS, child)
            time.sleep(1.0)
            used, polls = cpu_s(child.pid), far.polls()
            _until(far, polls + arguments.polls, child)
            return (cpu_s(child.pid) - used) * PER / (far.polls() - polls)
        finally:
            child.kill()
            child.communicate()


def _until(far: Serving, polls: int, child: subprocess.Popen[bytes]) -> None:
    """Wait until so many polls were seen."""
    while far.polls() < polls:
        if child.poll() is not None:
            raise SystemExit(f"what was measured ended with {child.returncode}")
        time.sleep(LOOK_EVERY_S)


def report(found: dict[str, dict[int, list[float]]], counts: list[int]) -> None:
    """Print the table, its ratios and what the goals say."""
    middle = {kind: {count: statistics.median(found[kind][count]) for count in counts} for kind in found}
    print(f"\n{'devices':>8}" + "".join(f"{KINDS[kind]:>12}" for kind in found) + "   CPU s per 10,000 polls (median)")
    for count in counts:
        line = f"{count:8}" + "".join(f"{one[count]:12.2f}" for one in middle.values())
        if "requests" in middle:
            line += f"   updeck / requests {middle['monitor'][count] / middle['requests'][count]:.2f} (goal 0.50)"
        print(line)
    few, many = counts[0], counts[-1]
    for kind, one in middle.items():
        goal = " (goal 1.3)" if kind == "monitor" else ""
        print(f"rise from {few} to {many} devices, {KINDS[kind]}: {one[many] / one[few]:.2f}{goal}")


def main() -> None:
    """Measure in turn, so that a busy machine is as hard on one as on the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polls", type=int, default=2000, help="in each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=200.0, help="polls a second, of all devices together")
    parser.add_argument("--devices", default="10,100,1000")
    arguments = parser.parse_args()
    counts = sorted(map(int, arguments.devices.split(",")))
    kinds = list(KINDS)
    if importlib.util.find_spec("requests") is None:
        kinds.remove("requests")
        print("requests is not installed here, so there is no peer to compare with")
    found: dict[str, dict[int, list[float]]] = {kind: {count: [] for count in counts} for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="updeck-polling-") as room, serving("poll", Path(room), tls=True) as far:
        for turn in range(arguments.rounds):
            for count in counts:
                for kind in kinds:
                    found[kind][count].append(measure(kind, count, far, arguments))
                told = ", ".join(f"{KINDS[kind]} {found[kind][count][-1]:.2f} s" for kind in kinds)
                print(f"round {turn + 1}, {count} devices: {told}", flush=True)
    report(found, counts)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        which, where, pin, number, every_s, place = json.loads(sys.argv[2])
        CHILDREN[which](where, pin, number, every_s, Path(place))
    else:
        main()
