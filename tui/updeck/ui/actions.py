"""ONE registry of what a person can do: it feeds keys, footer, palette, help and the README's table.

An action is always bound; where it does not apply, `applicable` says why in one sentence, because a key that
does nothing is worse than a refusal (`design.md` 5 and 6).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from updeck.journal.op import Op

if TYPE_CHECKING:
    from updeck.device.models import Image
    from updeck.fleet.views import DeviceView
    from updeck.ui.rollout_sight import Sight

__all__ = ["ACTIONS", "BY_ID", "Action", "ActionContext", "Group", "Pane"]


class Pane(StrEnum):
    """The parts of the fleet screen that keys can be meant for."""

    DEVICES = "devices"
    STATUS = "status"
    IMAGES = "images"
    ACTIVITY = "activity"


class Group(StrEnum):
    """The sections of the help, in their order."""

    MOVE = "Move"
    LOOK = "Look"
    CHOOSE = "Choose devices"
    ACT = "Act on devices"
    ROLLOUT = "In a rollout"
    PROGRAM = "Program"


class ActionContext(NamedTuple):
    """What an action would apply to now: the device under the cursor, the marked ones on view, the pane.

    `hidden_marks` counts marks that the filter hides; no action takes them. `image` is under the image pane's
    cursor. `busy` names a dialog that is opening. `colours` is why none can be chosen. `rollout` is the
    one on view, where its screen is open. `empty`: there is no device yet, and the first one can be added.
    """

    view: DeviceView | None = None
    marked: tuple[DeviceView, ...] = ()
    hidden_marks: int = 0
    pane: Pane = Pane.DEVICES
    image: Image | None = None
    read_only: bool = False
    busy: str | None = None
    colours: str | None = None
    rollout: Sight | None = None
    empty: bool = False

    @property
    def targets(self) -> tuple[DeviceView, ...]:
        """What a batch takes: the marked devices on view, else the one under the cursor."""
        if self.marked:
            return self.marked
        return () if self.view is None else (self.view,)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of `targets`."""
        return tuple(view.name for view in self.targets)


Applicable = Callable[[ActionContext], str | None]
"""Answers why an action does not apply, None where it does."""


def _always(context: ActionContext) -> str | None:
    return None


class Action(NamedTuple):
    """One thing a person can do. `key` is the first key, `also` further ones; `help` adds to the label.

    `danger` marks what changes a device: it is left out of the footer when read-only. `footer` is the short
    label there, "" for what never stands in it.
    """

    id: str
    key: str
    label: str
    group: Group
    danger: bool = False
    applicable: Applicable = _always
    also: tuple[str, ...] = ()
    footer: str = ""
    help: str = ""


def _device(context: ActionContext) -> str | None:
    return None if context.view is not None else "no device is under the cursor"


def _some_device(context: ActionContext) -> str | None:
    if context.targets:
        return None
    if context.hidden_marks:
        return f"all {context.hidden_marks} marked devices are hidden by the filter"
    return "no device is under the cursor and none is marked"


def _shown_mark(context: ActionContext) -> str | None:
    return None if context.marked or context.hidden_marks else "no device is marked"


def _writable(context: ActionContext, label: str) -> str | None:
    return f"read-only: {label} is not possible here" if context.read_only else None


def _not_busy(context: ActionContext) -> str | None:
    return f"{context.busy} is still open" if context.busy else None


def _one_device(context: ActionContext, label: str) -> str | None:
    """Refuse what happens to one device at a time while the marks say something else than the cursor."""
    missing = _device(context)
    if missing is not None:
        return missing
    if context.marked and context.marked != (context.view,):
        return f"{label} is for one device at a time, and {len(context.marked)} are marked: - clears the marks"
    return None


def _single(op: Op, label: str) -> Applicable:
    def applicable(context: ActionContext) -> str | None:
        reason = _not_busy(context) or _writable(context, label) or _one_device(context, label)
        view = context.view
        if reason is not None or view is None:
            return reason
        return _forbidden(op, label, view)

    return applicable


