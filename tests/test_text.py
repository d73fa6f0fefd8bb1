"""The one door for foreign text: what comes out can do nothing to a terminal, and says what came in."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wcwidth import wcswidth, wcwidth

from hostile_texts import CONTROLS, MARKUP, WIDTHS
from updeck.text import cell_width, clean, clean_lines, fit, fit_ends, pad, plain_ascii, plural

MARKS = st.text(st.sampled_from("a \n\t\u0301\u0302\u20dd\u302e\u200b漢"), max_size=12)
ANY = st.text(st.characters(codec=None), max_size=200) | MARKS | st.sampled_from((*CONTROLS, *WIDTHS, *MARKUP))


def stands_on_what_is_before(text: str) -> bool:
    """Whether a text begins with a mark, which a terminal draws over the character before."""
    return text != "" and unicodedata.category(text[0]) in ("Mn", "Me")


@given(ANY)
@example("\x1b]52;c;eA==\x07")
@example("\u1680\u2003\u3000")
def test_what_comes_out_is_printable_and_bounded(value: str) -> None:
    cleaned = clean(value, 80)
    assert cleaned.isprintable()
    assert len(cleaned) <= 80
    assert not stands_on_what_is_before(cleaned)
    assert not any(0x80 <= ord(character) <= 0x9F for character in cleaned)


@given(ANY)
def test_the_door_may_be_passed_twice(value: str) -> None:
    assert clean(clean(value, 300), 300) == clean(value, 300)


@given(ANY)
def test_lines_keep_line_feeds_and_tabs_and_nothing_else(value: str) -> None:
    cleaned = clean_lines(value)
    assert cleaned.replace("\n", "").replace("\t", "").isprintable()
    assert cleaned.count("\n") == value.count("\n")
    assert not any(stands_on_what_is_before(part) for part in re.split("[\n\t]", cleaned))


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=100))
def test_plain_text_passes_as_it_is(value: str) -> None:
    assert clean(value) == value


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("\x1b[31m", "␛[31m"),
        ("a\x00b\x7fc", "a␀b␡c"),
        ("\x9b2J", "‹U+009B›2J"),
        ("a\u202eb", "a‹U+202E›b"),
        ("a\u200bb\ufeff", "a‹U+200B›b‹U+FEFF›"),
        ("\ud800", "‹U+D800›"),
        ("\u0378", "‹U+0378›"),
        ("line\nbreak", "line␊break"),
        ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301"),
        ("\u0301", ""),
        ("\u0301\u0302\u0303 begins", " begins"),
        ("no\u00a0break\u3000wide", "no break wide"),
        ("漢字 Zürich", "漢字 Zürich"),
        ("🇩🇪", "‹U+1F1E9›‹U+1F1EA›"),
        ("👍🏽", "👍‹U+1F3FD›"),
        ("कि", "क‹U+093F›"),
        ("각", "각"),
    ],
)
def test_what_could_drive_a_terminal_becomes_a_visible_mark(value: str, seen: str) -> None:
    assert clean(value) == seen


def test_a_cut_is_shown() -> None:
    assert clean("x" * 600, 10) == "x" * 9 + "…"


def test_a_flood_of_combining_marks_is_cut_and_costs_no_more() -> None:
    assert clean("a" + "\u0301" * 1_000_000, 50) == "a\u0301\u0301…", "the cut shows that it was not read to its end"


@given(ANY.map(clean), st.integers(0, 30))
def test_padded_text_takes_its_cells_exactly(value: str, width: int) -> None:
    assert cell_width(pad(value, width)) == width
    assert cell_width(fit(value, width)) <= width


@given(ANY.map(clean), st.integers(0, 30))
def test_a_text_cut_in_its_middle_keeps_both_ends_and_fits(value: str, width: int) -> None:
    cut = fit_ends(value, width)
    assert cell_width(cut) <= width
    if cell_width(value) <= width:
        assert cut == value
    else:
        head, mark, tail = cut.partition("…") if "…" not in value else (cut, "…", "")
        assert mark == ("…" if width else "")
        assert value.startswith(head.rstrip("…"))
        assert value.endswith(tail)


def test_boxes_whose_names_differ_in_their_ends_can_be_told_apart_where_there_is_little_room() -> None:
    assert fit_ends("ar11-frankfurt-dc1-0007", 14) == "ar11-f…c1-0007"
    assert fit_ends("ar11-e\u0301e\u0301e\u0301e\u0301", 7) == "ar1…e\u0301e\u0301e\u0301"
    assert fit_ends("a漢字漢字", 4) == "a…字"


def test_every_kept_character_takes_the_same_cells_for_the_screen_the_terminal_and_unicode() -> None:
    for code in range(0x20, 0x110000):
        kept = chr(code)
        if clean("a" + kept) == "a" + kept:
            flat = unicodedata.category(kept) in ("Mn", "Me")
            wide = unicodedata.east_asian_width(kept) in ("W", "F")
            assert cell_width(kept) == wcwidth(kept) == (0 if flat else 2 if wide else 1), f"U+{code:04X}"


@pytest.mark.parametrize("text", [*CONTROLS, *WIDTHS, *MARKUP], ids=ascii)
def test_texts_of_the_corpus_become_one_line_as_wide_as_a_terminal_draws_it(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert cell_width(cleaned) == wcswidth(cleaned)


def test_a_text_of_a_million_characters_is_cut_and_costs_no_more() -> None:
    for piece in ("x", "\x1b[2J", "漢", "\u0301", "\u202e"):
        assert len(clean(piece * 1_000_000)) <= 500


@given(ANY.map(clean))
def test_ascii_is_ascii(value: str) -> None:
    assert plain_ascii(value).isascii()
    assert plain_ascii(value).isprintable()


def test_numbers_to_the_right_and_counts_with_their_nouns() -> None:
    assert pad("7", 3, "right") == "  7"
    assert (plural(1, "device"), plural(2, "device"), plural(0, "box", "boxes")) == ("1 device", "2 devices", "0 boxes")


@given(ANY)
def test_every_kept_character_is_assigned(value: str) -> None:
    assert all(unicodedata.category(character) != "Cn" for character in clean(value))
