"""One simulated appliance: its update, its images, its clock and its power, without any HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from updeck.simulator.access import Access, Credentials
from updeck.simulator.blueprint import Blueprint, Installed, Passport
from updeck.simulator.fault_kinds import FaultError, read_fault
from updeck.simulator.faults import Fault, FaultBox
from updeck.simulator.options import AuthMode
from updeck.simulator.player import Player
from updeck.simulator.record import Record
from updeck.simulator.refusal import Refusal, conflict
from updeck.simulator.script import INIT_S, RUN_S, Cue, Ending, Moment, init_script, run_script
from updeck.simulator.shelf import Shelf
from updeck.simulator.timeline import Timeline, Timer

__all__ = ["SimulatedDevice"]

READY = "Ready to update"
CLOSED_STATES = ("INITIALIZING", "INITIALIZED", "RUNNING")
OLD_AAA = re.compile(r"11\.[0-5]\b")
RUN_FAULTS = {
    "run_failure_graceful": Ending.FAILED_GRACEFUL,
    "run_failure_critical": Ending.FAILED_CRITICAL,
    "no_effect": Ending.NO_EFFECT,
    "never_back": Ending.NEVER_BACK,
}


class RenewCertificate(Protocol):
    """Makes another certificate for a device, and lets it be seen at once or when the listener opens again."""

    def __call__(self, *, expired: bool, at_once: bool) -> None: ...


def _keep_certificate(*, expired: bool, at_once: bool) -> None:
    """What a device without TLS does."""


class SimulatedDevice:
    """The state machine of `rollout.md` 1 as a device lives it; calls in the wrong state raise `Refusal`.

    `speed` divides the device time of init, run and validation. `watch` tells of changes; `on_link` is called when
    `reachable` or `tls_broken` changed, `on_new_certificate` when there is another one.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        timeline: Timeline,
        speed: float,
        credentials: Credentials,
        auth: AuthMode,
        token_life_s: float,
    ) -> None:
        self.blueprint = blueprint
        self.name = blueprint.name
        self.passport = self._own_passport()
        self.version = blueprint.version
        self.history = list(blueprint.history)
        self.state = blueprint.state
        self.state_description = blueprint.state_description
        self.target_version = blueprint.target_version
        self.powered = not blueprint.unreachable
        self.record = Record(self._tell)
        self.on_link: Callable[[], None] = lambda: None
        self.on_new_certificate: RenewCertificate = _keep_certificate
        self._timeline = timeline
        self._speed = speed
        self._offset_s = blueprint.clock_offset_s
        self._watchers: list[Callable[[], None]] = []
        self._linked = (False, False)
        self.faults = FaultBox(timeline, self._changed)
        self.shelf = Shelf(blueprint.images, timeline=timeline, speed=speed, faults=self.faults, changed=self._changed)
        self.access = Access(
            credentials,
            mode=auth,
            timeline=timeline,
            token_life_s=token_life_s,
            expired_password=blueprint.password_expired,
        )
        self._player = Player(timeline)
        self._late_start: Timer | None = None
        self._ending = Ending.UPDATED
        self._ending_text = ""
        self._target = blueprint.target_version or self._newest_version()
        self._began = 0
        self.last_state_time = self._first_state_time()

    def switch_on(self) -> None:
        """Open the listener, and go on with what was under way."""
        self._changed()
        if self.state == "RUNNING":
            self._play_run(start=(self.blueprint.state_age_s or 0.0) * self._speed / RUN_S)

    @property
    def aaa(self) -> str:
        """The version of mgmt.aaa that comes with the device's software (`protocol.md` 3)."""
        return "1.0" if OLD_AAA.match(self.version) else "2.0"

    def now(self) -> float:
        """Return Unix seconds of the device's clock."""
        return self._timeline.wall() + self._offset_s

    @property
    def clock_offset_s(self) -> float:
        """How far the device's clock is ahead, in seconds."""
        return self._offset_s

    @property
    def reachable(self) -> bool:
        """Whether the listener is open: the device is up and no fault refuses connections."""
        return self.powered and not self.faults.has("refuse")

    @property
    def tls_broken(self) -> bool:
        """Whether a fault breaks every TLS handshake off."""
        return self.faults.has("tls_broken")

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call `watcher` after each change and each request from now on; returns what ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def init(self) -> None:
        """`POST /update/init`."""
        if self.state != "IDLE":
            raise conflict(f"Update cannot be initialized in state {self.state}")
        if self.shelf.busy():
            raise conflict("An image is being transferred or validated")
        image = self.shelf.newest_valid()
        if image is None:
            raise conflict("There is no valid image")
        self.record.inits += 1
        wrong = self.faults.strike("wrong_target")
        self._target = wrong.text("version") if wrong else image.version
        self._enter("INITIALIZING")
        self._player.play(init_script(), INIT_S / self._speed, self._act_init)

    def start(self) -> None:
        """`POST /update/start`."""
        if self.state != "INITIALIZED":
            raise conflict(f"Update cannot be started in state {self.state}")
        self.record.starts += 1
        if self._late_start is not None:
            return
        late = self.faults.strike("late_start")
        if late is None:
            self._run()
        else:
            self._late_start = self._timeline.call_later(late.amount("seconds"), self._run)

    def reset(self) -> None:
        """`POST /update/reset`."""
        if self.state in ("IDLE", "RUNNING"):
            raise conflict(f"Update cannot be reset in state {self.state}")
        self.record.resets += 1
        self._player.stop()
        self._forget_late_start()
        self.target_version = None
        self._enter("IDLE")

    def require_open(self) -> None:
        """Raise `Refusal` 409 in the states in which images must stay as they are."""
        if self.state in CLOSED_STATES:
            raise conflict(f"Images cannot be changed in state {self.state}")

    def put_fault(self, asked: object) -> Fault:
        """Put a fault in, or let it happen at once; raises `FaultError`."""
        kind, values = read_fault(asked)
        if kind.id == "foreign_actor":
            self._act_foreign(str(values["call"]))
        fault = self.faults.put(kind, values)
        match kind.id:
            case "clock_step":
                self._offset_s += fault.amount("by")
                self._began += int(fault.amount("by"))
            case "identity":
                own = self.blueprint
                self.passport = Passport(
                    fault.text("serial"), fault.word("device_name") or own.name, fault.word("model") or own.model
                )
            case "forget_logins":
                self.access.forget()
            case "change_certificate" | "expired_certificate":
                self.on_new_certificate(expired=kind.id == "expired_certificate", at_once=True)
        return fault

    def clear_faults(self) -> int:
        """Take all faults out and return how many there were; the own identity is back, clock and certificate stay."""
        self.passport = self._own_passport()
        return self.faults.clear()

    def _own_passport(self) -> Passport:
        return Passport(self.blueprint.serial, self.blueprint.name, self.blueprint.model)

    def _act_foreign(self, call: str) -> None:
        acts = {"init": self.init, "start": self.start, "reset": self.reset}
        if call not in acts:
            raise FaultError("foreign_actor: 'call' must be init, start or reset")
        try:
            acts[call]()
        except Refusal as refusal:
            raise FaultError(f"{self.name} refuses {call}: {refusal.error_text}") from None

    def _first_state_time(self) -> int:
        age = self.blueprint.state_age_s
        if age is None:
            return self.history[-1].time if self.history else int(self.now())
        return int(self.now() - age)

    def _newest_version(self) -> str | None:
        newest = self.shelf.newest_valid()
        return newest.version if newest else None

    def _enter(self, state: str, description: str = "") -> None:
        self.state = state
        self.state_description = description
        self.last_state_time = int(self.now())
        self._changed()

    def _act_init(self, moment: Moment) -> None:
        if moment.cue is Cue.SAY:
            self.state_description = moment.text
            self._changed()
            return
        failure = self.faults.strike("init_failure")
        if failure is not None:
            self._enter("FAILED_GRACEFUL", failure.text("text"))
            return
        silent = not self.blueprint.names_target or self.faults.strike("no_target") is not None
        self.target_version = None if silent else self._target
        self._enter("INITIALIZED", READY)

    def _run(self) -> None:
        self._forget_late_start()
        self._ending, self._ending_text = self._choose_ending()
        self._enter("RUNNING")
        self._play_run(start=0.0)

    def _choose_ending(self) -> tuple[Ending, str]:
        for fault_id, ending in RUN_FAULTS.items():
            fault = self.faults.strike(fault_id)
            if fault is not None:
                return ending, fault.text("text") if "text" in fault.values else ""
        return Ending.UPDATED, ""

    def _play_run(self, *, start: float) -> None:
        more = self.faults.strike("reboots")
        script = run_script(self._ending, self.blueprint.reboots if more is None else int(more.amount("count")))
        self._began = self.last_state_time
        self._player.play(script, RUN_S / self._speed, self._act_run, start=start)

    def _act_run(self, moment: Moment) -> None:
        if moment.cue is Cue.SAY:
            self.state_description = moment.text
            self._changed()
        elif moment.cue is Cue.DOWN:
            self._switch(powered=False)
        elif moment.cue is Cue.INSTALL:
            self.version = self._target or self.version
        elif moment.cue is Cue.UP:
            self._switch(powered=True)
        else:
            self._end_run()

    def _end_run(self) -> None:
        if self._ending is Ending.UPDATED:
            self._finish_update()
        elif self._ending is Ending.FAILED_GRACEFUL:
            self._enter("FAILED_GRACEFUL", self._ending_text)
        elif self._ending is Ending.FAILED_CRITICAL:
            self._enter("FAILED_CRITICAL", self._ending_text)
        else:
            self.target_version = None
            self._enter("IDLE")

    def _finish_update(self) -> None:
        installed = Installed(max(int(self.now()), self._began + 1), self.version)
        self.target_version = None
        late = self.faults.strike("late_history")
        if late is None:
            self.history.append(installed)
        else:
            self._timeline.call_later(late.amount("seconds"), lambda: self._remember(installed))
        self._enter("IDLE")

    def _remember(self, installed: Installed) -> None:
        self.history.append(installed)
        self._changed()

    def _forget_late_start(self) -> None:
        if self._late_start is not None:
            self._late_start.cancel()
            self._late_start = None

    def _switch(self, *, powered: bool) -> None:
        if self.powered and not powered:
            self.access.forget()
            if self.faults.strike("new_certificate") is not None:
                self.on_new_certificate(expired=False, at_once=False)
        self.powered = powered
        self._changed()

    def _changed(self) -> None:
        link = (self.reachable, self.tls_broken)
        if link != self._linked:
            self._linked = link
            self.on_link()
        self._tell()

    def _tell(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()
