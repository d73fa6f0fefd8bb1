"""The plan, its digest, and its document read strictly."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_records import IMAGE, NEW, SHA, plan_of
from updeck.errors import ConfigError, UsageError
from updeck.rollout.plan import Fence, Goal, Limits, Plan, PlannedDevice, PlannedImage, Promotion, Source, Via
from updeck.rollout.plan_document import plan_document, read_plan, stored_plan
from updeck.rollout.window import parse_window

WINDOW = parse_window("2026-12-01T22:00/2026-12-02T04:00", tz="Europe/Berlin", last_start="03:00")
WHOLE = replace(
    plan_of(1, 2, 2, pairs="-pp", sites="aab"),
    until=Goal.INITIALIZED,
    fence=Fence.START,
    limits=Limits(4, 2, 50_000_000, 1, 3),
    bake_s=1800,
    promote=Promotion.AUTO,
    window=WINDOW,
    ticket="CHG-1",
    allow_unverified=True,
    version_path=(("11.6.0", NEW),),
)
DEVICE = WHOLE.devices[0]


def edited(change: Callable[[Any], object]) -> str:
    document = json.loads(stored_plan(WHOLE))
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize("plan", [WHOLE, plan_of(1)])
def test_a_plan_survives_its_document_and_its_stored_spelling(plan: Plan) -> None:
    assert read_plan(json.dumps(plan_document(plan), indent=2), "plan.json") == plan
    assert read_plan(stored_plan(plan), "the journal") == plan
    assert stored_plan(read_plan(stored_plan(plan), "the journal")) == stored_plan(plan)


def test_the_document_has_digest_and_code() -> None:
    document = plan_document(WHOLE)
    assert document["digest"] == WHOLE.digest
    assert document["code"] == base64.b32encode(bytes.fromhex(WHOLE.digest)).decode()[:8]


def test_the_digest_of_a_plan_stays_what_it_was() -> None:
    assert plan_of(1).digest == "8563202614904c55179de7348ba4a0f0ec460fbb60de5c300a80e91a437cc98f"


@pytest.mark.parametrize(
    "other",
    [
        replace(WHOLE, image=replace(IMAGE, sha256="cd" * 32)),
        replace(WHOLE, image=replace(IMAGE, size_bytes=1)),
        replace(WHOLE, image=replace(IMAGE, version="11.9.0")),
        replace(WHOLE, until=Goal.UPDATED),
        replace(WHOLE, fence=Fence.NONE),
        replace(WHOLE, bake_s=1),
        replace(WHOLE, promote=Promotion.MANUAL),
        replace(WHOLE, window=None),
        replace(WHOLE, window=replace(WINDOW, last_start=WINDOW.closes)),
        replace(WHOLE, window=replace(WINDOW, tz="UTC")),
        replace(WHOLE, limits=replace(WHOLE.limits, max_failures=4)),
        replace(WHOLE, limits=replace(WHOLE.limits, max_parallel=None)),
        replace(WHOLE, limits=replace(WHOLE.limits, max_transfers=3)),
        replace(WHOLE, limits=replace(WHOLE.limits, limit_rate=1)),
        replace(WHOLE, limits=replace(WHOLE.limits, max_per_site=None)),
        replace(WHOLE, devices=(DEVICE, WHOLE.devices[2], WHOLE.devices[1])),
        replace(WHOLE, devices=WHOLE.devices[:2]),
        *(
            replace(WHOLE, devices=(replace(DEVICE, **change), *WHOLE.devices[1:]))
            for change in (
                {"name": "other"},
                {"url": "https://10.9.9.9"},
                {"serial": "other"},
                {"site": None},
                {"pair": "x"},
            )
        ),
        replace(WHOLE, devices=tuple(replace(device, wave=1) for device in WHOLE.devices)),
        replace(WHOLE, allow_unverified=False),
        replace(WHOLE, allow_insecure=True),
        replace(WHOLE, version_path=None),
        replace(WHOLE, policy_version=2),
    ],
)
def test_whatever_a_person_consents_to_changes_the_digest(other: Plan) -> None:
    assert other.digest != WHOLE.digest


@pytest.mark.parametrize(
    "same",
    [
        replace(WHOLE, ticket="CHG-2"),
        replace(WHOLE, image=replace(IMAGE, location="/elsewhere.iso")),
        replace(WHOLE, devices=(replace(DEVICE, device_name="renamed", model="M"), *WHOLE.devices[1:])),
    ],
)
def test_what_changes_nothing_about_what_is_done_does_not_change_the_digest(same: Plan) -> None:
    assert same.digest == WHOLE.digest


def test_where_there_is_no_serial_name_and_model_identify() -> None:
    def named(model: str) -> Plan:
        return Plan(IMAGE, (PlannedDevice("d0", "https://10.0.0.1", 1, "", "box", model),))

    assert named("A").digest != named("B").digest


WRONG: list[tuple[Callable[[Any], object], str]] = [
    (lambda d: d.update(untill="staged"), "plan.json: unknown key untill; did you mean until?"),
    (lambda d: d.pop("limits"), "plan.json: limits is missing"),
    (lambda d: d.update(until="upgraded"), "plan.json: until must be one of staged, initialized, updated"),
    (lambda d: d.update(bake_s=1.5), "plan.json: bake_s must be a whole number"),
    (lambda d: d.update(bake_s=True), "plan.json: bake_s must be a whole number"),
    (lambda d: d.update(bake_s=-1), "plan.json: bake_s must be from 0"),
    (lambda d: d.update(allow_insecure=0), "plan.json: allow_insecure must be true or false"),
    (lambda d: d.update(ticket=None), "plan.json: ticket must be text"),
    (lambda d: d.update(ticket="\x1b[2J"), "plan.json: ticket is too long, or has a control"),
    (lambda d: d.update(devices=[]), "plan.json: the plan has no device"),
    (lambda d: d.update(devices={}), "plan.json: devices must be a list"),
    (lambda d: d.update(devices=[1]), r"plan.json: devices\[0\] must be an object"),
    (lambda d: d["devices"][1].update(extra=1), r"plan.json: devices\[1\]: unknown key extra"),
    (lambda d: d["devices"][1].update(wave=0), r"plan.json: devices\[1\].wave must be from 1"),
    (lambda d: d["devices"][0].update(wave=9), "plan.json: the waves of the plan are not numbered"),
    (lambda d: d["devices"][0].update(name="d1"), "plan.json: the plan has two devices with the name d1"),
    (lambda d: d["devices"][0].update(url="https://10.0.0.2"), "two devices with the url https://10.0.0.2"),
    (lambda d: d["devices"][0].update(url="ftp://x"), "plan.json: "),
    (lambda d: d["devices"][0].update(name="a b"), "plan.json: a b is no name for a device"),
    (lambda d: d["limits"].update(max_parallel=0), "plan.json: limits.max_parallel must be from 1"),
    (lambda d: d["limits"].update(max_failures=None), "plan.json: limits.max_failures must be a whole number"),
    (lambda d: d["image"].update(sha256="AB" * 32), "plan.json: the image's sha256 has not 64"),
    (lambda d: d["image"].update(sha256=None), "plan.json: an image that is to be brought to devices needs its sha256"),
    (lambda d: d["image"].update(size=None), "plan.json: the size is known of a file"),
    (lambda d: d["image"].update(location=None), "plan.json: the place of an image from file is not given"),
    (lambda d: d["image"].update(version=" "), "plan.json: the plan names no version"),
    (lambda d: d.update(via="fetch"), "plan.json: an image from file does not get there by fetch"),
    (lambda d: d["window"].update(tz="Nowhere"), "plan.json: there is no time zone"),
    (lambda d: d["window"].update(opens="soon"), 'plan.json: "soon" is no local time'),
    (lambda d: d.update(version_path=[["11.6.0"]]), "plan.json: version_path must be a list of pairs"),
    (lambda d: d.update(policy_version=2), "plan.json was made under the rules of version 2"),
    (lambda d: d["limits"].update(max_failures=99), "plan.json was changed after it was made: it says its digest is"),
    (lambda d: d["devices"].pop(), "plan.json was changed after it was made"),
    (lambda d: d.update(code="AAAAAAAA"), "plan.json was changed after it was made: its code is"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_a_document_that_was_edited_is_refused_by_name(change: Callable[[Any], object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_plan(edited(change), "plan.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "plan.json, line 1, column 1: this is no JSON"),
        ("[]", "plan.json: this is no JSON object"),
        ('{"a": 1, "a": 2}', "plan.json: a key stands twice"),
        ('{"bake_s": NaN}', "plan.json: NaN is no number"),
        ('{"bake_s": ' + "9" * 5000 + "}", "plan.json: a number is too long"),
        ("[" * 100_000, "plan.json"),
    ],
)
def test_what_is_no_plan_at_all_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_plan(text, "plan.json")


def test_what_was_foreseen_is_for_people_and_is_not_read() -> None:
    assert read_plan(edited(lambda d: d.update(outlook=[{"name": "d0"}])), "plan.json") == WHOLE


@pytest.mark.parametrize(
    "image",
    [
        {"version": NEW, "source": Source.PRESENT, "location": "/x"},
        {"version": NEW, "source": Source.URL, "location": "https://x/y", "sha256": SHA, "size_bytes": 3},
        {"version": NEW, "source": Source.URL, "location": "https://x/y"},
        {"version": "", "source": Source.PRESENT},
    ],
)
def test_an_image_that_contradicts_itself_is_refused(image: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        PlannedImage(**image)


texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
plans = st.builds(
    lambda count, until, limits, bake, ticket, path: replace(
        plan_of(*range(1, count + 1)), until=until, limits=limits, bake_s=bake, ticket=ticket, version_path=path
    ),
    st.integers(1, 6),
    st.sampled_from(Goal),
    st.builds(Limits, st.none() | st.integers(1, 9), max_failures=st.integers(0, 9)),
    st.integers(0, 86_400),
    texts,
    st.none() | st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
)


@given(plans)
def test_every_plan_is_read_back_as_it_was_written(plan: Plan) -> None:
    assert read_plan(stored_plan(plan), "plan.json") == plan


def test_an_image_to_fetch_gets_there_by_fetch() -> None:
    image = PlannedImage(NEW, Source.URL, SHA, None, "https://images.example/11.8.0.iso")
    assert replace(WHOLE, image=image, via=Via.FETCH).digest != WHOLE.digest
    with pytest.raises(UsageError):
        replace(WHOLE, image=image, via=Via.PUSH)
