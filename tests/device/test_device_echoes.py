"""What a device says back of a password or a token is masked at the wire, in every form (`security.md`, secrets)."""

from __future__ import annotations

import asyncio
import base64
import gc
import html
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from device.desk import PASSWORD, BookedSource, HandClock, Permit, client_of, upload
from device.rogue import SERVICES, Asked, Handler, but, fault, reply, rogue, usual
from updeck.device.client import DeviceClient
from updeck.device.echoes import MARK, Echoes
from updeck.device.endpoint import AuthMethod
from updeck.device.exchange import Answer
from updeck.errors import Unreachable, UpdeckError

TOKEN = "tokén-9/+x=y&z".encode().hex() + ".b~c.d-e"
Spell = Callable[[str], str]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS: dict[str, Spell] = {
    "plain": str,
    "json": lambda secret: json.dumps(secret),
    "json, not ascii": lambda secret: json.dumps(secret, ensure_ascii=False),
    "repr": repr,
    "url path": quote,
    "url": lambda secret: quote(secret, safe=""),
    "form": quote_plus,
    "every byte": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
    "html": html.escape,
    "hex": lambda secret: secret.encode().hex(),
    "base64": b64,
    "base64 without padding": lambda secret: b64(secret).rstrip("="),
    "base64 for urls": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "the header of basic": lambda secret: b64(f"admin:{secret}"),
    "the header of another user": lambda secret: b64(f"operator:{secret}"),
    "base64 of what was sent": lambda secret: b64(json.dumps({"password": secret, "x": 1})),
    "base64 of a form": lambda secret: b64(f"u=ab&p={quote_plus(secret)}&z=1"),
    "cut at the end": lambda secret: "x" * 490 + secret + "y" * 50,
    "cut at the end, base64": lambda secret: "- " * 240 + "ab" + b64(f"admin:{secret}") + "y" * 50,
}
WAYS: list[tuple[AuthMethod, str]] = [("token", "/token"), ("cookie", "/login"), ("basic", "/update")]


