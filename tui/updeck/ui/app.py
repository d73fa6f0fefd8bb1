"""The app: screens, themes, the service behind them, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console
from textual import events, on
from textual.app import App
from textual.binding import BindingType
from textual.driver import Driver
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from updeck.clock import Clock, SystemClock
from updeck.errors import UpdeckError
from updeck.paths import state_dir
from updeck.text import plural
from updeck.ui.actions import BY_ID
from updeck.ui.crash import Nowhere
from updeck.ui.glyphs import ASCII, UNICODE, Glyphs
from updeck.ui.ink import EMPTY, Ink, Line, line
from updeck.ui.keymap import Keymap
from updeck.ui.launch import UiOptions
from updeck.ui.lines.footer import keys_line
from updeck.ui.lines.header import name_and_label
from updeck.ui.rollout_log import RolloutLog
from updeck.ui.screens.drawn import forget_drawn
from updeck.ui.screens.fleet import FleetScreen
from updeck.ui.screens.reading import ReadingScreen
from updeck.ui.stray_keys import StrayKeys
from updeck.ui.terminal import RemappedKeys, Title, driver_with
from updeck.ui.theme import THEMES
from updeck.ui.thin_line import ThinLine

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.exports import Export
    from updeck.ui.needs import Needs
    from updeck.ui.recent import Recent

__all__ = ["UpdeckApp"]


class UpdeckApp(RemappedKeys, inherit_bindings=False):
    """Shows a fleet. Screens and flows draw and act with `glyphs`, `keymap` and `service`.

    After the run, `failure` is the error of ours that ended it, and `crash` what broke in the program, if anything.
    """

    CSS_PATH = "updeck.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []
    TITLE = "updeck"

    def __init__(
        self, open_service: Callable[[], FleetService], options: UiOptions, *, clock: Clock | None = None
    ) -> None:
        self.clock = clock or SystemClock()
        self.options = options
        self.glyphs: Glyphs = ASCII if options.ascii else UNICODE
        self.keymap = Keymap(options.keys)
        self.failure: UpdeckError | None = None
        self.crash: BaseException | None = None
        self.rollouts = RolloutLog(self.clock)
        self._open_service = open_service
        self._service: FleetService | None = None
        self._busy: str | None = None
        self._turning = False
        self._needs: Needs | None = None
        self.strays = StrayKeys()
        self._typed_filters: Recent | None = None
        self._title = Title()
        self._picture = ThinLine()
        self._loop_of_ui: asyncio.AbstractEventLoop | None = None
        super().__init__(
            driver_class=driver_with(self._title, self._picture), ansi_color=True if options.theme == "ansi" else None
        )
        self.error_console = Console(file=Nowhere())
        self.animation_level = "none"
        for theme in THEMES.values():
            self.register_theme(theme)
        self.set_reactive(App.theme, options.theme)  # quietly: nothing is drawn that would be drawn and parsed anew
        self.stylesheet.set_variables(self.get_css_variables())
        self.home = FleetScreen(self)

    @property
    def service(self) -> FleetService:
        """The fleet's service; there is none before the first paint."""
        assert self._service is not None, "the service opens after the first paint"
        return self._service

    @property
    def service_or_none(self) -> FleetService | None:
        """The fleet's service once there is one."""
        return self._service

    @property
    def busy(self) -> str | None:
        """The name of the dialog that is open or opening."""
        return self._busy

    def get_default_screen(self) -> Screen[None]:
        """Return the home screen."""
        return self.home

    def on_mount(self) -> None:
        """Open the service once the first picture is on the screen."""
        self._loop_of_ui = asyncio.get_running_loop()
        self.call_after_refresh(self._connect)

    def _connect(self) -> None:
        self.beside(self._start_service)

    async def _start_service(self) -> None:
        try:
            await asyncio.to_thread(self._open)
        except UpdeckError as error:
            self.failure = error
            self.exit(return_code=error.exit_code)
            return
        except Exception as error:
            self.crash = error
            self.exit(return_code=1)
            return
        self.home.look()
        if self.options.first_run:
            self.begin()

    def begin(self) -> None:
        """Lead to the first live device, or to the one that the command line named."""
        from updeck.ui import flows

        self.run_flow("the way to the first device", lambda: flows.first_run_flow(self, self.service))

    def call_fleet(self, name: str) -> None:
        """Call the fleet by another name from now on."""
        self.options = self.options._replace(fleet_name=name)
        self.home.count()

    def beside(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Do something beside the screen; what breaks in it is said."""
        self.run_worker(work, exit_on_error=False)  # type: ignore[arg-type]

    def _open(self) -> FleetService:
        """Open the service, and keep it at once: who quits meanwhile still has it stopped."""
        self._service = service = self._open_service()
        return service

    def run_flow(self, what: str, flow: Callable[[], Awaitable[str | None]]) -> None:
        """Run a flow of dialogs beside the screen; what it returns or raises becomes the notice."""
        self._busy = what
        self.strays.begin()
        self.beside(partial(self._flow, flow))

    async def _flow(self, flow: Callable[[], Awaitable[str | None]]) -> None:
        notice, ink = None, Ink.PLAIN
        try:
            notice = await flow()
        except UpdeckError as error:
            notice, ink = str(error), Ink.MAY
        except Exception as error:
            notice, ink = self.broke(error), Ink.NEEDS
        finally:
            self._busy = None
        self.say(line((notice, ink)) if notice else EMPTY)
        self.home.look()
        self.home.show_footer()

    def on_resize(self) -> None:
        """Take nothing for granted of what the terminal shows: it may have moved its lines."""
        self._picture.forget()

    @on(Driver.SignalResume)
    def _repaint(self) -> None:
        """Paint everything anew after the process was stopped: the terminal has forgotten it."""
        self._picture.forget()
        self.screen.refresh(layout=True)

    def broke(self, error: BaseException) -> str:
        """Keep where the program broke, and return the sentence that tells so; the UI goes on."""
        from updeck.paths import state_dir
        from updeck.ui.crash import note_crash

        return note_crash(error, state_dir())

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say what broke in a worker beside the screen, where nobody else would."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            self.say(line((self.broke(error), Ink.NEEDS)))

    def say(self, notice: Line) -> None:
        """Show one sentence on the screen that is open, and on the home screen."""
        self.home.say(notice)
        if isinstance(self.screen, ReadingScreen):
            self.screen.say(notice)

    def name_line(self) -> Line:
        """Return the name of the fleet with its label."""
        return name_and_label(self.options.fleet_name, self.options.label)

    def label_line(self) -> Line:
        """Return the fleet's label alone, where there is one."""
        return name_and_label("", self.options.label)

    def keys_line(self, action_ids: Iterable[str]) -> Line:
        """Return those keys of these actions that apply."""
        return keys_line([BY_ID[one] for one in action_ids], self.home.context(), self.keymap, self.glyphs)

    def open(self, screen: Screen[None]) -> None:
        """Open a screen. In one batch, because Textual would paint it three times."""

        self._turn(lambda: self._push(screen))

    async def _push(self, screen: Screen[None]) -> None:
        with self.batch_update():
            await self.push_screen(screen)

    @contextmanager
    def one_picture(self) -> Iterator[None]:
        """Send nothing of what is drawn on the way, only what stands there in the end."""
        self._picture.held = True
        try:
            with self.batch_update():
                yield
        finally:
            self.call_after_refresh(self._show_turned)

    def close(self, screen: Screen[None], then: Callable[[], None] | None = None) -> None:
        """Close a screen, in one batch too, and go on with `then`."""

        async def pop() -> None:
            if self.screen is not screen:
                return
            with self.batch_update():
                forget_drawn(screen)
                await self.pop_screen()
            if then is not None:
                then()

        self._turn(pop)

    def _turn(self, change: Callable[[], Awaitable[None]]) -> None:
        async def turn() -> None:
            try:
                await change()
            finally:
                self.call_after_refresh(self._end_turn)

        self._turning = self._picture.held = True
        self.beside(turn)

    def _end_turn(self) -> None:
        """Show the new screen, and hear keys again: none is meant for what nobody has seen."""
        self._show_turned()
        self._turning = False

    def _show_turned(self) -> None:
        """Send the new screen, and nothing of the pictures on the way to it."""
        self._picture.held = False
        self._title.nudge()

    def hears(self, screen: Screen[None] | Screen[object], key: events.Key | None = None) -> bool:
        """Whether a key is meant for a screen: not while another opens, and not once another stands before it.

        Nor is a letter to a list that was typed for a dialog which is still to open, or does not open.
        """
        if not screen.is_current or self._turning:
            return False
        if key is None:
            return True
        text = "\n" if key.key == "enter" else key.character if key.is_printable else None
        stray = self.strays.take(key.time, text, busy=self._busy is not None)
        if stray and self._busy is not None:
            self.say(line((f"{self._busy} is still open", Ink.MAY)))
        return not stray

    def next_theme(self) -> str:
        """Draw in the colours of the next theme, and return its name."""
        names, self.ansi_color = list(THEMES), None  # what the theme says counts
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        return self.theme

    def leave(self) -> None:
        """Quit, unless something would be lost and the person thinks better of it."""
        service = self._service
        if service is None or not service.transfers():
            self.exit()
            return
        from updeck.ui import flows

        async def ask() -> None:
            if await flows.quit_flow(self, service):
                self.exit()

        self.run_flow("the question whether to quit", ask)

    async def pause_everything(self) -> str:
        """Pause the inits and starts of all rollouts of this journal."""
        journal = self.service.journal
        if journal is None:
            return "there is no journal here, and so no rollout to pause"
        await asyncio.to_thread(lambda: journal.brake(on=True))
        key = self.keymap.keys("brake")[0]
        return f"all new starts are paused; what has started is watched on; {key} lets them go on"

    def export(self, title: str, rows: int, make: Callable[[], Export]) -> None:
        """Ask where a table of so many rows goes, and write it there; `make` may block."""
        from updeck.ui import flows

        self.run_flow("the export dialog", lambda: flows.export_flow(self, title, rows, make))

    def show_rollout(self, rollout: str, device: str | None = None) -> None:
        """Open a rollout, at one of its devices."""
        from updeck.ui.screens.rollout import RolloutScreen

        self.open(RolloutScreen(self, rollout, device))

    def filters(self) -> tuple[str, ...]:
        """Return the filters of before, the newest first; those of earlier runs where there is a state directory."""
        if self._typed_filters is None:
            from updeck.ui.recent import Recent, load_recent

            keeps = self._service is not None and self._service.journal is not None
            self._typed_filters = load_recent(state_dir()) if keeps else Recent()
        return self._typed_filters.filters

    def remember_filter(self, text: str) -> None:
        """Offer a filter again, in later runs too."""
        from updeck.ui.recent import load_recent, save_recent, with_filter

        self.filters()
        assert self._typed_filters is not None, "they were just read"
        self._typed_filters = with_filter(self._typed_filters, text)
        if self._service is not None and self._service.journal is not None:
            place = state_dir()
            save = asyncio.to_thread(lambda: save_recent(place, with_filter(load_recent(place), text)))
            self.run_worker(save, exit_on_error=False)

    async def opened_rollout(self, rollout: str) -> None:
        """Open a rollout; returns once it is there, so that what is said next is said on it."""
        from updeck.ui.screens.rollout import RolloutScreen

        await self._push(RolloutScreen(self, rollout))

    def farewell(self) -> str | None:
        """Return what goes on without this terminal, None where nothing does; what the demo began ends with it."""
        going = [one for one in self.rollouts.held if self.rollouts.found[one][0].row.lease_alive]
        if not going or self.options.label == "DEMO":
            return None
        from updeck.journal.plan_sentences import in_short

        short = in_short(going[0])
        what = f"rollout {short} goes on" if len(going) == 1 else f"{plural(len(going), 'rollout')} go on"
        return f"{what} without this terminal; look again with `updeck` or `updeck rollout attach {short}`"

    def end_soon(self) -> None:
        """Ask the app to end, from any thread, without waiting for it."""
        loop = self._loop_of_ui
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.exit)

    def close_service(self) -> None:
        """Stop the service, if there is one."""
        service, self._service = self._service, None
        if service is not None:
            service.stop()

    def heed(self) -> None:
        """Ring once for what rollouts need a person for that they did not before."""
        from updeck.ui.needs import Needs, needs_of

        self._needs = self._needs or Needs()
        acknowledged = {view.name for view in self.home.lineup.views() if view.acknowledged}
        if self._needs.grow(needs_of(self.rollouts.sights(self.clock.wall()), acknowledged)):
            self.bell()

    def tell_title(self, needing: int) -> None:
        """Say in the terminal's title how many devices and rollouts need a person; built from constants only."""
        rollouts = 0 if self._needs is None else self._needs.rollouts
        told = [f"{needing} need you"] if needing else []
        told += [f"{plural(rollouts, 'rollout waits', 'rollouts wait')} for you"] if rollouts else []
        self._title.tell(f"updeck: {', '.join(told)}" if told else "updeck")

    def bell(self) -> None:
        """Ring; and remember what broke, as Textual rings while it handles an exception it cannot survive.

        That is the one public place where the exception can be seen without the local variables.
        """
        error = sys.exc_info()[1]
        if error is None:
            super().bell()
        else:
            self.crash = error
