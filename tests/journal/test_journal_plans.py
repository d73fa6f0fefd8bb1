"""Planned rollouts: registered whole or not at all, read as one value, over with their last device."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journal_bench import URL, Bench
from journal_plans import DIGEST, PLAN, A, B, C, attempted, drive, end, may, members, reach, register, rollouts, send
from updeck.errors import Blocked, JournalError, LeaseLost, UsageError
from updeck.journal.models import MilestoneKind, Op, Outcome, Verdict
from updeck.journal.plan_models import ControlKind, ManualRecord, Position, RolloutRecord


def test_a_plan_is_registered_with_all_its_devices(bench: Bench) -> None:
    journal = bench.journal(7)
    row = journal.register_plan(PLAN, DIGEST, [*members(B, mates=(A, B)), *members(A, wave=2)])
    assert (row.kind, row.device, row.op, row.leased_by, row.lease_alive) == ("plan", None, None, None, False)
    record = journal.rollout(row.id)
    assert record.row == row
    assert (record.plan, record.digest, record.braked, record.controls) == (PLAN, DIGEST, False, ())
    assert (record.confirmed_by, record.confirmed_at) == (bench.actor(7), bench.clock.wall())
    assert [(one.device, one.position, one.wave) for one in record.members] == [(B, 0, 1), (A, 1, 2)]
    assert (record.members[0].url, record.members[0].identity) == (f"https://{B}", f'{{"serial":"{B}"}}')
    assert [attempt.number for attempt in record.member(A).attempts] == [1]
    assert [one.text for one in journal.events()] == [f"rollout {row.id[:13]} registered: 2 devices in 2 waves"]


def test_a_device_tells_where_the_engine_saw_it_last_in_its_present_attempt(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal, A, B)
    assert journal.record(A).phase is None
    journal.stand(rollout, [Position(A, "VALIDATING", "validating")])
    assert (journal.record(A).phase, journal.record(A).phase_text) == ("VALIDATING", "validating")
    assert journal.record(B).phase is None
    attempted(bench, journal, rollout, A, Verdict.TRANSFER_FAILED, op=Op.UPLOAD, outcome=Outcome.REFUSED)
    assert journal.record(A).phase is None
    journal.control(rollout, ControlKind.RETRY, device=A, reason="again")
    assert journal.record(A).rollout is not None
    assert journal.record(A).phase is None


def test_a_device_of_another_rollout_refuses_the_whole_plan(bench: Bench) -> None:
    journal = bench.journal()
    other = journal.begin_manual(B, Op.START, url=URL)
    with pytest.raises(Blocked) as caught:
        register(journal, A, B)
    assert str(caught.value).startswith(f"{B}: start by mk@jump1")
    assert other.id in str(caught.value)
    assert rollouts(journal) == []
    assert journal.record(A).rollout is None


def test_a_refusal_counts_the_devices_that_others_have(bench: Bench) -> None:
    journal = bench.journal()
    first = register(journal, A, B)
    with pytest.raises(Blocked, match=rf"plan by mk.*\(rollout {first.id}\); so with 1 more device"):
        register(journal, C, A, B)


def test_a_plan_without_devices_or_with_one_twice_is_refused(bench: Bench) -> None:
    journal = bench.journal()
    with pytest.raises(Blocked, match="no devices"):
        journal.register_plan(PLAN, DIGEST, [])
    with pytest.raises(JournalError, match="UNIQUE"):
        register(journal, A, A)
    assert journal.unfinished() == []


def test_a_device_of_a_plan_takes_no_manual_call_and_says_whose_it_is(bench: Bench) -> None:
    journal = bench.journal()
    rollout = register(journal)
    with pytest.raises(Blocked, match=rollout.id):
        journal.begin_manual(A, Op.RESET, url=URL)
    record = journal.record(A)
    assert record.rollout == rollout
    assert record.intents == ()


def test_nobody_sends_for_a_plan_that_he_does_not_drive(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    rollout = register(journal)
    with pytest.raises(LeaseLost, match="driven by nobody; take it over first"):
        send(bench, journal, rollout.id, A, Op.INIT)
    assert other.take_over(rollout.id) is not None
    assert journal.take_over(rollout.id) is None
    with pytest.raises(LeaseLost, match="pid 2"):
        send(bench, journal, rollout.id, A, Op.INIT)
    writes: list[Callable[[], object]] = [
        lambda: reach(journal, rollout.id, A),
        lambda: journal.stand(rollout.id, [Position(A, "WAITING", "waits")]),
        lambda: end(journal, rollout.id, A, Verdict.SKIPPED),
        lambda: journal.progress(rollout.id, 1, 2, device=A),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            write()


def test_the_gate_is_asked_with_the_rollout_as_it_is_in_the_transaction(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    send(bench, journal, rollout, A, Op.INIT)
    asked: list[RolloutRecord] = []

    def forbid(record: RolloutRecord) -> str | None:
        asked.append(record)
        return "the gate is closed"

    with pytest.raises(Blocked, match=f"{B}: the gate is closed"):
        journal.intend(rollout, B, Op.INIT, baseline=bench.baseline(), allow=forbid)
    (record,) = asked
    assert record == journal.rollout(rollout)
    assert [intent.op for intent in record.member(A).attempt.intents] == [Op.INIT]
    assert record.member(B).attempt.intents == ()
    assert len(bench.witnessed) == 1


def test_a_gate_that_breaks_lets_nothing_pass(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)

    def broken(record: RolloutRecord) -> str | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        journal.intend(rollout, A, Op.INIT, baseline=bench.baseline(), allow=broken)
    assert journal.record(A).intents == ()


def test_a_plan_sends_nothing_without_its_gate(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    with pytest.raises(Blocked, match="not asked about"):
        journal.intend(rollout, A, Op.UPLOAD, baseline=bench.baseline())
    assert journal.record(A).intents == ()


def test_what_an_attempt_did_is_read_in_order(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    upload = send(bench, journal, rollout, A, Op.UPLOAD)
    journal.outcome(upload.intent_id, Outcome.ACCEPTED, status=200, error=None)
    journal.milestone(rollout, A, MilestoneKind.STAGED, checksum="3f" * 32)
    send(bench, journal, rollout, A, Op.INIT)
    reached = reach(journal, rollout, A)
    attempt = journal.rollout(rollout).member(A).attempt
    assert [(one.op, one.outcome is not None) for one in attempt.intents] == [(Op.UPLOAD, True), (Op.INIT, False)]
    assert [one.kind for one in attempt.milestones] == [MilestoneKind.STAGED, MilestoneKind.INITIALIZED]
    assert attempt.milestones[0].checksum == "3f" * 32
    assert attempt.milestones[1] == reached
    assert (reached.last_state_time, reached.target_version) == (1_700_000_100, "11.8.0")
    assert attempt.end is None


def test_a_device_is_let_go_at_its_end_and_the_rollout_is_over_with_the_last(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    attempted(bench, journal, rollout, A, Verdict.SUCCESS)
    assert journal.record(A).rollout is None
    assert [row.id for row in journal.unfinished()] == [rollout]
    end(journal, rollout, B, Verdict.SKIPPED)
    assert journal.unfinished() == []
    assert journal.take_over(rollout) is None
    assert journal.events()[-1].text == f"rollout {rollout[:13]} has ended: 1 SKIPPED, 1 SUCCESS"
    ends = [one.attempt.end for one in journal.rollout(rollout).members]
    assert [one and one.verdict for one in ends] == [Verdict.SUCCESS, Verdict.SKIPPED]
    with pytest.raises(JournalError, match="has ended"):
        end(journal, rollout, B, Verdict.SUCCESS)


def test_a_device_that_has_ended_is_sent_nothing_more(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    end(journal, rollout, A, Verdict.SKIPPED)
    for attempt in (1, 2):
        with pytest.raises(Blocked, match="or its attempt has ended"):
            send(bench, journal, rollout, A, Op.START, attempt=attempt)
    with pytest.raises(Blocked, match="attempt 2 is not the present one"):
        send(bench, journal, rollout, B, Op.START, attempt=2)
    with pytest.raises(Blocked):
        reach(journal, rollout, A)
    with pytest.raises(Blocked, match="attempt 2"):
        end(journal, rollout, B, Verdict.SKIPPED, attempt=2)


def test_who_drives_a_rollout_is_told(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    rollout = register(journal, A)
    assert journal.engine(rollout.id) is None
    other.take_over(rollout.id)
    taken_at = bench.clock.wall()
    bench.clock.advance(5.0)
    engine = journal.engine(rollout.id)
    assert engine is not None
    assert (engine.actor, engine.alive, engine.seen_at) == (bench.actor(2), True, taken_at)
    other.renew()
    engine = journal.engine(rollout.id)
    assert engine is not None
    assert engine.seen_at == taken_at + 5.0
    other.release()
    engine = journal.engine(rollout.id)
    assert engine is not None
    assert (engine.alive, engine.seen_at) == (False, taken_at + 5.0)
    other.take_over(rollout.id)
    end(other, rollout.id, A, Verdict.SKIPPED)
    engine = journal.engine(rollout.id)
    assert engine is not None
    assert (engine.actor, engine.alive) == (bench.actor(2), False)


def test_taking_a_plan_over_is_told_once_however_many_devices_it_has(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    rollout = drive(journal, A, B, C)
    bench.dead.add(1)
    assert other.take_over(rollout) is not None
    lines = [event for event in journal.events() if event.kind == "lease"]
    assert [(line.device, "pid 1" in line.text) for line in lines] == [(None, True)]
    with pytest.raises(LeaseLost):
        send(bench, journal, rollout, A, Op.INIT)


def test_where_devices_stand_is_kept_at_once_a_text_at_most_once_a_second(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    rollout = drive(journal)

    def stood() -> tuple[str | None, str | None, bool]:
        member = other.rollout(rollout).member(A)
        return member.phase, member.text, member.soft

    assert stood() == (None, None, False)
    journal.stand(rollout, [Position(A, "INITIALIZING", "begins"), Position(B, "WAITING", "")])
    assert stood() == ("INITIALIZING", "begins", False)
    bench.clock.advance(0.5)
    journal.stand(rollout, [Position(A, "INITIALIZING", "goes on")])
    assert stood()[1] == "begins"
    journal.stand(rollout, [Position(A, "INITIALIZING", "late", soft=True)])
    assert stood() == ("INITIALIZING", "late", True)
    bench.clock.advance(1.0)
    journal.stand(rollout, [Position(A, "INITIALIZING", "goes on", soft=True)])
    assert stood()[1] == "goes on"


def test_a_text_that_came_too_soon_is_written_with_a_later_call(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    journal.stand(rollout, [Position(A, "TRANSFERRING", "10 %")])
    journal.stand(rollout, [Position(A, "TRANSFERRING", "20 %")])
    assert journal.rollout(rollout).member(A).text == "10 %"
    bench.clock.advance(1.0)
    journal.stand(rollout, [Position(B, "WAITING", "for its wave")])
    assert [member.text for member in journal.rollout(rollout).members] == ["20 %", "for its wave"]


def test_what_stands_as_it_stood_is_not_written_again(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    standing = [Position(A, "WAITING", "for its wave")]
    journal.stand(rollout, standing)
    token = journal.change_token()
    bench.clock.advance(60.0)
    journal.stand(rollout, standing)
    assert journal.change_token() == token


def test_who_takes_over_writes_where_devices_stand_even_if_he_wrote_that_before(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    rollout = drive(journal)
    journal.stand(rollout, [Position(A, "WAITING", "first")])
    journal.release()
    other.take_over(rollout)
    other.stand(rollout, [Position(A, "CHECKING", "other")])
    other.release()
    bench.clock.advance(1.0)
    journal.take_over(rollout)
    journal.stand(rollout, [Position(A, "WAITING", "first")])
    assert journal.rollout(rollout).member(A).phase == "WAITING"


def test_who_takes_over_again_does_not_write_what_he_had_left_to_say(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    rollout = drive(journal)
    for text in ("10 %", "20 %"):
        journal.stand(rollout, [Position(A, "TRANSFERRING", text)])
    journal.release()
    other.take_over(rollout)
    other.stand(rollout, [Position(A, "VALIDATING", "30 %")])
    other.release()
    bench.clock.advance(1.0)
    journal.take_over(rollout)
    journal.stand(rollout, [Position(B, "WAITING", "")])
    assert journal.rollout(rollout).member(A).text == "30 %"


def test_a_soft_limit_is_over_with_its_attempt(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    journal.stand(rollout, [Position(A, "RUNNING", "late", soft=True)])
    end(journal, rollout, A, Verdict.REVIEW)
    member = journal.rollout(rollout).member(A)
    assert (member.soft, member.phase) == (False, "RUNNING")


def test_a_stranger_to_the_rollout_stands_nowhere_in_it(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    with pytest.raises(JournalError):
        journal.stand(rollout, [Position(C, "WAITING", "")])


def test_uploads_of_one_rollout_progress_each_for_itself(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    journal.progress(rollout, 10, 100, device=A)
    journal.progress(rollout, 20, 100, device=B)
    sent = [one.transfer and one.transfer.sent_bytes for one in journal.rollout(rollout).members]
    assert sent == [10, 20]
    transfer = journal.record(B).transfer
    assert transfer is not None
    assert transfer.sent_bytes == 20
    end(journal, rollout, A, Verdict.STAGED)
    assert journal.record(A).transfer is None
    assert journal.record(B).transfer is not None


def test_the_device_whose_upload_it_is_must_be_named(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    with pytest.raises(JournalError, match="NOT NULL"):
        journal.progress(rollout, 10, 100)


def test_a_rollout_is_found_by_the_beginning_of_its_id(bench: Bench) -> None:
    journal = bench.journal()
    first = register(journal, A).id
    bench.clock.advance(3600.0)
    second = register(journal, B).id
    manual = journal.begin_manual(C, Op.INIT, url=URL).id
    unique = next(count for count in range(1, 37) if first[:count] != second[:count])
    assert journal.rollout(first[:unique].upper()).row.id == first
    assert journal.rollout(second).row.id == second
    with pytest.raises(UsageError, match="begins several rollouts") as caught:
        journal.rollout(first[: unique - 1])
    assert first in str(caught.value)
    for nothing in ("", "zzz", "%", manual):
        with pytest.raises(UsageError, match="no planned rollout"):
            journal.rollout(nothing)


def test_rollouts_are_listed_newest_first_by_kind(bench: Bench) -> None:
    journal = bench.journal()
    ids = []
    for number in range(3):
        ids.append(register(journal, f"box-{number}").id)
        bench.clock.advance(1.0)
    manual = bench.whole(journal, Op.INIT, Outcome.ACCEPTED, Verdict.INITIALIZED, device=C)
    assert [one.row.id for one in rollouts(journal)] == ids[::-1]
    assert [one.row.id for one in rollouts(journal, limit=1)] == ids[-1:]
    assert [one.row.id for one in rollouts(journal, kinds=("plan", "manual"))] == [manual.id, *ids[::-1]]
    (record,) = rollouts(journal, kinds=("manual",))
    assert isinstance(record, ManualRecord)
    assert [intent.op for intent in record.intents] == [Op.INIT]
    assert record.end is not None
    assert record.end.verdict is Verdict.INITIALIZED
    assert rollouts(journal)[0] == journal.rollout(ids[-1])


def test_a_mark_changes_with_what_ends_or_changes_a_rollout_and_with_nothing_else(bench: Bench) -> None:
    journal = bench.journal()
    other = drive(journal, C)
    bench.clock.advance(1.0)
    rollout = drive(journal, A, B)
    before = journal.marks()
    assert list(before) == [rollout, other]
    permit = send(bench, journal, rollout, A, Op.START)
    journal.outcome(permit.intent_id, Outcome.ACCEPTED, status=204, error=None)
    reach(journal, rollout, A)
    journal.stand(rollout, [Position(A, "REBOOTING", "down")])
    assert journal.marks() == before
    seen = [before[rollout]]
    changes: list[Callable[[], object]] = [
        lambda: end(journal, rollout, A, Verdict.REVIEW, op=Op.START),
        lambda: journal.resolve(rollout, A, Verdict.SUCCESS, reason="seen"),
        lambda: journal.control(rollout, ControlKind.SKIP, device=B, reason="it is broken"),
        lambda: end(journal, rollout, B, Verdict.NO_EFFECT),
        lambda: journal.control(rollout, ControlKind.RETRY, device=B, reason="again"),
    ]
    for change in changes:
        change()
        seen.append(journal.marks()[rollout])
    assert len(set(seen)) == len(seen)
    assert journal.marks(limit=1) == {rollout: seen[-1]}
    assert journal.marks()[other] == before[other]


def test_a_listed_rollout_has_only_what_is_its_own(bench: Bench) -> None:
    journal = bench.journal()
    first, second = drive(journal, A), drive(journal, B)
    attempted(bench, journal, first, A, Verdict.SUCCESS)
    send(bench, journal, second, B, Op.INIT)
    for listed in rollouts(journal):
        assert isinstance(listed, RolloutRecord)
        assert [one.op for one in listed.members[0].attempt.intents] == (
            [Op.START] if listed.row.id == first else [Op.INIT]
        )


def test_a_call_that_is_forbidden_by_the_journal_is_not_taken_for_the_gates_word(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    send(bench, journal, rollout, A, Op.START)
    with pytest.raises(Blocked, match="not sent again in this attempt"):
        journal.intend(rollout, A, Op.START, baseline=bench.baseline(), allow=may)
