"""Judging, poll by poll, in virtual time: every way in which an operation can end, and none that it must not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from updeck.device.models import HistoryEntry, Image, Reach, Update
from updeck.fleet.judge import step
from updeck.fleet.ruling import Ruling, Seen, Timers
from updeck.fleet.views import Phase
from updeck.journal.models import Actor, Baseline, Intent, Op, Outcome, OutcomeRow, Verdict
from updeck.settings import Patience

OLD, NEW = "11.6.0 #23947", "11.8.0 #28924"
BEGUN = 1_700_000_000
SHA = "ab" * 32
ACTOR = Actor(1000, "mk", "jump", "ui", 1, "boot", "1")
PATIENCE = Patience()
BASELINE = Baseline(
    observed_at=0.0,
    state="INITIALIZED",
    last_state_time=BEGUN,
    target_version=NEW,
    history=((1_500_000_000, OLD),),
    sw_version=OLD,
    serial="S1",
    device_name="ar11",
    model="VSCAN",
    url="https://10.1.2.3",
    image_ids=(6,),
    expected=None,
)


def intent(op: Op, *, outcome: Outcome | None = Outcome.ACCEPTED, baseline: Baseline = BASELINE) -> Intent:
    row = None if outcome is None else OutcomeRow(outcome, 0.0, None, None)
    return Intent(1, "r", "ar11", 1, op, 1, 0.0, ACTOR, baseline, {"image_id": "6"}, row)


def update(state: str, *history: tuple[int, str], target: str | None = NEW, text: str = "") -> Update:
    entries = tuple(HistoryEntry(*entry) for entry in ((1_500_000_000, OLD), *history))
    return Update(state, text, BEGUN, entries, target)


@dataclass
class Watcher:
    """Feeds polls to `step`, each some seconds after the last, and keeps the newest ruling."""

    intent: Intent
    now: float = 0.0
    timers: Timers = field(default_factory=lambda: Timers(0.0))
    ruling: Ruling = field(default_factory=lambda: Ruling(Phase.WAITING, ""))

    def poll(self, after_s: float, seen: Update | Reach, *images: Image, runs: str = "") -> Watcher:
        self.now += after_s
        view = Seen(self.now, Reach.OK, seen, images, runs) if isinstance(seen, Update) else Seen(self.now, seen)
        self.timers, self.ruling = step(self.intent, self.timers, view, PATIENCE)
        return self

    @property
    def verdict(self) -> Verdict | None:
        return None if self.ruling.ending is None else self.ruling.ending.verdict


PROVEN = update("IDLE", (BEGUN + 900, NEW), target=None)


def test_success_needs_three_good_polls_over_a_minute() -> None:
    watcher = Watcher(intent(Op.START)).poll(2, update("RUNNING")).poll(5, Reach.UNREACHABLE)
    assert watcher.ruling.phase is Phase.REBOOTING
    watcher.poll(300, PROVEN, runs=NEW).poll(2, PROVEN, runs=NEW).poll(2, PROVEN, runs=NEW)
    assert watcher.verdict is None, "three polls within four seconds prove nothing"
    watcher.poll(57, PROVEN, runs=NEW)
    assert watcher.verdict is Verdict.SUCCESS


def test_two_polls_a_minute_apart_are_not_enough() -> None:
    watcher = Watcher(intent(Op.START)).poll(300, PROVEN).poll(61, PROVEN)
    assert watcher.verdict is None
    assert watcher.poll(1, PROVEN).verdict is Verdict.SUCCESS


@pytest.mark.parametrize("breach", [Reach.UNREACHABLE, Reach.TRUST, Reach.AUTH, Reach.GARBLED, update("RUNNING")])
def test_a_poll_that_is_not_good_starts_the_proof_anew(breach: Update | Reach) -> None:
    watcher = Watcher(intent(Op.START)).poll(300, PROVEN).poll(30, PROVEN).poll(10, breach)
    watcher.poll(30, PROVEN).poll(2, PROVEN)
    assert watcher.verdict is None
    assert watcher.poll(58, PROVEN).verdict is Verdict.SUCCESS


@pytest.mark.parametrize(
    ("seen", "runs", "doubt"),
    [
        (update("IDLE", target=None), "", "the history has no new entry"),
        (update("IDLE", (BEGUN + 9, OLD), target=None), "", f"the history names {OLD}"),
        (update("IDLE", (BEGUN - 9, NEW), target=None), "", "older than INITIALIZED"),
        (update("IDLE", (BEGUN + 9, NEW), (BEGUN + 10, OLD), target=None), "", f"the history names {OLD}"),
        (PROVEN, OLD, f"the device runs {OLD}"),
    ],
)
def test_each_rule_of_success_is_needed(seen: Update, runs: str, doubt: str) -> None:
    watcher = Watcher(intent(Op.START))
    for _ in range(20):
        watcher.poll(30, seen, runs=runs)
        assert watcher.verdict is None
        assert doubt in watcher.ruling.text


def test_an_unchanged_history_is_no_effect_only_after_the_patience() -> None:
    idle = update("IDLE", target=None)
    watcher = Watcher(intent(Op.START)).poll(1, idle)
    for _ in range(29):
        watcher.poll(30, idle, runs=OLD)
    assert watcher.verdict is None
    assert watcher.ruling.soft
    assert watcher.poll(31, idle, runs=OLD).verdict is Verdict.NO_EFFECT


def test_no_effect_is_never_said_of_a_device_that_runs_the_target() -> None:
    watcher = Watcher(intent(Op.START))
    for _ in range(40):
        watcher.poll(30, update("IDLE", target=None), runs=NEW)
        if watcher.verdict is not None:
            break
    assert watcher.verdict is Verdict.REVIEW


def test_a_history_written_late_still_ends_in_success() -> None:
    watcher = Watcher(intent(Op.START)).poll(300, update("IDLE", target=None), runs=NEW)
    watcher.poll(100, PROVEN, runs=NEW).poll(30, PROVEN, runs=NEW).poll(30, PROVEN, runs=NEW)
    assert watcher.verdict is Verdict.SUCCESS


@pytest.mark.parametrize(
    ("op", "seen", "hard_s", "verdict"),
    [
        (Op.START, update("INITIALIZED"), PATIENCE.starting_hard, Verdict.REVIEW),
        (Op.START, update("RUNNING"), PATIENCE.running_hard, Verdict.REVIEW),
        (Op.START, Reach.UNREACHABLE, PATIENCE.unreachable_hard, Verdict.REVIEW),
        (Op.INIT, update("IDLE"), PATIENCE.init_hard, Verdict.NOT_STARTED),
        (Op.INIT, update("INITIALIZING"), PATIENCE.initializing_hard, Verdict.REVIEW),
        (Op.RESET, update("INITIALIZED"), PATIENCE.reset_hard, Verdict.REVIEW),
    ],
)
def test_patience_runs_out_with_enough_time_and_enough_polls(
    op: Op, seen: Update | Reach, hard_s: float, verdict: Verdict
) -> None:
    hasty = Watcher(intent(op))
    for _ in range(50):
        hasty.poll(0.1, seen)
    assert hasty.verdict is None, "polls alone do not fire a timer"
    rare = Watcher(intent(op)).poll(1, seen)
    for _ in range(3):
        rare.poll(hard_s, seen)
        assert rare.verdict is None, "time alone does not fire a timer"
    assert rare.poll(1, seen).verdict is verdict


def test_a_change_of_state_restarts_the_patience() -> None:
    watcher = Watcher(intent(Op.START))
    for _ in range(8):
        watcher.poll(PATIENCE.running_hard / 2, update("RUNNING")).poll(60, Reach.UNREACHABLE)
        if watcher.verdict is not None:
            break
    assert watcher.ruling.ending is not None
    assert "no verdict within" in watcher.ruling.ending.reason, "only the limit of the whole attempt may end it"


@pytest.mark.parametrize("hold", [Reach.TRUST, Reach.AUTH, Reach.IDENTITY])
def test_a_hold_stops_the_timers(hold: Reach) -> None:
    watcher = Watcher(intent(Op.START)).poll(5, update("RUNNING"))
    for _ in range(10):
        watcher.poll(24 * 3600, hold)
        assert watcher.verdict is None
        assert watcher.ruling.phase is Phase.HELD
    watcher.poll(1, PROVEN).poll(30, PROVEN).poll(30, PROVEN)
    assert watcher.verdict is Verdict.SUCCESS


@pytest.mark.parametrize(
    ("state", "verdict"), [("FAILED_GRACEFUL", Verdict.FAILED_GRACEFUL), ("FAILED_CRITICAL", Verdict.FAILED_CRITICAL)]
)
@pytest.mark.parametrize("op", [Op.INIT, Op.START])
def test_a_failure_state_is_the_verdict_with_the_words_of_the_device(op: Op, state: str, verdict: Verdict) -> None:
    watcher = Watcher(intent(op)).poll(5, update(state, text="Not enough space on /data"))
    assert watcher.verdict is verdict
    assert watcher.ruling.ending is not None
    assert watcher.ruling.ending.reason == "Not enough space on /data"


def test_an_init_ends_initialized_with_the_target_that_was_named() -> None:
    named = replace(BASELINE, expected="11.8.0")
    assert Watcher(intent(Op.INIT, baseline=named)).poll(5, update("INITIALIZED")).verdict is Verdict.INITIALIZED
    other = replace(BASELINE, expected="11.9.0")
    assert Watcher(intent(Op.INIT, baseline=other)).poll(5, update("INITIALIZED")).verdict is Verdict.WRONG_TARGET


def test_running_after_our_init_is_somebody_elses_doing() -> None:
    assert Watcher(intent(Op.INIT)).poll(5, update("RUNNING")).verdict is Verdict.REVIEW


def test_a_reset_ends_without_a_verdict_once_idle() -> None:
    watcher = Watcher(intent(Op.RESET)).poll(2, update("INITIALIZED")).poll(2, update("IDLE"))
    assert watcher.ruling.ending is not None
    assert watcher.verdict is None


def test_a_start_whose_answer_was_lost_is_watched_like_any_other() -> None:
    watcher = Watcher(intent(Op.START, outcome=Outcome.UNKNOWN)).poll(2, update("INITIALIZED"))
    assert "answer lost" in watcher.ruling.text
    watcher.poll(5, update("RUNNING")).poll(300, PROVEN).poll(30, PROVEN).poll(30, PROVEN)
    assert watcher.verdict is Verdict.SUCCESS


SENT = replace(BASELINE, state="IDLE", checksum=SHA, expected="11.8.0")


@pytest.mark.parametrize(
    ("image", "verdict"),
    [
        (Image(7, "VALID", version=NEW, checksum=SHA), Verdict.STAGED),
        (Image(7, "VALID", version=NEW, checksum=None), Verdict.STAGED),
        (Image(7, "VALID", version=NEW, checksum="cd" * 32), Verdict.TRANSFER_FAILED),
        (Image(7, "VALID", version=OLD, checksum=SHA), Verdict.TRANSFER_FAILED),
        (Image(7, "INVALID", "Signature check failed"), Verdict.TRANSFER_FAILED),
        (Image(7, "UPLOAD_ERROR", "Connection closed by peer"), Verdict.TRANSFER_FAILED),
        (Image(7, "VALIDATING"), None),
        (Image(7, "UPLOADING", progress=40.0), None),
        (Image(6, "VALID", version=OLD, checksum="ef" * 32), None),
    ],
)
def test_a_transfer_is_judged_by_what_is_on_the_device(image: Image, verdict: Verdict | None) -> None:
    watcher = Watcher(intent(Op.UPLOAD, baseline=SENT)).poll(2, update("IDLE", target=None), image)
    assert watcher.verdict is verdict


def test_an_unverified_image_is_never_called_proven() -> None:
    image = Image(7, "VALID", version=NEW, checksum=None)
    watcher = Watcher(intent(Op.FETCH, baseline=SENT)).poll(2, update("IDLE", target=None), image)
    assert watcher.ruling.ending is not None
    assert "unverified" in watcher.ruling.ending.reason


def test_progress_keeps_a_slow_fetch_alive() -> None:
    watcher = Watcher(intent(Op.FETCH, baseline=SENT))
    for percent in range(90):
        watcher.poll(3000, update("IDLE", target=None), Image(7, "UPLOADING", progress=float(percent)))
    assert watcher.verdict is None
    for _ in range(5):
        watcher.poll(1000, update("IDLE", target=None), Image(7, "UPLOADING", progress=89.0))
    assert watcher.verdict is Verdict.TRANSFER_FAILED


@pytest.mark.parametrize(
    ("history", "runs", "verdict"),
    [
        ((), OLD, Verdict.NOT_STARTED),
        ((), "", Verdict.NOT_STARTED),
        (((BEGUN + 9, NEW),), "", Verdict.REVIEW),
        ((), NEW, Verdict.REVIEW),
    ],
)
def test_an_init_that_someone_else_may_have_started_was_not_surely_without_effect(
    history: tuple[tuple[int, str], ...], runs: str, verdict: Verdict
) -> None:
    watcher = Watcher(intent(Op.INIT, baseline=replace(BASELINE, state="IDLE", target_version=None)))
    for _ in range(6):
        watcher.poll(PATIENCE.init_hard, update("IDLE", *history, target=None), runs=runs)
    assert watcher.verdict is verdict


def test_a_deletion_ends_when_the_image_is_gone() -> None:
    watcher = Watcher(intent(Op.DELETE)).poll(2, update("IDLE"), Image(6, "VALID"))
    assert watcher.ruling.ending is None
    assert watcher.poll(2, update("IDLE")).ruling.ending is not None
