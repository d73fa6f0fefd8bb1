"""What the activity says, what the system's log hears, and what is kept of observations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from journal_bench import BASELINE, DEVICE, URL, Bench
from updeck.journal.models import Baseline, Json, Observation, Op, Outcome, Verdict
from updeck.journal.sentences import ended, intended, outcome_came

BARE = replace(BASELINE, expected=None, target_version=None, size_bytes=None, sw_version="")


@pytest.mark.parametrize(
    ("op", "baseline", "detail", "sentence"),
    [
        (Op.UPLOAD, BASELINE, {"file": "ar11.iso"}, "uploading ar11.iso, 312 MB, 11.8.0"),
        (Op.UPLOAD, replace(BASELINE, size_bytes=4_300_000_000), {}, "uploading an image, 4.3 GB, 11.8.0"),
        (Op.UPLOAD, BARE, {"file": "a.iso"}, "uploading a.iso"),
        (Op.FETCH, BASELINE, {"url": "https://images/a.iso?…"}, "asking it to fetch https://images/a.iso?…, 11.8.0"),
        (Op.FETCH, BARE, {}, "asking it to fetch an image"),
        (Op.DELETE, BASELINE, {"image_id": "7"}, "deleting image 7"),
        (Op.INIT, BASELINE, {}, "sending init, 11.8.0 is meant"),
        (Op.INIT, BARE, {}, "sending init"),
        (Op.START, BASELINE, {}, "sending start, 11.6.0 #23947 → 11.8.0 #28924"),
        (Op.START, BARE, {}, "sending start, unknown version → unknown version"),
        (Op.RESET, BASELINE, {}, "sending un-init (reset)"),
    ],
)
def test_an_intent_reads_well(op: Op, baseline: Baseline, detail: Mapping[str, str], sentence: str) -> None:
    assert intended(op, 1, baseline, detail) == sentence
    assert intended(op, 2, baseline, detail) == sentence + ", try 2"


@pytest.mark.parametrize(
    ("op", "outcome", "status", "error", "sentence"),
    [
        (Op.INIT, Outcome.ACCEPTED, 200, None, "init accepted, target 11.8.0"),
        (Op.START, Outcome.ACCEPTED, 204, None, "start accepted, target 11.8.0 #28924; the box goes down"),
        (Op.RESET, Outcome.ACCEPTED, 200, None, "un-init (reset) accepted"),
        (Op.UPLOAD, Outcome.ACCEPTED, 200, None, "upload of ar11.iso arrived whole"),
        (Op.FETCH, Outcome.ACCEPTED, 200, None, "fetch accepted, the device downloads"),
        (Op.DELETE, Outcome.ACCEPTED, 200, None, "deletion of image 7 accepted"),
        (Op.START, Outcome.REFUSED, 409, "Wrong state", "start refused with status 409: Wrong state"),
        (Op.INIT, Outcome.REFUSED, None, "not sent: connection refused", "init not sent: connection refused"),
        (Op.START, Outcome.UNKNOWN, None, "connection reset", "start sent, answer lost (connection reset); watching"),
        (Op.START, Outcome.UNKNOWN, None, None, "start sent, answer lost (no answer); watching"),
        (
            Op.UPLOAD,
            Outcome.UNKNOWN,
            None,
            "connection reset",
            "upload broke off (connection reset); watching what the device keeps of it",
        ),
    ],
)
def test_an_outcome_reads_well(op: Op, outcome: Outcome, status: int | None, error: str | None, sentence: str) -> None:
    detail = {"file": "ar11.iso", "image_id": "7"}
    assert outcome_came(op, outcome, BASELINE, detail, status=status, error=error) == sentence


@pytest.mark.parametrize(
    ("op", "verdict", "reason", "sentence"),
    [
        (Op.START, Verdict.SUCCESS, "proven 11.8.0", "start ended SUCCESS: proven 11.8.0"),
        (Op.DELETE, None, "image 7 is deleted", "delete ended: image 7 is deleted"),
        (None, Verdict.ABORTED_BEFORE_START, "", "nothing sent, ended ABORTED_BEFORE_START"),
    ],
)
def test_an_end_reads_well(op: Op | None, verdict: Verdict | None, reason: str, sentence: str) -> None:
    assert ended(op, verdict, reason) == sentence


def test_the_activity_tells_an_operation_from_its_beginning_to_its_end(bench: Bench) -> None:
    journal = bench.journal(7)
    rollout = bench.whole(journal, Op.START, Outcome.UNKNOWN, Verdict.REVIEW)
    journal.resolve(rollout.id, DEVICE, Verdict.SUCCESS, "seen on the console")
    journal.acknowledge(DEVICE, "IDLE", "all well")
    journal.note("trust", DEVICE, "certificate trusted: sha256:3f\x9b")
    journal.note("journal", None, "hello")
    events = journal.events()
    assert [(event.kind, event.text) for event in events] == [
        ("intent", "sending start, 11.6.0 #23947 → 11.8.0 #28924"),
        ("outcome", "start sent, answer lost (no answer); watching"),
        ("end", "start ended REVIEW: so it was"),
        ("resolve", "REVIEW resolved as SUCCESS: seen on the console"),
        ("acknowledge", "acknowledged (IDLE): all well"),
        ("trust", "certificate trusted: sha256:3f‹U+009B›"),
        ("journal", "hello"),
    ]
    assert {event.actor for event in events} == {bench.actor(7)}
    assert {event.device for event in events[:-1]} == {DEVICE}
    assert events[-1].device is None


def test_the_activity_is_read_by_device_time_and_position(bench: Bench) -> None:
    journal = bench.journal()
    for number in range(10):
        journal.note("state", f"box-{number % 2}", f"change {number}")
        bench.clock.advance(1.0)
    assert [event.text for event in journal.events(limit=2)] == ["change 8", "change 9"]
    assert [event.text for event in journal.events(devices=["box-1"], limit=2)] == ["change 7", "change 9"]
    assert journal.events(devices=[]) == []
    since = bench.clock.wall() - 3.0
    assert [event.text for event in journal.events(since=since)] == ["change 7", "change 8", "change 9"]
    last = journal.events()[-1].id
    journal.note("state", "box-0", "change 10")
    assert [event.text for event in journal.events(after_id=last)] == ["change 10"]


def test_notes_come_many_at_a_time(bench: Bench) -> None:
    journal = bench.journal()
    journal.note_many([("state", "a", "IDLE"), ("state", "b", "IDLE")])
    assert [event.device for event in journal.events()] == ["a", "b"]


def test_the_systems_log_hears_of_each_intent_and_outcome(bench: Bench) -> None:
    rollout = bench.whole(bench.journal(7), Op.START, Outcome.REFUSED, Verdict.NOT_STARTED)
    by = "user=mk uid=1000 program='ui' pid=7"
    assert bench.witnessed == [
        f"intent=1 op=start device={DEVICE} rollout={rollout.id} {by}",
        f"intent=1 op=start device={DEVICE} rollout={rollout.id} outcome=refused status=409 {by}",
    ]


def test_the_systems_log_hears_nothing_of_what_was_refused(bench: Bench) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    bench.intend(journal, rollout)
    heard = list(bench.witnessed)
    with pytest.raises(Exception, match="not sent again"):
        bench.intend(journal, rollout)
    assert bench.witnessed == heard


def payload(state: str, progress: float | None = None) -> dict[str, Json]:
    return {"state": state, "images": [{"id": 8, "progress": progress}]}


def history(bench: Bench, journal_pid: int = 9) -> int:
    _, database = bench.process(journal_pid)
    with database.read() as tx:
        return int(tx.execute("SELECT count(*) AS rows FROM observations").fetchone()["rows"])


def test_the_newest_observation_is_found_by_any_process(bench: Bench) -> None:
    bench.journal(1).observe(DEVICE, 5.0, payload("IDLE"))
    seen = bench.journal(2).latest(DEVICE)
    assert seen == Observation(DEVICE, 5.0, payload("IDLE"), bench.actor(1))
    assert bench.journal(2).latest("ar11-fra-dc2") is None


def test_only_what_changed_stays_in_the_history(bench: Bench) -> None:
    journal = bench.journal()
    for second, state in enumerate(["IDLE", "IDLE", "INITIALIZING", "INITIALIZING", "IDLE"]):
        journal.observe(DEVICE, float(second), payload(state))
        bench.clock.advance(5.0)
    assert history(bench) == 3
    latest = journal.latest(DEVICE)
    assert latest is not None
    assert latest.at == 4.0


def test_two_processes_that_see_the_same_keep_it_once(bench: Bench) -> None:
    one, other = bench.journal(1), bench.journal(2)
    for second in range(4):
        (one, other)[second % 2].observe(DEVICE, float(second), payload("IDLE"))
        bench.clock.advance(5.0)
    assert history(bench) == 1


def test_progress_alone_is_written_once_a_second_and_never_in_the_history(bench: Bench) -> None:
    journal = bench.journal()
    shown: list[float] = []
    for tenth in range(25):
        journal.observe(DEVICE, tenth / 10, payload("IDLE", float(tenth)))
        latest = journal.latest(DEVICE)
        assert latest is not None
        shown.append(latest.at)
        bench.clock.advance(0.1)
    assert sorted(set(shown)) == pytest.approx([0.0, 1.0, 2.0], abs=0.11)
    assert history(bench) == 1


def test_a_change_is_written_at_once(bench: Bench) -> None:
    journal = bench.journal()
    for tenth, state in enumerate(["IDLE", "INITIALIZING", "INITIALIZED"]):
        journal.observe(DEVICE, tenth / 10, payload(state))
        latest = journal.latest(DEVICE)
        assert latest is not None
        assert latest.payload["state"] == state


def test_of_many_observations_those_that_are_due_are_written(bench: Bench) -> None:
    journal = bench.journal()
    journal.observe_many([(name, 1.0, payload("IDLE", 1.0)) for name in ("a", "b")])
    journal.observe_many([("a", 1.5, payload("IDLE", 2.0)), ("b", 1.5, payload("RUNNING"))])
    times = [latest.at for name in ("a", "b") if (latest := journal.latest(name))]
    assert times == [1.0, 1.5]


def test_news_that_are_older_than_what_is_known_are_dropped(bench: Bench) -> None:
    bench.journal(1).observe(DEVICE, 5.0, payload("RUNNING"))
    bench.journal(2).observe(DEVICE, 4.0, payload("INITIALIZED"))
    latest = bench.journal(3).latest(DEVICE)
    assert latest is not None
    assert latest.payload["state"] == "RUNNING"


def test_what_is_no_number_can_be_observed(bench: Bench) -> None:
    journal = bench.journal()
    journal.observe_many([(DEVICE, 1.0, payload("IDLE", math.nan)), ("b", 1.0, payload("IDLE", math.inf))])
    assert journal.latest("b") is not None
    latest = journal.latest(DEVICE)
    assert latest is not None
    assert "nan" in str(latest.payload)
