"""Takes the terms of a rollout: which image, how far, where it waits, in which waves, how much may go wrong."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on

from updeck.device.image_file import suggest_version
from updeck.errors import UpdeckError
from updeck.rollout.plan import Fence, Goal
from updeck.rollout.waves import parse_waves, wave_numbers
from updeck.text import clean, plural
from updeck.ui.facts import fact, sentence
from updeck.ui.ink import EMPTY, Ink, Line
from updeck.ui.screens.dialog import CANCEL, Dialog, Look
from updeck.ui.widgets.form import Button, Entry, Form

__all__ = ["PlanDialog", "Terms"]

MANY = 4
"""From so many devices on, the first is proposed to go alone."""

_FENCES = {"asks before each start": Fence.START, "starts by itself": Fence.NONE}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person wants. `path` is a file to upload, None for the image that the devices hold already."""

    path: str | None
    version: str
    until: Goal
    fence: Fence
    waves: str
    max_failures: int


class PlanDialog(Dialog[Terms]):
    """Answered with the terms, or None; what they mean for each device is looked at and confirmed after it."""

    PANEL_HEIGHT = 22

    def __init__(self, look: Look, count: int, version: str) -> None:
        super().__init__(f"Plan a rollout to {plural(count, 'device')}", look)
        self._count = count
        self._version = version
        self._suggested = version

    def make_form(self) -> Form:
        """Return the lines to fill, with what is usual in them."""
        waves = "1,25%,100%" if self._count >= MANY else "100%"
        entries = [
            Entry("path", "image file", hint="a path; empty: what the devices hold"),
            Entry("version", "version", self._version, hint="what the image installs"),
            Entry("until", "goal", Goal.UPDATED.value, chooses=True),
            Entry("fence", "fence", next(iter(_FENCES)), chooses=True),
            Entry("waves", "waves", waves, hint="how many are done after each"),
            Entry("failures", "failures", "0", hint="how many may go wrong"),
        ]
        form = Form(self.look.glyphs, entries, [CANCEL, Button("look", "Look at the devices")], at="path")
        form.give_options("until", [goal.value for goal in Goal])
        form.give_options("fence", list(_FENCES))
        return form

    def on_mount(self) -> None:
        """Show what it means."""
        self.show(self._lines)
        self.say("tab goes on, left and right choose; enter in the last line looks at the devices")

    def _lines(self, width: int) -> list[Line]:
        meaning = "An engine of its own carries the plan out and outlives this terminal. Nothing is sent yet."
        out = [*sentence(meaning, width, Ink.STRONG), EMPTY]
        out += fact("goal", "staged: the image is there; initialized: ready to start; updated: it runs", width)
        return out + fact("waves", "the next one waits for a person who promotes it", width)

    def _value(self, key: str) -> str:
        return self.form.value(key).strip()

    @on(Form.Changed)
    def _typed(self, event: Form.Changed) -> None:
        event.stop()
        if event.key == "path" and self._value("version") == self._suggested:
            name = self._value("path").rpartition("/")[2]
            self._suggested = suggest_version(clean(name)) or self._version
            self.form.put("version", self._suggested)

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        self.pressed("look")

    def pressed(self, button: str) -> None:
        """Close with the terms, if they make sense."""
        wrong = self._wrong()
        if wrong is not None:
            self.say(wrong, Ink.MAY)
            return
        terms = Terms(
            path=self._value("path") or None,
            version=self._value("version"),
            until=Goal(self._value("until")),
            fence=_FENCES[self._value("fence")],
            waves=self._value("waves"),
            max_failures=int(self._value("failures")),
        )
        self.leave(terms)

    def _wrong(self) -> str | None:
        version, failures = self._value("version"), self._value("failures")
        if not version or clean(version) != version:
            return "it needs the version that the image installs"
        if not (failures.isascii() and failures.isdigit() and len(failures) < len(str(10**9))):
            return "how many may go wrong is a number, 0 for none"
        try:
            wave_numbers(parse_waves(self._value("waves")), self._count)
        except UpdeckError as error:
            return str(error)
        return None
