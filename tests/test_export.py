"""Tables for other programs: whatever stands in a cell stays in it, and stays text."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_texts import CONTROLS, FORMULAS, MARKUP, WIDTHS
from markdown_reader import shown
from updeck.export import Cell, Format, exported, in_csv
from updeck.text import clean

ALL = (*FORMULAS, *CONTROLS, *MARKUP, *WIDTHS, "x" * 1_000_000)
ANY = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(ALL)
SIGNS = "=+-@＝＋－＠﹢﹣⁺⁻₊₋−﹫﹦"
BEGINS = re.compile(rf'[\s"]*[{re.escape(SIGNS)}]')
SEPARATORS = ",;|\t\n"


QUOTES = (True, False)


def cells_of(text: str, delimiter: str = ",", *, quoted: bool = True) -> list[list[str]]:
    """Read a CSV file as a spreadsheet does, which can be told that its text has no quotes."""
    lines = io.StringIO(text, newline="")
    read = csv.reader(lines, delimiter=delimiter)
    return list(read if quoted else csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_no_cell_of_a_csv_begins_a_formula(text: str) -> None:
    written = exported(("name", "said"), [("box", text), ("other", "x")], Format.CSV, title="devices")
    assert [len(row) for row in cells_of(written)] == [2, 2, 2]
    assert written.count("\r\n") == 3
    for row in cells_of(written):
        assert not any(BEGINS.match(cell) for cell in row)


@pytest.mark.parametrize("sign", SIGNS)
def test_no_sign_begins_a_formula_behind_what_a_spreadsheet_takes_for_a_separator(sign: str) -> None:
    begins = [
        f"{'harmless' if separator else ''}{separator}{between}{sign}1+1"
        for separator in ("", *SEPARATORS)
        for between in ("", " ", '"', "'", "\u00a0")
    ]
    written = exported(("name", "said"), [("box", text) for text in begins], Format.CSV, title="devices")
    for delimiter, quoted in product(SEPARATORS[:-1], QUOTES):
        for row in cells_of(written, delimiter, quoted=quoted):
            assert not any(BEGINS.match(cell) for cell in row), row


@given(ANY, ANY)
def test_a_csv_opened_with_another_separator_begins_no_formula_either(one: str, other: str) -> None:
    written = exported(("name", "said"), [(one, other)], Format.CSV, title="devices")
    for delimiter in SEPARATORS[:-1]:
        for row in cells_of(written, delimiter):
            assert not any(BEGINS.match(cell) for cell in row), row


@given(ANY)
def test_a_csv_cell_reads_as_what_it_was_but_for_apostrophes(text: str) -> None:
    ((said,),) = cells_of(exported(("said",), [(text,)], Format.CSV, title="x"))[1:]
    assert said.replace("'", "") == clean(text, 2000).replace("'", "")


@given(ANY)
def test_what_is_written_drives_no_terminal(text: str) -> None:
    for form in Format:
        written = exported(("said",), [(text,)], form, title="devices")
        assert written.replace("\n", "").replace("\r", "").isprintable()


@given(ANY)
def test_json_holds_one_object_in_ascii(text: str) -> None:
    written = exported(("name", "said"), [("box", text), ("other", None)], Format.JSON, title="devices")
    assert written.isascii()
    assert json.loads(written) == {
        "devices": [{"name": "box", "said": clean(text, 2000)}, {"name": "other", "said": None}]
    }


@pytest.mark.parametrize("text", ALL, ids=lambda text: ascii(text[:20]))
def test_a_cell_of_markdown_stays_one_cell_and_marks_nothing_up(text: str) -> None:
    lines = exported(("name", "said"), [("box", text), ("other", "x")], Format.MARKDOWN, title="devices").splitlines()
    assert len(lines) == 6
    bare = [re.sub(r"\\.|&\w+;|&#\d+;", "", line) for line in lines[2:]]
    assert [line.count("|") for line in bare] == [3] * 4
    assert not set("<>`[]*_~!") & set("".join(bare[2:]))
    assert not re.search(r"(?i)://|www\.|javascript:alert\(", bare[2])


@given(ANY, st.text(st.sampled_from("<>&[]()!*_`~|\\\\:/.@#=-+ ax1\n\"'"), max_size=30))
def test_a_reader_of_markdown_sees_the_text_itself_and_no_tag_or_link_of_it(one: str, other: str) -> None:
    cells = [clean(text, 2000).strip() or "–" for text in (one, other)]
    seen = shown(exported(("name", "said"), [(one, other)], Format.MARKDOWN, title="devices"))
    assert seen.live == []
    assert seen.texts == ["devices", "name", "said", *cells]


@pytest.mark.parametrize(
    ("cell", "written"),
    [(-3, "-3"), (2.5, "2.5"), (-1e-9, "-1e-09"), (True, "yes"), (None, ""), (float("nan"), ""), ("-3", "'-3")],
)
def test_a_number_stays_a_number_and_a_text_a_text(cell: Cell, written: str) -> None:
    assert in_csv(cell) == written


def test_a_number_that_json_cannot_hold_is_null() -> None:
    assert json.loads(exported(("x",), [(float("inf"),), (1.5,)], Format.JSON, title="t")) == {
        "t": [{"x": None}, {"x": 1.5}]
    }
