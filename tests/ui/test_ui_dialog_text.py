"""What dialogs say, as text: it fits its width, loses nothing, and puts the weightiest first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialog_stage import CHECKSUM, device_view, examination
from updeck.device.models import Certificate, HistoryEntry
from updeck.fleet.examine import INSECURE
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.orders import CertificateOffer, Check, Result, Weight
from updeck.journal.models import Op
from updeck.text import cell_width, clean
from updeck.ui.confirmation import Ask
from updeck.ui.examined import ask_about
from updeck.ui.facts import fact, heading, sentence, wrap
from updeck.ui.fingerprints import ask_to_trust, ask_to_trust_all, sum_lines
from updeck.ui.glyphs import ASCII, UNICODE
from updeck.ui.ink import Ink, Line, line, text_of, width_of
from updeck.ui.targets import Target, examined, receivers, target_lines, unanswered

WIDTHS = (56, 74, 92)
OLD, NEW = f"sha256:{'a1b2c3d4' * 8}", f"sha256:{'99887766' * 8}"


def text(ask: Ask, width: int = 74) -> str:
    return "\n".join(text_of(drawn) for drawn in ask.lines(width))


NOW = 1_800_000_000.0


def offer(trusted: str | None = OLD, presented: str = NEW, mode: str = "pin", name: str = "box") -> CertificateOffer:
    certificate = Certificate(presented, "CN=box", "CN=box", "2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z")
    return CertificateOffer(name, certificate, trusted, mode)


@given(st.text(max_size=300).map(clean), st.integers(2, 80))
def test_a_wrapped_line_fits_and_loses_no_letter(words: str, width: int) -> None:
    drawn = wrap(line(("head ", Ink.DIM), (words, Ink.PLAIN)), width)
    assert all(width_of(one) <= width for one in drawn)
    kept = "".join("".join(text_of(one).split()) for one in drawn)
    assert kept == "".join(f"head {words}".split())


@given(st.text(max_size=200).map(clean), st.sampled_from(WIDTHS))
def test_facts_and_sentences_fit(words: str, width: int) -> None:
    drawn: list[Line] = [*fact("label", words, width), *sentence(words, width), *heading("title", width, "─")]
    assert all(width_of(one) <= width for one in drawn)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("op", list(Op))
def test_every_examination_fits_every_width(width: int, op: Op) -> None:
    shown = examination(
        op=op,
        warnings=("insecure connection: nobody can tell who answers",),
        checks=tuple(Check(f"check {result}", result, "a reason that is long " * 5) for result in Result),
    )
    for ask in (ask_about(shown, UNICODE), ask_about(replace(shown, refusal="no " * 60), UNICODE)):
        assert all(width_of(drawn) <= width for drawn in ask.lines(width))


def test_what_happens_to_the_box_is_the_first_line_and_warnings_the_second() -> None:
    shown = examination(warnings=("the device names no target",))
    first, second, *_ = text(ask_about(shown, UNICODE)).splitlines()
    assert first == "The box goes down and is not reachable for a while."
    assert second == "! the device names no target"


def test_an_insecure_connection_is_red_in_every_dialog_that_sends() -> None:
    plain = replace(device_view(), entry=DeviceEntry("box", "http://10.0.0.1"), tls_note="plain http")
    shown = examination(view=plain, warnings=(INSECURE, "another"))
    drawn = ask_about(shown, UNICODE).lines(74)
    red = {span.text.strip() for one in drawn for span in one if span.ink is Ink.NEEDS}
    assert {f"! {INSECURE}", "plain http"} <= red
    assert "another" not in red
    sent = examined(replace(examination(op=Op.UPLOAD), view=plain), "f" * 64)
    spans = [span for one in target_lines((sent,), None, UNICODE, 74) for span in one]
    assert [span.text.strip() for span in spans if span.ink is Ink.NEEDS] == ["insecure"]


def test_all_four_results_of_checks_are_told_apart() -> None:
    checks = tuple(Check(result.value, result, f"because {result.value}") for result in Result)
    body = text(ask_about(examination(checks=checks), ASCII))
    for sign, result in (("+", "ok"), ("x", "fail"), ("?", "error"), (".", "skipped")):
        assert f"{sign} {result:<17} {result}" in body


@pytest.mark.parametrize("time", [0, -(10**18), 10**18, 10**30])
def test_times_that_cannot_be_do_no_harm(time: int) -> None:
    view = device_view()
    assert view.reading is not None
    update = replace(
        view.reading.update, last_state_time=time, history=(HistoryEntry(time, "11.6.0"), HistoryEntry(None, None))
    )
    shown = examination(reading=replace(view.reading, update=update))
    body = text(ask_about(shown, UNICODE))
    assert "11.6.0" in body
    assert "no time told" in body


def test_a_checksum_of_ours_is_marked_as_sent() -> None:
    shown = examination()
    proven = replace(
        shown, view=replace(shown.view, record=replace(shown.view.record, proven_checksums=frozenset({CHECKSUM})))
    )
    assert "as sent" not in text(ask_about(shown, UNICODE))
    assert "as sent" in text(ask_about(proven, UNICODE))


def test_a_refused_examination_is_only_to_be_read() -> None:
    ask = ask_about(examination(refusal="the device is RUNNING", weight=Weight.TYPED), UNICODE)
    assert ask.closed
    assert text(ask).startswith("Not possible now: the device is RUNNING.")


def test_a_sum_is_shown_in_blocks_that_an_eye_can_compare() -> None:
    assert sum_lines("0123456789abcdef" * 4) == (
        "01234567 89abcdef 01234567 89abcdef",
        "01234567 89abcdef 01234567 89abcdef",
    )


def test_old_and_new_certificate_stand_side_by_side_where_there_is_room() -> None:
    ask = ask_to_trust(offer(), UNICODE, NOW)
    assert ask.token == "trust box"
    row = "a1b2c3d4 a1b2c3d4 a1b2c3d4 a1b2c3d4  99887766 99887766 99887766 99887766"
    assert text(ask).count(row) == 2
    assert row not in text(ask, 56)
    assert all(width_of(drawn) <= 56 for drawn in ask.lines(56))


@pytest.mark.parametrize("mode", ["verify", "ca", "insecure", "none"])
def test_a_first_certificate_says_how_it_was_checked_so_far(mode: str) -> None:
    ask = ask_to_trust(offer(None, mode=mode), UNICODE, NOW)
    assert not ask.closed
    assert "99887766" in text(ask)
    assert "CN=box" in text(ask)


def test_a_trusted_certificate_leaves_nothing_to_confirm() -> None:
    assert ask_to_trust(offer(NEW), UNICODE, NOW).closed


def test_a_certificate_that_cannot_be_read_shows_its_fingerprint_alone_and_says_so() -> None:
    body = text(ask_to_trust(replace(offer(None), presented=Certificate(NEW)), UNICODE, NOW))
    assert "99887766" in body
    assert "could not be read" in body


@pytest.mark.parametrize(
    ("now", "sentence"), [(1_760_000_000.0, "It is not valid yet"), (NOW, ""), (2_100_000_000.0, "It has expired")]
)
def test_a_certificate_that_is_not_valid_today_says_so(now: float, sentence: str) -> None:
    body = text(ask_to_trust(offer(None), UNICODE, now))
    assert sentence in body
    assert ("taken all the same" in body) is bool(sentence)


def test_several_certificates_count_only_what_changes() -> None:
    offers: list[CertificateOffer | tuple[str, str]] = [offer(name="one"), offer(None, name="two")]
    offers += [offer(NEW, name="three"), ("four", "no answer")]
    ask = ask_to_trust_all(offers, UNICODE)
    assert ask.token == "trust 2"
    body = text(ask)
    assert "three" in body.split("unchanged")[1]
    assert "four: no answer" in body
    assert "2 devices present another certificate" in body
    first = text(ask_to_trust_all([offer(None)] * 3, UNICODE))
    assert "3 devices present a certificate that is not trusted yet" in first
    assert "Compare each fingerprint" in first
    assert "Compare the fingerprint" in text(ask_to_trust(offer(None), UNICODE, NOW))
    assert ask_to_trust_all([offer(NEW)], UNICODE).closed


def test_a_target_gets_the_image_unless_it_has_it_or_cannot_take_it() -> None:
    entry = DeviceEntry("box", "https://10.0.0.1")
    shown = replace(examination(op=Op.UPLOAD), device="box", view=replace(device_view(), entry=entry))
    targets = (
        examined(shown, "f" * 64),
        examined(replace(shown, device="has"), CHECKSUM),
        examined(replace(shown, device="cannot", refusal="the device is RUNNING"), "f" * 64),
        unanswered("silent", "no answer"),
        Target("unread"),
    )
    assert receivers(targets) == ("box",)
    body = "\n".join(text_of(drawn) for drawn in target_lines(targets, 200_000_000, UNICODE, 74))
    assert "has it already (image 7, 11.8.0 #28924)" in body
    assert "gets nothing: the device is RUNNING" in body
    assert "its rate was not measured yet" in body


def test_a_time_is_foretold_from_a_measured_rate_only() -> None:
    target = examined(replace(examination(op=Op.UPLOAD), device="box"), "f" * 64, 81e6)
    body = "\n".join(text_of(drawn) for drawn in target_lines((target,), 2_106_000_000, UNICODE, 74))
    assert "about 0:26, 81.0 MB/s last time" in body


@pytest.mark.parametrize("width", WIDTHS)
def test_the_table_of_targets_fits(width: int) -> None:
    targets = [
        Target("n" * 63, read=True, refusal="because " * 20),
        Target("b", read=True, running="11.6.0", rate_bps=1e6),
    ]
    drawn = target_lines(targets, 10**9, UNICODE, width)
    assert all(cell_width(text_of(one)) <= width for one in drawn)
