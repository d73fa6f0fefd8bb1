"""What each action of the registry does on the fleet screen. Whatever takes long runs beside the screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from updeck.text import plural
from updeck.ui.actions import ACTIONS, BY_ID, Group, Pane
from updeck.ui.ink import Ink, line
from updeck.ui.lineup import Sort

if TYPE_CHECKING:
    from updeck.ui.screens.fleet import FleetScreen

__all__ = ["Deeds"]

_PANES = tuple(Pane)


def _not_here() -> None:
    """Do nothing: what steers a rollout never applies on the fleet screen."""


class Deeds:
    """The hands of the fleet screen: one method for each action id."""

    def __init__(self, screen: FleetScreen) -> None:
        self._screen = screen
        self._deeds: dict[str, Callable[[], None]] = {
            "down": lambda: self._move(1),
            "up": lambda: self._move(-1),
            "page_down": lambda: self._move(self._page()),
            "page_up": lambda: self._move(-self._page()),
            "first": lambda: self._move(-1_000_000),
            "last": lambda: self._move(1_000_000),
            "pane": lambda: self._turn(1),
            "pane_back": lambda: self._turn(-1),
            "back": self._back,
            "needing": lambda: self._seek(1),
            "needing_back": lambda: self._seek(-1),
            "view": self._view,
            "activity": self._activity,
            "rollouts": self._rollouts,
            "filter": self._filter,
            "sort": self._sort,
            "reverse": self._reverse,
            "poll": self._poll,
            "copy": self._copy,
            "export": self._export,
            "freeze": self._freeze,
            "theme": self._theme,
            "mark": self._mark,
            "mark_all": self._mark_all,
            "clear": self._clear,
            "next": self._next,
            "upload": self._upload,
            "fetch": self._fetch,
            "init": self._init,
            "start": self._start,
            "reset": self._reset,
            "delete": self._delete,
            "credentials": self._credentials,
            "acknowledge": self._acknowledge,
            "plan": self._plan,
            "brake": self._brake,
            **{action.id: _not_here for action in ACTIONS if action.group is Group.ROLLOUT},
            "help": self._help,
            "palette": self._palette,
            "quit": self._quit,
        }

    @property
    def ids(self) -> frozenset[str]:
        """The actions that can be done here."""
        return frozenset(self._deeds)

    def refusal(self, action_id: str) -> str | None:
        """Return why an action does not apply now, None where it does."""
        return BY_ID[action_id].applicable(self._screen.context())

    def do(self, action_id: str) -> None:
        """Do it."""
        self._deeds[action_id]()

    # moving

    def _page(self) -> int:
        screen = self._screen
        pane = {Pane.STATUS: screen.board.status, Pane.ACTIVITY: screen.board.activity}.get(screen.board.pane)
        height = screen.board.devices.rows if pane is None else pane.rows
        return max(1, height - 1)

    def _move(self, rows: int) -> None:
        screen = self._screen
        match screen.board.pane:
            case Pane.DEVICES:
                screen.lineup.move(rows)
                screen.cursor_moved()
            case Pane.IMAGES:
                screen.board.images.move(rows)
            case Pane.STATUS:
                screen.board.status.scroll_lines(rows)
            case Pane.ACTIVITY:
                screen.board.activity.scroll_lines(rows)

    def _turn(self, step: int) -> None:
        screen = self._screen
        pane = _PANES[(_PANES.index(screen.board.pane) + step) % len(_PANES)]
        if pane is Pane.DEVICES:
            screen.board.lower = Pane.STATUS
        screen.use(pane)

    def _back(self) -> None:
        screen = self._screen
        if screen.board.pane is not Pane.DEVICES:
            screen.use(Pane.DEVICES)
        elif screen.filter_text:
            screen.apply_filter("")

    def _seek(self, step: int) -> None:
        screen = self._screen
        if not screen.lineup.seek(step):
            screen.deck.say(line(("no device on view needs a person", Ink.DIM)))
            return
        screen.cursor_moved()

    # looking

    def _filter(self) -> None:
        screen = self._screen
        screen.open_filter()

    def _sort(self) -> None:
        lineup = self._screen.lineup
        orders = tuple(Sort)
        lineup.choose_sort(orders[(orders.index(lineup.sort) + 1) % len(orders)])
        self._tell_order()

    def _reverse(self) -> None:
        self._screen.lineup.reverse()
        self._tell_order()

    def _tell_order(self) -> None:
        screen = self._screen
        turned = ", reversed" if screen.lineup.reversed else ""
        screen.cursor_moved()
        screen.deck.say(line(("sorted by ", Ink.DIM), screen.lineup.sort.value, (turned, Ink.DIM)))

    def _theme(self) -> None:
        deck = self._screen.deck
        name = deck.next_theme()
        deck.say(line((f'{name}: `theme = "{name}"` under [ui] in the inventory keeps it', Ink.PLAIN)))

    def _poll(self) -> None:
        names = self._screen.context().names
        self._screen.deck.service.poll_now(names)
        asked = names[0] if len(names) == 1 else plural(len(names), "device")
        self._screen.deck.say(line((f"asking {asked} now", Ink.DIM)))

    def _freeze(self) -> None:
        screen = self._screen
        frozen = not screen.lineup.frozen
        screen.freeze(frozen=frozen)
        if frozen:
            key = screen.deck.keymap.keys("freeze")[0]
            screen.deck.say(line((f"frozen: nothing moves until {key} is pressed, or for 5 minutes", Ink.DIM)))

    def _copy(self) -> None:
        from updeck.ui import flows

        view, deck = self._screen.lineup.current, self._screen.deck
        if view is not None:
            self._run("the choice of a text", lambda: flows.copy_flow(deck, view))

    def _export(self) -> None:
        """Export what the pane in use shows; of the list and the images the devices on view, in their order."""
        from updeck.ui import exports

        screen = self._screen
        views = [screen.lineup.view(name) for name in screen.lineup.shown]
        match screen.board.pane:
            case Pane.IMAGES:
                made = exports.images_export(views)
            case Pane.ACTIVITY:
                made = exports.activity_export(screen.record.events)
            case _:
                made = exports.devices_export(views)
        screen.deck.export(made.title, len(made.rows), lambda: made)

    # choosing

    def _mark(self) -> None:
        self._screen.lineup.toggle_mark()
        self._marked()

    def _mark_all(self) -> None:
        self._screen.lineup.mark_shown()
        self._marked()

    def _clear(self) -> None:
        self._screen.lineup.clear_marks()
        self._marked()

    def _marked(self) -> None:
        self._screen.cursor_moved()
        self._screen.show_header()

    # acting

    def _next(self) -> None:
        if self._screen.context().empty:
            self._screen.deck.begin()
            return
        view = self._screen.lineup.current
        if view is None or view.next.action is None:
            return
        rollout = view.record.rollout
        if view.next.action == "rollouts" and rollout is not None:
            self._screen.deck.show_rollout(rollout.id, view.name)
        else:
            self.do(view.next.action)

    def _name(self) -> str:
        view = self._screen.lineup.current
        assert view is not None, "an action for one device applies only where there is one"
        return view.name

    def _start(self) -> None:
        from updeck.ui import flows

        name, app = self._name(), self._screen.deck
        self._run(f"the start dialog of {name}", lambda: flows.start_flow(app, app.service, name))

    def _init(self) -> None:
        from updeck.ui import flows

        name, app = self._name(), self._screen.deck
        self._run(f"the init dialog of {name}", lambda: flows.init_flow(app, app.service, name))

    def _reset(self) -> None:
        from updeck.ui import flows

        name, app = self._name(), self._screen.deck
        self._run(f"the un-init dialog of {name}", lambda: flows.reset_flow(app, app.service, name))

    def _delete(self) -> None:
        from updeck.ui import flows

        name, app = self._name(), self._screen.deck
        image = self._screen.board.images.image
        if image is not None and image.id is not None:
            image_id = image.id
            self._run(f"the delete dialog of {name}", lambda: flows.delete_flow(app, app.service, name, image_id))

    def _upload(self) -> None:
        from updeck.ui import flows

        names, app = self._screen.context().names, self._screen.deck
        self._run("the upload dialog", lambda: flows.upload_flow(app, app.service, names))

    def _fetch(self) -> None:
        from updeck.ui import flows

        names, app = self._screen.context().names, self._screen.deck
        self._run("the fetch dialog", lambda: flows.fetch_flow(app, app.service, names))

    def _credentials(self) -> None:
        from updeck.ui import flows

        names, app = self._screen.context().names, self._screen.deck
        self._run("the dialog of certificate and login", lambda: flows.credentials_flow(app, app.service, names))

    def _acknowledge(self) -> None:
        from updeck.ui import flows

        names, app = self._screen.context().names, self._screen.deck
        self._run("the note", lambda: flows.acknowledge_flow(app, app.service, names))

    def _run(self, what: str, flow: Callable[[], Awaitable[str | None]]) -> None:
        self._screen.deck.run_flow(what, flow)

    # program

    def _view(self) -> None:
        from updeck.ui.screens.detail import DetailScreen

        self._screen.deck.open(DetailScreen(self._screen.deck))

    def _activity(self) -> None:
        from updeck.ui.screens.activity import ActivityScreen

        self._screen.deck.open(ActivityScreen(self._screen.deck))

    def _rollouts(self) -> None:
        from updeck.ui.screens.rollouts import RolloutsScreen

        self._screen.deck.open(RolloutsScreen(self._screen.deck))

    def _plan(self) -> None:
        from updeck.ui.flows.planning import plan_flow

        names, deck = self._screen.context().names, self._screen.deck
        self._run("the plan", lambda: plan_flow(deck, deck.service, names))

    def _brake(self) -> None:
        """Pause at once, read-only too (`rollout.md` 7); letting go takes a yes, and the right to act."""
        screen = self._screen
        deck = screen.deck
        if not deck.rollouts.braked:
            self._run("the pause of everything", lambda: deck.pause_everything())
        elif deck.options.read_only:
            deck.say(line(("read-only: what is paused can be let go elsewhere only", Ink.MAY)))
        else:
            from updeck.ui.flows.rollouts import brake_flow

            self._run("the question whether to go on", lambda: brake_flow(deck, deck.service))

    def _help(self) -> None:
        from updeck.ui.screens.help import HelpScreen

        self._screen.deck.open(HelpScreen(self._screen.deck))

    def _palette(self) -> None:
        from updeck.ui.screens.palette import PaletteScreen

        screen = self._screen
        screen.deck.open(PaletteScreen(screen.deck, screen.context()))

    def _quit(self) -> None:
        self._screen.deck.leave()
