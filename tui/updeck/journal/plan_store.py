"""The planned rollouts of the journal: registering, what people ask, what was reached, and reading it all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from updeck.journal import controls, leases, plan_records, plans
from updeck.journal.book import Book
from updeck.journal.models import Milestone, MilestoneKind, RolloutRow
from updeck.journal.plan_models import Brake, ControlKind, Engine, ManualRecord, Member, Position, RolloutRecord

__all__ = ["PlanBook"]

KINDS = ("plan", "manual")


class PlanBook(Book):
    """What a journal does for planned rollouts."""

    def register_plan(self, plan_json: str, digest: str, members: Sequence[Member]) -> RolloutRow:
        """Register a plan that a person has confirmed, and take its devices in, all or none.

        Nobody drives it yet: `take_over` does. Raises `Blocked`, naming the device and the other rollout, when a
        device belongs to one that has not ended.
        """
        with self._writing() as writing:
            return plans.register_plan(writing, self._new_id(writing), plan_json, digest, members, self._view())

    def control(
        self,
        rollout: str,
        kind: ControlKind,
        *,
        device: str | None = None,
        value: str | None = None,
        reason: str = "",
    ) -> None:
        """Record what a person asks of a rollout; who sees it may ask, whoever drives it.

        `value` is the wave to promote, the new limit of failures, or the target that was shown for an arm. A retry
        takes the device in again and opens its next attempt. Raises `Blocked`, saying why, when it is not allowed.
        """
        with self._writing() as writing:
            controls.add_control(writing, controls.Request(rollout, kind, device, value, reason), self._view())

    def brake(self, *, on: bool, reason: str = "") -> None:
        """Pause all inits and starts of all planned rollouts of this journal, or let them go on."""
        with self._writing() as writing:
            controls.add_brake(writing, reason, on=on)

    def braked(self) -> Brake | None:
        """Return the pause of everything if it is on."""
        with self._database.read() as tx:
            return controls.find_brake(tx)

    def milestone(
        self,
        rollout: str,
        device: str,
        kind: MilestoneKind,
        *,
        attempt: int = 1,
        last_state_time: int | None = None,
        target_version: str | None = None,
        checksum: str | None = None,
    ) -> None:
        """Record what the present attempt has reached, with what identifies it on the device.

        Raises `LeaseLost` when another drives the rollout, `Blocked` when the attempt is not under way.
        """
        with self._writing() as writing:
            leases.keep(writing, rollout, self._held.get(rollout))
            reached = Milestone(kind, attempt, last_state_time, target_version, checksum, writing.at)
            plans.add_milestone(writing, rollout, device, reached)

    def stand(self, rollout: str, positions: Iterable[Position]) -> None:
        """Keep where devices stand: news at once, a text alone at most once a second. Raises `LeaseLost`.

        What comes too soon is written with a later call for the rollout, whichever device that is about.
        """
        wanted = self._late.pop(rollout, {}) | {one.device: one for one in positions}
        new = [one for one in wanted.values() if self._standing.get((rollout, one.device)) != one]
        due = [one for one in new if self._pace.is_due(*_paced(rollout, one))]
        self._late[rollout] = {one.device: one for one in new if one not in due}
        if not due:
            return
        with self._writing() as writing:
            leases.keep(writing, rollout, self._held.get(rollout))
            plans.set_positions(writing, rollout, due)
        for one in due:
            self._standing[rollout, one.device] = one
            self._pace.done(*_paced(rollout, one))

    def rollout(self, prefix: str) -> RolloutRecord:
        """Return the planned rollout whose id is `prefix`, or is the only one that begins so.

        Raises `UsageError` when none or several do.
        """
        with self._database.read() as tx:
            rollout = plans.find_plan(tx, prefix)
            return plan_records.read_plans(tx, [rollout], self._view())[rollout]

    def marks(self, *, kinds: Sequence[str] = ("plan",), limit: int = 100) -> dict[str, int]:
        """Return the newest rollouts of some kinds (`plan`, `manual`), newest first, each with its mark.

        A mark is another one once an end, a resolve or a control was recorded: a rollout of which all devices had ended
        is as it was while its mark is the same.
        """
        with self._database.read() as tx:
            return plan_records.read_marks(tx, kinds, limit)

    def rollouts_of(self, ids: Sequence[str]) -> list[RolloutRecord | ManualRecord]:
        """Return rollouts by their whole ids, in the order given, in a few queries; all of them are in memory then."""
        with self._database.read() as tx:
            return plan_records.read_rollouts(tx, ids, self._view())

    def engine(self, rollout: str) -> Engine | None:
        """Return who drives a rollout or drove it last, None if nobody ever did."""
        with self._database.read() as tx:
            return plan_records.find_engine(tx, rollout, self._view())


def _paced(rollout: str, position: Position) -> tuple[str, str]:
    """Return what is paced, and what makes it news at once."""
    return f"{rollout}/{position.device}", f"{position.attempt} {position.phase} {position.soft}"
