"""The base of all dialogs: an opaque panel of fixed width with a title, a scrolling body, a status and buttons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.types import CSSPathType
from textual.widget import Widget

from updeck.text import plural
from updeck.ui.facts import Lines, sentence
from updeck.ui.glyphs import UNICODE, Glyphs
from updeck.ui.ink import EMPTY, Ink, Line, line, spread
from updeck.ui.lines.header import label_ink
from updeck.ui.widgets.form import Form
from updeck.ui.widgets.push_button import PushButton
from updeck.ui.widgets.sheet import Sheet

__all__ = ["Dialog", "Look"]

Answer = TypeVar("Answer")

_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Look:
    """What every dialog needs to draw itself: the fleet's label, which stands in each of them, and the glyphs."""

    label: str
    glyphs: Glyphs = UNICODE


class Dialog(ModalScreen[Answer]):
    """A question to a person, dismissed with an answer, or with None by escape and Cancel.

    Cancel has the focus. Keys that were pressed before the present text was handed to the terminal are dropped: they
    were meant for what stood there before (`security.md`, confirmation). Escape counts from when the dialog opened.
    `hears_from` is that moment on the clock of `Message.time`; forms hear from the first paint on.
    """

    CSS_PATH: ClassVar[CSSPathType] = ["dialog.tcss"]
    AUTO_FOCUS = "#cancel"
    PANEL_HEIGHT: ClassVar[int] = 22
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("up", "scroll_body(-1)", show=False),
        Binding("down", "scroll_body(1)", show=False),
        Binding("pageup", "page_body(-1)", show=False),
        Binding("pagedown", "page_body(1)", show=False),
    ]

    def __init__(self, title: str, look: Look) -> None:
        super().__init__()
        self.look = look
        self._heading = title
        self.hears_from = _NEVER
        self._opened_at = _NEVER
        self._was_painted = False
        self._left = False

    def compose(self) -> ComposeResult:
        """Lay out title, body, form, status and buttons from top to bottom."""
        glyphs = self.look.glyphs
        with Vertical(id="panel"):
            yield Sheet(glyphs, widget_id="title")
            yield Sheet(glyphs, widget_id="body")
            yield Sheet(glyphs, widget_id="edge")
            yield from self.compose_form()
            yield Sheet(glyphs, widget_id="status")
            with Horizontal(id="buttons"):
                yield PushButton("Cancel", widget_id="cancel")
                yield from self.compose_buttons()

    def compose_form(self) -> Iterable[Widget]:
        """Return what stands between body and status; nothing unless a dialog says so."""
        return ()

    def compose_buttons(self) -> Iterable[Widget]:
        """Return the buttons beside Cancel."""
        return ()

    def on_mount(self) -> None:
        """Draw the frame; what was typed before now is not for this dialog."""
        self._opened_at = Message().time
        self.query_one("#panel").styles.height = self.PANEL_HEIGHT
        self._draw_edge(0)
        self.query_one("#title", Sheet).show(self._title_lines)

    def _title_lines(self, width: int) -> list[Line]:
        label = line((f" {self.look.label} ", label_ink(self.look.label))) if self.look.label else EMPTY
        return [spread(line((self._heading, Ink.STRONG)), label, width), self._rule(width)]

    def _rule(self, width: int) -> Line:
        return line((self.look.glyphs.rule * width, Ink.RULE))

    def _draw_edge(self, below: int) -> None:
        def lay_out(width: int) -> list[Line]:
            if not below:
                return [self._rule(width)]
            hint = f" {plural(below, 'more line')} below: pgdn"
            return [line(*self._rule(width - len(hint)), (hint, Ink.DIM))]

        self.query_one("#edge", Sheet).show(lay_out)

    @property
    def hearing(self) -> bool:
        """Whether the present text has been painted, so that what a person does is meant for it."""
        return self.hears_from != _NEVER

    @property
    def body(self) -> Sheet:
        """The scrolling text."""
        return self.query_one("#body", Sheet)

    def show(self, lay_out: Lines, *, keep_place: bool = False) -> None:
        """Draw another body; until it is painted the dialog hears nothing but escape and what forms take."""
        self.cover_ears()
        self.body.show(lay_out, keep_place=keep_place)

    def cover_ears(self) -> None:
        """Hear nothing until the body was painted anew: what it says is no longer what holds."""
        self.hears_from = _NEVER

    def say(self, text: str, ink: Ink = Ink.DIM) -> None:
        """Set the status: what is going on, what is missing, what went wrong."""
        self.query_one("#status", Sheet).show(lambda width: sentence(text, width, ink))

    def painted(self) -> None:
        """Do what may be done once the text is before the person's eyes; a dialog that takes input opens it here."""

    @on(Sheet.Painted, "#body")
    def _listen(self, event: Sheet.Painted) -> None:
        event.stop()
        if self.hears_from != _NEVER:
            return
        self.hears_from = event.time
        if not self._was_painted:
            self._was_painted = True
            for form in self.query(Form):
                form.hears_from = event.time
        self.painted()

    @on(Sheet.Moved, "#body")
    def _show_rest(self, event: Sheet.Moved) -> None:
        event.stop()
        self._draw_edge(event.below)

    def on_key(self, event: events.Key) -> None:
        """Drop what was typed for something else."""
        limit = self._opened_at if event.key == "escape" else self.hears_from
        if event.time < limit:
            event.stop()
            return
        self.heard(event)

    def heard(self, event: events.Key) -> None:
        """Handle a key that no form took and no binding knows; a dialog that wants one stops the event."""

    def on_paste(self, event: events.Paste) -> None:
        """Drop a paste that no form took: it confirms nothing."""
        event.stop()

    @on(PushButton.Pressed, "#cancel")
    def _cancelled(self, event: PushButton.Pressed) -> None:
        event.stop()
        self.action_cancel()

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.leave(None)

    def leave(self, answer: Answer | None) -> None:
        """Close with an answer; in a burst of keys the first one that closes counts."""
        if not self._left:
            self._left = True
            self.dismiss(answer)

    def action_scroll_body(self, lines: int) -> None:
        """Scroll the body by lines."""
        self.body.scroll_relative(y=lines, animate=False)

    def action_page_body(self, pages: int) -> None:
        """Scroll the body by pages, with one line of overlap."""
        self.body.scroll_relative(y=pages * max(1, self.body.size.height - 1), animate=False)
