"""Answers become models or `Garbled`, whatever the device sends (`security.md`, answers)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.device import parse, parse_login
from updeck.device.models import HistoryEntry, Image, Info, Update
from updeck.device.strict_json import DEPTH_LIMIT
from updeck.errors import Garbled

IMAGE = {
    "id": 7,
    "state": "VALID",
    "state_description": "",
    "version": "11.8.0 #28924",
    "checksum": "AB" * 32,
}
UPDATE = {
    "state": "INITIALIZED",
    "state_description": "Ready to update",
    "last_state_time": 1_764_000_000,
    "update_history": [{"time": 1_539_786_920, "version": "11.6.0 #23947"}, {}],
    "target_version": "11.8.0 #28924",
}
INFO = {
    "device_name": "ar11-nyc-1",
    "hw_version": "",
    "mgmt_addresses": ["10.1.2.3"],
    "model": "VSCAN-2000",
    "serial": "S1",
}
SERVICES = [{"id": "common", "versions": ["1.0"]}, {"id": "npm.system_update", "versions": ["1.0", "2.0"]}]


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def changed(base: dict[str, object], **fields: object) -> bytes:
    return encoded({**base, **fields})


def without(base: dict[str, object], key: str) -> bytes:
    return encoded({name: value for name, value in base.items() if name != key})


def test_an_update_is_read_with_its_history_as_it_came() -> None:
    assert parse.update(encoded(UPDATE)) == Update(
        state="INITIALIZED",
        state_description="Ready to update",
        last_state_time=1_764_000_000,
        history=(HistoryEntry(1_539_786_920, "11.6.0 #23947"), HistoryEntry(None, None)),
        target_version="11.8.0 #28924",
    )


def test_an_image_is_read_and_its_checksum_is_lower_case() -> None:
    assert parse.image(encoded(IMAGE)) == Image(7, "VALID", "", "11.8.0 #28924", None, "ab" * 32)


def test_a_list_of_images_may_leave_its_items_out() -> None:
    assert parse.images(b"{}") == ()
    assert parse.images(b'{"items": null}') == ()
    assert parse.images(encoded({"items": [IMAGE, IMAGE]}))[1].id == 7


def test_info_and_services_are_read() -> None:
    assert parse.info(encoded(INFO)) == Info("ar11-nyc-1", "VSCAN-2000", "S1", "", "", ("10.1.2.3",))
    assert parse.services(encoded(SERVICES)) == {"common": ("1.0",), "npm.system_update": ("1.0", "2.0")}


@pytest.mark.parametrize("nothing", ["N/A", "", None, "  "])
def test_not_available_is_none(nothing: str | None) -> None:
    image = parse.image(changed(IMAGE, version=nothing, checksum=nothing))
    assert (image.version, image.checksum) == (None, None)
    assert parse.update(changed(UPDATE, target_version=nothing)).target_version is None


@pytest.mark.parametrize(
    ("spelled", "progress"),
    [
        ("43", 43.0),
        ("43.5", 43.5),
        ("-1", -1.0),
        ("250", 250.0),
        ('"43"', None),
        ("NaN", None),
        ("Infinity", None),
        ("1e999", None),
        ("9" * 5000, None),
        ("true", None),
        ("null", None),
        ("[1]", None),
    ],
)
def test_odd_progress_is_none_and_never_an_error(spelled: str, progress: float | None) -> None:
    body = f'{{"state": "UPLOADING", "state_description": "", "progress": {spelled}}}'
    assert parse.image(body.encode()).progress == progress


def test_unknown_states_are_kept_and_unknown_fields_ignored() -> None:
    update = parse.update(changed(UPDATE, state="REBALANCING", novel={"deep": [1, {"er": None}]}))
    assert update.state == "REBALANCING"
    assert not update.known


def test_strings_are_made_safe_on_the_way_in() -> None:
    update = parse.update(changed(UPDATE, state_description="\x1b]52;c;aGk=\x07 \u202e", state="\x9b2J"))
    assert "\x1b" not in update.state_description
    assert "\u202e" not in update.state_description
    assert "\x9b" not in update.state


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "the answer is empty"),
        (b"{", "no JSON"),
        (b"[]", "update is a list, not an object"),
        (b"null", "update is null, not an object"),
        (b"\xff{}", "not UTF-8 at byte 0"),
        (b'{"state": "IDLE", "state": "RUNNING"}', "the key state occurs twice"),
        (b'{"last_state_time": NaN}', "last_state_time is NaN"),
        (b'{"anything": -Infinity}', "anything is -Infinity"),
        (b'{"anything": 1e999}', "anything is a number too large"),
        (b'{"last_state_time": ' + b"7" * 5000 + b"}", "last_state_time is a number of 5000 digits"),
        (b'{"x": 0.' + b"7" * 5000 + b"}", "x is a number of 5002 characters"),
        (without(UPDATE, "state"), "update.state is missing"),
        (without(UPDATE, "last_state_time"), "update.last_state_time is missing"),
        (without(UPDATE, "update_history"), "update.update_history is missing"),
        (without(UPDATE, "state_description"), "update.state_description is missing"),
        (changed(UPDATE, state=None), "update.state is null, not a string"),
        (changed(UPDATE, state=5), "update.state is the number 5, not a string"),
        (changed(UPDATE, state="\ud800"), "update.state holds half of a surrogate pair"),
        (
            changed(UPDATE, last_state_time="1764"),
            'update.last_state_time is the string "1764", not a whole number',
        ),
        (changed(UPDATE, last_state_time=True), "update.last_state_time is true, not a whole number"),
        (
            changed(UPDATE, last_state_time=1.5),
            "update.last_state_time is the number 1.5, not a whole number",
        ),
        (changed(UPDATE, last_state_time=10**15), "out of range"),
        (changed(UPDATE, update_history={}), "update.update_history is an object, not a list"),
        (changed(UPDATE, update_history=[{"time": "x"}]), "update_history[0].time is the string"),
        (changed(UPDATE, update_history=[{"version": 11.8}]), "update_history[0].version is the number 11.8"),
        (changed(UPDATE, target_version=[]), "update.target_version is a list, not a string"),
    ],
)
def test_what_breaks_the_schema_names_the_field_and_what_was_found(body: bytes, says: str) -> None:
    with pytest.raises(Garbled) as caught:
        parse.update(body)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"{}", b'[{"versions": []}]', b'[{"id": "a", "versions": [2.0]}]', b'[{"id": []}]', b"[NaN]"]
)
def test_broken_services_are_garbled(body: bytes) -> None:
    with pytest.raises(Garbled):
        parse.services(body)


def nested(levels: int, opening: str, closing: str) -> bytes:
    return (opening * levels + "1" + closing * levels).encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"[": ', "}]"), ('["]]]]", ', "]")])
def test_nesting_past_the_limit_is_refused_and_up_to_it_is_read(opening: str, closing: str) -> None:
    levels = DEPTH_LIMIT // (opening.count("[") + opening.count("{") - opening.count('"['))
    body = b'{"state": "IDLE", "extra": %s}'
    with pytest.raises(Garbled, match="deeper than 32"):
        parse.update(body % nested(levels, opening, closing))
    with pytest.raises(Garbled, match="state_description is missing"):
        parse.update(body % nested(levels - 1, opening, closing))


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 4_000_000,
        b'{"a":' * 800_000,
        b"[]," * 1_300_000,
        b'"' + b'\\"' * 2_000_000,
        b"[{" * 33 + b'"' * 1_000_001,
        b"[" + b"[]," * 1_300_000 + b"1]",
        b'{"a": "' + b"[" * 4_000_000 + b'"}',
    ],
)
def test_a_bomb_is_garbled_and_not_a_crash(bomb: bytes) -> None:
    with pytest.raises(Garbled):
        parse.update(bomb)


def test_many_shallow_lists_are_no_nesting() -> None:
    body = encoded({**UPDATE, "extra": [[] for _ in range(5000)]})
    assert parse.update(body).state == "INITIALIZED"


JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
PARSERS: list[tuple[Callable[[bytes], object], object]] = [
    (parse.update, UPDATE),
    (parse.image, IMAGE),
    (parse.images, {"items": [IMAGE]}),
    (parse.info, INFO),
    (parse.services, SERVICES),
    (parse_login.token, {"access_token": "a.b.c", "expires_at": 1.5, "refresh_token": "r"}),
    (parse_login.oauth_token, {"access_token": "a.b.c", "state": "s"}),
    (parse_login.auth_methods, {"supported_methods": ["BASIC"]}),
]


@given(st.sampled_from(PARSERS), st.data())
def test_a_good_answer_with_any_value_swapped_gives_a_value_or_garbled(
    case: tuple[Callable[[bytes], object], object], data: st.DataObject
) -> None:
    parser, good = case
    body = json.loads(json.dumps(good))
    target = body
    while isinstance(target, dict | list) and target:
        key = data.draw(st.sampled_from(sorted(target) if isinstance(target, dict) else range(len(target))))
        if isinstance(target[key], dict | list) and target[key] and data.draw(st.booleans()):
            target = target[key]
            continue
        target[key] = data.draw(JSON_VALUE)
        break
    with contextlib.suppress(Garbled):
        parser(json.dumps(body).encode())


@given(st.sampled_from(PARSERS), st.integers(0, 400), st.binary(max_size=3))
def test_a_good_answer_with_any_bytes_replaced_gives_a_value_or_garbled(
    case: tuple[Callable[[bytes], object], object], at: int, patch: bytes
) -> None:
    parser, good = case
    body = encoded(good)
    with contextlib.suppress(Garbled):
        parser(body[:at] + patch + body[at + len(patch) :])


def test_an_error_body_is_read_or_is_none() -> None:
    body = b'{"error_id": "AUTH_REQUIRED", "error_text": "Log in \\u001b[31m first", "error_info": {}}'
    fault = parse.fault(body)
    assert fault is not None
    assert (fault.error_id, fault.error_text) == ("AUTH_REQUIRED", "Log in ␛[31m first")
    for broken in (
        b"",
        b"<html>",
        b"{}",
        b'{"error_id": "X"}',
        b'{"error_id": 1, "error_text": ""}',
        b"[" * 99,
    ):
        assert parse.fault(broken) is None


def test_a_token_that_cannot_stand_in_a_header_is_garbled_and_not_shown() -> None:
    with pytest.raises(Garbled) as caught:
        parse_login.token(encoded({"access_token": "secret\r\nX-Evil: 1"}))
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(parse_login.token(encoded({"access_token": "secret", "refresh_token": "secret"})))


@pytest.mark.parametrize(
    ("lines", "header"),
    [
        ([], None),
        (["SESSID=abc; Path=/; HttpOnly"], "SESSID=abc"),
        (["a=1", "b=2; Secure", "a=3"], "a=3; b=2"),
        (["gone=; Max-Age=0", "nothing", "=x", "evil=a\x01b", "snow=☃"], None),
        (["t=a=b=="], "t=a=b=="),
    ],
)
def test_session_cookies_answer_what_was_set(lines: list[str], header: str | None) -> None:
    assert parse_login.cookie_header(lines) == header
