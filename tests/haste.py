"""People at a dialog: one in haste, who types ahead, pastes and presses enter; one read-only; one who means it."""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CoroutineType
from typing import Any

from textual.events import Paste
from textual.pilot import Pilot

import updeck.ui
from dialog_stage import asks, burst, words
from updeck.ui.app import UpdeckApp
from updeck.ui.flows.asking import ask
from updeck.ui.ink import text_of
from updeck.ui.screens.dialog import Dialog
from updeck.ui.stray_keys import StrayKeys

__all__ = ["Case", "Person", "Step", "askers"]

HANG_S = 60.0
NAMED = frozenset({"enter", "tab", "right", "escape", "space"})
"""Keys that are pressed by name; any other string is typed."""

Place = Callable[["Case"], Awaitable[None]]


@dataclass(frozen=True)
class Step:
    """Keys, typed all at once, and the words by which a dialog is known that they lead to, if to any."""

    keys: tuple[str, ...]
    shows: str = ""


@dataclass(frozen=True)
class Case:
    """A dialog that confirms something.

    `action` is the registry's, `asks` the function that asks, as `module.function`. The last of the `steps` opens the
    dialog, `answer` confirms there. `leads` are the words of the next dialog where it leads on to one.
    `devices` are under the cursor, or marked. `again`: the steps can be gone anew after the dialog was left.
    `defaults`: enter alone confirms what stands in the lines, as it may where nothing is sent.
    """

    action: str
    asks: str
    steps: tuple[Step, ...]
    answer: tuple[str, ...]
    leads: str = ""
    devices: tuple[str, ...] = ()
    again: bool = True
    defaults: bool = False


