"""The base of all dialogs: an opaque panel of fixed width with a title, a scrolling body, a form that takes keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.types import CSSPathType
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from updeck.errors import fault_in_words
from updeck.text import plural
from updeck.ui.facts import Lines
from updeck.ui.glyphs import UNICODE, Glyphs
from updeck.ui.ink import EMPTY, Ink, Line, line, spread
from updeck.ui.keymap import is_modifier, key_name, shown_key
from updeck.ui.line_edit import EDITING
from updeck.ui.lines.header import label_ink
from updeck.ui.widgets.form import Button, Form
from updeck.ui.widgets.sheet import Sheet

__all__ = ["CANCEL", "CLOSE", "DIALOG_CSS", "Dialog", "Look"]

Answer = TypeVar("Answer")

DIALOG_CSS = Path(__file__).with_name("dialog.tcss")

KEYS_OF_DIALOGS = (
    "tab next, enter goes on or presses, left right choose, pgdn reads on, esc closes; only a button does anything"
)
"""What the help key says in every dialog while the keys are on a button; in a line it is text."""

CANCEL = Button("cancel", "Cancel")
CLOSE = Button("cancel", "Close")

_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Look:
    """What every dialog needs: the fleet's label, which stands in each of them, the glyphs, and the key for help."""

    label: str
    glyphs: Glyphs = UNICODE
    help_key: str = "?"


class Dialog(ModalScreen[Answer]):
    """A question to a person, answered once, with None by escape and Cancel; whoever opened it closes it then.

    Keys pressed before the present text was handed to the terminal are dropped: they were meant for what stood there
    before (`security.md`, confirmation). `hears_from` is that moment on the clock of `Message.time`. Two count from
    earlier on: escape since the dialog opened, and what is typed into lines since its first paint.
    """

    CSS_PATH: ClassVar[CSSPathType] = [DIALOG_CSS]
    AUTO_FOCUS = "#form"
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
        self.answered: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._heading = title
        self.hears_from = _NEVER
        self._opened_at = _NEVER
        self._said = ""

    def compose(self) -> ComposeResult:
        """Lay out title, body and form from top to bottom."""
        glyphs = self.look.glyphs
        panel = Vertical(id="panel")
        panel.styles.height = self.PANEL_HEIGHT
        with panel:
            yield Sheet(glyphs, widget_id="title")
            yield Sheet(glyphs, widget_id="body")
            yield from self.compose_more()
            yield Sheet(glyphs, widget_id="edge")
            form = self.make_form()
            form.help_key = self.look.help_key
            yield form

    def make_form(self) -> Form:
        """Return lines to fill and buttons; `CANCEL` is one of these, and has the keys unless something is typed."""
        return Form(self.look.glyphs, (), [CANCEL], at="cancel")

    def compose_more(self) -> Iterable[Widget]:
        """Return what stands between body and form; nothing unless a dialog says so."""
        return ()

    def on_mount(self) -> None:
        """Draw the frame; what was typed before now is not for this dialog."""
        self._opened_at = Message().time
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
        """Draw another body; until it is painted nothing can be confirmed."""
        self.cover_ears()
        self.body.show(lay_out, keep_place=keep_place)

    def cover_ears(self) -> None:
        """Hear nothing until the body was painted anew: what it says is no longer what holds."""
        self.hears_from = self.form.acts_from = _NEVER

    @property
    def form(self) -> Form:
        """The lines to fill, the remark, the buttons."""
        return self.query_one(Form)

    def say(self, text: str, ink: Ink = Ink.DIM) -> None:
        """Set the remark: what is going on, what is missing, what went wrong."""
        self._said = text
        self.form.say(text, ink)

    def painted(self) -> None:
        """Do what may be done once the text is before the person's eyes; a dialog that takes input opens it here."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say what broke in the program, where nobody else would."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.say(fault_in_words(event.worker.error), Ink.NEEDS)

    @on(Sheet.Painted, "#body")
    def _listen(self, event: Sheet.Painted) -> None:
        event.stop()
        if self.hears_from != _NEVER:
            return
        self.hears_from = self.form.acts_from = event.time
        self.form.hears_from = min(self.form.hears_from, event.time)
        self.painted()

    @on(Sheet.Moved, "#body")
    def _show_rest(self, event: Sheet.Moved) -> None:
        event.stop()
        self._draw_edge(event.below)

    def on_key(self, event: events.Key) -> None:
        """Drop what was typed for something else."""
        limit = self._opened_at if event.key == "escape" else self.hears_from
        if event.time < limit or self.answered.done():
            event.stop()
            return
        if key_name(event.key, event.character) == self.look.help_key:
            event.stop()
            self.form.say(KEYS_OF_DIALOGS, Ink.DIM)
        elif self.heard(event):
            event.stop()
        else:
            self._wonder(event)

    def heard(self, event: events.Key) -> bool:
        """Do what a key means here that no form took and no binding knows; return whether it was one."""
        return False

    def _wonder(self, event: events.Key) -> None:
        """Say of a key that means nothing here that it does not, and again what was said last."""
        edits = self.form.typing and event.key in EDITING
        if not edits and not is_modifier(event.key) and event.key not in self.active_bindings:
            event.stop()
            nothing = f"{shown_key(key_name(event.key, event.character))} does nothing here"
            self.form.say("; ".join(filter(None, (nothing, self._said))), Ink.DIM)

    def on_paste(self, event: events.Paste) -> None:
        """Drop a paste that no form took: it confirms nothing."""
        event.stop()

    @on(Form.Pressed)
    def _pressed(self, event: Form.Pressed) -> None:
        event.stop()
        if event.key == CANCEL.key:
            self.action_cancel()
        else:
            self.pressed(event.key)

    def pressed(self, button: str) -> None:
        """Do what a button says; there is only Cancel unless a dialog has more."""

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.leave(None)

    def leave(self, answer: Answer | None) -> None:
        """Answer; in a burst of keys the first one that answers counts."""
        if not self.answered.done():
            self.answered.set_result(answer)

    def action_scroll_body(self, lines: int) -> None:
        """Scroll the body by lines."""
        self.body.scroll_lines(lines)

    def action_page_body(self, pages: int) -> None:
        """Scroll the body by pages, with one line of overlap."""
        self.body.scroll_lines(pages * max(1, self.body.size.height - 1))
