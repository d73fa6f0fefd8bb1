"""Uploads beside `curl -T`: throughput over HTTP and HTTPS, one and eight at once, and the memory of all eight.

`python tests/benchmarks/uploading.py [--size 1024] [--pairs 5] [--at-once 1,8] [--room DIRECTORY]`, by hand; it serves
the other side itself, a process per connection that reads and throws away. Ours is one process with all that an upload
needs: fresh read, journal, progress twice a second, the file's identity at every piece; curl is as many processes, with
the same Content-Length and no `Expect`, and by the same cipher, or it ends. Both are timed there, from the first
request's head to the last answer; our CPU is counted without the start of Python. The goals: throughput at least 1.00
times curl's, and less than 64 MB for eight at once.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.appliance import UPLOAD_PATH, Serving, Uploaded, serving
from benchmarks.processes import peak_mb
from updeck.device.trust import Tls
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.fleet.orders import UploadOrder

MIB = 1 << 20
GOAL_RATIO, GOAL_MB = 1.0, 64


@dataclass(frozen=True)
class Taken:
    """What uploads took: bytes a second of all together, ciphers, seconds of CPU for each GiB, our peak memory."""

    bytes_per_s: float
    ciphers: frozenset[str]
    cpu_s_per_gib: float
    peak_mb: float = 0.0


async def send(url: str, fingerprint: str | None, order: UploadOrder, count: int, room: Path) -> None:
    """Upload the file to so many devices at once, as an engine does, and tell what that took in memory."""
    from updeck.clock import SystemClock
    from updeck.fleet.desk import Desk
    from updeck.fleet.state import FleetState
    from updeck.journal.models import Outcome
    from updeck.journal.store import Journal, this_actor

    async def prompt(_: DeviceEntry) -> str:
        return "a password"

    tls = Tls("pin", pin=fingerprint) if fingerprint else Tls()
    entries = [DeviceEntry(f"ar11-s{number}", url, username="admin", tls=tls) for number in range(count)]
    fleet, clock = Fleet(None, devices=tuple(entries)), SystemClock()
    with Journal.open(room, actor=this_actor("engine"), clock=clock) as journal:
        desk = Desk.assemble(
            *(fleet, journal),
            state=FleetState(),
            clock=clock,
            random=Random(1),
            prompt=prompt,
            uploads_at_once=count,
        )
        await desk.monitor.add(entries)
        used = time.process_time()
        ended = await asyncio.gather(*(desk.transfers.upload(entry.name, order) for entry in entries))
        print(peak_mb(os.getpid()), time.process_time() - used, flush=True)
        await desk.close()
    for one in ended:
        if one.outcome is not Outcome.ACCEPTED:
            raise SystemExit(f"an upload ended otherwise: {one.outcome}, {one.text}")


def ours(far: Serving, file: Path, sha256: str, count: int) -> Taken:
    """Upload with updeck."""
    with tempfile.TemporaryDirectory(prefix="updeck-uploading-") as room:
        words = json.dumps([far.url, far.fingerprint, str(file), sha256, count, room])
        environ = {"PATH": os.environ["PATH"], "HOME": room, "UPDECK_CONFIG": room, "UPDECK_STATE": room}
        child = subprocess.Popen([sys.executable, __file__, "--child", words], stdout=subprocess.PIPE, env=environ)
        rate, ciphers = _rate(far, count, [child])
        told, _ = _ended([child])
        peak, cpu_s = map(float, told[0].split())
        return Taken(rate, ciphers, cpu_s * (MIB << 10) / (file.stat().st_size * count), peak)


def curls(far: Serving, file: Path, sha256: str, count: int) -> Taken:
    """Upload with as many curls."""
    words = ["curl", "-q", "-sS", "-f", "-k", "--noproxy", "*", "-X", "POST", "-T", str(file), "-H", "Expect:"]
    words += ["-H", "Content-Type: application/octet-stream", "-H", "Authorization: Bearer 4f1c", far.url + UPLOAD_PATH]
    children = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(count)]
    rate, ciphers = _rate(far, count, children)
    _, cpu_s = _ended(children)
    return Taken(rate, ciphers, cpu_s * (MIB << 10) / (file.stat().st_size * count))


def _rate(far: Serving, count: int, children: list[subprocess.Popen[bytes]]) -> tuple[float, frozenset[str]]:
    """Wait for so many uploads; return their bytes a second, all together, and what encrypted them."""
    seen: list[Uploaded] = []
    while len(seen) < count:
        one = far.upload(1.0)
        if one is not None:
            seen.append(one)
        elif any(map(_failed, children)):
            raise SystemExit("what was measured failed")
    passed_s = max(one.ended for one in seen) - min(one.begun for one in seen)
    return sum(one.size_bytes for one in seen) / passed_s, frozenset(one.cipher for one in seen)


def _failed(child: subprocess.Popen[bytes]) -> bool:
    """Whether a process ended badly; it is left to be waited for."""
    ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return ended is not None and ended.si_status != 0


def _ended(children: list[subprocess.Popen[bytes]]) -> tuple[list[bytes], float]:
    """Wait for processes; return what they printed, and the seconds of CPU that they took in all."""
    told, cpu_s = [], 0.0
    for child in children:
        assert child.stdout is not None
        told.append(child.stdout.read())
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"what was measured ended with {child.returncode}")
        cpu_s += usage.ru_utime + usage.ru_stime
        child.stdout.close()
    return told, cpu_s


def make(file: Path, size_mib: int) -> str:
    """Write a file that no disk or line can press, and have it on disk and in memory; return its SHA-256."""
    digest, random = hashlib.sha256(), Random(1)
    with file.open("wb") as out:
        for _ in range(size_mib):
            piece = random.randbytes(MIB)
            digest.update(piece)
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def compare(far: Serving, file: Path, sha256: str, count: int, pairs: int) -> None:
    """Measure pairs, each in the other order than the last, and print their medians."""
    found: dict[str, list[Taken]] = {"updeck": [], "curl": []}
    ways = {"updeck": ours, "curl": curls}
    for turn in range(pairs):
        for name in sorted(ways, reverse=turn % 2 == 0):
            found[name].append(ways[name](far, file, sha256, count))
    ciphers = {one.ciphers for taken in found.values() for one in taken}
    if len(ciphers) != 1 or len(next(iter(ciphers))) != 1:
        raise SystemExit(
            f"not alike: the ciphers were {', '.join(sorted(' and '.join(sorted(one)) for one in ciphers))}"
        )
    ratios = [one.bytes_per_s / other.bytes_per_s for one, other in zip(*found.values(), strict=True)]
    line = f"{far.url.partition(':')[0]:6}{count:8}"
    line += "".join(f"{statistics.median(one.bytes_per_s for one in taken) / MIB:12.0f}" for taken in found.values())
    line += f"{statistics.median(ratios):8.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"
    line += "".join(f"{statistics.median(one.cpu_s_per_gib for one in taken):12.2f}" for taken in found.values())
    print(f"{line}{max(one.peak_mb for one in found['updeck']):9.0f}", flush=True)


def main() -> None:
    """Measure one protocol after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="of the file, in MiB")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--at-once", default="1,8")
    parser.add_argument("--room", type=Path, help="where the file is made")
    arguments = parser.parse_args()
    if shutil.which("curl") is None:
        raise SystemExit("curl is not on the path, so there is no peer to compare with")
    with ExitStack() as open_:
        room = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="updeck-uploads-", dir=arguments.room)))
        file = room / "update.iso"
        sha256 = make(file, arguments.size)
        print(f"{arguments.size} MiB, medians of {arguments.pairs} pairs; goals: ratio {GOAL_RATIO:.2f}, {GOAL_MB} MB")
        print(
            f"{'':6}{'at once':>8}{'updeck':>12}{'curl':>12}{'ratio':>8}  {'':16}{'updeck':>8}{'curl':>12}{'peak':>9}"
        )
        print(f"{'':14}{'MiB/s':>12}{'MiB/s':>12}{'':24}{'CPU s/GiB':>12}{'CPU s/GiB':>12}{'MB':>9}", flush=True)
        for tls in (False, True):
            far = open_.enter_context(serving("sink", room, tls=tls))
            for count in map(int, arguments.at_once.split(",")):
                compare(far, file, sha256, count, arguments.pairs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        where, pin, path, digest, number, place = json.loads(sys.argv[2])
        wanted = UploadOrder(Path(path), digest, Path(path).stat().st_size, "11.8.0 #28924")
        asyncio.run(send(where, pin, wanted, number, Path(place)))
    else:
        main()
