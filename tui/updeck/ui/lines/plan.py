"""A plan before it is confirmed: what it is, what it does to each device or why not, and how much that is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from updeck.device.versions import doubt
from updeck.fleet.next import clock_text
from updeck.fleet.orders import Result
from updeck.rollout.outlook import Fate, Outlook
from updeck.rollout.plan import Plan, Source
from updeck.rollout.plan_words import plan_facts, warnings
from updeck.text import pad, plural
from updeck.ui.facts import bullet, fact, hang, heading, sentence
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, line
from updeck.ui.lines.signs import sign_of_fate, sign_of_result
from updeck.ui.times import rate, size

__all__ = ["Planned", "plan_lines"]

_NAME_CELLS_MOST = 24
_WAVE_CELLS = 3

_INKS = {Fate.ACTS: Ink.PLAIN, Fate.THERE: Ink.DIM, Fate.WAITS: Ink.MAY, Fate.SKIPPED: Ink.NEEDS}


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what is seen of its devices; `rates` are those measured last, by device, in bytes per second."""

    plan: Plan
    outlooks: tuple[Outlook, ...]
    rates: Mapping[str, float]

    @property
    def acting(self) -> tuple[Outlook, ...]:
        """The devices that something is done to."""
        return tuple(one for one in self.outlooks if one.fate is Fate.ACTS)

    @property
    def token(self) -> str:
        """What is to be typed: how many devices, and the target."""
        return f"{len(self.plan.devices)} {self.plan.image.version.split(' #')[0]}"

    @property
    def sending_to(self) -> tuple[str, ...]:
        """The devices that a file is uploaded to."""
        return tuple(one.device for one in self.acting if one.text.startswith("upload"))

    @property
    def sending_s(self) -> float | None:
        """About how long all uploads take, in seconds; None where no rate is known.

        Those that were measured stand for the others; as many run side by side as the plan lets, and all of them
        together no faster than it lets.
        """
        receivers, limits = self.sending_to, self.plan.limits
        total = (self.plan.image.size_bytes or 0) * len(receivers)
        known = [self.rates[name] for name in receivers if self.rates.get(name)]
        if not total or not (known or limits.limit_rate):
            return None
        at_once = min(len(receivers), limits.max_transfers or len(receivers))
        bps = sum(known) / len(known) * at_once if known else float("inf")
        return total / min(bps, limits.limit_rate or float("inf"))


def plan_lines(shown: Planned, glyphs: Glyphs, width: int) -> list[Line]:
    """Return the body of the dialog that begins a rollout."""
    plan = shown.plan
    head = f"{len(shown.acting)} of {plural(len(plan.devices), 'device')} are brought to {plan.image.version}."
    out = sentence(head, width, Ink.STRONG)
    doubted = doubt(plan.image.version)
    if doubted is not None:
        out += bullet("!", line((doubted, Ink.MAY)), width, Ink.MAY)
    for label, value in plan_facts(plan):
        out += fact(label, value, width)
    if plan.image.source is Source.FILE:
        out += fact("to send", _to_send(shown), width)
    out += heading("What will happen", width, glyphs.rule)
    cells = min(max(len(one.device) for one in shown.outlooks), _NAME_CELLS_MOST)
    for one in shown.outlooks:
        out += _device(one, cells, width, glyphs)
    told = warnings([one for one in shown.acting if one.fate is Fate.ACTS])
    unchecked = [words for words in told if "not checked" in words]
    if unchecked:
        out += heading("Not checked", width, glyphs.rule)
        for words in unchecked:
            out += bullet(glyphs.dot, line((words, Ink.DIM)), width, Ink.DIM)
    return out


def _to_send(shown: Planned) -> str:
    count, each = len(shown.sending_to), shown.plan.image.size_bytes or 0
    if not count:
        return "nothing: the image is there"
    words = f"{size(each * count)} to {plural(count, 'device')}"
    seconds = shown.sending_s
    if seconds is None:
        return f"{words}; how long is not known: no rate was measured yet"
    return f"{words}, about {clock_text(seconds)} at {rate(each * count / seconds)} in all"


def _device(one: Outlook, cells: int, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """Say what happens to a device, and beneath it what its checks found beyond what keeps it out."""
    head = line((pad(str(one.wave), _WAVE_CELLS), Ink.DIM), (pad(one.device, cells) + "  ", Ink.PLAIN))
    ink = _INKS[one.fate]
    head = line(*head, (f"{sign_of_fate(one.fate, glyphs)} ", ink))
    indent = _WAVE_CELLS + cells + 4
    yield from hang(head, line((one.text, ink)), indent, width)
    if one.fate is not Fate.ACTS:
        return
    for check in one.checks:
        if check.result in (Result.FAIL, Result.ERROR):
            sign = sign_of_result(check.result, glyphs)
            told = line((f"{check.name}: {check.reason}", Ink.MAY))
            yield from hang(line(" " * indent, (f"{sign} ", Ink.MAY)), told, indent + 2, width)
