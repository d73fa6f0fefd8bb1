"""What was seen of devices, read back: the changes of one, and since when it does not answer."""

from __future__ import annotations

from journal_bench import DEVICE, Bench
from updeck.journal.models import Json
from updeck.journal.observations import HOURLY_MOST


def seen(reach: str, state: str | None = "IDLE") -> dict[str, Json]:
    """Return what is kept of a poll."""
    return {"reach": reach, "state": state}


def test_the_changes_of_a_device_come_back_oldest_first_and_no_more_than_asked_for(bench: Bench) -> None:
    journal = bench.journal()
    for at, state in enumerate(("IDLE", "INITIALIZING", "INITIALIZED", "INITIALIZED", "RUNNING")):
        bench.clock.advance(2.0)
        journal.observe(DEVICE, float(at), seen("OK", state))
        journal.observe("another", float(at), seen("OK", state))
    kept = journal.seen(DEVICE)
    assert [(one.at, one.payload["state"]) for one in kept] == [
        (0.0, "IDLE"),
        (1.0, "INITIALIZING"),
        (2.0, "INITIALIZED"),
        (4.0, "RUNNING"),
    ]
    assert kept[0].actor == bench.actor(1)
    assert [one.at for one in journal.seen(DEVICE, limit=2)] == [2.0, 4.0]
    assert journal.seen("nobody") == []


def test_a_device_that_comes_and_goes_all_day_long_does_not_fill_the_disk(bench: Bench) -> None:
    journal = bench.journal()
    kept = 0
    for number in range(24 * 60):
        bench.clock.advance(60.0)
        kept += journal.observe(DEVICE, 60.0 * number, seen("OK" if number % 2 else "UNREACHABLE"))
    assert kept == len(journal.seen(DEVICE, limit=10_000)) == 24 * HOURLY_MOST
    newest = journal.latest(DEVICE)
    assert newest is not None
    assert (newest.at, newest.payload["reach"]) == (60.0 * (24 * 60 - 1), "OK"), "the newest is kept all the same"
    assert journal.observe("another", 1.0, seen("OK")), "and others are not held back for it"


def test_silence_began_with_the_first_poll_after_the_last_good_one(bench: Bench) -> None:
    journal = bench.journal()
    for device, polls in {
        "answers": ["UNREACHABLE", "OK"],
        "silent": ["UNREACHABLE", "OK", "UNREACHABLE", "AUTH"],
        "never": ["TRUST"],
    }.items():
        for at, reach in enumerate(polls):
            journal.observe(device, 10.0 + at, seen(reach))
    found = bench.journal(2).unanswered_since(["answers", "silent", "never", "unknown"])
    assert found == {"silent": 12.0, "never": 10.0}