def _forbidden(op: Op, label: str, view: DeviceView) -> str | None:
    """Take the last reading as it is; which of several images an init means is for its dialog to ask."""
    from updeck.fleet.rules import Situation, refusal  # no device is there to ask about before the first paint

    valid = () if view.reading is None else view.reading.valid
    named = valid[0].version if op is Op.INIT and len(valid) > 1 else None
    seen = Situation(view.entry, view.reach, view.error, view.reading, view.record, named=named, allow_insecure=True)
    forbidden = refusal(op, seen)
    return None if forbidden is None else f"{label} {view.name}: {forbidden}"


def _batch(op: Op, label: str) -> Applicable:
    def applicable(context: ActionContext) -> str | None:
        reason = _not_busy(context) or _writable(context, op.value) or _some_device(context)
        if reason is not None or len(context.targets) > 1:
            return reason  # a table of several says for each device why it is left out
        view = context.targets[0]
        return _forbidden(op, label, view)

    return applicable


def _delete(context: ActionContext) -> str | None:
    if context.read_only:
        return _writable(context, "delete")
    if context.pane is not Pane.IMAGES:
        return "delete is for the image under the cursor: go to the images first (tab)"
    if context.image is None:
        return "no image is under the cursor"
    if context.image.id is None:
        return "the device gave this image no id, so it cannot be deleted"
    return _single(Op.DELETE, "delete an image of")(context)


def _copy(context: ActionContext) -> str | None:
    return _not_busy(context) or _device(context)


def _theme(context: ActionContext) -> str | None:
    return context.colours


def _plan(context: ActionContext) -> str | None:
    return _not_busy(context) or _writable(context, "a rollout") or _some_device(context)


def _acknowledge(context: ActionContext) -> str | None:
    reason = _not_busy(context) or _writable(context, "acknowledge") or _some_device(context)
    if reason is not None:
        return reason
    if any(view.needs_me or view.record.start_unresolved for view in context.targets):
        return None
    return "nothing here waits for an acknowledgement"


def _credentials(context: ActionContext) -> str | None:
    return _not_busy(context) or _some_device(context)


def _next(context: ActionContext) -> str | None:
    if context.empty:
        return _not_busy(context) or _writable(context, "adding a device")
    reason = _not_busy(context) or _device(context)
    view = context.view
    if reason is not None or view is None:
        return reason
    if view.next.action is None:
        return f"{view.name} needs nothing now: {view.next.text}"
    wanted = BY_ID.get(view.next.action)
    return None if wanted is None else wanted.applicable(context)


def _in_rollout(action_id: str, label: str) -> Applicable:
    def applicable(context: ActionContext) -> str | None:
        if context.rollout is None:
            return f"{label} is for a rollout: R shows them"
        return _not_busy(context) or context.rollout.why_not(action_id, read_only=context.read_only)

    return applicable


def _steering(action_id: str, key: str, label: str, footer: str = "", about: str = "") -> Action:
    applicable = _in_rollout(action_id, footer or label)
    return Action(action_id, key, label, Group.ROLLOUT, applicable=applicable, footer=footer or label, help=about)


