"""Data on stdout, narration on stderr, and streams that cannot show or take everything."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping

import pytest

from updeck.cli.output import Output, aligned, speaks_utf8
from updeck.errors import Blocked


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Paper(Terminal):
    """A stream that nobody looks at."""

    def isatty(self) -> bool:
        return False


def output(stderr: io.StringIO, *, locale: str = "C.UTF-8") -> tuple[Output, Paper]:
    stdout = Paper()
    return Output(stdout, stderr, environ={"LC_ALL": locale}), stdout


def test_data_goes_to_stdout_and_narration_to_stderr() -> None:
    stderr = Paper()
    out, stdout = output(stderr)
    out.line("data")
    out.say("narration")
    out.complain(Blocked("it is RUNNING", device="ar11", advice="wait"))
    assert stdout.getvalue() == "data\n"
    assert stderr.getvalue() == "narration\nupdeck: ar11: it is RUNNING; wait\n"


def test_the_moving_line_is_for_terminals_only() -> None:
    paper, terminal = Paper(), Terminal()
    for stderr in (paper, terminal):
        out, _ = output(stderr)
        out.move("43 %")
        out.move("7 %")
        out.say("done")
    assert paper.getvalue() == "done\n"
    assert terminal.getvalue() == "\r43 %\r7 % \r   \rdone\n"


def test_glyphs_are_spelled_in_ascii_where_the_locale_is_not_utf8() -> None:
    stderr = Paper()
    out, stdout = output(stderr, locale="POSIX")
    out.line("11.6 → 11.8 …")
    out.say("é ●")
    assert stdout.getvalue() == "11.6 -> 11.8 ...\n"
    assert stderr.getvalue() == "e *\n"


def test_json_is_ascii_whatever_a_name_holds() -> None:
    out, stdout = output(Paper())
    out.document({"name": "zürich-…", "site": None})
    assert stdout.getvalue().isascii()
    assert json.loads(stdout.getvalue()) == {"name": "zürich-…", "site": None}


def test_one_line_json_is_one_line() -> None:
    out, stdout = output(Paper())
    out.document({"devices": [{"name": "a"}, {"name": "b"}]}, one_line=True)
    assert stdout.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("encoding", "environ", "speaks"),
    [
        ("utf-8", {}, True),
        ("UTF8", {"LANG": "de_DE.utf8"}, True),
        ("utf-8", {"LANG": "C.UTF-8"}, True),
        ("utf-8", {"LANG": "C"}, False),
        ("utf-8", {"LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"}, False),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ("utf-8", {"LANG": "", "LC_ALL": ""}, True),
        ("cp1252", {}, False),
        ("ascii", {"LANG": "C.UTF-8"}, False),
        (None, {}, False),
    ],
)
def test_utf8_needs_the_stream_and_the_locale(
    encoding: str | None, environ: Mapping[str, str], *, speaks: bool
) -> None:
    assert speaks_utf8(encoding, environ) is speaks


def test_columns_line_up_by_cells() -> None:
    rows = aligned(("name", "n", "text"), [("日本", "7", "wide"), ("plain", "12", "")], right=frozenset({1}))
    assert rows == ["name    n  text", "日本    7  wide", "plain  12"]


def test_a_reader_that_went_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stdout:
        out = Output(stdout, Paper(), environ={})
        out.line("nobody reads this")
        assert out.reader_gone
        out.line("nor this")
