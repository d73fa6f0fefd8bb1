"""`updeck rollout plan`: look at the devices, and say what a rollout would do to each (`contracts.md` 2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import click

from updeck.cli.command import Invocation, command, one_of
from updeck.cli.completing import selector_words
from updeck.cli.exits import Exit, rolled_up
from updeck.cli.output import Json
from updeck.cli.plan_lines import outlook_row, outlook_table, plan_terms
from updeck.cli.session import fleet_of, looked_at, possible_names
from updeck.cli.transfer import hashed_order
from updeck.clock import SystemClock
from updeck.device.models import Reach
from updeck.device.versions import doubt
from updeck.errors import UsageError
from updeck.fleet.views import DeviceView
from updeck.paths import write_atomic
from updeck.rollout.outlook import Fate, Outlook, look_ahead
from updeck.rollout.plan import Fence, Goal, Plan, PlannedImage, Promotion, Via
from updeck.rollout.plan_document import FORESEEN, plan_document
from updeck.rollout.plan_words import warnings
from updeck.rollout.terms import TRANSFERS_AT_ONCE, Terms, parse_sha256
from updeck.rollout.version_path import read_version_path
from updeck.rollout.window import Moment
from updeck.text import clean
from updeck.toml_table import read_config_text

__all__ = ["plan"]


class _Terms(TypedDict):
    image: str | None
    version: str
    sha256: str | None
    until: str
    fence: str
    via: str | None
    canary: int | None
    waves: str | None
    max_parallel: int | None
    max_transfers: int
    limit_rate: str | None
    max_per_site: int | None
    max_failures: int
    bake: str
    promote: str
    allow_unverified: bool
    allow_insecure: bool
    version_path: Path | None
    window: str | None
    tz: str | None
    last_start: str | None
    ticket: str


_AT_LEAST_1 = click.IntRange(1, 1_000_000)

_OPTIONS: Sequence[Callable[..., Any]] = (
    click.option("--image", metavar="FILE|URL", help="What to bring to the devices; without it, what is there."),
    click.option("--version", required=True, metavar="V", help="The version that the image installs."),
    click.option("--sha256", metavar="HEX", help="The image's sum; needed for a URL, FILE.sha256 is read by itself."),
    click.option("--until", type=one_of(Goal), default=Goal.UPDATED.value, show_default=True, help="How far."),
    click.option(
        "--fence",
        type=one_of(Fence),
        default=Fence.NONE.value,
        show_default=True,
        help="With start, each device waits INITIALIZED for a person.",
    ),
    click.option("--via", type=one_of(Via), help="A FILE is pushed, a URL fetched by the devices."),
    click.option("--canary", type=_AT_LEAST_1, metavar="N", help="A first wave of N devices."),
    click.option(
        "--waves",
        metavar="1,25%,100%",
        help="How many devices are done after each wave, of the whole; one wave if not given.",
    ),
    click.option("--max-parallel", type=_AT_LEAST_1, metavar="N", help="Boxes down at once; no limit if not given."),
    click.option(
        "--max-transfers",
        type=_AT_LEAST_1,
        metavar="N",
        default=TRANSFERS_AT_ONCE,
        show_default=True,
        help="Images on their way at once.",
    ),
    click.option("--limit-rate", metavar="50MB/s", help="All uploads together, in bytes."),
    click.option("--max-per-site", type=_AT_LEAST_1, metavar="N", help="Boxes down at once at one site."),
    click.option(
        "--max-failures",
        type=click.IntRange(0, 1_000_000),
        metavar="N",
        default=0,
        show_default=True,
        help="How many may go wrong; the next one stops it.",
    ),
    click.option("--bake", metavar="30m", default="0", help="How long a wave rests before the next may open."),
    click.option(
        "--promote",
        type=one_of(Promotion),
        default=Promotion.MANUAL.value,
        show_default=True,
        help="Whether the next wave waits for a person.",
    ),
    click.option("--allow-unverified", is_flag=True, help="Init also where the device names no checksum."),
    click.option("--allow-insecure", is_flag=True, help="Act also where nothing proves who answers."),
    click.option(
        "--version-path",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help='Supported updates in TOML: "11.6.0" = ["11.7.0", "11.8.0"], a line for each version that runs.',
    ),
    click.option("--window", metavar="2026-12-01T22:00/2026-12-02T04:00", help="When boxes may go down, with --tz."),
    click.option("--tz", metavar="ZONE", help="The window's time zone, such as Europe/Berlin."),
    click.option("--last-start", metavar="03:00", help="When the window takes no more starts."),
    click.option("--ticket", metavar="TEXT", default="", help="The change it belongs to."),
)


def _with_terms(function: Callable[..., Exit]) -> Callable[..., Exit]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@command()
@click.argument("selectors", nargs=-1, required=True, metavar="SELECTOR...", shell_complete=selector_words)
@_with_terms
@click.option("-o", "output", type=click.Path(path_type=Path), metavar="plan.json", help="Where the plan is written.")
def plan(invocation: Invocation, *, selectors: tuple[str, ...], output: Path | None, **terms: Unpack[_Terms]) -> Exit:
    """Say what a rollout would do to each device, or why not.

    Only reads: GETs and logins. Exit code 0 where it has something to do, or all is done; where it can do nothing
    at all now, 5 if checks forbid it, 1 if devices did not answer.
    """
    fleet = fleet_of(invocation)
    possible_names(fleet, selectors)
    wanted = _terms(terms)
    wanted.check()
    _refuse_in_vain(wanted, output)
    image = _image(invocation, wanted)
    views = looked_at(invocation, fleet, selectors)
    if not views:
        raise UsageError(f"no device matches {clean(' '.join(selectors), 200)}")
    made = wanted.plan(image, views)
    outlooks = look_ahead(made, views)
    _tell(invocation, made, outlooks, output)
    return _exit(outlooks, views)


def _terms(given: _Terms) -> Terms:
    """Return the options as terms."""
    path = given["version_path"]
    supported = None if path is None else read_version_path(read_config_text(path), str(path))
    return Terms(
        version=given["version"],
        image=given["image"],
        sha256=given["sha256"],
        until=Goal(given["until"]),
        fence=Fence(given["fence"]),
        via=None if given["via"] is None else Via(given["via"]),
        canary=given["canary"],
        waves=given["waves"],
        max_parallel=given["max_parallel"],
        max_transfers=given["max_transfers"],
        limit_rate=given["limit_rate"],
        max_per_site=given["max_per_site"],
        max_failures=given["max_failures"],
        bake=given["bake"],
        promote=Promotion(given["promote"]),
        window=given["window"],
        tz=given["tz"],
        last_start=given["last_start"],
        ticket=given["ticket"],
        allow_unverified=given["allow_unverified"],
        allow_insecure=given["allow_insecure"],
        version_path=supported,
    )


def _refuse_in_vain(wanted: Terms, output: Path | None) -> None:
    """Raise `UsageError` before a device is asked where no box could start, or the plan could not be written."""
    window = wanted.dated_window()
    now = SystemClock().wall()
    if window is not None and window.at(now) in (Moment.LATE, Moment.OVER):
        raise UsageError(f"{window.refusal(now)}, so no box could start", advice="give the window a later date")
    if output is not None and not output.parent.is_dir():
        raise UsageError(f"there is no directory {clean(output.parent)}", advice="create it or name another -o")


def _image(invocation: Invocation, wanted: Terms) -> PlannedImage | None:
    if wanted.image is None:
        return None
    if wanted.by_url:
        return wanted.url_image()
    path = Path(wanted.image).absolute()
    order = hashed_order(invocation.out, path, parse_sha256(wanted.sha256))
    return wanted.file_image(str(path), order.sha256, order.size_bytes)


def _tell(invocation: Invocation, made: Plan, outlooks: Sequence[Outlook], output: Path | None) -> None:
    out, document = invocation.out, plan_document(made)
    if output is not None:
        write_atomic(output, json.dumps(document, indent=2) + "\n")
    if invocation.json:
        rows: Json = [outlook_row(one) for one in outlooks]
        out.document({**document, FORESEEN: rows})
    else:
        out.lines([*outlook_table(outlooks), "", *plan_terms(made)])
    doubted = doubt(made.image.version)
    if doubted is not None:
        out.complain(f"{doubted}; whoever confirms the code takes it as it is")
    for warning in warnings(outlooks):
        out.say(warning)
    if output is None:
        out.say("the plan is not written: give it a place with -o plan.json")
    else:
        out.say(f"run it with: updeck rollout run {clean(output)} --confirm {made.code}")


def _exit(outlooks: Sequence[Outlook], views: Sequence[DeviceView]) -> Exit:
    if any(one.fate in (Fate.ACTS, Fate.THERE) for one in outlooks):
        return Exit.GOOD
    return rolled_up(Exit.BLOCKED if view.reach is Reach.OK else Exit.FAILED for view in views)