ACTIONS: tuple[Action, ...] = (
    Action("down", "down", "down", Group.MOVE, also=("j",)),
    Action("up", "up", "up", Group.MOVE, also=("k",)),
    Action("page_down", "pagedown", "page down", Group.MOVE),
    Action("page_up", "pageup", "page up", Group.MOVE),
    Action("first", "home", "first", Group.MOVE),
    Action("last", "end", "last", Group.MOVE),
    Action("pane", "tab", "next pane", Group.MOVE, footer="pane", help="devices, status, images, activity"),
    Action("pane_back", "shift+tab", "previous pane", Group.MOVE),
    Action("back", "escape", "back", Group.MOVE, help="back to the devices; drops the filter"),
    Action("needing", "]", "next that needs you", Group.MOVE),
    Action("needing_back", "[", "previous that needs you", Group.MOVE),
    Action("view", "v", "view in full", Group.LOOK, applicable=_device, footer="view"),
    Action("activity", "J", "activity, whole", Group.LOOK, help="what was done, by whom, and what changed"),
    Action("rollouts", "R", "rollouts", Group.LOOK, help="how they stand; enter opens one"),
    Action(
        "filter",
        "/",
        "filter",
        Group.LOOK,
        footer="filter",
        help="selectors: state:IDLE, tag:nyc, needs:me, ar11-*",
    ),
    Action("sort", "o", "sort by column", Group.LOOK, help="by the next one"),
    Action("reverse", "O", "reverse", Group.LOOK, help="the order"),
    Action("poll", "r", "ask the device now", Group.LOOK, applicable=_some_device),
    Action("copy", "Y", "copy a text", Group.LOOK, applicable=_copy, help="name, address, checksum: to the terminal"),
    Action("export", "e", "export the table", Group.LOOK, applicable=_not_busy, help="to a CSV, JSON or Markdown file"),
    Action("freeze", "z", "freeze the view", Group.LOOK, help="nothing moves; thaws after 5 minutes"),
    Action("theme", "T", "try other colours", Group.LOOK, applicable=_theme, help="from theme to theme"),
    Action("mark", "space", "mark", Group.CHOOSE, applicable=_device),
    Action("mark_all", "*", "mark all on view", Group.CHOOSE, help="all that the filter shows"),
    Action("clear", "-", "clear the marks", Group.CHOOSE, applicable=_shown_mark),
    Action(
        "next",
        "enter",
        "what is next",
        Group.ACT,
        applicable=_next,
        footer="next",
        help="does what the column next says",
    ),
    Action(
        "upload",
        "u",
        "upload a file",
        Group.ACT,
        danger=True,
        applicable=_batch(Op.UPLOAD, "upload to"),
        footer="upload",
    ),
    Action(
        "fetch",
        "f",
        "fetch from a URL",
        Group.ACT,
        danger=True,
        applicable=_batch(Op.FETCH, "fetch to"),
        footer="fetch",
    ),
    Action(
        "init",
        "I",
        "init",
        Group.ACT,
        danger=True,
        applicable=_single(Op.INIT, "init"),
        footer="init",
        help="prepares; it may not answer for a while",
    ),
    Action(
        "start",
        "S",
        "start: box goes down",
        Group.ACT,
        danger=True,
        applicable=_single(Op.START, "start"),
        footer="start",
    ),
    Action(
        "reset",
        "X",
        "un-init (reset)",
        Group.ACT,
        danger=True,
        applicable=_single(Op.RESET, "un-init"),
        footer="un-init",
        help="back to IDLE, no reboot",
    ),
    Action(
        "delete",
        "D",
        "delete an image",
        Group.ACT,
        danger=True,
        applicable=_delete,
        footer="delete",
        help="in the image pane",
    ),
    Action(
        "credentials",
        "c",
        "certificate and login",
        Group.ACT,
        applicable=_credentials,
        help="trust and log in",
    ),
    Action(
        "acknowledge",
        "a",
        "acknowledge",
        Group.ACT,
        applicable=_acknowledge,
        help="with a note; it leaves the top",
    ),
    Action(
        "plan", "n", "plan a rollout", Group.ACT, applicable=_plan, footer="plan", help="for the cursor or the marks"
    ),
    Action(
        "brake",
        "!",
        "pause all new starts",
        Group.ACT,
        applicable=_not_busy,
        help="of all rollouts, at once; again lifts it",
    ),
    _steering("pause", "p", "pause or resume", "pause/resume", "what has started is watched on"),
    _steering("promote", "P", "promote", about="the next wave may begin"),
    _steering("abort", "A", "abort", about="what has not started ends"),
    _steering("retry", "t", "retry", about="another attempt at a device, with a reason"),
    _steering("skip", "s", "skip", about="leave a device out, with a reason"),
    _steering("reopen", "g", "go on after a stop", "reopen", "with a new limit and a reason"),
    _steering("resolve", "y", "resolve", about="say what became of a device in truth"),
    _steering("adopt", "m", "adopt", about="take what someone else initialized as ours"),
    Action("help", "?", "help", Group.PROGRAM, footer="help"),
    Action("palette", "ctrl+p", "find an action by name", Group.PROGRAM),
    Action("quit", "q", "quit", Group.PROGRAM, footer="quit"),
)
"""Every action of this stage, in the order of the help."""

BY_ID = {action.id: action for action in ACTIONS}
