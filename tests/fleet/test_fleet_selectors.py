"""The selector language means what the contracts say, and says where a selector is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.errors import UsageError
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.fleet.selectors import Selector, resolve


@dataclass(frozen=True)
class Box:
    """A device as a selector sees it."""

    name: str
    tags: tuple[str, ...] = ()
    site: str | None = None
    pair: str | None = None
    state: str | None = "IDLE"
    reach: str | None = "OK"
    version: str | None = "11.8.0 #28924"
    image_versions: tuple[str, ...] = ()
    needs_me: bool = False


BOXES = (
    Box("ar11-nyc-1", ("nyc", "prod"), "nyc", "nyc-a", image_versions=("11.8.0", "11.10.0 #30001")),
    Box("ar11-nyc-2", ("nyc", "prod"), "nyc", "nyc-a", state="INITIALIZED", version="11.6.0 #23947"),
    Box("ar11-fra-1", ("fra", "prod"), "fra", None, state="FAILED_GRACEFUL", version="11.10", needs_me=True),
    Box("lab", ("Lab",), None, None, state=None, reach="UNREACHABLE", version=None),
    Box("680-valloy1", (), "nyc", None, state="REBUILDING", version="custom-build"),
)
FLEET = Fleet(
    None,
    devices=tuple(DeviceEntry(box.name, f"https://{box.name}", box.tags, box.site, box.pair) for box in BOXES),
)
NYC_1, NYC_2, FRA, LAB, VALLOY = (box.name for box in BOXES)


def chosen(*arguments: str) -> list[str]:
    selector = Selector.parse(arguments)
    return [box.name for box in BOXES if selector.matches(box)]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["*"], [NYC_1, NYC_2, FRA, LAB, VALLOY]),
        (["lab"], [LAB]),
        (["LAB"], [LAB]),
        (["la"], []),
        (["ar11-nyc-*"], [NYC_1, NYC_2]),
        (["ar11-???-1"], [NYC_1, FRA]),
        (["*-[12]"], [NYC_1, NYC_2, FRA]),
        (["tag:nyc"], [NYC_1, NYC_2]),
        (["tag:lab"], [LAB]),
        (["tag:*"], [NYC_1, NYC_2, FRA, LAB]),
        (["site:nyc"], [NYC_1, NYC_2, VALLOY]),
        (["pair:nyc-a"], [NYC_1, NYC_2]),
        (["state:IDLE"], [NYC_1]),
        (["state:idle"], [NYC_1]),
        (["state:FAILED_*"], [FRA]),
        (["state:REBUILDING"], [VALLOY]),
        (["reach:UNREACHABLE"], [LAB]),
        (["reach:OK tag:nyc"], [NYC_1, NYC_2]),
        (["needs:me"], [FRA]),
        (["version:11.8.0"], [NYC_1]),
        (["version:11.8"], [NYC_1]),
        (["version:=11.8.0#28924"], [NYC_1]),
        (["version:11.8.0#1"], []),
        (["version:<11.8"], [NYC_2]),
        (["version:<=11.8"], [NYC_1, NYC_2]),
        (["version:>11.8"], [FRA]),
        (["version:>=11.8"], [NYC_1, FRA]),
        (["version:11.*"], [NYC_1, NYC_2, FRA]),
        (["version:custom-build"], [VALLOY]),
        (["image:11.10.0"], [NYC_1]),
        (["image:>11.10"], []),
        (["image:<11.9"], [NYC_1]),
        (["!version:<11.8"], [NYC_1, FRA, LAB, VALLOY]),
        (["!tag:nyc"], [FRA, LAB, VALLOY]),
        (["!!lab"], [LAB]),
        (["tag:prod !site:nyc"], [FRA]),
        (["tag:prod  state:INITIALIZED"], [NYC_2]),
        (["lab,tag:fra"], [FRA, LAB]),
        (["lab", "tag:fra"], [FRA, LAB]),
        (["tag:prod !tag:fra, lab", "680-*"], [NYC_1, NYC_2, LAB, VALLOY]),
        (["lab,lab"], [LAB]),
    ],
)
def test_a_selector_means_these_devices(arguments: list[str], names: list[str]) -> None:
    assert chosen(*arguments) == names


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("tagg:nyc", "selector 'tagg:nyc', column 1: unknown keyword tagg:; did you mean tag:?"),
        ("lab, !sit:nyc", "column 7: unknown keyword sit:; did you mean site:?"),
        ("https://box", "unknown keyword https:; known are tag, site, pair"),
        ("", "selector '', column 1: nothing stands here"),
        ("lab,", "column 5: nothing stands here"),
        ("lab,,tag:x", "column 5: nothing stands here"),
        ("lab !", "column 6: nothing follows !"),
        ("tag:", "column 1: tag: needs a value"),
        ("version:<", "version: needs a value"),
        ("version:<new", "version: cannot order new; write a version such as 11.8.0"),
        ("image:>=x", "image: cannot order x"),
        ("state:INITIALISED", "state: knows no INITIALISED; did you mean INITIALIZED?"),
        ("state:unreachable", "state: knows no UNREACHABLE; write reach:UNREACHABLE"),
        ("reach:idle", "reach: knows no IDLE; write state:IDLE"),
        ("reach:UNREACHABL", "did you mean UNREACHABLE?"),
        ("!reach:down", "knows no DOWN; known are OK, UNREACHABLE"),
        ("needs:you", "needs: knows no you; write needs:me"),
        ("\x1b[31m:x", "unknown keyword"),
    ],
)
def test_a_wrong_selector_is_named_with_its_column(argument: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Selector.parse([argument])
    assert said in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_no_argument_at_all_is_not_taken_for_every_device() -> None:
    with pytest.raises(UsageError, match=r"no device is named; name some, or \* for all"):
        Selector.parse([])


@pytest.mark.parametrize(
    ("argument", "live"),
    [("lab", False), ("tag:x !site:y,pair:z", False), ("lab,state:IDLE", True), ("!needs:me", True)],
)
def test_a_selector_tells_whether_it_needs_the_devices(argument: str, live: bool) -> None:
    assert Selector.parse([argument]).live is live


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        ("*", FLEET.names),
        ("lab,tag:fra", (FRA, LAB)),
        ("tag:nyc state:IDLE", (NYC_1, NYC_2)),
        ("tag:nyc state:IDLE, lab", (NYC_1, NYC_2, LAB)),
        ("!tag:prod needs:me", (LAB, VALLOY)),
        ("!state:IDLE", FLEET.names),
        ("ar12-*", ()),
        ("tag:zzz*", ()),
    ],
)
def test_resolving_gives_the_devices_that_can_be_meant(argument: str, names: tuple[str, ...]) -> None:
    assert resolve(FLEET, Selector.parse([argument])) == names


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("ar11-nyc-3", "no device is named ar11-nyc-3; did you mean ar11-nyc-"),
        ("!ar11-nyc-3", "no device is named ar11-nyc-3"),
        ("lab,zzzzzz", "no device is named zzzzzz"),
        ("ar11-nyc-3 state:IDLE", "no device is named ar11-nyc-3"),
        ("tag:prd", "no device has the tag prd; did you mean prod?"),
        ("!tag:prd", "no device has the tag prd"),
        ("site:nycc", "no device has the site nycc; did you mean nyc?"),
        ("pair:nyc-b", "no device has the pair nyc-b; did you mean nyc-a?"),
    ],
)
def test_resolving_refuses_what_no_device_has(argument: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(FLEET, Selector.parse([argument]))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", [NYC_1, NYC_2, FRA, LAB, VALLOY]),
        ("nyc", [NYC_1, NYC_2]),
        ("NYC -1", [NYC_1]),
        ("!nyc", [FRA, LAB, VALLOY]),
        ("nyc,lab", [NYC_1, NYC_2, LAB]),
        ("nyc,", [NYC_1, NYC_2]),
        ("*-1", [NYC_1, FRA]),
        ("tag:nyc 2", [NYC_2]),
        ("state:FAILED*", [FRA]),
    ],
)
def test_the_filter_takes_plain_words_as_parts_of_names(text: str, names: list[str]) -> None:
    selector, problem = Selector.filter(text)
    assert problem is None
    assert [box.name for box in BOXES if selector.matches(box)] == names


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("tag:", 5, "tag: needs a value"),
        ("nyc version:<", 2, "version: needs a value"),
        ("sta:IDLE lab", 1, "unknown keyword sta:; did you mean state:?"),
        ("!", 5, "nothing follows !"),
    ],
)
def test_the_filter_leaves_out_what_is_unfinished_and_says_so(text: str, names: int, said: str) -> None:
    selector, problem = Selector.filter(text)
    assert problem is not None
    assert said in problem
    assert len([box for box in BOXES if selector.matches(box)]) == names


pieces = st.sampled_from(
    ("!", ",", " ", "*", "?", "[", "lab", "ar11", "tag:", "site:nyc", "state:IDLE", "version:", "<", ">=", "11.8", ":")
)
inputs = st.text(max_size=30) | st.lists(pieces, max_size=12).map("".join)


@given(inputs)
def test_the_filter_never_raises(text: str) -> None:
    selector, problem = Selector.filter(text)
    assert problem is None or problem.isprintable()
    for box in BOXES:
        selector.matches(box)


@given(inputs)
def test_what_is_matched_live_was_possible_by_the_inventory(text: str) -> None:
    selector, _ = Selector.filter(text)
    for box in BOXES:
        assert selector.possible(box) or not selector.matches(box)


@given(inputs)
def test_where_the_strict_language_agrees_the_filter_has_no_doubt(text: str) -> None:
    refused = False
    try:
        Selector.parse([text])
    except UsageError as error:
        refused = "nothing stands here" not in str(error)
    assert (Selector.filter(text)[1] is not None) == refused or "," in text


@given(st.sampled_from([box.name for box in BOXES]), inputs)
def test_not_is_the_opposite(name: str, text: str) -> None:
    box = next(box for box in BOXES if box.name == name)
    word = "".join(text.replace(",", "").split())
    try:
        plain, negated = Selector.parse([word]), Selector.parse([f"!{word}"])
    except UsageError:
        return
    assert plain.matches(box) is not negated.matches(box)
