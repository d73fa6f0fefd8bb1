"""An image that cannot be read any more while a rollout sends it: one sentence, no second thoughts, no half image."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from failing_disk import fail_reading
from rollout.test_rollout_engine import NEW, Site, site
from simulation import StartSimulator
from updeck.journal.models import Op, Verdict
from updeck.rollout.plan import Goal, Limits
from updeck.rollout.progress import RolloutState
from updeck.rollout.report import report, report_markdown

TRIES_MOST = 3
EIO = os.strerror(errno.EIO)
BEGUN_BYTES = 65_536
Break = Callable[[pytest.MonkeyPatch, Path], None]


def dead(patch: pytest.MonkeyPatch, path: Path) -> None:
    """Let the disk give nothing at all."""
    fail_reading(patch, path, 0)


def pulled_out(patch: pytest.MonkeyPatch, path: Path) -> None:
    """Let the stick be gone."""
    path.unlink()


def replaced(patch: pytest.MonkeyPatch, path: Path) -> None:
    """Let another file stand there."""
    path.write_bytes(b"another image")


async def with_one_staged(at: Site) -> None:
    """Bring the image to the first device while the disk is whole."""
    plan = replace(at.plan(at.simulator.names[0]), until=Goal.STAGED)
    assert await at.drive(at.register(plan), plan) is RolloutState.ENDED


def sent(at: Site, name: str) -> list[bool]:
    """Return of each image that a device was sent whether it came whole."""
    uploads = at.simulator.truth(name)["uploads"]
    assert isinstance(uploads, list)
    return [one["complete"] for one in uploads]


def held(at: Site, name: str) -> Iterator[dict[str, object]]:
    """Yield the images on a device."""
    images = at.simulator.truth(name)["images"]
    assert isinstance(images, list)
    yield from images


async def test_a_disk_that_breaks_midway_fails_its_transfers_and_nothing_else(
    simulator: StartSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(simulator, tmp_path, devices=2) as at:
        first, *others = at.simulator.names
        await with_one_staged(at)
        path = Path(at.image.location or "")
        fail_reading(monkeypatch, path, BEGUN_BYTES)
        plan = replace(at.plan(), limits=Limits(max_failures=1))
        rollout = at.register(plan)
        assert await at.drive(rollout, plan) is RolloutState.ENDED
        assert at.verdicts(rollout) == {first: Verdict.SUCCESS, **dict.fromkeys(others, Verdict.TRANSFER_FAILED)}
        assert at.counted(first) == (1, 1, NEW)
        for name in others:
            assert at.counted(name)[:2] == (0, 0)
            assert sent(at, name) == [False] * TRIES_MOST, "twice again at most, and never taken for whole"
            (broken,) = held(at, name)
            assert (broken["state"], broken["size_bytes"]) == ("UPLOAD_ERROR", BEGUN_BYTES)
            end = at.record(rollout).member(name).attempt.end
            assert end is not None
            assert end.reason == f"{path} cannot be read: {EIO}; image 3 is UPLOAD_ERROR: Connection closed by peer"
        record = at.record(rollout)
        told = report_markdown(report(record, plan, {}, record.row.created_at))
        assert told.count(f"cannot be read: {EIO}; image 3") == len(others)


SAID: dict[Break, str] = {
    dead: f"cannot be read: {EIO}",
    pulled_out: "does not exist",
    replaced: "changed since it was hashed",
}


@pytest.mark.parametrize("broken", SAID)
async def test_an_image_that_cannot_be_read_at_all_ends_the_attempt_with_nothing_sent(
    broken: Break, simulator: StartSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(simulator, tmp_path, devices=2) as at:
        plan = replace(at.plan(), until=Goal.STAGED, limits=Limits(max_failures=2))
        rollout = at.register(plan)
        broken(monkeypatch, Path(at.image.location or ""))
        assert await at.drive(rollout, plan) is RolloutState.ENDED
        for name in at.simulator.names:
            attempt = at.record(rollout).member(name).attempt
            assert attempt.end is not None
            assert attempt.end.verdict is Verdict.TRANSFER_FAILED
            assert attempt.end.reason.startswith("not sent: ")
            assert SAID[broken] in attempt.end.reason
            assert [intent for intent in attempt.intents if intent.op is Op.UPLOAD] == []
            assert sent(at, name) == []
            assert list(held(at, name)) == []
