"""The report: what a rollout was, what became of each device, and no way for foreign text to be more than text."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_texts import CONTROLS, FORMULAS, MARKUP
from markdown_reader import shown
from rollout_records import ACTOR, NEW, NOW, OLD, SHA, control, done, initialized, member, plan_of, record_of, sent
from updeck.journal.models import Observation, Op, Outcome, OutcomeRow, Verdict
from updeck.journal.plan_models import ControlKind
from updeck.markdown import cell
from updeck.rollout.forecast import NOT_YET
from updeck.rollout.plan import PlannedImage, Source, Via
from updeck.rollout.report import Report, report, report_document, report_markdown
from updeck.text import clean

HOSTILE = (
    "\x1b[2J|a| <img src=x onerror=alert(1)> [x](http://evil.example) `rm` *b* www.evil.example\n# head\n![i](j) &lt;"
)
PLAN = replace(plan_of(1, 1), ticket="CHG-7")


def made(*, reason: str = "proven", error: str | None = None, version: str = NEW) -> Report:
    attempt = done(Verdict.SUCCESS, initialized(Op.START))
    assert attempt.end is not None
    lost = OutcomeRow(Outcome.UNKNOWN, NOW - 99, None, error)
    intents = (*attempt.intents[:-1], replace(attempt.intents[-1], outcome=lost))
    first = replace(attempt, end=replace(attempt.end, reason=reason), intents=intents)
    second = done(Verdict.REVIEW, sent(Op.INIT), resolved=Verdict.SUCCESS)
    record = record_of(
        PLAN,
        member("d0", first),
        member("d1", second),
        controls=(control(ControlKind.REOPEN, "1"),),
    )
    latest = {"d0": Observation("d0", NOW, {"reach": "OK", "state": "IDLE", "version": version}, ACTOR)}
    return report(record, PLAN, latest, NOW)


def test_the_json_report_tells_plan_confirmation_and_each_device_before_and_after() -> None:
    document = json.loads(json.dumps(report_document(made())))
    assert (document["id"], document["state"], document["verdicts"]) == ("r1", "ENDED", "1 REVIEW, 1 SUCCESS")
    assert (document["confirmed_by"], document["confirmed_at"]) == ("mk@jump", "1970-01-12T12:23:20Z")
    assert document["plan"]["ticket"] == "CHG-7"
    assert document["plan"]["digest"] == PLAN.digest
    first, second = document["devices"]
    assert (first["expected"], first["found"]) == (NEW, NEW)
    assert first["before"] == {"at": "1970-01-12T13:45:00Z", "state": "IDLE", "version": OLD}
    assert first["after"] == {"at": "1970-01-12T13:46:40Z", "state": "IDLE", "version": NEW, "reach": "OK"}
    (attempt,) = first["attempts"]
    assert (attempt["verdict"], attempt["reason"]) == ("SUCCESS", "proven")
    assert [(one["op"], one["try"], one["outcome"]) for one in attempt["operations"]] == [
        ("init", 1, "accepted"),
        ("start", 1, "unknown"),
    ]
    assert (second["found"], second["after"]) == (None, None)
    assert (second["attempts"][0]["verdict"], second["attempts"][0]["resolved"]) == ("REVIEW", "SUCCESS")
    assert document["requests"][0]["kind"] == "reopen"


def test_the_markdown_report_has_a_line_for_each_device_and_operation() -> None:
    lines = report_markdown(made()).splitlines()
    assert lines[0] == "# Rollout r1"
    assert "| ticket | CHG-7 |" in lines
    assert "| confirmed by | mk\\@jump |" in lines
    assert "| d0 | 1 | SUCCESS | proven | 11.6.0 \\#23947 | 11.8.0 \\#28924 | 11.8.0 \\#28924 | – |" in lines
    assert "| d1 | 1 | REVIEW | – | 11.6.0 \\#23947 | 11.8.0 \\#28924 | – | SUCCESS by mk\\@jump: seen |" in lines
    assert (sum("| init | 1 |" in line for line in lines), sum("| start | 1 |" in line for line in lines)) == (2, 1)
    assert any("| reopen | – | 1 | because |" in line for line in lines)


def test_an_un_init_by_hand_after_the_end_stands_in_the_report() -> None:
    left = done(Verdict.ABORTED_BEFORE_START, initialized())
    assert left.end is not None
    undone = replace(left.end, rollout="r2", op=Op.RESET, verdict=None, at=NOW)
    told = [report(record_of(PLAN, member("d0", one)), PLAN, {}, NOW) for one in (left, replace(left, undone=undone))]
    before, after = (json.loads(json.dumps(report_document(one)))["devices"][0]["attempts"][0] for one in told)
    assert before["reset_afterwards"] is None
    assert after["reset_afterwards"] == {"at": "1970-01-12T13:46:40Z", "by": "mk@jump", "rollout": "r2"}
    before_text, after_text = map(report_markdown, told)
    assert "afterwards" not in before_text
    assert "| d0 | 1 | 1970-01-12T13:46:40Z | mk\\@jump | r2 |" in after_text.splitlines()


def test_a_report_in_the_middle_tells_what_is_expected_and_by_what_measurement() -> None:
    plan = plan_of(1, 1, 2)
    proven = done(Verdict.SUCCESS, initialized(Op.START))
    document = report_document(report(record_of(plan, member("d0", proven)), plan, {}, NOW))
    assert document["expected"] == {
        "seconds_from_start_to_proven": 90.0,
        "boxes_measured": 1,
        "last_back_at": "1970-01-12T13:51:20Z",
        "unknown": None,
        "not_fitting_the_window": None,
        "person_needed_at": "1970-01-12T13:49:00Z",
        "person_needed_for": "wave 2 waits to be promoted",
    }
    lines = report_markdown(report(record_of(plan, member("d0", proven)), plan, {}, NOW)).splitlines()
    assert "| a box took | a box took 1 min from its start until proven \\(1 box so far\\) |" in lines
    assert report_document(report(record_of(plan), plan, {}, NOW))["expected"]["unknown"] == NOT_YET  # type: ignore[call-overload,index]


def test_a_rollout_that_goes_on_is_reported_as_it_stands() -> None:
    plan = plan_of(1)
    text = report_markdown(report(record_of(plan), plan, {}, NOW))
    assert text.splitlines()[2].startswith("RUNNING: wave 1 of 1: 0 of 1 done")
    assert "| d0 | 1 | no verdict yet | – | – |" in text


def test_hostile_text_stays_in_its_cell() -> None:
    quiet = report_markdown(made(error="x"))
    loud = report_markdown(made(reason=HOSTILE, error=HOSTILE, version=HOSTILE))
    assert "\x1b" not in loud
    assert loud.count("\n") == quiet.count("\n")
    for before, after in zip(quiet.splitlines(), loud.splitlines(), strict=True):
        assert len(bars(before)) == len(bars(after))
    for live in ("<img", "](http", "://evil", "www.evil", "\n# head", "![", "`rm`", "*b*"):
        assert live not in re.sub(r"\\.", "", loud), live


@pytest.mark.parametrize("text", [HOSTILE, *CONTROLS, *MARKUP, *FORMULAS], ids=ascii)
def test_a_ticket_system_that_reads_the_report_shows_the_text_itself_and_no_tag_or_link_of_it(text: str) -> None:
    seen = shown(report_markdown(made(reason=text, error=text, version=text)))
    assert seen.live == []
    assert seen.texts.count(clean(clean(text)).strip()) >= 3


def test_a_secret_in_the_url_of_an_image_is_in_no_report() -> None:
    image = PlannedImage(NEW, Source.URL, SHA, None, "https://images.example/new.iso?token=hidden")
    plan = replace(PLAN, image=image, via=Via.FETCH)
    told = report(record_of(plan), plan, {}, NOW)
    assert "hidden" not in report_markdown(told)
    assert "hidden" not in json.dumps(report_document(told))


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_what_is_absent_is_a_dash(blank: str | None) -> None:
    assert cell(blank) == "–"


@pytest.mark.parametrize("text", ["https://evil.example", "WWW.evil.example", "mailto:mk", "xmpp:mk"])
def test_nothing_becomes_a_link_by_itself(text: str) -> None:
    assert text not in cell(text)
    assert html.unescape(cell(text)) == text


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60))
def test_a_cell_reads_as_what_it_was_and_marks_nothing_up(text: str) -> None:
    shown = cell(text)
    assert html.unescape(re.sub(r"\\(.)", r"\1", shown)) == text
    bare = re.sub(r"\\.|&\w+;|&#\d+;", "", shown)
    assert not set(bare) & set("\\`*_{}[]()|~!@#$^<>&")
    assert not re.search(r"(?i)://|www\.", shown)


def bars(line: str) -> list[str]:
    """Return the bars of a line that divide cells."""
    return re.findall(r"\|", re.sub(r"\\.", "", line))
