"""All parts of the fleet screen in their places: what is handed to it is drawn where there is room for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from updeck.text import cell_width
from updeck.ui.actions import Pane
from updeck.ui.facts import heading
from updeck.ui.ink import Ink, Line, line, width_of
from updeck.ui.layout import Part, Shape, lay_out
from updeck.ui.lines.activity import EventLines
from updeck.ui.lines.row import Columns, head
from updeck.ui.lines.status import status_lines
from updeck.ui.widgets.canvas import Canvas
from updeck.ui.widgets.device_list import DeviceList
from updeck.ui.widgets.image_pane import ImagePane
from updeck.ui.widgets.notice import Notice
from updeck.ui.widgets.text_pane import TextPane

if TYPE_CHECKING:
    from updeck.fleet.views import DeviceView
    from updeck.journal.models import Event
    from updeck.ui.glyphs import Glyphs
    from updeck.ui.lineup import Lineup

__all__ = ["Board"]

_NAME_CELLS_MOST = 24
_FIRST = (Part.HEADER, Part.HEAD, Part.DEVICES, Part.BAR, Part.IMAGES_TITLE, Part.RULE, Part.FOOTER)


class Board:
    """The canvases of the fleet screen. `pane` is in use; `lower` stands beneath the list where one can."""

    def __init__(self, glyphs: Glyphs, lineup: Lineup) -> None:
        self._glyphs = glyphs
        self._lineup = lineup
        self._names: tuple[str, ...] = ()
        self._device = ""
        moving = Canvas(glyphs, widget_id=Part.NEXT)
        self.devices = DeviceList(glyphs, lineup, moving, widget_id=Part.DEVICES)
        self.status = TextPane(glyphs, widget_id=Part.STATUS)
        self.images = ImagePane(glyphs, widget_id=Part.IMAGES)
        self.activity = TextPane(glyphs, widget_id=Part.ACTIVITY, follows=True)
        self.notice = Notice(glyphs, widget_id=Part.NOTICE)
        own: dict[Part, Canvas] = {
            Part.NOTICE: self.notice,
            Part.DEVICES: self.devices,
            Part.NEXT: moving,
            Part.STATUS: self.status,
            Part.IMAGES: self.images,
            Part.ACTIVITY: self.activity,
        }
        self._parts = {part: own.get(part) or Canvas(glyphs, widget_id=part) for part in Part}
        self.shape = Shape.LINE
        self.pane = Pane.DEVICES
        self.lower = Pane.STATUS
        self.rollout: Line = ()
        """The line about rollouts under way; where it is empty it takes no room."""

    @property
    def first(self) -> Iterable[Canvas]:
        """The parts that show something before any device is known, for the screen to mount."""
        return [self._parts[part] for part in _FIRST]

    @property
    def later(self) -> Iterable[Canvas]:
        """The parts that have nothing to show until then."""
        return [canvas for part, canvas in self._parts.items() if part not in _FIRST]

    def part(self, part: Part) -> Canvas:
        """Return one part."""
        return self._parts[part]

    def place(self, width: int, height: int, names: Sequence[str]) -> None:
        """Put every part where it belongs in a terminal of this size; `names` settle the width of the first column."""
        self._names = tuple(names)
        self.shape, placed = lay_out(width, height, pane=self.pane, lower=self.lower, rollout=bool(self.rollout))
        places = dict(placed)
        if whole := places.get(Part.DEVICES):
            self.devices.columns = columns = Columns.for_width(whole.width, names)
            places[Part.DEVICES] = whole._replace(width=columns.left)
            places[Part.NEXT] = whole._replace(x=whole.x + columns.left, width=whole.width - columns.left)
        for part, canvas in self._parts.items():
            canvas.place(places.get(part))

    def use(self, pane: Pane) -> bool:
        """Bring a pane into use; returns whether the parts must be placed anew for that."""
        self.pane = pane
        self.images.in_use = pane is Pane.IMAGES
        if pane is not Pane.DEVICES:
            self.lower = pane
        return self.shape is not Shape.WIDE

    def show_line(self, part: Part, drawn: Line) -> None:
        """Draw a part that is one line."""
        self._parts[part].show((drawn,))

    def show_rollout(self, drawn: Line) -> bool:
        """Draw the line about rollouts; returns whether the parts must be placed anew for that."""
        anew = bool(drawn) is not bool(self.rollout)
        self.rollout = drawn
        self.show_line(Part.ROLLOUT, drawn)
        return anew

    def show_right(self, part: Part, drawn: Line) -> None:
        """Draw one line at the right end of its part."""
        canvas = self._parts[part]
        canvas.show((line((" " * max(0, canvas.cells - width_of(drawn)), Ink.DIM), *drawn),))

    def show_list(self, now: float) -> int:
        """Draw the rows and their head, and return how many cells of *next* changed. `now` is our wall clock."""
        lineup = self._lineup
        self.show_line(Part.HEAD, head(self.devices.columns, lineup.sort, reverse=lineup.reversed, glyphs=self._glyphs))
        return self.devices.draw(now)

    def show_detail(self, view: DeviceView | None, now: float) -> None:
        """Draw status and images of a device, as far as they are on view."""
        self._device = "" if view is None else view.name
        if self.shape is Shape.SINGLE:
            self.show_titles()
        if self.status.display:
            self.status.set_text(status_lines(view, self.status.cells, self._glyphs, now))
        self.images.set_view(view)

    def show_activity(self, events: Sequence[Event], now: float) -> None:
        """Draw the activity, where it is on view."""
        if self.activity.display:
            width = self.activity.cells
            cells = min(_NAME_CELLS_MOST, max(map(cell_width, self._names), default=0))
            self.activity.set_text(EventLines(events, width, cells, now))

    def show_titles(self) -> None:
        """Draw the rules and what stands in them; the pane in use has its name in the accent colour."""
        bar, images, rule = (self._parts[part] for part in (Part.BAR, Part.IMAGES_TITLE, Part.RULE))
        bar.show([line((self._glyphs.bar, Ink.RULE))] * bar.rows)
        images.show((self._title("Images", images.cells, Pane.IMAGES),))
        if self.shape is Shape.WIDE:
            joint = self.devices.cells + self._parts[Part.NEXT].cells
            rule.show((self._joined(self._title("Activity", rule.cells, Pane.ACTIVITY), joint),))
        else:
            rule.show((self._tabs(rule.cells),))

    def _title(self, text: str, width: int, pane: Pane) -> Line:
        ink = Ink.ACCENT if self.pane is pane else Ink.DIM
        _, drawn = heading(text, width, self._glyphs.rule)
        return line(*((span.text, ink) if span.text == text else span for span in drawn))

    def _joined(self, drawn: Line, at: int) -> Line:
        """Let the vertical bar end in the rule."""
        *rest, last = drawn
        cut = at - width_of(tuple(rest))
        if not 0 <= cut < cell_width(last.text):
            return drawn
        return line(*rest, (last.text[:cut] + self._glyphs.joint + last.text[cut + 1 :], last.ink))

    def _tabs(self, width: int) -> Line:
        """Return the rule above the lower pane with the names of all that may stand there."""
        single = self.shape is Shape.SINGLE
        shown = self.pane if single else self.lower
        parts: list[tuple[str, Ink]] = [(f"{self._glyphs.rule} ", Ink.RULE)]
        for pane in Pane:
            if pane is Pane.DEVICES and not single:
                continue
            here = Ink.ACCENT if pane is self.pane else Ink.STRONG
            parts += [(pane.value, here if pane is shown else Ink.DIM), (f" {self._glyphs.rule} ", Ink.RULE)]
        name = f" {self._device} {self._glyphs.rule}" if single and shown is Pane.IMAGES else ""
        left = width - sum(cell_width(text) for text, _ in parts) - cell_width(name)
        return line(*parts, (self._glyphs.rule * max(0, left), Ink.RULE), (name, Ink.STRONG))
