"""What a dialog shows of an examination, line by line (`design.md` 5, Start). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from updeck.device.models import HistoryEntry, Image, UpdateState
from updeck.fleet.examine import INSECURE
from updeck.fleet.orders import Check, Examination, Result
from updeck.fleet.rules import Ownership, ownership
from updeck.fleet.views import Reading
from updeck.journal.models import Op
from updeck.text import pad
from updeck.ui.confirmation import Ask
from updeck.ui.facts import bullet, fact, hang, heading, sentence
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, line, width_of
from updeck.ui.lines.signs import sign_of_result
from updeck.ui.times import date_and_time, minute_and_zone

__all__ = ["ask_about", "history_lines", "moment", "operation_title"]

_TITLES = {
    Op.START: "Start the update",
    Op.INIT: "Init",
    Op.RESET: "Un-init",
    Op.DELETE: "Delete an image",
    Op.UPLOAD: "Upload",
    Op.FETCH: "Fetch",
}


def operation_title(op: Op, device: str) -> str:
    """Return the title of an operation's dialog."""
    return f"{_TITLES[op]}: {device}"


def ask_about(shown: Examination, glyphs: Glyphs) -> Ask:
    """Return what a dialog asks after an examination; a refused one is only to be read."""
    if shown.refusal is not None:
        return Ask(partial(_refusal_lines, shown, glyphs), closed=True)
    return Ask(partial(_examination_lines, shown, glyphs), shown.token, shown.choices)


def _examination_lines(shown: Examination, glyphs: Glyphs, width: int) -> list[Line]:
    out = sentence(shown.consequence, width, Ink.STRONG)
    for warning in shown.warnings:
        ink = Ink.NEEDS if warning == INSECURE else Ink.MAY
        out += bullet("!", line((warning, ink)), width, ink)
    out += [*_versions(shown, glyphs, width), *_place(shown, width)]
    if shown.reading is not None:
        out += _state(shown, shown.reading, width)
        if shown.op in (Op.START, Op.RESET, Op.INIT):
            out += heading("History, newest first", width, glyphs.rule)
            out += history_lines(shown.reading.update.history, width)
    out += heading("Checks", width, glyphs.rule)
    return out + _checks(shown.checks, glyphs, width)


def _refusal_lines(shown: Examination, glyphs: Glyphs, width: int) -> list[Line]:
    out = sentence(f"Not possible now: {shown.refusal}.", width, Ink.NEEDS)
    out += [(), *_versions(shown, glyphs, width), *_place(shown, width)]
    if shown.reading is not None:
        out += _state(shown, shown.reading, width)
    out += heading("Checks", width, glyphs.rule)
    return out + _checks(shown.checks, glyphs, width)


def moment(at: float) -> str:
    """Return a time as `2026-03-02 21:14 CET`."""
    return f"{date_and_time(at)[:10]} {minute_and_zone(at)}"


def _versions(shown: Examination, glyphs: Glyphs, width: int) -> list[Line]:
    running = (shown.reading.version if shown.reading else None) or "unknown"
    if shown.op in (Op.START, Op.INIT):
        target = shown.target or ("choose below" if shown.choices else "none named")
        value = line(running, (f" {glyphs.arrow} ", Ink.DIM), (target, Ink.ACCENT))
        out = fact("version", value, width)
    elif shown.op is Op.RESET and shown.target:
        out = fact("version", line(running, (f", target {shown.target} is dropped", Ink.DIM)), width)
    else:
        out = fact("version", running, width)
    return out if shown.image is None else out + fact("image", _image_words(shown, shown.image, glyphs), width)


def _image_words(shown: Examination, image: Image, glyphs: Glyphs) -> Line:
    checksum = f"sha256 {image.checksum[:16]}…" if image.checksum else "no checksum told"
    words = [f"{image.id}", image.state, image.version or "no version", checksum]
    if image.state_description:
        words.append(f'"{image.state_description}"')
    text = "  ".join(words)
    if image.checksum is None or image.checksum not in shown.view.record.proven_checksums:
        return line(text)
    return line(text, (f" {glyphs.valid} as sent", Ink.ACCENT))


def _place(shown: Examination, width: int) -> list[Line]:
    view = shown.view
    ink = Ink.NEEDS if view.entry.insecure else Ink.DIM
    out = fact("address", line(view.url, (f"  {view.tls_note}", ink) if view.tls_note else ""), width)
    identity = shown.reading.identity(view.url) if shown.reading else view.identity
    if identity is None:
        return out
    model = shown.reading.info.model if shown.reading and shown.reading.info else ""
    words = f"{identity.describe()}, {model}" if model and identity.serial else identity.describe()
    return out + fact("identity", words, width)


def _state(shown: Examination, reading: Reading, width: int) -> list[Line]:
    update = reading.update
    words = f"{update.state} since {moment(update.last_state_time)}"
    if update.state == UpdateState.INITIALIZED:
        words += f", by {_initiator(shown, reading)}"
    out = fact("state", words, width)
    return out + fact("", f'"{update.state_description}"', width) if update.state_description else out


def _initiator(shown: Examination, reading: Reading) -> str:
    init = shown.view.record.last_init
    if init is None or ownership(reading, shown.view.record) is Ownership.FOREIGN:
        return "someone else"
    return f"{init.actor.user}@{init.actor.host}"


def history_lines(history: Iterable[HistoryEntry], width: int) -> list[Line]:
    """Return the update history, newest first, in absolute times."""
    newest_first = sorted(history, key=lambda entry: entry.time or 0, reverse=True)
    if not newest_first:
        return [line(("the device tells no history", Ink.DIM))]
    out: list[Line] = []
    for entry in newest_first:
        when = "no time told" if entry.time is None else moment(entry.time)
        out += sentence(line((f"{when:<25}  ", Ink.DIM), entry.version or "no version told"), width)
    return out


def _checks(checks: Iterable[Check], glyphs: Glyphs, width: int) -> list[Line]:
    inks = {Result.OK: Ink.ACCENT, Result.FAIL: Ink.NEEDS, Result.ERROR: Ink.MAY, Result.SKIPPED: Ink.DIM}
    out: list[Line] = []
    for check in checks:
        sign, ink = sign_of_result(check.result, glyphs), inks[check.result]
        head = line((f"{sign} ", ink), pad(check.name, 17), (f" {check.result.value:<8}", ink))
        out += hang(head, check.reason, width_of(head), width)
    return out
