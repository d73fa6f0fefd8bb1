"""Whatever a device sends, as JSON or as bytes on the line: a value or an error of ours, in bounded memory and work.

`UPDECK_FUZZ_EXAMPLES` sets how many answers hypothesis builds for each test.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from device.desk import BookedSource, Permit, client_of
from device.rogue import SERVICES, UPDATE, Asked, but, rogue, then_close
from updeck.device import parse, parse_login
from updeck.device.client import Endpoint
from updeck.device.exchange import Answer
from updeck.device.guard import SIZE_LIMIT
from updeck.device.image_file import ImageFile
from updeck.device.models import Image, Update
from updeck.device.reply import call_error, made_image, read_error, told
from updeck.device.strict_json import MARKS_LIMIT
from updeck.device.upload import UploadSession
from updeck.errors import Garbled, UpdeckError

EXAMPLES = int(os.environ.get("UPDECK_FUZZ_EXAMPLES", "40"))
MANY = settings(max_examples=2 * EXAMPLES, deadline=None)
ON_THE_LINE = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

PARSERS: dict[str, Callable[[bytes], object]] = {
    "services": parse.services,
    "auth_info": parse_login.auth_methods,
    "info": parse.info,
    "token": parse_login.token,
    "oauth": parse_login.oauth_token,
    "images": parse.images,
    "image": parse.image,
    "update": parse.update,
    "error": parse.fault,
}
KEYS = (
    *("id", "state", "state_description", "version", "checksum", "progress", "items", "update_history", "time"),
    *("last_state_time", "target_version", "access_token", "expires_at", "refresh_token", "supported_methods"),
    *("versions", "device_name", "serial", "model", "mgmt_addresses", "sw_version", "error_id", "error_text"),
)
ODD_NUMBERS = ["NaN", "Infinity", "-Infinity", "1" * 5000, "-" + "9" * 400, "1e999", "1E-9999", "0." + "1" * 500, "-0"]
ODD_TEXTS = ['"\\ud800"', '"\\u0000\\u001b[2J"', '"N/A"', '""', '"' + "\\u0301" * 900 + '"', '"' + "x" * 9000 + '"']
SCALARS = st.sampled_from([*ODD_NUMBERS, *ODD_TEXTS, "null", "true", "1764000000", '"VALID"', '"2.0"', "[]", "{}"])
TEXTS = st.text(max_size=20).map(json.dumps)
NUMBERS = (st.integers() | st.floats(allow_nan=False, allow_infinity=False)).map(json.dumps)


def objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Spell objects with the keys that parsers ask for, some of them twice."""
    pairs = st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=8)
    return pairs.map(lambda found: "{" + ",".join(f'"{key}":{value}' for key, value in found) + "}")


SPELLED = st.recursive(
    SCALARS | TEXTS | NUMBERS,
    lambda inner: objects(inner) | st.lists(inner, max_size=6).map(lambda found: f"[{','.join(found)}]"),
    max_leaves=30,
)


@pytest.mark.parametrize("what", PARSERS)
@MANY
@given(SPELLED.map(str.encode) | st.binary(max_size=60), st.binary(max_size=4), st.integers(0, 200))
def test_any_answer_is_a_value_or_garbled(what: str, body: bytes, patch: bytes, at: int) -> None:
    for data in (body, body[:at] + patch + body[at + len(patch) :]):
        with suppress(Garbled):
            PARSERS[what](data)


@MANY
@given(
    st.integers(100, 599),
    SPELLED.map(str.encode) | st.binary(max_size=60) | st.just(b"<html>x</html>"),
    st.sampled_from(["", "application/json", "text/html", "TEXT/HTML; charset=\x1b"]),
    st.text(max_size=40) | st.sampled_from(["Mon, 99 Foo 99999999 99:99:99 +9999", "1 Jan 1 0:0 -99999999", "Thu,"]),
)
def test_any_status_with_any_body_has_a_meaning(status: int, body: bytes, content_type: str, date: str) -> None:
    answer = Answer(status, body, content_type, date)
    answer.device_time()
    assert told(answer).isprintable()
    for error in (read_error(answer), call_error("start", answer), call_error("upload", answer, transfer=True)):
        assert error is None or str(error).isprintable()
    with suppress(UpdeckError):
        made_image("fetch", answer)


