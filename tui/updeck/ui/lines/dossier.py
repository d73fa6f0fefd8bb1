"""Everything that is known of one device beyond its status: each answer with its time, trust, login, what it went
through, what was done to it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from updeck.device.models import Certificate, Reach
from updeck.fleet.orders import CertificateOffer
from updeck.fleet.state import Step
from updeck.fleet.views import DeviceView, Reading
from updeck.journal.models import Event
from updeck.journal.plan_sentences import in_short
from updeck.text import cell_width, pad
from updeck.ui.facts import hang, heading, wrap
from updeck.ui.fingerprints import sum_lines
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, line
from updeck.ui.lines.activity import event_lines
from updeck.ui.lines.row import sign_of_reach, sign_of_state
from updeck.ui.times import date_and_time, span, time_of_day

__all__ = ["Dossier", "dossier_lines"]

_DAY_S = 86_400
_SOON_DAYS = 30
_STATE_CELLS = 19
_LABEL_CELLS = 16


@dataclass(frozen=True, slots=True)
class Dossier:
    """What stands behind a view: `offer` is the certificate presented when we looked, or why there is none.

    `steps` and `events` are oldest first.
    """

    offer: CertificateOffer | str | None = None
    steps: tuple[Step, ...] = ()
    events: tuple[Event, ...] = ()


def dossier_lines(view: DeviceView, known: Dossier, width: int, glyphs: Glyphs, now: float) -> list[Line]:
    """Return the sections below the status and the images. `now` is our wall clock."""
    out = [*heading("Answers", width, glyphs.rule), *_polling(view, width, now)]
    if view.reading is not None:
        out += _answers(view.reading, width, now)
    out += [*heading("Trust and login", width, glyphs.rule), *_trust(view, known.offer, width, now)]
    out += [*heading("Rollout", width, glyphs.rule), *_rollout(view, width, now)]
    out += [*heading("States seen", width, glyphs.rule), *_steps(known.steps, width, glyphs, now)]
    out += heading("Activity", width, glyphs.rule)
    for event in reversed(known.events):
        out += event_lines(event, width, 0, now)
    return out if known.events else [*out, line(("nothing was done to it yet", Ink.DIM))]


def _fact(label: str, value: Line | str, width: int) -> list[Line]:
    return hang(line((pad(label, _LABEL_CELLS), Ink.DIM)), value, _LABEL_CELLS, width)


def _sum(label: str, hex_digits: str, width: int) -> Iterable[Line]:
    for at, part in enumerate(sum_lines(hex_digits)):
        yield from _fact("" if at else label, part, width)


def _polling(view: DeviceView, width: int, now: float) -> Iterable[Line]:
    if view.attempted_at is not None:
        result = line(time_of_day(view.attempted_at, now), ": ", str(view.reach))
        if view.error:
            result = line(*result, (f", {view.error}", Ink.MAY))
        yield from _fact("last poll", result, width)
    if view.failing_since is not None:
        yield from _fact("no good answer", f"since {date_and_time(view.failing_since)}", width)
    yield from _fact("asked every", f"{view.interval_s:g} s", width)


def _answers(reading: Reading, width: int, now: float) -> Iterable[Line]:
    update = reading.update
    took = "" if reading.latency_s is None else f", took {reading.latency_s * 1000:.0f} ms"
    yield from _fact("GET update", time_of_day(reading.at, now) + took, width)
    raw = line(update.state) if update.known else line((f"{update.state} (not known here: hands off)", Ink.MAY))
    yield from _fact("  state", raw, width)
    yield from _fact("  description", update.state_description or "–", width)
    yield from _fact("  state time", f"{update.last_state_time} ({date_and_time(update.last_state_time)})", width)
    yield from _fact("  target", update.target_version or "none named", width)
    yield from _fact("GET images", f"{time_of_day(reading.at, now)}: {len(reading.images)}", width)
    for image in reading.images:
        progress = "" if image.progress is None else f", progress {image.progress:g}"
        number = "no id" if image.id is None else f"{image.id}"
        yield from _fact(f"  {number}", f"{image.state}, {image.version or 'no version'}{progress}", width)
        if image.checksum:
            yield from _sum("  checksum", image.checksum, width)
    info = reading.info
    if info is None:
        yield from _fact("GET info", "not offered", width)
    else:
        yield from _fact("GET info", "–" if reading.info_at is None else time_of_day(reading.info_at, now), width)
        told = {
            "  name": info.device_name,
            "  model": info.model,
            "  serial": info.serial,
            "  hardware": info.hw_version,
            "  version": info.sw_version,
            "  addresses": " ".join(info.mgmt_addresses),
        }
        for label, value in told.items():
            yield from _fact(label, value or "–", width)
    yield from _fact("its clock", _clock(reading.clock_offset_s), width)


def _clock(offset_s: float | None) -> str:
    if offset_s is None:
        return "not told"
    if abs(offset_s) < 2:
        return "as ours, to the second"
    return f"{abs(offset_s):.0f} s {'ahead of' if offset_s > 0 else 'behind'} ours"


def _trust(view: DeviceView, offer: CertificateOffer | str | None, width: int, now: float) -> Iterable[Line]:
    entry = view.entry
    note = line((view.tls_note or entry.tls.mode, Ink.NEEDS if entry.insecure else Ink.PLAIN))
    yield from _fact("trust", note, width)
    if entry.tls.pin is not None:
        yield from _sum("trusted", entry.tls.pin.removeprefix("sha256:"), width)
    if entry.tls.ca_file is not None:
        yield from _fact("authority", str(entry.tls.ca_file), width)
    match offer:
        case None:
            yield from _fact("presented", "looking" if entry.url.startswith("https:") else "plain http: none", width)
        case str():
            yield from _fact("presented", line((offer, Ink.MAY)), width)
        case CertificateOffer():
            yield from _certificate(offer, width, now)
    if entry.proxy:
        yield from _fact("proxy", entry.proxy, width)
    way = f"{entry.auth}, in use: {view.login_note}" if view.login_note else f"{entry.auth}, not logged in yet"
    yield from _fact("login", f"{way}{f', as {entry.username}' if entry.username else ''}", width)
    identity = "not known yet" if view.identity is None else view.identity.describe()
    yield from _fact("identity", identity, width)


def _certificate(offer: CertificateOffer, width: int, now: float) -> Iterable[Line]:
    shown = offer.presented
    same = offer.trusted == shown.fingerprint
    yield from _sum("presented", shown.fingerprint.removeprefix("sha256:"), width)
    if offer.trusted is not None:
        words = ("the trusted one", Ink.DIM) if same else ("not the trusted one", Ink.NEEDS)
        yield from _fact("", line(words), width)
    if shown.subject is None:
        yield from _fact("  subject", "cannot be read: only the fingerprint is known", width)
        return
    yield from _fact("  subject", shown.subject, width)
    yield from _fact("  issuer", shown.issuer or "–", width)
    yield from _fact("  valid", _validity(shown, now), width)


def _validity(certificate: Certificate, now: float) -> Line:
    begin, end = certificate.not_before or "?", certificate.not_after or "?"
    dates = line(f"{begin} to {end}")
    try:
        left_s = datetime.fromisoformat(end).timestamp() - now
    except ValueError:
        return dates
    if left_s <= 0:
        return line(*dates, (", expired", Ink.MAY))
    words = f", {span(left_s)} left"
    return line(*dates, (words, Ink.MAY if left_s < _SOON_DAYS * _DAY_S else Ink.DIM))


def _rollout(view: DeviceView, width: int, now: float) -> Iterable[Line]:
    row, record = view.record.rollout, view.record
    if row is None:
        yield line(("belongs to none that is under way", Ink.DIM))
    else:
        what = f"rollout {in_short(row.id)}" if row.kind == "plan" else f"{row.op or 'an action'} by hand"
        yield from _fact("belongs to", f"{what}, by {row.actor.user}, {time_of_day(row.created_at, now)}", width)
        driver = row.leased_by
        if driver is not None:
            runs = f"process {driver.pid} on {driver.host}" + ("" if row.lease_alive else ", which is gone")
            yield from _fact("driven by", line((runs, Ink.PLAIN if row.lease_alive else Ink.MAY)), width)
    for intent in record.intents:
        outcome = "no answer yet" if intent.outcome is None else intent.outcome.outcome.value
        yield from _fact(intent.op.words, f"{time_of_day(intent.at, now)} by {intent.actor.user}: {outcome}", width)
    end = record.last_end
    if end is not None:
        verdict = "" if end.verdict is None else f"{end.verdict.value}: "
        yield from _fact("last ended", f"{time_of_day(end.at, now)}, {verdict}{end.reason}", width)
    if record.acknowledged_note:
        state = "" if view.acknowledged else " (for what it was then)"
        yield from _fact("acknowledged", f"{record.acknowledged_note}{state}", width)


def _steps(steps: Sequence[Step], width: int, glyphs: Glyphs, now: float) -> Iterable[Line]:
    """Return what it went through, the newest first, each with how long it lasted."""
    if not steps:
        yield line(("nothing was seen of it yet", Ink.DIM))
        return
    ends = [*(step.at for step in steps[1:]), now]
    cells = max((cell_width(time_of_day(step.at, now)) for step in steps), default=0)
    for step, end in reversed(list(zip(steps, ends, strict=True))):
        answered = step.reach is Reach.OK
        word = step.state if answered and step.state else step.reach.value
        sign = sign_of_state(step.state or "", glyphs) if answered else sign_of_reach(step.reach, glyphs)
        said = (step.version or "") if answered else (step.error or "")
        lead = line((pad(time_of_day(step.at, now), cells) + "  ", Ink.DIM))
        ink = Ink.PLAIN if answered else Ink.MAY
        lasted = f"  for {span(end - step.at)}" if end - step.at >= 60 else ""
        yield from wrap(line(*lead, (pad(f"{sign} {word}", _STATE_CELLS), ink), (f" {said}{lasted}", Ink.DIM)), width)
