"""All that is known of one device: every answer with its time, trust, login, its way and what was done to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet_fixture import ACTOR, NOW, Stage, device, image, intent, some_events
from seat import seated
from updeck.device.models import Certificate, Reach
from updeck.device.trust import Tls
from updeck.fleet.chronicle import way
from updeck.fleet.orders import CertificateOffer
from updeck.fleet.state import Step
from updeck.fleet.views import DeviceView
from updeck.journal.models import DeviceRecord, Observation, Op, Outcome, OutcomeRow, RolloutRow
from updeck.text import cell_width
from updeck.ui.glyphs import UNICODE
from updeck.ui.ink import Ink, text_of
from updeck.ui.lines.dossier import Dossier, dossier_lines

PIN = "sha256:" + "ab" * 32


def told(view: DeviceView, known: Dossier | None = None, width: int = 78) -> str:
    """Return the sections of a device as text."""
    return "\n".join(text_of(one) for one in dossier_lines(view, known or Dossier(), width, UNICODE, NOW))


def a_device(state: str = "IDLE") -> DeviceView:
    """Return a device that was read two seconds ago."""
    view = device("ar11-fra-dc1", state, images=(image(7),), now=NOW, login_note="token")
    assert view.reading is not None
    return replace(view, reading=replace(view.reading, latency_s=0.0141, info_at=NOW - 200, clock_offset_s=-75.0))


def test_every_answer_is_told_with_its_time() -> None:
    text = " ".join(told(a_device()).split())
    for words in (
        "took 14 ms",
        "state IDLE",
        "target none named",
        "7 VALID, 11.8.0 #28924",
        "3fa9c1d2 3fa9c1d2 3fa9c1d2 3fa9c1d2",
        "model AppResponse 4180",
        "its clock 75 s behind ours",
        "asked every 10 s",
        "auto, in use: token",
        "identity not known yet",
        "belongs to none that is under way",
    ):
        assert words in text


def test_an_unknown_state_is_shown_as_it_came() -> None:
    assert "QUIESCING (not known here: hands off)" in told(a_device("QUIESCING"))


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("2049-12-31T00:00:00Z", "days left"),
        ("2026-03-10T00:00:00Z", "days left"),
        ("2020-01-01T00:00:00Z", "expired"),
        (None, "2019-01-01T00:00:00Z to ?"),
    ],
)
def test_a_certificate_is_judged_by_its_dates(end: str | None, words: str) -> None:
    offer = CertificateOffer("a", Certificate(PIN, "CN=a", "CN=ca", "2019-01-01T00:00:00Z", end), None, "verify")
    assert words in told(a_device(), Dossier(offer))
    worried = [span.text for one in dossier_lines(a_device(), Dossier(offer), 78, UNICODE, NOW) for span in one]
    assert any(words in text for text in worried)


def test_a_certificate_that_is_not_the_trusted_one_stands_out() -> None:
    view = a_device()
    view = replace(view, entry=replace(view.entry, tls=Tls("pin", pin="sha256:" + "cd" * 32)))
    offer = CertificateOffer("a", Certificate(PIN), view.entry.tls.pin, "pin")
    lines = dossier_lines(view, Dossier(offer), 78, UNICODE, NOW)
    inks = {span.text: span.ink for one in lines for span in one}
    assert inks["not the trusted one"] is Ink.NEEDS
    assert "cannot be read: only the fingerprint is known" in told(view, Dossier(offer))
    assert "no answer at all" in told(view, Dossier("no answer at all"))


def test_its_rollout_and_what_we_sent_are_told() -> None:
    row = RolloutRow(
        "0193a5b2-0000-7000-8000-000000000001", "manual", NOW - 60, ACTOR, "a", ACTOR, False, False, Op.INIT
    )
    sent = replace(intent("a", Op.INIT, NOW - 50), outcome=OutcomeRow(Outcome.ACCEPTED, NOW - 49, 200, None))
    view = replace(a_device(), record=DeviceRecord("a", rollout=row, intents=(sent,)))
    text = " ".join(told(view).split())
    assert "belongs to init by hand, by mk" in text
    assert "process 4711 on jump1, which is gone" in text
    assert "by mk: accepted" in text


def test_the_way_of_a_device_joins_what_was_kept_with_what_we_saw() -> None:
    def kept(at: float, reach: str, state: str) -> Observation:
        return Observation("a", at, {"reach": reach, "state": state, "error": None, "version": "11.6.0"}, ACTOR)

    seen = [kept(1.0, "OK", "IDLE"), kept(2.0, "OK", "INITIALIZING"), kept(9.0, "OK", "RUNNING"), kept(3.0, "?", "")]
    trail = [Step(5.0, Reach.OK, "INITIALIZING", None, None), Step(9.0, Reach.OK, "RUNNING", None, None)]
    assert [(step.at, step.state) for step in way(seen, trail)] == [
        (1.0, "IDLE"),
        (2.0, "INITIALIZING"),
        (9.0, "RUNNING"),
    ]
    text = told(a_device(), Dossier(steps=way(seen, trail)))
    assert text.index("RUNNING") < text.index("INITIALIZING"), "the newest stands first"


@pytest.mark.parametrize("width", [58, 78, 118])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    view = replace(a_device(), error="e" * 300)
    known = Dossier(
        "why " * 60, (Step(1.0, Reach.UNREACHABLE, None, None, "timed out " * 30),), tuple(some_events(NOW))
    )
    assert max(cell_width(one) for one in told(view, known, width).splitlines()) <= width


async def test_the_screen_fetches_the_certificate_and_follows_the_device() -> None:
    stage = Stage([a_device()], some_events(NOW))
    async with seated(stage, (100, 70)) as seat:
        await seat.press("v")
        await seat.until("abababab abababab")
        stage.state.put(replace(a_device("RUNNING"), attempted_at=NOW))
        await seat.until("RUNNING           11.6.0")
