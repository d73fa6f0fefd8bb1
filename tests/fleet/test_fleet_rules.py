"""Who may send what by hand: the table of `rollout.md` 2, cell by cell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from updeck.device.models import HistoryEntry, Image, Info, Reach, Update
from updeck.device.trust import Tls
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.next import Known, clock_text, next_step
from updeck.fleet.rules import Ownership, Situation, differences, ownership, refusal
from updeck.fleet.tone import BRIEF_CELLS
from updeck.fleet.views import Phase, Reading, Tone, Transfer, Watch
from updeck.journal.models import (
    Actor,
    Baseline,
    DeviceRecord,
    End,
    Intent,
    Milestone,
    MilestoneKind,
    Op,
    Outcome,
    OutcomeRow,
    RolloutRow,
    TransferRow,
    Verdict,
)
from updeck.text import cell_width

OLD, NEW = "11.6.0 #23947", "11.8.0 #28924"
SHA = "ab" * 32
ENTRY = DeviceEntry("ar11", "https://10.1.2.3", tls=Tls("pin", None, "sha256:" + "0" * 64))
ACTOR = Actor(1000, "mk", "jump", "ui", 1, "boot", "1")
VALID = Image(7, "VALID", version=NEW, checksum=SHA)
OTHER = Image(8, "VALID", version="11.10.0", checksum="cd" * 32)
INFO = Info("ar11", "VSCAN-2000", "S1", OLD)


def reading(state: str, *images: Image, target: str | None = None, changed: int = 100) -> Reading:
    history = (HistoryEntry(50, OLD),)
    return Reading(0.0, Update(state, "", changed, history, target), images, INFO, 0.0)


def baseline(expected: str | None = None) -> Baseline:
    return Baseline(0.0, "IDLE", 90, None, ((50, OLD),), OLD, "S1", "ar11", "VSCAN-2000", ENTRY.url, (7,), expected)


def intent(op: Op, *, expected: str | None = None, outcome: Outcome = Outcome.ACCEPTED) -> Intent:
    row = OutcomeRow(outcome, 1.0, 204, None)
    return Intent(1, "r1", "ar11", 1, op, 1, 1.0, ACTOR, baseline(expected), {}, row)


def end(op: Op, verdict: Verdict, *, changed: int = 100, target: str | None = NEW) -> End:
    return End("r1", "ar11", 1, op, verdict, "", 2.0, ACTOR, changed, target)


def reached(*, changed: int = 100, target: str | None = NEW) -> Milestone:
    return Milestone(MilestoneKind.INITIALIZED, 1, changed, target, None, 2.0)


def ours(**changes: object) -> DeviceRecord:
    init_end = end(Op.INIT, Verdict.INITIALIZED)
    record = DeviceRecord("ar11", last_end=init_end, last_init=intent(Op.INIT), last_init_end=init_end)
    return replace(record, **changes)  # type: ignore[arg-type]


def seen(
    read: Reading | None, record: DeviceRecord | None = None, *, reach: Reach = Reach.OK, **more: object
) -> Situation:
    situation = Situation(ENTRY, reach, "refused", read, record or DeviceRecord("ar11"))
    return replace(situation, **more)  # type: ignore[arg-type]


ARMED = reading("INITIALIZED", VALID, target=NEW)

ALLOWED = {
    "IDLE": {Op.UPLOAD, Op.FETCH, Op.DELETE, Op.INIT},
    "INITIALIZING": set[Op](),
    "INITIALIZED": {Op.START, Op.RESET},
    "RUNNING": set[Op](),
    "FAILED_GRACEFUL": {Op.UPLOAD, Op.FETCH, Op.DELETE, Op.RESET},
    "FAILED_CRITICAL": {Op.RESET},
    "SOMETHING_NEW": set[Op](),
}


@pytest.mark.parametrize("op", list(Op))
@pytest.mark.parametrize("state", list(ALLOWED))
def test_a_state_allows_exactly_what_the_table_says(state: str, op: Op) -> None:
    target = NEW if state == "INITIALIZED" else None
    reason = refusal(op, seen(reading(state, VALID, target=target), ours()))
    assert (reason is None) == (op in ALLOWED[state]), reason
    assert reason is None or state in reason


@pytest.mark.parametrize("op", list(Op))
@pytest.mark.parametrize("reach", [reach for reach in Reach if reach is not Reach.OK])
def test_nothing_is_sent_when_the_poll_was_not_good(reach: Reach, op: Op) -> None:
    reason = refusal(op, replace(seen(ARMED, ours(), reach=reach), error="why it is so"))
    assert reason is not None
    assert reason.endswith(": why it is so")
    assert reach.value not in reason, "a word of the journal, not of a person"


@pytest.mark.parametrize("op", list(Op))
def test_an_unfinished_operation_forbids_all_others_and_is_named(op: Op) -> None:
    rollout = RolloutRow("r9", "manual", 1.0, ACTOR, "ar11", ACTOR, lease_alive=True, lease_ours=False)
    record = ours(rollout=rollout, intents=(intent(Op.START, outcome=Outcome.UNKNOWN),))
    reason = refusal(op, seen(ARMED, record))
    assert reason is not None
    assert "r9" in reason
    assert "the answer was lost" in reason


def test_start_needs_an_init_of_ours() -> None:
    assert "someone else" in (refusal(Op.START, seen(ARMED)) or "")


@pytest.mark.parametrize(
    ("record", "owner"),
    [
        (ours(), Ownership.OURS),
        (ours(last_init_end=None), Ownership.OPEN),
        (ours(reset_since_init=True), Ownership.FOREIGN),
        (ours(last_init=intent(Op.INIT, outcome=Outcome.REFUSED)), Ownership.FOREIGN),
        (ours(last_init_end=end(Op.INIT, Verdict.INITIALIZED, changed=99)), Ownership.FOREIGN),
        (ours(last_init_end=end(Op.INIT, Verdict.INITIALIZED, target=OLD)), Ownership.FOREIGN),
        (ours(last_init_end=end(Op.INIT, Verdict.NOT_STARTED)), Ownership.FOREIGN),
        (DeviceRecord("ar11"), Ownership.FOREIGN),
        (ours(last_init_end=end(Op.INIT, Verdict.NOT_STARTED), initialized=reached()), Ownership.OURS),
        (ours(last_init_end=None, initialized=reached()), Ownership.OURS),
        (ours(initialized=reached(changed=99)), Ownership.FOREIGN),
        (ours(initialized=reached(target=OLD)), Ownership.FOREIGN),
        (DeviceRecord("ar11", initialized=reached()), Ownership.OURS),
    ],
)
def test_ours_is_only_the_very_initialized_that_our_init_reached(record: DeviceRecord, owner: Ownership) -> None:
    assert ownership(ARMED, record) is owner


def test_start_is_refused_when_the_target_is_not_what_init_named() -> None:
    record = ours(last_init=intent(Op.INIT, expected="11.10.0"))
    assert "11.10.0 was meant" in (refusal(Op.START, seen(ARMED, record)) or "")


def test_start_is_refused_when_the_target_is_not_what_the_operator_names_now() -> None:
    assert "not 11.9" in (refusal(Op.START, seen(ARMED, ours(), named="11.9")) or "")
    assert refusal(Op.START, seen(ARMED, ours(), named="11.8.0")) is None


@pytest.mark.parametrize(
    ("images", "proven", "allowed"),
    [
        ((VALID,), frozenset({SHA}), True),
        ((VALID,), frozenset[str](), False),
        ((VALID, OTHER), frozenset({SHA}), False),
        ((), frozenset({SHA}), False),
        ((replace(VALID, version=None),), frozenset({SHA}), False),
    ],
)
def test_without_a_target_start_needs_one_proven_image(
    images: tuple[Image, ...], proven: frozenset[str], *, allowed: bool
) -> None:
    record = ours(last_init_end=end(Op.INIT, Verdict.INITIALIZED, target=None), proven_checksums=proven)
    reason = refusal(Op.START, seen(reading("INITIALIZED", *images), record))
    assert (reason is None) == allowed, reason


def test_start_over_an_insecure_connection_must_be_allowed_for_the_device() -> None:
    plain = replace(ENTRY, url="http://10.1.2.3", tls=Tls())
    assert "insecure" in (refusal(Op.START, seen(ARMED, ours(), entry=plain)) or "")
    assert refusal(Op.START, seen(ARMED, ours(), entry=plain, allow_insecure=True)) is None


def test_init_with_several_images_needs_the_version_named() -> None:
    idle = reading("IDLE", VALID, OTHER)
    assert "name the version" in (refusal(Op.INIT, seen(idle)) or "")
    assert refusal(Op.INIT, seen(idle, named="11.10")) is None
    assert "no VALID image" in (refusal(Op.INIT, seen(idle, named="12.0")) or "")
    assert "no VALID image" in (refusal(Op.INIT, seen(reading("IDLE", replace(VALID, state="INVALID")))) or "")


def test_after_a_review_of_a_start_nothing_is_started_again() -> None:
    record = ours(start_unresolved=True)
    assert "REVIEW" in (refusal(Op.START, seen(ARMED, record)) or "")
    assert "REVIEW" in (refusal(Op.INIT, seen(reading("IDLE", VALID), record)) or "")
    assert refusal(Op.RESET, seen(ARMED, record)) is None


def test_initializing_may_be_reset_only_after_our_init_ended_in_review() -> None:
    stuck = reading("INITIALIZING")
    assert refusal(Op.RESET, seen(stuck, ours())) is not None
    assert refusal(Op.RESET, seen(stuck, ours(last_init_end=end(Op.INIT, Verdict.REVIEW)))) is None


@pytest.mark.parametrize(
    ("fresh", "word"),
    [
        (reading("IDLE", VALID), "state"),
        (reading("INITIALIZED", VALID, target="11.9"), "target"),
        (reading("INITIALIZED", VALID, target=NEW, changed=101), "INITIALIZED again"),
        (reading("INITIALIZED", VALID, OTHER, target=NEW), "VALID images"),
        (reading("INITIALIZED", replace(VALID, checksum="00"), target=NEW), "VALID images"),
        (replace(ARMED, info=replace(INFO, serial="S2")), "another box"),
        (replace(ARMED, update=replace(ARMED.update, history=())), "history"),
    ],
)
def test_any_difference_to_what_was_shown_is_named(fresh: Reading, word: str) -> None:
    assert differences(ARMED, ARMED, ENTRY.url) == ()
    assert any(word in line for line in differences(ARMED, fresh, ENTRY.url))


def known(read: Reading | None, record: DeviceRecord | None = None, **more: object) -> Known:
    base = Known(Reach.OK, None, read, record or DeviceRecord("ar11"), None, None, "11:59")
    return replace(base, **more)  # type: ignore[arg-type]


DOWN = Watch(Phase.REBOOTING, "down, rebooting")
MEANT_OTHER = ours(last_init=intent(Op.INIT, expected="12.0"))
OPEN = RolloutRow("r9", "manual", 1.0, ACTOR, "ar11", ACTOR, lease_alive=True, lease_ours=True)
WATCHED = ours(rollout=OPEN)
BY_ANOTHER = ours(rollout=replace(OPEN, lease_ours=False), intents=(intent(Op.START),))
PLANNED = replace(OPEN, kind="plan", lease_ours=False)
LEFT = replace(PLANNED, lease_alive=False)
NEW_ONE = replace(LEFT, leased_by=None)


def planned(phase: str | None, text: str | None, rollout: RolloutRow = PLANNED) -> Known:
    record = DeviceRecord("ar11", rollout=rollout, phase=phase, phase_text=text)
    return known(reading("IDLE", VALID), record)


def sends(took_s: float) -> Known:
    """Return a device to which an engine sends an image, a quarter of it in `took_s` seconds."""
    moved = TransferRow(0 if not took_s else 100, 400, 50.0, 50.0 + took_s)
    base = planned("TRANSFERRING", "sending the image")
    return replace(base, record=replace(base.record, transfer=moved))


NEXT = [
    (known(None, reach=None), "connecting", Tone.REST, None),
    (known(None, reach=Reach.UNREACHABLE), "no answer since 11:59", Tone.MAY, "view"),
    (known(None, reach=Reach.TRUST), "trust certificate", Tone.NEEDS, "credentials"),
    (known(None, reach=Reach.AUTH), "log in", Tone.NEEDS, "credentials"),
    (known(reading("IDLE")), "choose image", Tone.REST, "upload"),
    (known(reading("IDLE", VALID)), "init?", Tone.READY, "init"),
    (known(reading("IDLE", VALID, OTHER)), "init? (choose one)", Tone.READY, "init"),
    (known(reading("IDLE", replace(VALID, version=OLD))), "choose image", Tone.REST, "upload"),
    (known(reading("IDLE", Image(9, "VALIDATING"))), "validating", Tone.MOVING, None),
    (known(ARMED, ours()), "start?", Tone.READY, "start"),
    (known(ARMED), "someone else's init", Tone.NEEDS, "view"),
    (known(ARMED, MEANT_OTHER), f"wrong target {NEW}: un-init?", Tone.NEEDS, "reset"),
    (known(reading("RUNNING")), "running, not by us", Tone.MAY, "view"),
    (known(reading("FAILED_GRACEFUL")), "needs you: FAILED_GRACEFUL", Tone.NEEDS, "reset"),
    (known(reading("FAILED_CRITICAL")), "call support", Tone.NEEDS, "view"),
    (known(reading("NEW_STATE"), reach=Reach.GARBLED), "unknown state: hands off", Tone.MAY, "view"),
    (known(reading("IDLE"), ours(start_unresolved=True)), "needs you: REVIEW", Tone.NEEDS, "acknowledge"),
    (known(ARMED, WATCHED, watch=DOWN), "down, rebooting", Tone.MOVING, None),
    (known(ARMED, BY_ANOTHER), "start by mk", Tone.MOVING, None),
    (known(ARMED, BY_ANOTHER, reach=Reach.UNREACHABLE), "down since 11:59, start by mk", Tone.MOVING, None),
    (known(ARMED, WATCHED, watch=DOWN, reach=Reach.TRUST), "trust certificate", Tone.NEEDS, "credentials"),
    (planned(None, None), "waits for its engine", Tone.REST, "rollouts"),
    (planned("WAITING", "waits for its pair b"), "waits for its pair b", Tone.REST, "rollouts"),
    (planned("REBOOTING", "down, rebooting"), "down, rebooting", Tone.MOVING, "rollouts"),
    (sends(0.0), "uploads 0 %", Tone.MOVING, "rollouts"),
    (sends(10.0), "uploads 25 %, 0:30 left", Tone.MOVING, "rollouts"),
    (planned("ARMED", "ready, waits for a person"), "ready, waits for a person", Tone.READY, "rollouts"),
    (planned("HELD", "someone else's init"), "someone else's init", Tone.NEEDS, "rollouts"),
    (planned("WAITING", "waits for wave 1", LEFT), "waits for wave 1", Tone.REST, "rollouts"),
    (planned("REBOOTING", "down, rebooting", LEFT), "no engine: resume?", Tone.NEEDS, "rollouts"),
    (planned("ARMED", "ready, waits for a person", LEFT), "no engine: resume?", Tone.NEEDS, "rollouts"),
    (planned(None, None, LEFT), "no engine: resume?", Tone.NEEDS, "rollouts"),
    (replace(planned(None, None, NEW_ONE), at=15.0), "waits for its engine", Tone.REST, "rollouts"),
    (replace(planned(None, None, NEW_ONE), at=16.0), "no engine: resume?", Tone.NEEDS, "rollouts"),
    (replace(planned(None, None, LEFT), at=15.0), "no engine: resume?", Tone.NEEDS, "rollouts"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "text", "tone", "action"), NEXT)
def test_next_is_the_one_thing_that_a_device_needs(what: Known, text: str, tone: Tone, action: str | None) -> None:
    found = next_step(what)
    assert (found.text, found.tone, found.action) == (text, tone, action)


INITED_WITHOUT_TARGET = end(Op.INIT, Verdict.INITIALIZED, target=None)
NARROW = [
    (known(reading("INITIALIZING")), "not by us"),
    (known(reading("INITIALIZED", VALID, OTHER), ours(last_init_end=INITED_WITHOUT_TARGET)), "no target"),
    (known(None, reach=Reach.IDENTITY), "hands off"),
    (known(None, reach=Reach.UNREACHABLE, failing_at="2026-11-27 11:59"), "since 2026-11-27"),
    (known(ARMED, BY_ANOTHER, reach=Reach.UNREACHABLE, failing_at="2026-11-27 11:59"), "since 2026-11-27"),
    (known(ARMED, BY_ANOTHER, reach=Reach.UNREACHABLE), "down since 11:59"),
    (known(ARMED, WATCHED, watch=Watch(Phase.PROVING, "back, the history has no new entry")), "back, proving"),
    (known(reading("IDLE"), ours(last_end=end(Op.UPLOAD, Verdict.TRANSFER_FAILED))), "TRANSFER_FAILED"),
    (known(reading("IDLE", Image(9, "UPLOADING", progress=100.0))), "receives 100 %"),
    (known(None, transfer=Transfer("a.iso", 99, 100, 0.0005, 0.0)), "99 %, 33:20"),
]


def test_what_is_next_is_whole_in_the_narrowest_list_too() -> None:
    for what, brief in NARROW:
        assert next_step(what).brief == brief
    for found in map(next_step, [*(row[0] for row in NEXT), *(row[0] for row in NARROW)]):
        assert cell_width(found.text if not found.brief else found.brief) <= BRIEF_CELLS, found


def test_next_tells_how_long_an_upload_takes() -> None:
    transfer = Transfer("a.iso", 50, 100, 10.0, 0.0)
    assert next_step(known(None, transfer=transfer)).text == "uploads 50 %, 0:05 left"


def test_next_says_proven_only_for_the_version_that_runs() -> None:
    start_end = end(Op.START, Verdict.SUCCESS)
    record = DeviceRecord("ar11", last_end=start_end, last_start=intent(Op.START), last_start_end=start_end)
    proven = replace(reading("IDLE"), info=replace(INFO, sw_version=NEW))
    assert next_step(known(proven, record)).text == f"proven {NEW}"
    assert next_step(known(reading("IDLE"), record)).text == "choose image"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (31, "0:31"), (61.4, "1:01"), (3723, "1:02:03"), (-5, "0:00")]
)
def test_durations_read_like_a_clock(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
