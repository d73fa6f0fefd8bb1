"""The record of a device: what decisions about it rest on, for one and for a thousand at a time."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from journal_bench import BASELINE, DEVICE, URL, Bench, rows_read
from updeck.errors import Blocked
from updeck.journal.models import DeviceRecord, Op, Outcome, RolloutRow, Verdict
from updeck.journal.store import Journal

ACCEPTED, REFUSED, UNKNOWN = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN


def test_a_device_that_was_never_touched_has_an_empty_record(bench: Bench) -> None:
    assert bench.journal().record(DEVICE) == DeviceRecord(DEVICE)


def test_the_last_init_and_start_come_with_their_ends(bench: Bench) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.INIT, ACCEPTED, Verdict.NOT_STARTED)
    init = bench.whole(journal, Op.INIT, ACCEPTED, Verdict.INITIALIZED)
    start = bench.whole(journal, Op.START, ACCEPTED, Verdict.SUCCESS)
    delete = bench.whole(journal, Op.DELETE, ACCEPTED, None)
    record = journal.record(DEVICE)
    assert record.last_init is not None
    assert record.last_init_end is not None
    assert record.last_start is not None
    assert record.last_start_end is not None
    assert record.last_end is not None
    assert (record.last_init.rollout, record.last_init_end.verdict) == (init.id, Verdict.INITIALIZED)
    assert (record.last_start.rollout, record.last_start_end.verdict) == (start.id, Verdict.SUCCESS)
    assert (record.last_end.rollout, record.last_end.op, record.last_end.verdict) == (delete.id, Op.DELETE, None)
    assert (record.last_init_end.last_state_time, record.last_init_end.target_version) == (1_700_000_100, "11.8.0")


def test_an_open_start_has_no_end_whatever_ended_before(bench: Bench) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.START, ACCEPTED, Verdict.NO_EFFECT)
    permit = bench.intend(journal, journal.begin_manual(DEVICE, Op.START, url=URL))
    record = journal.record(DEVICE)
    assert record.last_start is not None
    assert record.last_start.id == permit.intent_id
    assert record.last_start_end is None
    assert [intent.id for intent in record.intents] == [permit.intent_id]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_a_review_leaves_a_start_unresolved(bench: Bench, verdict: Verdict) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.START, ACCEPTED, verdict)
    assert journal.record(DEVICE).start_unresolved == (verdict is Verdict.REVIEW)


@pytest.mark.parametrize(
    ("outcome", "verdict", "answers"),
    [
        (ACCEPTED, None, True),
        (UNKNOWN, None, True),
        (REFUSED, None, False),
        (ACCEPTED, Verdict.REVIEW, False),
    ],
)
def test_a_reset_that_worked_answers_a_start_in_review(
    bench: Bench, outcome: Outcome, verdict: Verdict | None, answers: bool
) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.START, UNKNOWN, Verdict.REVIEW)
    bench.whole(journal, Op.RESET, outcome, verdict)
    assert journal.record(DEVICE).start_unresolved is not answers


def test_a_reset_that_is_not_over_answers_nothing_yet(bench: Bench) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.START, UNKNOWN, Verdict.REVIEW)
    bench.intend(journal, journal.begin_manual(DEVICE, Op.RESET, url=URL))
    assert journal.record(DEVICE).start_unresolved


def test_a_reset_before_the_start_answers_nothing(bench: Bench) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.RESET, ACCEPTED, None)
    bench.whole(journal, Op.START, UNKNOWN, Verdict.REVIEW)
    assert journal.record(DEVICE).start_unresolved


def test_a_person_resolves_a_review_and_the_verdict_stays(bench: Bench) -> None:
    journal = bench.journal()
    rollout = bench.whole(journal, Op.START, UNKNOWN, Verdict.REVIEW)
    journal.resolve(rollout.id, DEVICE, Verdict.SUCCESS, "looked at the console")
    record = journal.record(DEVICE)
    assert not record.start_unresolved
    assert record.last_start_end is not None
    assert record.last_start_end.verdict is Verdict.REVIEW


def test_resolving_needs_a_verdict_and_a_reason(bench: Bench) -> None:
    journal = bench.journal()
    rollout = bench.whole(journal, Op.START, UNKNOWN, Verdict.REVIEW)
    with pytest.raises(Blocked, match="needs a reason"):
        journal.resolve(rollout.id, DEVICE, Verdict.SUCCESS, "  ")
    reset = bench.whole(journal, Op.RESET, ACCEPTED, None)
    for nothing in (reset.id, "no such rollout"):
        with pytest.raises(Blocked, match="no verdict"):
            journal.resolve(nothing, DEVICE, Verdict.SUCCESS, "looked")


@pytest.mark.parametrize(("outcome", "counts"), [(ACCEPTED, True), (UNKNOWN, True), (REFUSED, False)])
def test_a_reset_that_was_sent_after_init_counts(bench: Bench, outcome: Outcome, counts: bool) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.RESET, ACCEPTED, None)
    bench.whole(journal, Op.INIT, ACCEPTED, Verdict.INITIALIZED)
    assert not journal.record(DEVICE).reset_since_init
    bench.whole(journal, Op.RESET, outcome, None)
    assert journal.record(DEVICE).reset_since_init is counts
    bench.whole(journal, Op.INIT, ACCEPTED, Verdict.INITIALIZED)
    assert not journal.record(DEVICE).reset_since_init


def test_a_reset_without_outcome_may_have_been_sent(bench: Bench) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.INIT, ACCEPTED, Verdict.INITIALIZED)
    bench.intend(journal, journal.begin_manual(DEVICE, Op.RESET, url=URL))
    assert journal.record(DEVICE).reset_since_init


def staged(bench: Bench, journal: Journal, op: Op, checksum: str | None, verdict: Verdict) -> RolloutRow:
    rollout = journal.begin_manual(DEVICE, op, url=URL)
    permit = journal.intend(rollout.id, DEVICE, op, baseline=replace(BASELINE, checksum=checksum))
    journal.outcome(permit.intent_id, ACCEPTED, status=200, error=None)
    bench.finish(journal, rollout, verdict)
    return rollout


def test_checksums_are_proven_by_transfers_that_ended_staged(bench: Bench) -> None:
    journal = bench.journal()
    staged(bench, journal, Op.UPLOAD, "a" * 64, Verdict.STAGED)
    staged(bench, journal, Op.FETCH, "b" * 64, Verdict.STAGED)
    staged(bench, journal, Op.FETCH, None, Verdict.STAGED)
    staged(bench, journal, Op.UPLOAD, "c" * 64, Verdict.TRANSFER_FAILED)
    staged(bench, journal, Op.INIT, "d" * 64, Verdict.INITIALIZED)
    assert journal.record(DEVICE).proven_checksums == {"a" * 64, "b" * 64}


def test_an_acknowledgement_is_kept_until_the_next(bench: Bench) -> None:
    journal = bench.journal()
    journal.acknowledge(DEVICE, "FAILED_GRACEFUL", "waits for disk\x1b[2J")
    record = journal.record(DEVICE)
    assert (record.acknowledged_state, record.acknowledged_note) == ("FAILED_GRACEFUL", "waits for disk␛[2J")
    journal.acknowledge(DEVICE, "UNREACHABLE", "cabling")
    assert journal.record(DEVICE).acknowledged_state == "UNREACHABLE"


def test_another_process_sees_how_far_an_upload_is(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    rollout = journal.begin_manual(DEVICE, Op.UPLOAD, url=URL)
    began = bench.clock.wall()
    for sent in (10, 20, 30):
        journal.progress(rollout.id, sent, 100)
        bench.clock.advance(0.6)
    seen = other.record(DEVICE).transfer
    assert seen is not None
    assert (seen.sent_bytes, seen.total_bytes, seen.started_at, seen.at) == (30, 100, began, began + 1.2)
    journal.progress(rollout.id, 100, 100)
    whole = other.record(DEVICE).transfer
    assert whole is not None
    assert whole.sent_bytes == 100


def test_fewer_bytes_than_before_are_a_new_try(bench: Bench) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, Op.UPLOAD, url=URL)
    journal.progress(rollout.id, 50, 100)
    bench.clock.advance(10.0)
    journal.progress(rollout.id, 5, 100)
    seen = journal.record(DEVICE).transfer
    assert seen is not None
    assert seen.started_at == seen.at == bench.clock.wall()


def test_a_transfer_is_forgotten_with_its_rollout(bench: Bench) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, Op.UPLOAD, url=URL)
    journal.progress(rollout.id, 50, 100)
    bench.finish(journal, rollout, Verdict.TRANSFER_FAILED)
    assert journal.record(DEVICE).transfer is None


def test_what_is_read_of_a_device_does_not_grow_with_its_history(bench: Bench) -> None:
    journal, database = bench.process(1)
    read = []
    for _ in range(4):
        for op, verdict in ((Op.INIT, Verdict.INITIALIZED), (Op.START, Verdict.REVIEW), (Op.RESET, None)):
            bench.whole(journal, op, ACCEPTED, verdict)
            bench.clock.advance(1)
        read.append(rows_read(database, lambda: journal.records([DEVICE])))
    assert read[0] == read[-1] > 5
    assert journal.record(DEVICE).reset_since_init
    bench.whole(journal, Op.INIT, ACCEPTED, Verdict.INITIALIZED)
    assert not journal.record(DEVICE).reset_since_init


def test_many_records_are_those_of_each(bench: Bench) -> None:
    journal = bench.journal()
    names = [f"box-{number}" for number in range(1200)]
    for name in names[::300]:
        bench.whole(journal, Op.INIT, ACCEPTED, Verdict.INITIALIZED, device=name)
        bench.intend(journal, journal.begin_manual(name, Op.START, url=URL))
        journal.acknowledge(name, "INITIALIZED", f"it is {name}")
    found = journal.records(names)
    assert list(found) == names
    for name in (*names[::300], "box-1", "box-1199"):
        assert found[name] == journal.record(name)
    assert journal.records([]) == {}


def test_many_records_take_as_many_queries_as_one(bench: Bench) -> None:
    journal, database = bench.process(1)

    def queries(count: int) -> int:
        seen: list[str] = []
        with database.read() as tx:
            tx.set_trace_callback(seen.append)
        journal.records([f"box-{number}" for number in range(count)])
        with database.read() as tx:
            tx.set_trace_callback(None)
        return len(seen)

    assert queries(1) == queries(1000) < 20


def test_a_change_by_any_process_changes_the_token(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    tokens = [journal.change_token()]
    rollout = other.begin_manual(DEVICE, Op.START, url=URL)
    tokens.append(journal.change_token())
    permit = bench.intend(other, rollout)
    tokens.append(journal.change_token())
    other.outcome(permit.intent_id, ACCEPTED, status=200, error=None)
    tokens.append(journal.change_token())
    bench.finish(other, rollout, Verdict.SUCCESS)
    tokens.append(journal.change_token())
    journal.acknowledge(DEVICE, "IDLE", "seen")
    tokens.append(journal.change_token())
    assert sorted(set(tokens)) == tokens


def test_observations_and_renewed_leases_do_not_change_the_token(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    other.begin_manual(DEVICE, Op.START, url=URL)
    token = journal.change_token()
    other.observe(DEVICE, bench.clock.wall(), {"state": "IDLE"})
    other.renew()
    assert journal.change_token() == token


def test_a_file_of_an_older_program_lacks_fields_and_is_read(bench: Bench) -> None:
    journal = bench.journal()
    bench.intend(journal, journal.begin_manual(DEVICE, Op.START, url=URL))
    with sqlite3.connect(bench.path) as connection:
        connection.execute("DROP TRIGGER observations_never_change")
        connection.execute(
            "UPDATE observations SET payload ="
            " json_remove(json_set(payload, '$.later', 1), '$.size_bytes', '$.checksum')"
        )
    connection.close()
    (intent,) = journal.record(DEVICE).intents
    assert intent.baseline == replace(bench.baseline(), size_bytes=None, checksum=None)


def test_baselines_share_the_entries_of_their_histories(bench: Bench) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.INIT, ACCEPTED, Verdict.INITIALIZED)
    bench.clock.advance(1)
    bench.whole(journal, Op.START, ACCEPTED, Verdict.SUCCESS)
    record = journal.record(DEVICE)
    assert record.last_init is not None
    assert record.last_start is not None
    first, second = record.last_init.baseline, record.last_start.baseline
    assert first != second
    assert first.history == BASELINE.history
    assert [one is other for one, other in zip(first.history, second.history, strict=True)] == [True, True]
