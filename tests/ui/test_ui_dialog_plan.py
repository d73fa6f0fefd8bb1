"""The plan dialog: one small page, the rest folded away; every line validated in one sentence; files by tab."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from dialog_stage import LOOK, Stage, burst, device_view, until, words
from flow_desk import Desk, Open
from journal_plans import rollouts
from updeck.errors import UsageError
from updeck.fleet.views import DeviceView
from updeck.journal.models import Verdict
from updeck.journal.plan_models import RolloutRecord
from updeck.rollout.outlook import look_ahead
from updeck.rollout.plan import Fence, Goal, Promotion
from updeck.rollout.registration import plan_of
from updeck.rollout.standing import ended
from updeck.rollout.terms import Terms
from updeck.ui.flows.planning import plan_flow
from updeck.ui.glyphs import UNICODE
from updeck.ui.ink import text_of
from updeck.ui.lines.plan import Planned, plan_lines
from updeck.ui.plan_draft import Draft, first_draft, terms_of
from updeck.ui.screens.plan_dialog import PlanDialog, Step, Then

SIZES = [(120, 40), (80, 24), (60, 15)]
SHA = "ab" * 32
WINDOW = {"opens": "2026-12-01 22:00", "closes": "2026-12-02T04:00", "tz": "Europe/Berlin", "last_start": "03:00"}


def dialog(lines: Draft | None = None, *, count: int = 8, page: int = 0) -> PlanDialog:
    """Return the dialog with something in its lines."""
    return PlanDialog(LOOK, count, Step(Then.PAGE, {**first_draft(count, "11.8.0"), **(lines or {})}, page))


async def opened(app: Stage, pilot: Pilot[None], shown: PlanDialog) -> None:
    await app.open(shown)
    await until(pilot, lambda: shown.hearing)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("page", range(4))
async def test_every_page_shows_all_its_lines_and_buttons(size: tuple[int, int], page: int) -> None:
    app, shown = Stage(), dialog(page=page)
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot, shown)
        form = shown.form.region
        assert form.bottom <= size[1], "the buttons are on the screen"
        assert words(app).startswith("then ")
        assert sum(len(f"[ {label} ]") + 2 for label in shown.form.buttons) <= form.width
        assert shown.form.buttons[-1] == ("Done" if page else "Look")


async def test_what_the_waves_come_to_is_shown_while_it_is_typed() -> None:
    app, shown = Stage(), dialog(count=3)
    async with app.run_test() as pilot:
        await opened(app, pilot, shown)
        assert "1 wave, 3; stops at failure number 1" in words(app)
        await pilot.press(*["tab"] * 5, "ctrl+u", "1")
        assert "the waves leave out 2 of 3 devices" in " ".join(words(app).split())
        await pilot.press(*",100%")
        assert "2 waves, 1 + 2; stops at failure number 1" in words(app)


async def test_the_number_of_failures_is_told_as_the_one_that_stops_it() -> None:
    app, shown = Stage(), dialog(page=1)
    async with app.run_test() as pilot:
        await opened(app, pilot, shown)
        await pilot.press("ctrl+u", "2")
        assert "stops at failure number 3" in words(app)
        await pilot.press("tab", "tab", "tab", "tab", "tab", "enter")
        await until(pilot, lambda: app.answers != [])
        (step,) = app.answers
        assert isinstance(step, Step)
        assert (step.then, step.page, step.draft["failures"]) == (Then.PAGE, 2, "2")


@pytest.mark.parametrize(
    ("page", "lines", "sentence"),
    [
        (0, {"version": ""}, "it needs the version"),
        (0, {"waves": "1,50%"}, "the waves leave out 4 of 8 devices"),
        (0, {"image": "https://files.example.com/a.iso"}, "needs its SHA-256"),
        (0, {"image": "https://files.example.com/a.iso", "sha256": "12"}, "is no SHA-256"),
        (0, {"image": "ftp://x/y", "sha256": SHA}, "is no http or https URL"),
        (1, {"failures": "10%"}, 'failures: "10%" is no number from 0 on'),
        (1, {"canary": "0"}, 'canary: "0" is no number from 1 on'),
        (1, {"bake": "soon"}, '"soon" is no duration'),
        (2, {"parallel": "two"}, 'down at once: "two" is no number from 1 on'),
        (2, {"rate": "fast"}, '"fast" is no rate'),
        (3, {"opens": "2026-12-01T22:00"}, "a window needs both its from and its to"),
        (3, {**WINDOW, "tz": ""}, "a window needs its time zone"),
        (3, {**WINDOW, "tz": "Mars/Olympus"}, 'there is no time zone "Mars/Olympus"'),
        (3, {**WINDOW, "closes": "2026-12-01T21:00"}, "ends before it begins"),
        (3, {"tz": "UTC"}, "belong to a window"),
    ],
)
async def test_a_line_that_makes_no_sense_is_said_in_one_sentence(
    page: int, lines: dict[str, str], sentence: str
) -> None:
    app, shown = Stage(), dialog(lines, page=page)
    async with app.run_test() as pilot:
        await opened(app, pilot, shown)
        shown.pressed("done" if page else "look")
        assert sentence in words(app, "remark")
        assert app.answers == []


async def test_a_version_that_spells_none_takes_a_second_yes() -> None:
    app, shown = Stage(), dialog({"version": "newest"})
    async with app.run_test() as pilot:
        await opened(app, pilot, shown)
        shown.pressed("look")
        assert '"newest" is no version such as' in words(app, "remark")
        assert app.answers == []
        shown.pressed("look")
        await until(pilot, lambda: app.answers != [])


async def test_tab_completes_the_path_and_suggests_the_version(tmp_path: Path) -> None:
    (tmp_path / "update-11.9.1-30000.iso").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "notice.txt").touch()
    app, shown = Stage(), dialog({"version": ""})
    async with app.run_test() as pilot:
        await opened(app, pilot, shown)
        burst(app, f"{tmp_path}/n", "tab")
        await until(pilot, lambda: shown.form.value("image") == f"{tmp_path}/not")
        await pilot.press("tab")
        await until(pilot, lambda: "2 names begin with that" in words(app, "remark"))
        assert shown.form.at == "image"
        await pilot.press("ctrl+u")
        burst(app, f"{tmp_path}/u", "tab")
        await until(pilot, lambda: shown.form.value("version") == "11.9.1 #30000")
        assert shown.form.value("image") == f"{tmp_path}/update-11.9.1-30000.iso"
        await pilot.press("tab")
        await until(pilot, lambda: shown.form.at == "sha256")


def test_all_pages_together_spell_the_terms_of_the_command_line() -> None:
    draft: Draft = {
        **first_draft(8, "11.8.0"),
        **WINDOW,
        "canary": "2",
        "waves": "50%,100%",
        "failures": "1",
        "bake": "30m",
        "promote": "the next wave opens by itself",
        "parallel": "3",
        "per_site": "1",
        "transfers": "",
        "rate": "50MB/s",
        "ticket": "CHG-1",
        "unverified": "yes",
        "fence": "by itself",
    }
    assert terms_of(draft) == Terms(
        version="11.8.0",
        until=Goal.UPDATED,
        fence=Fence.NONE,
        canary=2,
        waves="50%,100%",
        max_parallel=3,
        max_transfers=None,
        limit_rate="50MB/s",
        max_per_site=1,
        max_failures=1,
        bake="30m",
        promote=Promotion.AUTO,
        window="2026-12-01T22:00/2026-12-02T04:00",
        tz="Europe/Berlin",
        last_start="03:00",
        ticket="CHG-1",
        allow_unverified=True,
    )


def test_a_version_is_needed() -> None:
    with pytest.raises(UsageError, match="it needs the version"):
        terms_of(first_draft(1, ""))


def empty(state: str, name: str) -> DeviceView:
    """Return a device that holds no image."""
    view = device_view(state, name)
    assert view.reading is not None
    entry = replace(view.entry, url=f"https://{name}")
    return replace(view, entry=entry, reading=replace(view.reading, images=()))


def planned(rates: dict[str, float], **changes: str) -> Planned:
    """Return a plan of two devices to upload to and one that is out of it."""
    views = [empty("IDLE", "one"), empty("IDLE", "two"), empty("FAILED_GRACEFUL", "three")]
    terms = terms_of({**first_draft(3, "11.12.0"), "image": "/x.iso", **changes})
    plan = terms.plan(terms.file_image("/x.iso", SHA, 3_000_000_000), views)
    return Planned(plan, look_ahead(plan, views), rates)


@pytest.mark.parametrize(
    ("rates", "changes", "sentence"),
    [
        ({}, {}, "6.00 GB to 2 devices; how long is not known: no rate was measured yet"),
        ({"one": 50e6}, {}, "6.00 GB to 2 devices, about 1:00 at 100.0 MB/s in all"),
        ({"one": 50e6}, {"transfers": "1"}, "6.00 GB to 2 devices, about 2:00 at 50.0 MB/s in all"),
        ({"one": 50e6}, {"rate": "10MB/s"}, "6.00 GB to 2 devices, about 10:00 at 10.0 MB/s in all"),
    ],
)
def test_how_much_is_sent_and_how_long_about_is_told(
    rates: dict[str, float], changes: dict[str, str], sentence: str
) -> None:
    shown = planned(rates, **changes)
    text = " ".join(" ".join(text_of(one) for one in plan_lines(shown, UNICODE, 74)).split())
    assert sentence.replace("100.0 MB/s", "100 MB/s") in text
    assert "2 of 3 devices are brought to 11.12.0" in text
    assert "three ≠ skipped: state: FAILED_GRACEFUL" in text
    assert "2 devices: room not checked" in text


def only(bench: Desk) -> RolloutRecord:
    journal = bench.app.service.journal
    assert journal is not None
    (record,) = rollouts(journal)
    assert isinstance(record, RolloutRecord)
    return record


async def test_a_plan_is_made_by_keys_with_a_chosen_file_and_carried_out_by_an_engine(desk: Open) -> None:
    async with desk(devices=2) as bench:
        names = bench.simulator.names
        path = bench.image()
        for name in names:
            await bench.until(name, lambda view: view.state == "IDLE")
        bench.begin(lambda: plan_flow(bench.app, bench.app.service, names))
        await bench.asked("Plan a rollout to 2 devices")
        await bench.pilot.press("shift+tab", "left", "left", "enter")  # Browse, by its button
        await bench.asked("choose a file")
        await bench.type(str(path), "enter")
        await bench.asked("Plan a rollout to 2 devices")
        await bench.wait(lambda: isinstance(bench.app.screen, PlanDialog))
        dialog = bench.app.screen
        assert isinstance(dialog, PlanDialog)
        assert (dialog.form.value("image"), dialog.form.value("version")) == (str(path), "11.8.0")
        await bench.pilot.press("tab")  # the path is whole: tab goes on
        await bench.wait(lambda: dialog.form.at != "image")
        dialog.form.put("until", Goal.STAGED.value)
        dialog.form.go("waves")
        await bench.pilot.press("enter")
        await bench.asked("type 2 11.8.0 and press enter")
        body = " ".join(words(bench.app).split())
        assert hashlib.sha256(path.read_bytes()).hexdigest()[:12] in body
        assert "400 kB to 2 devices" in body
        await bench.pilot.press("escape")
        await bench.asked("Plan a rollout to 2 devices")
        assert isinstance(bench.app.screen, PlanDialog)
        assert bench.app.screen.form.value("image") == str(path), "what was typed is still there"
        bench.app.screen.form.go("waves")
        await bench.pilot.press("enter")
        await bench.asked("type 2 11.8.0 and press enter")
        await bench.type("2 11.8.0", "enter")
        await bench.wait(lambda: bench.told != [])
        assert "the rollout has begun" in (bench.told[0] or "")
        await bench.wait(lambda: all(map(ended, only(bench).members)))
        record = only(bench)
        assert {one.attempt.end and one.attempt.end.verdict for one in record.members} == {Verdict.STAGED}
        assert plan_of(record).until is Goal.STAGED


async def test_where_no_engine_can_be_the_plan_says_so(desk: Open) -> None:
    async with desk(change=lambda fleet: replace(fleet, path=None)) as bench:
        await bench.wait(lambda: bench.app.home.lineup.current is not None)
        bench.app.home.press("plan")
        await bench.wait(lambda: "saved in no inventory that an engine could read" in bench.notice)
