"""One rollout as it goes on: waves, devices, what holds them, and the keys by which a person steers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.message import Message

from updeck.journal.plan_sentences import in_short
from updeck.rollout.forecast import Forecast, forecast
from updeck.rollout.progress import RolloutState
from updeck.ui.actions import BY_ID, Action, ActionContext, Group
from updeck.ui.flows import rollouts as flows
from updeck.ui.flows.undoing import undo_flow
from updeck.ui.ink import EMPTY, Ink, Line, line, width_of
from updeck.ui.lines.footer import keys_line
from updeck.ui.lines.rollouts import Row, facts_lines, member_rows
from updeck.ui.lines.signs import sign_of_rollout
from updeck.ui.rollout_sight import Sight
from updeck.ui.screens.rows import RowScreen

if TYPE_CHECKING:
    from updeck.journal.plan_models import RolloutRecord
    from updeck.ui.app import UpdeckApp
    from updeck.ui.flows.rollouts import Flow
    from updeck.ui.screens.help import Page

__all__ = ["VERBS", "RolloutScreen"]

AGE_S = 5.0
"""Seconds between two looks at what changes by time alone, while it is unfinished."""

VERBS: Mapping[str, Flow] = {
    "pause": flows.pause_flow,
    "promote": flows.promote_flow,
    "abort": flows.abort_flow,
    "retry": flows.retry_flow,
    "skip": flows.skip_flow,
    "reopen": flows.reopen_flow,
    "resolve": flows.resolve_flow,
    "adopt": flows.adopt_flow,
    "arm": flows.arm_flow,
    "reset": undo_flow,
}
"""What can be asked of a rollout, by the id of the action; `arm` has no key of its own."""

_ASKED = {RolloutState.STOPPED_BY_GATE: "reopen", RolloutState.WAITING_FOR_PROMOTION: "promote"}
"""What a state asks a person for: its key stands first, so that it is the last to go where there is little room."""

_ALIASES = {"next": "arm", "start": "arm"}


class RolloutScreen(RowScreen):
    """Follows the journal: the engine goes on whether anybody looks or not."""

    ABOVE = 3

    def __init__(self, deck: UpdeckApp, rollout: str, device: str | None = None) -> None:
        super().__init__(deck, at=device)
        self.rollout = rollout
        self._drawn_version = -1
        self._drawn_at = float("-inf")
        self._expected: tuple[RolloutRecord, float, Forecast] | None = None

    def on_mount(self) -> None:
        """Follow the journal."""
        self.deck.rollouts.opened = self.rollout
        self.deck.home.look()
        self.set_interval(self.deck.options.pace_s, self._follow)

    def on_unmount(self) -> None:
        """Have no more read than is shown."""
        self.deck.rollouts.opened = None

    def _follow(self) -> None:
        now, version = self.deck.clock.monotonic(), self.deck.rollouts.version
        sight = self.sight
        aged = sight is not None and not sight.over and now - self._drawn_at >= AGE_S
        if self.is_current and (aged or version != self._drawn_version):
            self._drawn_version, self._drawn_at = version, now
            self.draw()

    @property
    def sight(self) -> Sight | None:
        """The rollout as read last, None before the first read."""
        found = self.deck.rollouts.found.get(self.rollout)
        return None if found is None else Sight(*found, self.deck.clock.wall(), self.at)

    def context(self) -> ActionContext:
        """Return what an action would apply to now."""
        return self.deck.home.context()._replace(rollout=self.sight)

    def title_line(self, width: int) -> Line:
        """Return which rollout this is, of what, and its state; narrow, its state and what the fleet is."""
        sight = self.sight
        which = line(("  rollout ", Ink.DIM), (in_short(self.rollout), Ink.STRONG))
        head = line(*self.deck.name_line(), *which)
        if sight is None:
            return head
        plan = sight.plan
        what = f"  {plan.image.version} {plan.until.words}" + (f"  {plan.ticket}" if plan.ticket else "")
        braked = "  ALL STARTS PAUSED" if sight.record.braked and not sight.over else ""
        sign = sign_of_rollout(sight.state, self.deck.glyphs)
        stands = line((f"  {sign} {sight.state.word}", Ink.STRONG), (braked, Ink.NEEDS))
        tries = [
            line(*head, *stands, (what, Ink.DIM)),
            line(*head, *stands),
            line(*self.deck.label_line(), *which, *stands),
        ]
        return next((one for one in tries if width_of(one) <= width), line(*self.deck.label_line(), *stands))

    def above(self, width: int) -> Sequence[Line]:
        """Return how it stands in words."""
        sight = self.sight
        return () if sight is None else facts_lines(sight, self._foretold(sight), width)

    def _foretold(self, sight: Sight) -> Forecast:
        """Return what is to be expected, computed once for what is drawn together."""
        known = self._expected
        if known is None or known[0] is not sight.record or not 0 <= sight.now - known[1] < 1:
            self._expected = known = (sight.record, sight.now, forecast(sight.record, sight.plan, sight.now))
        return known[2]

    def listed(self, width: int) -> Sequence[Row]:
        """Return the chart, and a row per device under one per wave."""
        sight = self.sight
        return [] if sight is None else member_rows(sight, self._foretold(sight), width, self.deck.glyphs)

    def help_page(self) -> Page:
        """Return the help of this screen."""
        from updeck.ui.screens.help import ROLLOUT

        return ROLLOUT

    def keys_line(self) -> Line:
        """Return the keys that apply."""
        asked = None if self.sight is None else _ASKED.get(self.sight.state)
        offered = [action for action in BY_ID.values() if action.group is Group.ROLLOUT]
        offered.sort(key=lambda action: action.id != asked)
        shown = [*offered, BY_ID["back"], BY_ID["help"]]
        drawn = keys_line(shown, self.context(), self.deck.keymap, self.deck.glyphs)
        own = [("start", "let it start")] if self._refusal("arm") is None else []
        own += [("reset", "un-init all")] if self._refusal("reset") is None else []
        own += [("view", "log")] if self.at is not None else []
        keys = [(self.deck.keymap.keys(one)[0], label) for one, label in own]
        lead = [part for key, label in keys for part in ((f" {key}", Ink.KEY), (f" {label} ", Ink.DIM))]
        return line(*lead, *drawn)

    def moved(self) -> None:
        """Offer what applies to the device under the cursor."""
        self.say(EMPTY)

    def act(self, action: Action) -> None:
        """Steer, or say why not."""
        action_id = _ALIASES.get(action.id, action.id)
        if action.id == "next" and self._refusal("arm") is not None:
            action_id = "view"
        others: Mapping[str, Callable[[], None]] = {
            "rollouts": lambda: self.deck.close(self),
            "brake": lambda: self.deck.home.press("brake"),
            "export": self._export,
            "view": self._view,
        }
        if action_id in others:
            others[action_id]()
        elif action_id in VERBS:
            self._steer(action_id)
        else:
            super().act(action)

    def _steer(self, action_id: str) -> None:
        reason, sight = self._refusal(action_id), self.sight
        if reason is not None or sight is None:
            self.say(line((reason or "the journal is being read", Ink.MAY)))
            token = {"abort": "abort", "arm": self.at or ""}.get(action_id)
            if token is not None:
                self.deck.strays.refused(Message().time, token)
            return
        flow, deck = VERBS[action_id], self.deck
        deck.run_flow(f"the dialog to {action_id}", lambda: flow(deck, deck.service, sight))

    def _refusal(self, action_id: str) -> str | None:
        context = self.context()
        if action_id in BY_ID and action_id != "reset":
            return BY_ID[action_id].applicable(context)
        if context.rollout is None:
            return "the journal is being read"
        return context.busy or context.rollout.why_not(action_id, read_only=context.read_only)

    def _view(self) -> None:
        from updeck.ui.screens.device_log import DeviceLogScreen

        if self.at is not None:
            self.deck.open(DeviceLogScreen(self.deck, self.rollout, self.at))

    def _export(self) -> None:
        from updeck.ui.exports import Export, members_export

        sight, journal = self.sight, self.deck.service.journal
        if sight is None or journal is None or self.deck.busy:
            return

        def make() -> Export:
            return members_export(sight, journal.engine(sight.id))

        self.deck.export("rollout", len(sight.record.members), make)