def decoded(text: str) -> str:
    """Return all that some Base64 in a text tells, wherever it begins."""
    seen = ""
    for word in text.replace("-", "+").replace("_", "/").split():
        run = "".join(one for one in word if one.isalnum() or one in "+/")
        for shift in range(4):
            part = run[shift:]
            seen += base64.b64decode(part[: len(part) // 4 * 4]).decode("latin-1")
    return seen


PARTS = ("pass ", "pass+", "pass%20", "w\u00f6r", "w\\u00f6", "w%C3", "w\u00c3\u00b6", 'rd"', "rd%22", "rd&quot")


@pytest.mark.parametrize(("auth", "path"), WAYS)
@pytest.mark.parametrize("form", FORMS)
async def test_a_login_that_is_refused_in_words_with_the_password_tells_none_of_it(
    auth: AuthMethod, path: str, form: str
) -> None:
    source = BookedSource()
    said = fault(401, "AUTH_INVALID_CREDENTIALS", f"No: {FORMS[form](PASSWORD)} .")
    services = reply(200, [*SERVICES, {"id": "mgmt.aaa", "versions": ["2.0"]}])

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (but(path, said) if asked.path.endswith(path) else but("/services", services))(asked, writer)

    async with rogue(handle) as device, client_of(device.url, source=source, auth=auth) as client:
        with pytest.raises(UpdeckError) as caught:
            await client.update()
    rejected = next(line for line in source.book if line.startswith("rejected"))
    for told in (str(caught.value), rejected, repr(caught.value)):
        assert MARK in told
        assert not [part for part in PARTS if part in told + decoded(told)], told


CALLS: dict[str, tuple[str, Callable[[DeviceClient, Path], Awaitable[object]]]] = {
    "poll": ("/images", lambda client, path: client.images()),
    "one image": ("/items/7", lambda client, path: client.image(7)),
    "info": ("/info", lambda client, path: client.info()),
    "init": ("/init", lambda client, path: client.init(Permit())),
    "start": ("/start", lambda client, path: client.start(Permit())),
    "un-init": ("/reset", lambda client, path: client.reset(Permit())),
    "delete": ("/items/7", lambda client, path: client.delete_image(Permit(), 7)),
    "fetch": ("/fetch", lambda client, path: client.fetch(Permit(), "http://x/y")),
    "upload": ("/upload", upload),
}


def with_token(path: str, answer: bytes) -> Handler:
    """An appliance that gives `TOKEN` and answers one path so."""
    services = reply(200, [*SERVICES, {"id": "mgmt.aaa", "versions": ["2.0"]}])
    grant = reply(201, {"access_token": TOKEN, "refresh_token": TOKEN[::-1]})

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        for end, said in (("/services", services), ("/token", grant), (path, answer)):
            if asked.path.endswith(end):
                writer.write(said)
                return
        await usual(asked, writer)

    return handle


@pytest.mark.parametrize("status", [401, 403, 409, 500])
@pytest.mark.parametrize("call", CALLS)
async def test_whatever_is_called_later_tells_neither_password_nor_tokens(
    call: str, status: int, tmp_path: Path
) -> None:
    (tmp_path / "image.iso").write_bytes(b"x" * 1000)
    path, ask = CALLS[call]
    secrets = (PASSWORD, TOKEN, TOKEN[::-1])
    told = " | ".join(FORMS[form](secret) for secret in secrets for form in ("plain", "url", "base64"))
    body = fault(status, f"ID-{TOKEN}", told)
    async with (
        rogue(with_token(path, body)) as device,
        client_of(device.url, auth="token", clock=HandClock()) as client,
    ):
        with pytest.raises(UpdeckError) as caught:
            await ask(client, tmp_path / "image.iso")
    error = caught.value
    for secret in secrets:
        for form in ("plain", "url", "base64"):
            assert FORMS[form](secret)[:10] not in str(error) + repr(error.args) + getattr(error, "error_id", "")
    assert MARK in str(error)


def with_many_tokens(clock: HandClock, granted: list[str], told: Callable[[], str]) -> Handler:
    """An appliance whose tokens last ten minutes and are renewed, each by another; of itself it tells but an error."""

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path.endswith("/services"):
            writer.write(reply(200, [*SERVICES, {"id": "mgmt.aaa", "versions": ["2.0"]}]))
        elif asked.path.endswith("/token"):
            granted.append(f"token-{len(granted)}-of-the-device")
            ends = {"access_token": granted[-1], "expires_at": clock.wall() + 600, "refresh_token": granted[-1][::-1]}
            writer.write(reply(201, ends))
        elif asked.path.endswith("/info"):
            writer.write(fault(500, "INTERNAL_ERROR", told()))
        else:
            await usual(asked, writer)

    return handle


async def test_however_often_its_token_was_renewed_neither_it_nor_the_password_is_told_nor_more_and_more_is_kept() -> (
    None
):
    clock, granted = HandClock(), list[str]()
    appliance = with_many_tokens(clock, granted, lambda: f"{PASSWORD} Bearer {granted[-1]} {granted[-1][::-1]}.")
    async with rogue(appliance) as device, client_of(device.url, auth="token", clock=clock) as client:
        for renewals in range(1, 13):
            await client.update()
            with pytest.raises(UpdeckError, match=re.escape(f"{MARK} Bearer {MARK} {MARK}.")):
                await client.info()
            assert len(granted) == renewals
            clock.now += 595
        assert client._opened is not None
        kept = list(vars(client._opened[0].echoes)["_secrets"])
    of_tokens = [secret for number in (11, 10, 9) for secret in (granted[number][::-1], granted[number])]
    assert kept[::-1] == [PASSWORD, *of_tokens, granted[8][::-1]]


@pytest.mark.parametrize("call", CALLS)
async def test_a_redirect_that_quotes_the_token_is_told_without_it(call: str, tmp_path: Path) -> None:
    (tmp_path / "image.iso").write_bytes(b"x" * 1000)
    path, ask = CALLS[call]
    away = reply(302, None, {"Location": f"http://evil.example/?t={TOKEN}&p={quote(PASSWORD)}"})
    async with (
        rogue(with_token(path, away)) as device,
        client_of(device.url, auth="token", clock=HandClock()) as client,
    ):
        with pytest.raises(UpdeckError, match="redirects are not followed") as caught:
            await ask(client, tmp_path / "image.iso")
    assert f"?t={MARK}&p={MARK}" in str(caught.value)


def test_an_answer_without_an_echo_and_one_that_is_good_stay_as_they_came() -> None:
    echoes = Echoes()
    echoes.learn(PASSWORD, "AUTH")
    bodies = {401: b'{"error_id":"AUTH_EXPIRED_TOKEN","error_text":"Over"}', 200: json.dumps(PASSWORD).encode()}
    for status, body in bodies.items():
        answer = echoes.masked(Answer(status, body))
        assert json.loads(answer.body) == json.loads(body)


def test_of_many_secrets_the_newest_are_known() -> None:
    echoes = Echoes()
    for number in range(40):
        echoes.learn(f"secret-{number:02}")
    assert echoes.mask("secret-39 secret-32 secret-31") == f"{MARK} {MARK} secret-31"


def texts_kept(*roots: object) -> set[str]:
    """Return every text that is held in memory by these, but for names of attributes."""
    texts: set[str] = set()
    seen: set[int] = set()
    left = [value for root in roots for value in vars(root).values()]
    while left:
        value = left.pop()
        if isinstance(value, str):
            texts.add(value)
        elif not isinstance(value, type) and id(value) not in seen:
            seen.add(id(value))
            left += [*value, *value.values()] if isinstance(value, dict) else gc.get_referents(value)
    return texts


def test_of_what_secrets_may_look_like_nothing_is_kept_in_a_fleet_whose_devices_all_told_of_errors() -> None:
    fleet = []
    for number in range(20):
        echoes = Echoes()
        echoes.learn(*(secret(number, at) for at in range(8)))
        for at in range(8):
            body = {"error_id": "OTHER", "error_text": f"took {secret(number, at)}"}
            masked = echoes.masked(Answer(500, json.dumps(body).encode()))
            assert json.loads(masked.body)["error_text"] == f"took {MARK}"
        fleet.append(echoes)
    secrets = {secret(number, at) for number in range(20) for at in range(8)}
    last = {f"took {secret(number, 7)}" for number in range(20)}
    assert texts_kept(*fleet) == secrets | last | {"OTHER", f"took {MARK}"}
    for echoes in fleet:
        echoes.masked(Answer(200, b"{}"))
    assert texts_kept(*fleet) == secrets


def secret(number: int, at: int) -> str:
    """Return one of many secrets of many devices."""
    return f"token-{number}-{at}-é+"


def test_what_a_device_says_again_and_again_is_looked_through_once_and_anew_when_a_secret_comes() -> None:
    echoes = Echoes()
    echoes.learn(PASSWORD)
    told = echoes.mask(f"no {PASSWORD}, nor abc-token")
    assert (told, echoes.mask(f"no {PASSWORD}, nor abc-token")) == (f"no {MARK}, nor abc-token", told)
    assert echoes.mask(f"no {PASSWORD}, nor abc-token") is told
    echoes.learn("abc-token")
    assert echoes.mask(f"no {PASSWORD}, nor abc-token") == f"no {MARK}, nor {MARK}"
    echoes.learn("x")
    assert (echoes.mask("a x", least=6), echoes.mask("a x")) == ("a x", f"a {MARK}")


def test_a_short_password_is_masked_in_foreign_words_and_leaves_ours_alone() -> None:
    echoes = Echoes()
    echoes.learn("no")
    assert echoes.mask("no way") == f"{MARK} way"
    with pytest.raises(UpdeckError, match="it is not so"), echoes.in_errors():
        raise Unreachable("it is not so")
