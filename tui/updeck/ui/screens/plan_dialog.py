"""Takes the terms of a rollout: image, goal, fence and waves on one page; all the rest folded away until asked for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

from textual import on

from updeck.device.versions import doubt
from updeck.errors import UpdeckError
from updeck.text import plural
from updeck.ui.directory import complete, read_directory, split_typed
from updeck.ui.facts import fact, sentence
from updeck.ui.ink import EMPTY, Ink, Line
from updeck.ui.plan_draft import MORE, OPTIONS, PAGES, Draft, changed, suggested_version, terms_of, wave_words
from updeck.ui.screens.dialog import CANCEL, Dialog, Look
from updeck.ui.widgets.form import Button, Form

__all__ = ["PlanDialog", "Step", "Then"]


class Then(Enum):
    """What a person wants next: look at the devices, choose a file, or turn to a page of further terms."""

    LOOK = auto()
    BROWSE = auto()
    PAGE = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """What stands in the lines, and what comes next; `taken` is a version that spells none, accepted all the same."""

    then: Then
    draft: Draft
    page: int = 0
    taken: str | None = None


class PlanDialog(Dialog[Step]):
    """Answered with the step that comes next, or None; whoever opened it opens the next one with the same draft.

    `remark` says what the last step came to. Tab in the line of the image completes its path.
    """

    PANEL_HEIGHT = 22

    def __init__(self, look: Look, count: int, step: Step, *, remark: str = "") -> None:
        title = f"Plan a rollout to {plural(count, 'device')}"
        super().__init__(f"{title}: {MORE[step.page - 1]}" if step.page else title, look)
        self._count = count
        self._step = step
        self._remark = remark
        self._suggested = step.draft["version"]

    def make_form(self) -> Form:
        """Return the lines of the page, with what stands in them."""
        entries = [replace(entry, value=self._step.draft[entry.key]) for entry in PAGES[self._step.page][1]]
        buttons = [CANCEL, Button("browse", "Browse"), Button("page", "More"), Button("look", "Look")]
        if self._step.page:
            buttons = [Button("cancel", "Back"), Button("page", "Next page"), Button("done", "Done")]
        form = Form(self.look.glyphs, entries, buttons, at=entries[0].key)
        for entry in entries:
            if entry.chooses:
                form.give_options(entry.key, OPTIONS[entry.key])
        form.takes_tab = self._tab
        return form

    def on_mount(self) -> None:
        """Show what it means."""
        self.show(self._lines)
        self._say_how()

    def _say_how(self) -> None:
        last = "keeps the page" if self._step.page else "looks at the devices"
        usual = f"tab goes on, left and right choose; enter in the last line {last}"
        self.say(self._remark or usual, Ink.MAY if self._remark else Ink.DIM)

    def _draft(self) -> Draft:
        here = {entry.key: self.form.value(entry.key) for entry in PAGES[self._step.page][1]}
        return {**self._step.draft, **here}

    def _lines(self, width: int) -> list[Line]:
        draft = self._draft()
        try:
            waves = wave_words(terms_of({**draft, "version": draft["version"] or "?"}), self._count)
            out = fact("then", waves, width)
        except UpdeckError as error:
            out = fact("then", str(error), width)
        if self._step.page:
            return out
        further = changed(draft, self._count)
        out += fact("more", further or "waves, failures, limits, window, ticket: as usual", width)
        meaning = "An engine of its own carries the plan out and outlives this terminal. Nothing is sent yet."
        out += [EMPTY, *sentence(meaning, width, Ink.STRONG)]
        return out + fact("goal", "staged: the image is there; initialized: ready to start; updated: it runs", width)

    @on(Form.Changed)
    def _typed(self, event: Form.Changed) -> None:
        event.stop()
        if event.key == "image":
            self._suggest()
        self._remark = ""
        self._say_how()
        self._redraw()

    def _redraw(self) -> None:
        if self.hearing:
            self.body.show(self._lines, keep_place=True)  # what is typed meanwhile goes on to count
        else:
            self.show(self._lines, keep_place=True)

    def _suggest(self) -> None:
        if self.form.value("version") == self._suggested:
            self._suggested = suggested_version(self.form.value("image")) or self._suggested
            self.form.put("version", self._suggested)

    def _tab(self, key: str) -> bool:
        """Take the tab that completes a path; where there is nothing to complete it goes on."""
        typed = self.form.value("image") if key == "image" else ""
        if not typed or "://" in typed:
            return False
        self.run_worker(self._complete(typed), exit_on_error=False)
        return True

    def _go_on(self) -> None:
        self.form.go("sha256")

    async def _complete(self, typed: str) -> None:
        directory, rest = split_typed(typed, Path.cwd())
        listing = await asyncio.to_thread(read_directory, directory or Path.cwd())
        if self.form.value("image") != typed or self.form.at != "image":
            return  # the person has typed on meanwhile
        longer = complete(listing.entries, rest)
        if longer == rest:
            alike = [entry.name for entry in listing.entries if entry.name.lower().startswith(rest.lower())]
            if len(alike) > 1 and rest not in alike:
                self.say(f"{len(alike)} names begin with that: type on, or browse", Ink.MAY)
            else:
                self._go_on()
            return
        self.form.put("image", typed[: len(typed) - len(rest)] + longer)
        self._suggest()
        self._redraw()

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        self.pressed("done" if self._step.page else "look")

    def pressed(self, button: str) -> None:
        """Close with the next step, if what stands here makes sense so far; browsing does not ask that."""
        draft = self._draft()
        if button == "browse":
            self.leave(Step(Then.BROWSE, draft, taken=self._step.taken))
            return
        wrong = self._wrong(draft, whole=button == "look")
        if wrong is not None:
            self.say(wrong, Ink.MAY)
            return
        match button:
            case "page":
                self.leave(Step(Then.PAGE, draft, self._step.page % len(MORE) + 1, self._step.taken))
            case "done":
                self.leave(Step(Then.PAGE, draft, 0, self._step.taken))
            case _:
                self.leave(Step(Then.LOOK, draft, taken=self._step.taken))

    def _wrong(self, draft: Draft, *, whole: bool) -> str | None:
        """Return what is wrong; the first page need not be filled before the whole is wanted."""
        known = draft if whole else {**draft, "version": draft["version"].strip() or "?", "image": "", "sha256": ""}
        try:
            wave_words(terms_of(known), self._count)
        except UpdeckError as error:
            return str(error)
        version = draft["version"].strip()
        doubted = doubt(version) if whole and version != self._step.taken else None
        if doubted is None:
            return None
        self._step = replace(self._step, taken=version)
        return f"{doubted}; go on once more to take it as it is"