class Person:
    """Sits in front of the app; `deeds` tells all that was truly done so far, `place` goes to where a case begins.

    `known` are the words that stand in braces in the keys: paths, passwords, addresses.
    """

    def __init__(
        self,
        app: UpdeckApp,
        pilot: Pilot[None],
        deeds: Callable[[], object],
        place: Place,
        known: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._pilot = pilot
        self._deeds = deeds
        self._place = place
        self._known = known or {}

    async def hurries(self, case: Case) -> None:
        """Do all that a person in haste does; nothing may come of it."""
        await self._types_while_it_opens(case)
        if case.again:
            await self._pastes(case)
            await self._types_ahead(case)

    async def means_it(self, case: Case) -> None:
        """Confirm deliberately, in the dialog that is open where it opens but once; it has to come to something."""
        if case.again:
            await self._comes_to(case)
            await self._asked(case, case.steps[-1].shows)
        before = self._deeds()
        for keys in case.answer:
            self._post([keys])
            await self._pilot.pause()
            await self._until(lambda: self._dialog is None or self._dialog.hearing, case, "the keys are taken")
        if case.leads:
            await self._asked(case, case.leads)
        else:
            await self._until(lambda: self._deeds() != before, case, "the same keys meant do it")

    async def tries_read_only(self, case: Case) -> None:
        """Press the same keys, and answer whatever opens; nothing may come of it."""
        before = self._deeds()
        await self._goes_to(case)
        answer = [Step((one,), "what opened takes it") for one in case.answer]
        for step in (*case.steps, *answer):
            self._post(step.keys)
            await self._pilot.pause(0.02)
            await self._until(self._settled, case, "it comes to rest")
            if step.shows and self._dialog is None:
                break  # the other keys would be meant for the screen behind
        await self.leaves(case)
        await self._until(lambda: self._app.busy is None, case, "what was begun is over")
        assert self._deeds() == before, (case.action, case.asks, "read-only, and yet done")

    async def leaves(self, case: Case) -> None:
        """Press escape until the home screen is back."""
        for _ in range(10):
            await self._until(self._settled, case, "it comes to rest")
            if self._app.screen is self._app.home:
                return
            self._post(["escape"])
            await self._pilot.pause(0.02)
        raise AssertionError((case, "there is no way out"))

    async def _types_while_it_opens(self, case: Case) -> None:
        await self._comes_to(case)
        last = self._dialog
        await self._until(lambda: self._dialog not in (None, last), case, "it opens", pace_s=0)
        before, dialog = self._deeds(), self._dialog
        assert dialog is not None
        assert not dialog.hearing, "there is to be a moment in which it is open and not painted"
        self._post(case.answer)
        await self._asked(case, case.steps[-1].shows)
        await self._stands(case, dialog, before, "what was typed while it opened was not for it")
        self._post(case.answer, at=min(dialog.hears_from, dialog.form.hears_from) - 0.001)
        await self._stands(case, dialog, before, "what was typed before it was painted was not for it")
        self._holds_nothing(case, dialog)
        await self._until(lambda: dialog.hearing, case, "it is painted anew")
        self._post(case.answer[-1:], at=dialog.hears_from - 0.001)
        await self._stands(case, dialog, before, "what was typed before it was painted anew was not for it")

    async def _pastes(self, case: Case) -> None:
        before, dialog = self._deeds(), self._dialog
        assert dialog is not None
        self._app.post_message(Paste(self._typed(case.answer) + "\n"))
        await self._stands(case, dialog, before, "a paste confirms nothing")
        if case.steps[-1].shows.endswith("and press enter"):
            self._holds_nothing(case, dialog)
        await self.leaves(case)
        assert self._deeds() == before, (case.asks, "it was left")

    async def _types_ahead(self, case: Case) -> None:
        before = self._deeds()
        in_a_dialog = any(step.shows for step in case.steps[:-1])  # more keys would be an answer to that one
        await self._comes_to(case, *(() if in_a_dialog else case.answer))
        await self._asked(case, case.steps[-1].shows)
        await self._stands(case, self._dialog, before, "what was typed ahead was meant for no dialog")
        if not case.defaults:
            await self._presses_enter(case, "enter alone confirms nothing")

    async def _presses_enter(self, case: Case, why: str) -> None:
        before = self._deeds()
        self._post(["enter"])
        await self._pilot.pause()
        await self._until(self._settled, case, "it comes to rest")
        assert self._deeds() == before, (case.asks, why)

    async def _stands(self, case: Case, dialog: Dialog[Any] | None, before: object, why: str) -> None:
        """See that a dialog is still to be answered once all keys were taken, and that nothing was done."""
        await self._pilot.pause()
        assert self._dialog is dialog, (case.asks, why)
        assert self._deeds() == before, (case.asks, why)
        assert asker(dialog) == case.asks

    def _holds_nothing(self, case: Case, dialog: Dialog[Any]) -> None:
        """See that nothing of what confirms stands in a line."""
        lines = [dialog.form.value(key) for key in dialog.form._entries]
        assert not any(self._spelled(text) in lines for text in case.answer), (case.asks, lines)

    async def _comes_to(self, case: Case, *more: str) -> None:
        """Go all steps; the keys of the last one are typed at once with those that follow."""
        await self._goes_to(case)
        *way, last = case.steps
        for step in way:
            self._post(step.keys)
            await self._pilot.pause()
            if step.shows:
                await self._asked(case, step.shows)
        self._post((*last.keys, *more))

    async def _goes_to(self, case: Case) -> None:
        await self.leaves(case)
        await self._place(case)
        await self._until(self._settled, case, "it comes to rest")
        self._app.strays = StrayKeys()  # what was typed before is long past

    @property
    def _dialog(self) -> Dialog[Any] | None:
        return self._app.screen if isinstance(self._app.screen, Dialog) else None

    def _dialog_shows(self, what: str) -> bool:
        return asks(self._app, self._spelled(what))

    def _settled(self) -> bool:
        """Whether a dialog takes input, or none is open nor opening and the screen that stands there was shown."""
        if self._dialog is not None:
            return self._dialog.hearing
        return self._app.busy is None and self._app.hears(self._app.screen)

    async def _asked(self, case: Case, what: str) -> None:
        await self._until(lambda: self._dialog_shows(what), case, what)

    async def _until(self, condition: Callable[[], bool], case: Case, what: str, *, pace_s: float = 0.01) -> None:
        try:
            async with asyncio.timeout(HANG_S):
                while not condition():
                    await (self._pilot.pause(pace_s) if pace_s else asyncio.sleep(0))  # 0: at each turn of the loop
        except TimeoutError:
            parts = ("title", "body", "remark") if self._dialog is not None else ()
            shown = "\n".join(words(self._app, part) for part in parts)
            notice = "".join(map(text_of, self._app.home.board.notice.lines)).strip()
            told = f"{case.action} in {case.asks}: not so: {what}\n{notice}\n{shown}"
            raise AssertionError(told) from None

    def _post(self, keys: Sequence[str], *, at: float | None = None) -> None:
        """Press keys, all at once; `at` another time than now."""
        for one in keys:
            burst(self._app, "", one, at=at) if one in NAMED else burst(self._app, self._spelled(one), at=at)

    def _spelled(self, text: str) -> str:
        return text.format(**self._known)

    def _typed(self, keys: Sequence[str]) -> str:
        return "".join(self._spelled(one) for one in keys if one not in NAMED)


def asker(dialog: Dialog[Any] | None) -> str:
    """Return the function that waits for the answer of a dialog, as `module.function`; "" where none does."""
    for task in asyncio.all_tasks():
        outer: CoroutineType[Any, Any, Any] | None = None
        for coroutine in _awaited(task.get_coro()):
            frame = coroutine.cr_frame
            if coroutine.cr_code is ask.__code__ and outer and frame and frame.f_locals["dialog"] is dialog:
                return f"{Path(outer.cr_code.co_filename).stem}.{outer.cr_code.co_name}"
            outer = coroutine
    return ""


def _awaited(coroutine: object) -> Iterator[CoroutineType[Any, Any, Any]]:
    while inspect.iscoroutine(coroutine):
        yield coroutine
        coroutine = coroutine.cr_await


def askers() -> Counter[str]:
    """Return every function of the source that opens a dialog, as `module.function`, and at how many places."""
    found: Counter[str] = Counter()
    for path in (Path(one) for place in updeck.ui.__path__ for one in Path(place).rglob("*.py")):
        if path.stem == "asking":
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                opened = sum(map(_opens_dialog, _own(function)))
                found[f"{path.stem}.{function.name}"] += opened
    return +found


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in a function, but not in functions within it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from _own(node)


def _opens_dialog(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    return ast.unparse(node.func).removeprefix("asking.") in ("ask", "open_dialog")
