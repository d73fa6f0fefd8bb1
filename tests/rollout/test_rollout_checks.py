"""What is checked of a device before a rollout begins with it, and what will happen to it or why not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollout_records import IMAGE, NEW, OLD, SHA, plan_of
from updeck.device.models import HistoryEntry, Image, Info, Reach, Update
from updeck.device.trust import Tls
from updeck.errors import ConfigError
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.orders import Result
from updeck.fleet.views import DeviceView, Next, Reading, Tone
from updeck.journal.models import Actor, DeviceRecord, RolloutRow
from updeck.rollout.checks import RolloutCheck, blocking_reason, rollout_checks
from updeck.rollout.outlook import Fate, acting_first, look_ahead
from updeck.rollout.plan import Fence, Goal, Plan, PlannedImage, Source, Via
from updeck.rollout.version_path import leads, read_version_path

ENTRY = DeviceEntry("d0", "https://10.0.0.1", tls=Tls("pin", None, "sha256:" + "0" * 64))
INFO = Info("d0", "VSCAN", "S0", OLD)
THERE = Image(7, "VALID", version=NEW, checksum=SHA)
BARE = Image(8, "VALID", version=NEW)
OTHER = Image(9, "VALID", version="11.7.0", checksum="cd" * 32)
PRESENT = replace(plan_of(1), image=PlannedImage(NEW, Source.PRESENT))
PINNED = replace(plan_of(1), image=PlannedImage(NEW, Source.PRESENT, SHA))
URL = PlannedImage(NEW, Source.URL, SHA, None, "http://127.0.0.1:8000/new.iso")
FETCHED = replace(plan_of(1), image=URL, via=Via.FETCH)
PATH = (("11.6.0", "11.8.0"), ("11.7.0", "11.8.0"))


def reading(
    *images: Image, state: str = "IDLE", version: str = OLD, offset: float | None = 0.0, info: Info | None = INFO
) -> Reading:
    update = Update(state, "", 100, (HistoryEntry(50, version),) if version else ())
    return Reading(0.0, update, images, info and replace(info, sw_version=version), offset)


def view(
    read: Reading | None = None, *, reach: Reach | None = Reach.OK, entry: DeviceEntry = ENTRY, error: str | None = None
) -> DeviceView:
    record = DeviceRecord("d0")
    return DeviceView(entry, reach, error, read, record, Next("", Tone.REST), 10.0)


def check(name: str, seen: DeviceView, plan: Plan | None = None) -> RolloutCheck:
    (found,) = (one for one in rollout_checks(seen, plan or plan_of(1)) if one.name == name)
    return found


def results(seen: DeviceView) -> dict[str, Result]:
    return {one.name: one.result for one in rollout_checks(seen, plan_of(1))}


def test_a_healthy_device_passes_and_what_it_does_not_tell_is_not_checked() -> None:
    found = rollout_checks(view(reading()), plan_of(1))
    skipped = {one.name for one in found if one.result is Result.SKIPPED}
    assert skipped == {"version path", "image", "room"}
    assert all(one.reason.startswith("not checked: ") for one in found if one.name in skipped)
    assert {one.result for one in found if one.name not in skipped} == {Result.OK}
    assert blocking_reason(found) is None


@pytest.mark.parametrize(
    ("reach", "name", "result", "blocking"),
    [
        (Reach.UNREACHABLE, "reachable", Result.FAIL, False),
        (Reach.AUTH, "login", Result.FAIL, False),
        (Reach.UNSUPPORTED, "service", Result.FAIL, True),
        (Reach.GARBLED, "service", Result.ERROR, False),
        (Reach.TRUST, "trust", Result.FAIL, False),
        (Reach.IDENTITY, "identity", Result.FAIL, False),
        (None, "reachable", Result.SKIPPED, False),
    ],
)
def test_a_poll_that_was_not_good_is_told_by_its_own_check_and_nothing_old_counts(
    reach: Reach | None, name: str, result: Result, blocking: bool
) -> None:
    seen = view(reading(THERE), reach=reach, error="why")
    found = check(name, seen)
    assert (found.result, found.blocking) == (result, blocking)
    assert "why" in found.reason or reach is None
    for other in ("state", "clock", "installed", "version path", "image", "other images", "room"):
        assert results(seen)[other] is Result.SKIPPED


@pytest.mark.parametrize(
    ("state", "result", "blocking"),
    [
        ("IDLE", Result.OK, False),
        ("INITIALIZING", Result.FAIL, False),
        ("INITIALIZED", Result.FAIL, False),
        ("RUNNING", Result.FAIL, False),
        ("FAILED_GRACEFUL", Result.FAIL, True),
        ("FAILED_CRITICAL", Result.FAIL, True),
        ("SOMETHING_NEW", Result.FAIL, True),
    ],
)
def test_a_state_other_than_idle_is_held_or_skipped(state: str, result: Result, blocking: bool) -> None:
    found = check("state", view(reading(state=state)))
    assert (found.result, found.blocking) == (result, blocking)
    assert state in found.reason


@pytest.mark.parametrize(
    ("offset", "result"),
    [(None, Result.SKIPPED), (0.0, Result.OK), (-299.0, Result.OK), (301.0, Result.FAIL), (-86_400.0, Result.FAIL)],
)
def test_a_clock_that_is_minutes_off_is_warned_about(offset: float | None, result: Result) -> None:
    assert check("clock", view(reading(offset=offset))).result is result


@pytest.mark.parametrize(
    ("version", "result"),
    [(OLD, Result.OK), (NEW, Result.FAIL), ("11.8.0", Result.FAIL), ("11.9.0", Result.FAIL), ("", Result.SKIPPED)],
)
def test_what_runs_already_is_told(version: str, result: Result) -> None:
    assert check("installed", view(reading(version=version))).result is result


def test_an_insecure_connection_needs_to_be_allowed_by_the_plan() -> None:
    plain = replace(ENTRY, url="http://10.0.0.1")
    assert check("trust", view(reading(), entry=plain)).blocking
    allowed = check("trust", view(reading(), entry=plain), replace(plan_of(1), allow_insecure=True))
    assert (allowed.result, allowed.blocking) == (Result.FAIL, False)


def test_an_unfinished_rollout_keeps_a_device_from_another_one_only() -> None:
    actor = Actor(1, "mk", "jump", "ui", 1, "boot", "1")
    row = RolloutRow("r9", "plan", 0.0, actor, None, None, lease_alive=False, lease_ours=False)
    seen = replace(view(reading()), record=DeviceRecord("d0", rollout=row))
    assert check("free", seen).reason == "it belongs to the unfinished rollout r9"
    (own,) = (one for one in rollout_checks(seen, plan_of(1), rollout="r9") if one.name == "free")
    assert own.result is Result.OK
    unresolved = replace(view(reading()), record=DeviceRecord("d0", start_unresolved=True))
    assert check("free", unresolved).blocking


@pytest.mark.parametrize(
    ("plan", "images", "result", "blocking"),
    [
        (plan_of(1), (), Result.SKIPPED, False),
        (plan_of(1), (THERE,), Result.OK, False),
        (plan_of(1), (BARE,), Result.SKIPPED, False),
        (PRESENT, (), Result.FAIL, True),
        (PRESENT, (OTHER,), Result.FAIL, True),
        (PRESENT, (THERE,), Result.SKIPPED, False),
        (PRESENT, (BARE,), Result.SKIPPED, True),
        (replace(PRESENT, allow_unverified=True), (BARE,), Result.SKIPPED, False),
        (PRESENT, (THERE, replace(OTHER, version=NEW)), Result.FAIL, True),
        (PINNED, (THERE,), Result.OK, False),
        (PINNED, (BARE,), Result.FAIL, True),
    ],
)
def test_the_image_is_the_one_that_is_meant(
    plan: Plan, images: tuple[Image, ...], result: Result, blocking: bool
) -> None:
    found = check("image", view(reading(*images)), plan)
    assert (found.result, found.blocking) == (result, blocking)


def test_other_valid_images_are_warned_about() -> None:
    assert check("other images", view(reading(THERE))).result is Result.OK
    found = check("other images", view(reading(THERE, OTHER)))
    assert (found.result, found.blocking) == (Result.FAIL, False)
    assert "11.7.0" in found.reason


@pytest.mark.parametrize(
    ("version", "path", "result", "blocking"),
    [
        (OLD, None, Result.SKIPPED, False),
        (OLD, PATH, Result.OK, False),
        ("11.5.0", PATH, Result.FAIL, True),
        (NEW, PATH, Result.SKIPPED, False),
        ("", PATH, Result.ERROR, True),
    ],
)
def test_an_update_must_be_among_those_that_the_file_supports(
    version: str, path: tuple[tuple[str, str], ...] | None, result: Result, blocking: bool
) -> None:
    found = check("version path", view(reading(version=version)), replace(plan_of(1), version_path=path))
    assert (found.result, found.blocking) == (result, blocking)


def test_a_url_inside_the_device_needs_to_be_allowed_where_it_has_to_be_fetched() -> None:
    assert check("fetch", view(reading()), FETCHED).blocking
    assert check("fetch", view(reading(THERE)), FETCHED).result is Result.SKIPPED
    local = replace(ENTRY, fetch_local=True)
    assert check("fetch", view(reading(), entry=local), FETCHED).reason == "the device will contact 127.0.0.1"


@pytest.mark.parametrize(
    ("plan", "seen", "fate", "text"),
    [
        (plan_of(1), view(reading()), Fate.ACTS, "upload, init, start"),
        (FETCHED, view(reading(THERE)), Fate.ACTS, "init, start"),
        (replace(plan_of(1), fence=Fence.START), view(reading()), Fate.ACTS, "upload, init, a person, start"),
        (replace(plan_of(1), until=Goal.INITIALIZED), view(reading()), Fate.ACTS, "upload, init"),
        (replace(plan_of(1), until=Goal.STAGED), view(reading()), Fate.ACTS, "upload"),
        (replace(plan_of(1), until=Goal.STAGED), view(reading(THERE)), Fate.THERE, "nothing: the image is there"),
        (plan_of(1), view(reading(version=NEW)), Fate.THERE, f"nothing: {NEW} runs already"),
        (PRESENT, view(reading(version=NEW)), Fate.THERE, f"nothing: {NEW} runs already"),
        (PRESENT, view(reading()), Fate.SKIPPED, f"skipped: image: no VALID image {NEW} is on the device"),
        (plan_of(1), view(reading(state="RUNNING")), Fate.WAITS, "waits for a person: RUNNING, not by this rollout"),
        (plan_of(1), view(reach=Reach.UNREACHABLE, error="refused"), Fate.WAITS, "waits: UNREACHABLE, refused"),
        (
            plan_of(1),
            view(reading(state="FAILED_GRACEFUL")),
            Fate.SKIPPED,
            "skipped: state: FAILED_GRACEFUL since 1970-01-01T00:01:40Z",
        ),
    ],
)
def test_the_outlook_says_what_will_happen_or_why_not(plan: Plan, seen: DeviceView, fate: Fate, text: str) -> None:
    (found,) = look_ahead(plan, [seen])
    assert (found.fate, found.text, found.wave) == (fate, text, 1)


def test_the_outlook_names_a_connection_that_proves_nothing() -> None:
    plain = replace(ENTRY, url="http://10.0.0.1")
    (refused,) = look_ahead(plan_of(1), [view(reading(), entry=plain)])
    assert (refused.fate, refused.text) == (Fate.SKIPPED, "skipped: trust: the connection is insecure")
    (allowed,) = look_ahead(replace(plan_of(1), allow_insecure=True), [view(reading(), entry=plain)])
    assert (allowed.fate, allowed.text) == (Fate.ACTS, "upload, init, start; insecure")


def test_what_is_sent_nothing_never_goes_first_as_the_canary() -> None:
    schemes = {"ar11-1": "http", "ar11-2": "https", "ar11-3": "http", "ar11-4": "https"}
    entries = [replace(ENTRY, name=name, url=f"{scheme}://10.0.0.{name[-1]}") for name, scheme in schemes.items()]
    boxes = [view(reading(), entry=entry) for entry in entries]
    plan = replace(
        plan_of(1), devices=tuple(replace(plan_of(1).devices[0], name=box.name, url=box.url) for box in boxes)
    )
    assert [box.name for box in acting_first(plan, boxes)] == ["ar11-2", "ar11-4", "ar11-1", "ar11-3"]


def test_a_version_path_is_read_as_pairs() -> None:
    path = read_version_path('"11.6.0" = ["11.7.0", "11.8.0"]\n"11.7.0" = ["11.8.0"]\n', "path.toml")
    assert path == (("11.6.0", "11.7.0"), ("11.6.0", "11.8.0"), ("11.7.0", "11.8.0"))
    assert leads(path, OLD, NEW)
    assert not leads(path, NEW, OLD)
    assert not leads(path, "11.5.0", NEW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "path.toml allows no update"),
        ('"11.6.0" = []', "path.toml, line 1: 11.6.0 leads nowhere"),
        ('"11.6.0" = "11.8.0"', "path.toml, line 1: 11.6.0 must be a list of texts"),
        ('# one\n"11.6.0" = ["newest"]', "path.toml, line 2: 11.6.0 names newest, which is no version"),
        ('old = ["11.8.0"]', "path.toml, line 1: old names old, which is no version"),
        ("[path]\n", "path.toml, line 1: path must be a list of texts"),
    ],
)
def test_a_version_path_that_is_none_is_refused_by_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_version_path(text, "path.toml")


def test_the_image_of_a_file_is_known_by_its_checksum_alone() -> None:
    assert IMAGE.sha256 == SHA
    renamed = replace(THERE, version="another")
    assert check("image", view(reading(renamed))).result is Result.OK
