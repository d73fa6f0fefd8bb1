"""Confirms one thing that is read afresh, shown, confirmed by its weight and sent; nothing on a difference."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import Enum, auto
from functools import partial
from typing import Generic, TypeVar

from textual import events, on
from textual.widget import Widget

from updeck.errors import Blocked, UpdeckError
from updeck.ui.confirmation import Ask, Deal, reason, token_gap
from updeck.ui.facts import Lines, sentence
from updeck.ui.ink import Ink, Line
from updeck.ui.screens.dialog import Dialog, Look
from updeck.ui.widgets.choice_list import ChoiceList
from updeck.ui.widgets.form import Entry, Form
from updeck.ui.widgets.push_button import PushButton

__all__ = ["ConfirmDialog"]

Shown = TypeVar("Shown")
Done = TypeVar("Done")


class _Phase(Enum):
    READING = auto()
    ASKING = auto()
    SENDING = auto()
    OVER = auto()


def _stopped_lines(why: str, sent: str, width: int) -> list[Line]:
    return [*sentence(sent, width, Ink.STRONG), (), *sentence(why, width, Ink.NEEDS)]


class ConfirmDialog(Dialog["asyncio.Future[Done]"], Generic[Shown, Done]):
    """Dismissed with the future of what was sent, or None when nothing was.

    Input opens only after the fresh read is painted. Confirming takes a yes (the button, or `y`) or the typed token.
    """

    PANEL_HEIGHT = 30

    def __init__(self, title: str, look: Look, deal: Deal[Shown, Done]) -> None:
        super().__init__(title, look)
        self._deal = deal
        self._phase = _Phase.READING
        self._shown: Shown | None = None
        self._ask = Ask(lambda width: ())
        self._sending: asyncio.Future[Done] | None = None

    def compose_form(self) -> Iterable[Widget]:
        """Return the list of alternatives and the line for the token, both closed."""
        glyphs = self.look.glyphs
        yield ChoiceList(glyphs, widget_id="versions")
        yield Form(glyphs, [Entry("token", "confirm", takes_paste=False, quiet=True)], disabled=True)

    def compose_buttons(self) -> Iterable[Widget]:
        """Return the button that confirms, not to be seen yet."""
        yield PushButton(self._deal.verb.capitalize(), widget_id="confirm")

    def on_mount(self) -> None:
        """Read afresh; meanwhile only Cancel is there."""
        self._examine(None)

    def _examine(self, chosen: str | None) -> None:
        self._phase = _Phase.READING
        self._offer(choices=False, typing=False, confirm=False)
        self.show(lambda width: [])
        self.say("reading…")
        self.run_worker(self._await_reading(chosen), exit_on_error=False)

    async def _await_reading(self, chosen: str | None) -> None:
        try:
            shown = await self._deal.read(chosen)
        except UpdeckError as error:
            self._stop(reason(error), "Nothing was sent.")
            return
        with self.app.batch_update():
            self._present(shown)

    def _present(self, shown: Shown) -> None:
        self._shown = shown
        self._ask = ask = self._deal.ask(shown)
        if ask.closed:
            self._end(ask.lines)
            return
        self._phase = _Phase.ASKING
        self.show(ask.lines)
        self.query_one(ChoiceList).offer(ask.choices)
        self._offer(choices=bool(ask.choices), typing=ask.token is not None, confirm=True)
        self.say(self._missing() or self._ready_words())

    def painted(self) -> None:
        """Open the line once the fresh read is before the person's eyes.

        It takes the keys from then on, so that none can be lost between it and Cancel; while it is empty Cancel is
        what looks and acts as focused: enter leaves.
        """
        if self._phase is _Phase.ASKING and self._ask.token is not None:
            form = self.query_one(Form)
            form.hears_from = self.hears_from
            form.disabled = False
            if self.focused is not None and self.focused.id == "cancel":
                self.set_focus(form)

    def _ready_words(self) -> str:
        if self._ask.token is not None:
            return f"press enter to {self._deal.verb}"
        return f"press y to {self._deal.verb}, escape to leave"

    def _missing(self) -> str | None:
        if self._ask.choices and self.query_one(ChoiceList).chosen is None:
            return "several are possible: choose the one that is meant (tab, then enter)"
        if self._ask.token is not None:
            return token_gap(self.query_one(Form).value(), self._ask.token)
        return None

    def heard(self, event: events.Key) -> None:
        """Take `y` where a yes is enough."""
        if event.key == "y" and self._ask.token is None and self._phase is _Phase.ASKING:
            event.stop()
            self._confirm()

    def on_descendant_focus(self) -> None:
        """Show Cancel as focused while the line has the keys and is empty."""
        self._show_default()

    def _show_default(self) -> None:
        form = self.query_one(Form)
        self.set_class(form.has_focus and not form.value(), "-untouched")

    @on(Form.Changed)
    def _typed(self, event: Form.Changed) -> None:
        event.stop()
        self._show_default()
        if self._phase is _Phase.ASKING:
            self.say(self._missing() or self._ready_words())

    @on(Form.PasteRefused)
    def _pasted(self, event: Form.PasteRefused) -> None:
        event.stop()
        self.say("a paste confirms nothing: type it", Ink.MAY)

    @on(ChoiceList.Chosen)
    def _chosen(self, event: ChoiceList.Chosen) -> None:
        event.stop()
        if self._phase is _Phase.ASKING:
            self._examine(event.value)

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        if event.form.value():
            self._confirm()
        else:
            self.action_cancel()

    @on(PushButton.Pressed, "#confirm")
    def _pressed(self, event: PushButton.Pressed) -> None:
        event.stop()
        self._confirm()

    def _confirm(self) -> None:
        if self._phase is not _Phase.ASKING or self._shown is None or not self.hearing:
            return
        missing = self._missing()
        if missing is not None:
            self.say(missing, Ink.MAY)
            return
        self._phase = _Phase.SENDING
        self._offer(choices=False, typing=False, confirm=False)
        self.query_one("#cancel", PushButton).label = "Close"
        self.say("reading again, then sending…")
        self._sending = self._deal.send(self._shown, self.query_one(ChoiceList).chosen)
        self.run_worker(self._await_answer(self._sending), exit_on_error=False)

    async def _await_answer(self, sending: asyncio.Future[Done]) -> None:
        try:
            await asyncio.shield(sending)
        except Blocked as error:
            self._stop(reason(error), "Nothing was sent.")
        except UpdeckError as error:
            self._stop(reason(error), "It did not go through.")
        else:
            self.leave(sending)

    def _stop(self, why: str, sent: str) -> None:
        with self.app.batch_update():
            self._end(partial(_stopped_lines, why, sent))

    def _end(self, lay_out: Lines) -> None:
        self._phase = _Phase.OVER
        self._sending = None
        self._offer(choices=False, typing=False, confirm=False)
        self.show(lay_out)
        cancel = self.query_one("#cancel", PushButton)
        cancel.label = "Close"
        cancel.focus()
        self.say("nothing to confirm; enter or escape closes")

    def _offer(self, *, choices: bool, typing: bool, confirm: bool) -> None:
        self.query_one(ChoiceList).display = choices
        self.query_one(Form).display = typing
        self.query_one("#confirm").display = confirm
        if not typing:
            self.query_one(Form).disabled = True

    def action_cancel(self) -> None:
        """Close; what is being sent goes on and is told by the caller."""
        self.leave(self._sending)