def entries(entry: bytes, head: bytes, tail: bytes, size: int = SIZE_LIMIT) -> bytes:
    """Return as many entries as fit into an answer of so many bytes."""
    return head + b",".join([entry] * ((size - len(head) - len(tail)) // (len(entry) + 1))) + tail


HISTORY = b'{"state":"IDLE","state_description":"","last_state_time":1,"update_history":['
BOMBS: dict[str, Callable[[], bytes]] = {
    "numbers": lambda: entries(b"0", b'{"items":[', b"]}"),
    "objects": lambda: entries(b"{}", HISTORY, b"]}"),
    "images": lambda: entries(b'{"state":"","state_description":""}', b'{"items":[', b"]}"),
    "services": lambda: entries(b'{"id":"a"}', b"[", b"]"),
    "depth": lambda: b"[" * (SIZE_LIMIT // 2) + b"]" * (SIZE_LIMIT // 2),
    "depth without end": lambda: b'{"a":' * (SIZE_LIMIT // 5),
    "shallow towers": lambda: entries(b"[" * 31 + b"]" * 31, b"[", b"]"),
    "one number": lambda: b'{"state":' + b"1" * (SIZE_LIMIT - 10) + b"}",
    "one text": lambda: b'{"state":"' + b"x" * (SIZE_LIMIT - 12) + b'"}',
    "one text of marks": lambda: b'{"state":"' + "\u0301".encode() * (SIZE_LIMIT // 2 - 8) + b'"}',
    "escapes": lambda: b'{"state":"' + b"\\u0301" * (SIZE_LIMIT // 6 - 8) + b'"}',
    "quotes": lambda: b'"' * SIZE_LIMIT,
    "blanks": lambda: b" " * SIZE_LIMIT,
    "as many as are allowed": lambda: entries(b"{}", HISTORY, b"]}", 3 * MARKS_LIMIT // 3),
}


@contextmanager
def working() -> Iterator[list[int]]:
    """Count the calls of functions, ours and built-in ones: work that no clock on a busy machine can falsify."""
    calls = [0]

    def count(frame: FrameType, event: str, argument: Any) -> None:
        calls[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_little_memory_and_work(bomb: str) -> None:
    data = BOMBS[bomb]()
    for parser in PARSERS.values():
        with working() as calls, suppress(Garbled):
            parser(data)
        assert calls[0] < 10 * MARKS_LIMIT
    tracemalloc.start()
    try:
        for parser in PARSERS.values():
            tracemalloc.reset_peak()
            with suppress(Garbled):
                parser(data)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * SIZE_LIMIT
    assert held < SIZE_LIMIT


PIECES = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n",
    b"HTTP/1.1 401 Who\r\n",
    b"HTTP/1.1 999 Beyond\r\n",
    b"HTTP/2 200\r\n",
    b"\x16\x03\x01\x00\x05hello",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: \xd9\xa3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: br\x1b[2J\r\n",
    b"Content-Type: text/html\r\n",
    b"Date: Mon, 99 Foo 99999999 99:99:99 +9999\r\n",
    b"Set-Cookie: a=\x1b[2J; Path=/\r\n",
    b"Connection: close\r\n",
    b"Upgrade: h2c\r\nConnection: upgrade\r\n",
    b": nameless\r\n",
    b"\xff\xfe: \x00\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\n",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    b"5\r\nhello\r\n",
    b"ffffffff\r\n",
    b"fffffffff\r\n",
    b"0\r\n\r\n",
    b"-1\r\n",
    json.dumps(UPDATE).encode(),
    json.dumps(SERVICES).encode(),
    b'{"error_id": "X", "error_text": "y"}',
]
LINES = st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=14).map(b"".join)
BODIES = SPELLED.map(str.encode) | st.binary(max_size=100)
WELL_FRAMED = st.tuples(st.integers(100, 599), BODIES).map(
    lambda found: b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (found[0], len(found[1])) + found[1]
)
CHUNKED = st.lists(BODIES.filter(bool), max_size=5).map(
    lambda parts: (
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n" % len(part) + part + b"\r\n" for part in parts)
        + b"0\r\n\r\n"
    )
)
ANSWERS = LINES.map(lambda rest: PIECES[0] + rest) | LINES | WELL_FRAMED | CHUNKED
CALLS = ("/services", "/update", "/images", "/start", "/token")


@ON_THE_LINE
@given(ANSWERS, st.sampled_from(CALLS))
@example(b"", "/update")
@example(PIECES[0] + "Content-Length: \u0663\r\n\r\n".encode(), "/update")
@example(PIECES[0] + b"Content-Length: -1\r\n\r\n", "/update")
@example(PIECES[0] + b"X: " + b"x" * 70_000 + b"\r\n\r\n", "/update")
def test_any_bytes_for_an_answer_are_a_value_or_an_error_of_ours(answer: bytes, path: str) -> None:
    asyncio.run(_asked(answer, path))


async def _asked(answer: bytes, path: str) -> None:
    services = [*SERVICES, {"id": "mgmt.aaa", "versions": ["2.0"]}]
    login = b'{"access_token": "a.b.c"}'

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        good = {"/services": json.dumps(services).encode(), "/token": login}
        for end, body in good.items():
            if asked.path.endswith(end) and end != path:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                return
        await then_close(answer)(asked, writer)

    async with rogue(handle) as device, client_of(device.url, source=BookedSource(), auth="token") as client:
        with suppress(UpdeckError):
            assert isinstance(await client.update(), Update)
        with suppress(UpdeckError):
            assert all(isinstance(image, Image) for image in await client.images())
        with suppress(UpdeckError):
            await client.start(Permit())
        assert len(device.sent("POST", "/start")) <= 1, "whatever came, it was sent once"


@ON_THE_LINE
@given(ANSWERS)
@example(PIECES[0] + b"X: " + b"x" * 200_000 + b"\r\n\r\n")
def test_any_bytes_for_the_answer_of_an_upload_are_an_image_or_an_error_of_ours(tmp_path: Path, answer: bytes) -> None:
    (tmp_path / "x.iso").write_bytes(b"image")
    file = ImageFile.open(tmp_path / "x.iso")

    async def sent() -> None:
        async with rogue(but("/upload", then_close(answer))) as device:
            session = UploadSession(Endpoint("ar11", device.url), {})

            def send() -> Image:
                return session.send(
                    Permit(), file, progress=lambda _: None, cancel=threading.Event(), stall_s=10, total_s=20
                )

            with suppress(UpdeckError):
                assert isinstance(await asyncio.to_thread(send), Image)
            assert len(device.sent("POST", "/upload")) <= 1

    asyncio.run(sent())
