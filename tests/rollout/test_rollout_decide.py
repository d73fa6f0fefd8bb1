"""The next step of a device, case by case: pure, and the same however often an engine was killed in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from updeck.device.models import HistoryEntry, Image, Reach, Update
from updeck.fleet.ruling import Ruling, Seen, Timers
from updeck.fleet.views import Phase
from updeck.journal.models import Actor, Baseline, Intent, Op, Outcome, OutcomeRow, Verdict
from updeck.journal.plan_models import Attempt, Control, ControlKind, Milestone, MilestoneKind
from updeck.rollout.decide import decide
from updeck.rollout.decision import Case, Decision, End, Hold, Reached, Send, Wait, Watch
from updeck.rollout.plan import Fence, Goal, Plan, PlannedDevice, PlannedImage, Source
from updeck.settings import Patience

OLD, NEW = "11.6.0 #23947", "11.8.0 #28924"
SHA, OTHER = "ab" * 32, "cd" * 32
ACTOR = Actor(1000, "mk", "jump", "engine", 1, "boot", "1")
PLAN = Plan(
    image=PlannedImage(NEW, Source.FILE, SHA, 100, "/images/a.iso"),
    devices=(PlannedDevice("ar11", "https://10.1.2.3", 1),),
)
PRESENT = replace(PLAN, image=PlannedImage(NEW, Source.PRESENT))
VALID = Image(7, "VALID", version=NEW, checksum=SHA)
BASELINE = Baseline(0.0, "IDLE", 90, None, ((50, OLD),), OLD, "S1", "ar11", "VSCAN", "https://10.1.2.3", (3,), NEW, SHA)
STAGED = Milestone(MilestoneKind.STAGED, 1, None, None, SHA, 1.0)
ARMED = Milestone(MilestoneKind.INITIALIZED, 1, 100, NEW, None, 2.0)


def intent(op: Op, outcome: Outcome | None = Outcome.ACCEPTED, *, try_: int = 1, error: str | None = None) -> Intent:
    row = None if outcome is None else OutcomeRow(outcome, 1.0, None, error)
    detail: Mapping[str, str] = {"image_id": "7"} if op is Op.DELETE else {}
    return Intent(1, "r", "ar11", 1, op, try_, 1.0, ACTOR, BASELINE, detail, row)


def control(kind: ControlKind, value: str | None = None, *, at: float = 10.0) -> Control:
    return Control(1, kind, "ar11", value, "because", at, ACTOR)


def seen(state: str, *images: Image, target: str | None = None, runs: str = OLD, changed: int = 100) -> Seen:
    update = Update(state, "words", changed, (HistoryEntry(50, OLD),), target)
    return Seen(1000.0, Reach.OK, update, images, runs)


def gone(reach: Reach) -> Seen:
    return Seen(1000.0, reach)


def attempt(*steps: Intent | Milestone) -> Attempt:
    intents = tuple(step for step in steps if isinstance(step, Intent))
    milestones = tuple(step for step in steps if isinstance(step, Milestone))
    return Attempt(1, intents, milestones)


def case(
    look: Seen,
    *steps: Intent | Milestone,
    plan: Plan = PLAN,
    controls: tuple[Control, ...] = (),
    closed: str | None = None,
    blocked: str | None = None,
) -> Case:
    return Case(plan, attempt(*steps), controls, look, Patience(), lambda op: closed, blocked)


def test_a_start_is_held_where_nothing_proves_any_more_who_answers() -> None:
    """The inventory may have been changed since the checks: `tls = "insecure"`, or another scheme."""
    ready = case(READY, STAGED, intent(Op.INIT), ARMED)
    assert decided(ready) == Send(Op.START)
    held = decided(replace(ready, unproven=True))
    assert held == Hold("the connection is insecure, and the plan does not allow that")
    waiting = replace(ready, plan=replace(PLAN, fence=Fence.START), unproven=True)
    assert isinstance(decided(waiting), Hold)


def decided(what: Case, timers: Timers | None = None) -> Decision:
    return decide(what, timers or Timers(999.0))[1]


IDLE = seen("IDLE", VALID)
READY = seen("INITIALIZED", VALID, target=NEW)
TOOK_OLD = seen("INITIALIZED", VALID, target=OLD)
UNNAMED = seen("IDLE", replace(VALID, checksum=None))
ABORT = control(ControlKind.ABORT)
UNDO = control(ControlKind.RESET)
STARTING = Watch(Ruling(Phase.STARTING, "start sent, not begun yet"))
UNDOING = Watch(Ruling(Phase.HELD, "un-init sent, still INITIALIZED"))


@pytest.mark.parametrize(
    ("what", "decision"),
    [
        (case(seen("IDLE")), Send(Op.UPLOAD, 1)),
        (case(seen("IDLE"), closed="max transfers"), Wait(Phase.WAITING, "max transfers")),
        (case(seen("IDLE"), plan=PRESENT), End(Verdict.SKIPPED, f"no VALID image {NEW} is on the device")),
        (case(seen("IDLE", replace(VALID, checksum=OTHER))), Send(Op.UPLOAD, 1)),
        (case(seen("IDLE", VALID, runs=NEW)), End(Verdict.ALREADY_INSTALLED, f"{NEW} runs already")),
        (case(IDLE), Reached(MilestoneKind.STAGED, checksum=SHA)),
        (case(IDLE, STAGED), Send(Op.INIT)),
        (case(IDLE, STAGED, plan=replace(PLAN, until=Goal.STAGED)), End(Verdict.STAGED, f"image 7 {NEW} is VALID")),
        (case(IDLE, STAGED, closed="the gate is closed"), Wait(Phase.WAITING, "the gate is closed")),
        (case(READY, STAGED, intent(Op.INIT)), Reached(MilestoneKind.INITIALIZED, 100, NEW)),
        (case(READY, STAGED, intent(Op.INIT), ARMED), Send(Op.START)),
        (case(READY, intent(Op.INIT), ARMED, closed="the window is shut"), Wait(Phase.ARMED, "the window is shut")),
        (case(READY, intent(Op.INIT), ARMED, plan=replace(PLAN, fence=Fence.START)), Wait(Phase.ARMED, "start?")),
        (
            case(READY, intent(Op.INIT), ARMED, plan=replace(PLAN, until=Goal.INITIALIZED)),
            End(Verdict.INITIALIZED, f"initialized, target {NEW}"),
        ),
        (case(READY), Hold("foreign: someone else initialized it")),
        (case(READY, controls=(control(ControlKind.ADOPT),)), Reached(MilestoneKind.INITIALIZED, 100, NEW)),
        (case(TOOK_OLD, intent(Op.INIT), replace(ARMED, target_version=OLD)), Send(Op.RESET)),
        (case(IDLE, intent(Op.INIT, Outcome.REFUSED, error="409")), End(Verdict.NOT_STARTED, "init was refused: 409")),
        (case(IDLE, intent(Op.INIT, Outcome.REFUSED, error="init was refused: no room (409)")),
         End(Verdict.NOT_STARTED, "init was refused: no room (409)")),
        (case(READY, intent(Op.START, Outcome.REFUSED, error="not sent: the connection was refused")),
         End(Verdict.NOT_STARTED, "not sent: the connection was refused")),
        (case(READY, intent(Op.START, Outcome.REFUSED, error="no")), End(Verdict.NOT_STARTED, "start was refused: no")),
        (case(IDLE, ARMED, STAGED), End(Verdict.NOT_STARTED, "someone else un-initialized it")),
        (case(seen("FAILED_CRITICAL")), End(Verdict.SKIPPED, "it is in FAILED_CRITICAL: words")),
        (case(seen("RUNNING")), Hold("someone else acts on it: RUNNING without an order of ours")),
        (case(gone(Reach.TRUST)), Hold("its certificate waits for trust")),
        (case(gone(Reach.AUTH)), Hold("its login is refused")),
        (case(gone(Reach.UNREACHABLE)), Wait(Phase.CHECKING, "no good answer (UNREACHABLE)")),
        (case(gone(Reach.UNSUPPORTED)), End(Verdict.SKIPPED, "it offers no npm.system_update 2.0")),
        (case(IDLE, blocked="insecure"), End(Verdict.SKIPPED, "insecure")),
        (case(IDLE, controls=(control(ControlKind.SKIP),)), End(Verdict.SKIPPED, "skipped by mk: because")),
        (case(READY, ARMED, controls=(ABORT,)), End(Verdict.ABORTED_BEFORE_START, "aborted by mk: because")),
        (case(READY, intent(Op.INIT), ARMED, controls=(UNDO,)), Send(Op.RESET)),
        (case(READY, intent(Op.INIT), ARMED, controls=(UNDO,), closed="the gate is closed"), Send(Op.RESET)),
        (case(READY, intent(Op.INIT), ARMED, controls=(UNDO, ABORT)), Send(Op.RESET)),
        (case(READY, intent(Op.INIT), ARMED, controls=(UNDO, control(ControlKind.SKIP))),
         End(Verdict.SKIPPED, "skipped by mk: because")),
        (case(READY, intent(Op.INIT), replace(ARMED, last_state_time=99), controls=(UNDO,)),
         Hold("foreign: someone else initialized it")),
        (case(READY, intent(Op.INIT), ARMED, intent(Op.START), controls=(UNDO,)), STARTING),
        (case(gone(Reach.AUTH), intent(Op.INIT), ARMED, controls=(UNDO,)), Hold("its login is refused")),
        (case(IDLE, intent(Op.INIT), ARMED, intent(Op.RESET), controls=(UNDO,)),
         End(Verdict.ABORTED_BEFORE_START, "un-initialized by mk: because")),
        (case(IDLE, intent(Op.INIT), ARMED, intent(Op.RESET, Outcome.UNKNOWN), controls=(UNDO,)),
         End(Verdict.ABORTED_BEFORE_START, "un-initialized by mk: because")),
        (case(READY, intent(Op.INIT), ARMED, intent(Op.RESET, Outcome.REFUSED, error="409"), controls=(UNDO,)),
         End(Verdict.NOT_STARTED, "un-init, asked for by mk, was refused: 409; it stays INITIALIZED")),
        (case(READY, intent(Op.INIT), ARMED, intent(Op.RESET), controls=(UNDO,)), UNDOING),
        (case(IDLE, intent(Op.INIT), replace(ARMED, target_version=OLD), intent(Op.RESET), controls=(UNDO,)),
         End(Verdict.WRONG_TARGET, f"init took {OLD}, not {NEW}")),
        (case(UNNAMED, intent(Op.UPLOAD), STAGED), Hold("unverified: the device names no checksum of its image")),
    ],
)  # fmt: skip
def test_the_next_step(what: Case, decision: Decision) -> None:
    assert decided(what) == decision


@pytest.mark.parametrize("look", [READY, seen("RUNNING"), gone(Reach.UNREACHABLE), gone(Reach.TRUST), seen("IDLE")])
@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.UNKNOWN, None])
def test_a_start_that_may_have_left_is_watched_and_never_sent_again(look: Seen, outcome: Outcome | None) -> None:
    controls = (control(ControlKind.SKIP), ABORT)
    assert isinstance(decided(case(look, ARMED, intent(Op.START, outcome), controls=controls)), Watch)


def test_the_fence_opens_for_the_target_that_was_shown_and_for_no_other() -> None:
    fenced = replace(PLAN, fence=Fence.START)
    right, wrong = control(ControlKind.ARM, "11.8.0"), control(ControlKind.ARM, "11.9.0")
    assert decided(case(READY, ARMED, plan=fenced, controls=(right,))) == Send(Op.START)
    assert decided(case(READY, ARMED, plan=fenced, controls=(wrong,))) == Wait(Phase.ARMED, "start?")


def test_a_target_that_is_not_named_ends_in_review() -> None:
    decision = decided(case(seen("INITIALIZED", VALID), replace(ARMED, target_version=None)))
    assert isinstance(decision, End)
    assert decision.verdict is Verdict.REVIEW


def test_an_initialized_that_is_not_the_one_we_reached_is_foreign() -> None:
    assert isinstance(decided(case(seen("INITIALIZED", VALID, target=NEW, changed=101), intent(Op.INIT), ARMED)), Hold)


def test_what_an_earlier_attempt_initialized_is_ours_as_long_as_it_is_still_that() -> None:
    again = replace(case(READY), earlier=(ARMED,))
    assert decided(again) == Reached(MilestoneKind.INITIALIZED, 100, NEW)
    changed = replace(again, seen=seen("INITIALIZED", VALID, target=NEW, changed=101))
    assert isinstance(decided(changed), Hold)


BROKEN = Image(7, "UPLOAD_ERROR", "Connection closed by peer")


def test_a_broken_upload_of_ours_is_deleted_and_sent_again_twice_at_most() -> None:
    look = seen("IDLE", BROKEN)
    first = intent(Op.UPLOAD, Outcome.UNKNOWN)
    assert decided(case(look, first)) == Send(Op.DELETE, 1, 7)
    assert isinstance(decided(case(look, first, intent(Op.DELETE))), Watch)
    assert decided(case(seen("IDLE"), first, intent(Op.DELETE))) == Send(Op.UPLOAD, 2)
    third = intent(Op.UPLOAD, Outcome.UNKNOWN, try_=3)
    decision = decided(case(look, first, third))
    assert isinstance(decision, End)
    assert decision.verdict is Verdict.TRANSFER_FAILED


def test_an_image_that_may_be_somebody_elses_is_not_deleted() -> None:
    look = seen("IDLE", BROKEN, Image(8, "UPLOADING", progress=3.0))
    assert not isinstance(decided(case(look, intent(Op.UPLOAD, Outcome.UNKNOWN))), Send)


def test_an_invalid_image_is_not_sent_again() -> None:
    decision = decided(case(seen("IDLE", Image(7, "INVALID", "Signature check failed")), intent(Op.UPLOAD)))
    assert isinstance(decision, End)
    assert decision.verdict is Verdict.TRANSFER_FAILED


def test_a_reset_of_a_wrong_target_ends_in_wrong_target() -> None:
    wrong = replace(ARMED, target_version=OLD)
    still = seen("INITIALIZED", VALID, target=OLD)
    assert isinstance(decided(case(still, intent(Op.INIT), wrong, intent(Op.RESET))), Watch)
    decision = decided(case(IDLE, intent(Op.INIT), wrong, intent(Op.RESET)))
    assert decision == End(Verdict.WRONG_TARGET, f"init took {OLD}, not {NEW}")


def test_silence_before_anything_was_sent_ends_skipped_and_after_init_in_review() -> None:
    patience = Patience()
    quiet = Timers(0.0, situation=Reach.UNREACHABLE.value, elapsed_s=patience.unreachable_hard, polls=5)
    for steps, verdict in (((), Verdict.SKIPPED), ((intent(Op.INIT), ARMED), Verdict.REVIEW)):
        decision = decided(case(gone(Reach.UNREACHABLE), *steps), quiet)
        assert isinstance(decision, End)
        assert decision.verdict is verdict
