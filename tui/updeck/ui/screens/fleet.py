"""The home screen: the fleet at a glance. It draws what the state says and turns keys into actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from updeck.errors import UpdeckError
from updeck.ui.actions import ActionContext, Pane
from updeck.ui.activity_log import ActivityLog
from updeck.ui.deeds import Deeds
from updeck.ui.filter_line import FILTER_KEYS, FilterLine
from updeck.ui.ink import EMPTY, Ink, Line, line
from updeck.ui.keymap import is_modifier, key_name, shown_key
from updeck.ui.layout import Part, Shape
from updeck.ui.lines.footer import footer, whole_keys
from updeck.ui.lines.header import checked, header, standing
from updeck.ui.lines.row import alone
from updeck.ui.lineup import Lineup
from updeck.ui.pacing import Pacing
from updeck.ui.widgets.board import Board

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["FleetScreen"]

TYPED = ("start", "reset", "delete")
"""The actions that are confirmed by typing the name of the device."""

AGE_S = 5.0
"""Seconds between two looks at what changes by age alone."""

HEADER_S = 1.0
"""Seconds between two counts of the fleet for the header."""


class FleetScreen(Screen[None], inherit_bindings=False):
    """Devices, update status, images, activity; three layouts by width.

    No widget here takes the focus: every key comes to this screen, in one queue, and is either text of the open
    filter or looked up in the keymap.
    """

    AUTO_FOCUS, LOOKS_UP_KEYS = "", True

    def __init__(self, deck: UpdeckApp) -> None:
        super().__init__()
        self.deck = deck
        self.lineup = Lineup(deck.clock.monotonic)
        self.board = Board(deck.glyphs, self.lineup)
        self.record = ActivityLog()
        self.filter_text = ""
        self._filter: FilterLine | None = None
        self._deeds = Deeds(self)
        self._notice: Line = EMPTY
        self._seen_sequence = self._seen_roster = -1
        self._aged_at = self._counted_at = float("-inf")
        self._uncounted = False
        self._standing = standing(deck.options.fleet_name, deck.options.label, (), 0.0)
        self._pacing, self._frozen_at = Pacing(), 0.0
        self._placed_for = Size(0, 0)
        self._rest: Timer | None = None

    def compose(self) -> ComposeResult:
        """Mount what the first picture shows; where it stands follows from the size."""
        yield from self.board.first

    def on_mount(self) -> None:
        """Draw the first picture, mount the rest, and begin to look for changes; at rest a look draws nothing."""
        self.place()
        self.call_after_refresh(self.mount_all, self.board.later)
        self.set_interval(self.deck.options.pace_s, self.look)

    def on_resize(self, event: events.Resize) -> None:
        """Lay everything out anew."""
        if event.size != self._placed_for:
            self.place()

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen stood here."""
        self.deck.strays.answered(Message().time)
        self.look()
        self.draw_all()

    # keys

    def on_key(self, event: events.Key) -> None:
        """Take a key in the order in which it came: for the filter while that is open, else for an action."""
        event.stop()
        event.prevent_default()
        if is_modifier(event.key) or not self.deck.hears(self, event):
            return
        self.lineup.touch()
        if self._filter is not None:
            self.deck.translate(event)
            self._type_filter(self._filter, event)
            return
        action = self.deck.keymap.action(key := key_name(event.key, event.character))
        if action is None:
            help_key, quit_key = (self.deck.keymap.keys(one)[0] for one in ("help", "quit"))
            what = f"{shown_key(key)} does nothing here; {help_key} shows the keys, {quit_key} quits"
            self.deck.say(line((what, Ink.DIM)))
        else:
            self.press(action.id)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse points, where one was asked for."""
        if event.widget in (self.board.devices, self.board.part(Part.NEXT)):
            self.lineup.touch()
            self.lineup.go(self.board.devices.row_at(event.y))
            self.cursor_moved()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move on by the wheel."""
        self.press("down")

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move back by the wheel."""
        self.press("up")

    def on_paste(self, event: events.Paste) -> None:
        """Take pasted text into the open filter; elsewhere it means nothing."""
        if self._filter is not None:
            self._filter.insert(event.text)
            self.apply_filter(self._filter.text)

    def press(self, action_id: str) -> None:
        """Do an action, or say why it does not apply."""
        reason = self._deeds.refusal(action_id)
        if reason is not None:
            self.deck.say(line((reason, Ink.MAY)))
            if action_id in TYPED and self.lineup.current is not None:
                self.deck.strays.refused(Message().time, self.lineup.current.name)
            return
        self.deck.say(EMPTY)
        self._deeds.do(action_id)

    def freeze(self, *, frozen: bool) -> None:
        """Let the view stand still, or follow again."""
        if frozen:
            self._frozen_at = self.deck.clock.wall()
            self.lineup.freeze()
        else:
            self.lineup.thaw()
        self.draw_all()

    def open_filter(self) -> None:
        """Let the keys that follow, in the same burst too, be text of the filter."""
        self._filter = FilterLine(self.filter_text, self.deck.filters(), self.lineup.views)
        self._show_notice()
        self.show_footer()

    def apply_filter(self, text: str) -> None:
        """Show what the text selects; what is wrong with it so far is said and left out."""
        from updeck.fleet.selectors import Selector

        self.filter_text = " ".join(text.split())
        selector, problem = Selector.filter(text)
        if self._filter is not None:
            self._filter.problem = problem
        self.lineup.choose_filter((lambda views: filter(selector.matches, views)) if self.filter_text else None)
        self.cursor_moved()
        self.show_header()

    def _type_filter(self, typed: FilterLine, event: events.Key) -> None:
        if event.key in ("enter", "escape"):
            self._filter = None
            self.say(EMPTY)
            self.show_footer()
            if event.key == "escape":
                self.apply_filter("")
            elif self.filter_text:
                self.deck.remember_filter(self.filter_text)
        elif typed.press(event.key, event.character):
            self.apply_filter(typed.text)
        elif not is_modifier(event.key):
            self._show_notice()

    def context(self) -> ActionContext:
        """Return what an action would apply to now."""
        board, lineup = self.board, self.lineup
        return ActionContext(
            view=lineup.current,
            marked=lineup.marked,
            hidden_marks=lineup.hidden_marks,
            pane=board.pane,
            image=board.images.image if board.pane is Pane.IMAGES else None,
            read_only=self.deck.options.read_only,
            busy=self.deck.busy,
            colours=self.deck.options.colours,
            empty=self.deck.service_or_none is not None and not lineup.size,
        )

    # what is new

    def look(self) -> None:
        """Take in what is new and draw it; draws nothing where nothing changed."""
        service = self.deck.service_or_none
        if service is None:
            return
        changed = not self.lineup.frozen and self._take_changes()
        news = self._take_news(service)
        self._look_at_rollouts(service)
        if not self.is_current:
            return
        moved = self.lineup.settle()
        now = self.deck.clock.monotonic()
        aged = now - self._aged_at >= AGE_S
        if self._pacing.due(now, changed=changed) or moved or aged:
            self._aged_at = now if aged else self._aged_at
            self._pacing.drew(now, self.show_list())
            self._show_checked()
            self.show_detail()
            self._show_notice()
            self.show_footer()
        self._uncounted = self._uncounted or changed or aged
        if self._uncounted and now - self._counted_at >= HEADER_S:
            self.count()
        if news:
            self.board.show_activity(self.record.events, self.deck.clock.wall())

    def _take_news(self, service: FleetService) -> bool:
        try:
            return self.record.refresh(service)
        except UpdeckError as error:
            self.deck.say(line((str(error), Ink.MAY)))
            return False

    def _look_at_rollouts(self, service: FleetService) -> None:
        held = {row.id for view in self.lineup.views() if (row := view.record.rollout) and row.kind == "plan"}
        if self.deck.rollouts.due(service, held):
            self.deck.run_worker(self._take_rollouts(service, held), exit_on_error=False)

    async def _take_rollouts(self, service: FleetService, held: Iterable[str]) -> None:
        try:
            changed = await self.deck.rollouts.read(service, held)
        except UpdeckError as error:
            self.deck.say(line((str(error), Ink.MAY)))
            return
        self.deck.heed()
        if changed:
            self.count()
        self._show_rollouts()

    def _show_rollouts(self) -> None:
        """Draw the line about rollouts under way, and make or take back the room for it."""
        from updeck.ui.lines.rollouts import fleet_line

        drawn = fleet_line(self.deck.rollouts.sights(self.deck.clock.wall()), self.app.size.width)
        if self.board.show_rollout(drawn):
            self.place()

    def _take_changes(self) -> bool:
        state = self.deck.service.state
        sequence, names = state.changes_since(self._seen_sequence)
        if sequence == self._seen_sequence:
            return False
        self._seen_sequence = sequence
        fresh = [view for name in names if (view := state.view(name)) is not None]
        if self.lineup.newly_needing(fresh):
            self.deck.bell()
        self.lineup.take(fresh)
        if state.roster != self._seen_roster:
            self._seen_roster = state.roster
            self.lineup.arrange_roster(state.names)
            self.place()
        return True

    # drawing

    def say(self, notice: Line) -> None:
        """Show one sentence above the footer, until the next action."""
        self._notice = notice
        self._show_notice()

    def place(self) -> None:
        """Place every part for the present size, and draw it."""
        self._placed_for = size = self.app.size
        with self.app.batch_update():
            self.board.place(size.width, size.height, [view.name for view in self.lineup.views()])
            self.draw_all()

    def draw_all(self) -> None:
        """Draw every part that is on view."""
        self.board.show_titles()
        self.show_list()
        self.board.show_activity(self.record.events, self.deck.clock.wall())
        self.count()
        self._show_checked()
        self.show_detail()
        self._show_notice()
        self.show_footer()

    def show_list(self) -> int:
        """Draw the rows, with the times of the newest answers; return how many cells of *next* changed."""
        service = self.deck.service_or_none
        if service is not None and not self.lineup.frozen:
            self.lineup.refresh(service.state.views())
        self.board.devices.nothing = self._why_empty()
        return self.board.show_list(self._now())

    def _now(self) -> float:
        """Return the wall clock; while the view is frozen, the moment at which it froze."""
        return self._frozen_at if self.lineup.frozen else self.deck.clock.wall()

    def cursor_moved(self) -> None:
        """Draw the list now, and the detail once the cursor rests."""
        self.show_list()
        self._show_notice()
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(self.deck.options.rest_s, self._rested)

    def _rested(self) -> None:
        self._rest = None
        if self.lineup.cursor is not None and self.lineup.touched:
            self.lineup.look_at(self.lineup.cursor, self._now())
            self.show_list()
        self.show_detail()
        self.show_footer()

    def use(self, pane: Pane) -> None:
        """Bring a pane into use; where there is room for one only, it comes on view."""
        if self.board.use(pane):
            self.place()
        else:
            self.board.show_titles()
            self.board.images.draw()
        self.show_footer()

    def count(self) -> None:
        """Count the fleet, which takes long for a thousand devices, and draw the header."""
        self._counted_at, self._uncounted = self.deck.clock.monotonic(), False
        options = self.deck.options
        self._standing = standing(options.fleet_name, options.label, self.lineup.views(), self._now())
        self.show_header()

    def show_header(self) -> None:
        """Draw the header: what was counted last, with what is on view and marked now."""
        lineup = self.lineup
        seen = self._standing._replace(
            marked=len(lineup.marks),
            hidden_marks=lineup.hidden_marks,
            shown=len(lineup.shown) if lineup.filtered else None,
            read_only=self.deck.options.read_only,
            frozen=lineup.frozen,
            braked=self.deck.rollouts.braked,
        )
        self.board.show_line(Part.HEADER, header(seen, self.board.part(Part.HEADER).cells))
        self.deck.tell_title(seen.needing)

    def show_detail(self) -> None:
        """Draw what is known of the device under the cursor, unless the cursor is still on its way."""
        if self._rest is None:
            self.board.show_detail(self.lineup.current, self._now())

    def show_footer(self) -> None:
        """Draw the keys that apply."""
        if self._filter is not None:
            self.board.show_line(Part.FOOTER, whole_keys(FILTER_KEYS, self.board.part(Part.FOOTER).cells))
            return
        width = self.board.part(Part.FOOTER).cells
        self.board.show_line(Part.FOOTER, footer(self.context(), self.deck.keymap, self.deck.glyphs, width))

    def _show_checked(self) -> None:
        newest = max((view.reading.at for view in self.lineup.views() if view.reading is not None), default=None)
        self.board.show_right(Part.CHECKED, checked(newest))

    def _show_notice(self) -> None:
        service = self.deck.service_or_none
        trouble = None if service is None else service.state.trouble
        if self._filter is not None:
            drawn = self._filter.line(self.deck.glyphs)
        elif self._notice:
            drawn = line(" ", *self._notice)
        elif trouble is not None:
            drawn = line((f" {trouble}", Ink.NEEDS))
        elif self.filter_text:
            drawn = line((" filter ", Ink.DIM), (self.filter_text, Ink.ACCENT), ("  esc shows all", Ink.DIM))
        else:
            drawn = alone(self.lineup.current, self.deck.glyphs) if self.board.shape is Shape.LINE else EMPTY
        self.board.notice.tell(drawn, indent=1)

    def _why_empty(self) -> str:
        if self.deck.service_or_none is None:
            return "connecting"
        if self.lineup.size or self.deck.options.read_only:
            return "no device matches the filter" if self.lineup.size else "no devices yet"
        return f"no devices yet: {self.deck.keymap.keys('next')[0]} adds the first"
