"""Confirms one thing that is read afresh, shown, confirmed by its weight and sent; nothing on a difference."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from functools import partial
from typing import Generic, TypeVar

from textual import events, on

from updeck.errors import Blocked, UpdeckError
from updeck.ui.confirmation import Ask, Deal, reason, token_gap
from updeck.ui.facts import Lines, sentence
from updeck.ui.ink import Ink, Line
from updeck.ui.screens.dialog import CANCEL, CLOSE, Dialog, Look
from updeck.ui.widgets.form import Button, Entry, Form

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
    """Answered with the future of what was sent, or None when nothing was.

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

    def make_form(self) -> Form:
        """Return the lines for what has to be chosen and typed, closed until the fresh read is painted."""
        entries = [Entry("choice", "version", hint="left and right choose", chooses=True)] if self._deal.chooses else []
        entries += [Entry("token", "confirm", takes_paste=False)] if self._deal.typed else []
        form = Form(self.look.glyphs, entries, [CANCEL], at="cancel", typed_into="token")
        form.offer([CANCEL], ())
        return form

    def on_mount(self) -> None:
        """Read afresh; meanwhile only Cancel is there."""
        self._examine(None)

    def _examine(self, chosen: str | None) -> None:
        self._phase = _Phase.READING
        if chosen is None:
            self.form.offer([CANCEL], ())
        self.show(lambda width: [])
        self.say("reading…")
        self.run_worker(self._await_reading(chosen), exit_on_error=False)

    async def _await_reading(self, chosen: str | None) -> None:
        try:
            shown = await self._deal.read(chosen)
        except UpdeckError as error:
            self._stop(reason(error), "Nothing was sent.")
            return
        if chosen == self._chosen():  # else another alternative was chosen meanwhile
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
        self.say(self._missing() or self._ready_words())

    def painted(self) -> None:
        """Open the lines once the fresh read is before the person's eyes."""
        if self._phase is not _Phase.ASKING:
            return
        lines = ["choice"] if self._ask.choices else []
        lines += ["token"] if self._deal.typed else []
        form = self.form
        form.hears_from = self.hears_from
        form.give_options("choice", self._ask.choices)
        form.offer([CANCEL, Button("confirm", self._deal.verb.capitalize())], lines)

    def _ready_words(self) -> str:
        if self._deal.typed:
            return f"press enter to {self._deal.verb}"
        return f"press y to {self._deal.verb}, escape to leave"

    def _chosen(self) -> str | None:
        return (self.form.value("choice") or None) if self._ask.choices else None

    def _missing(self) -> str | None:
        if self._ask.choices and self._chosen() is None:
            return "several are possible: choose the one that is meant (tab, then right)"
        if self._deal.typed:
            return token_gap(self.form.value("token"), self._ask.token)
        return None

    def heard(self, event: events.Key) -> bool:
        """Take `y` where a yes is enough."""
        yes = event.key == "y" and not self._deal.typed
        if yes:
            self._confirm()
        return yes

    @on(Form.Changed)
    def _changed(self, event: Form.Changed) -> None:
        event.stop()
        if event.key == "choice":
            if self._phase in (_Phase.READING, _Phase.ASKING):
                self._examine(self._chosen())
        elif self._phase is _Phase.ASKING:
            self.say(self._missing() or self._ready_words())

    @on(Form.PasteRefused)
    def _pasted(self, event: Form.PasteRefused) -> None:
        event.stop()
        self.say("a paste confirms nothing: type it", Ink.MAY)

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        self._confirm()

    def pressed(self, button: str) -> None:
        """Confirm by the button."""
        self._confirm()

    def _confirm(self) -> None:
        if self._phase is not _Phase.ASKING or self._shown is None or not self.hearing:
            return
        missing = self._missing()
        if missing is not None:
            self.say(missing, Ink.MAY)
            return
        try:
            self._sending = sending = self._deal.send(self._shown, self._chosen())
        except UpdeckError as error:
            self._stop(reason(error), "Nothing was sent.")
            return
        self._phase = _Phase.SENDING
        self.form.offer([CLOSE], ())
        self.say("reading again, then sending… (escape leaves it to itself)")
        self.run_worker(self._await_answer(sending), exit_on_error=False)

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
        self.form.offer([CLOSE], ())
        self.show(lay_out)
        self.say("nothing to confirm; enter or escape closes")

    def action_cancel(self) -> None:
        """Close; what is being sent goes on and is told by the caller."""
        self.leave(self._sending)
