"""401 and 403 at every call: what it is called, how often it is sent, and that no password is tried twice for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from device.desk import BookedSource, HandClock, Permit, client_of, upload
from device.rogue import SERVICES, Asked, fault, reply, rogue, usual
from updeck.device.client import DeviceClient
from updeck.errors import AccountBarred, AuthError, Refused, UpdeckError

Ask = Callable[[DeviceClient, Path], Awaitable[object]]


READS: dict[str, tuple[str, str, Ask]] = {
    "state": ("GET", "/update", lambda client, path: client.update()),
    "images": ("GET", "/images", lambda client, path: client.images()),
    "one image": ("GET", "/items/7", lambda client, path: client.image(7)),
    "info": ("GET", "/info", lambda client, path: client.info()),
}
CHANGES: dict[str, tuple[str, str, Ask]] = {
    "init": ("POST", "/init", lambda client, path: client.init(Permit())),
    "start": ("POST", "/start", lambda client, path: client.start(Permit())),
    "un-init": ("POST", "/reset", lambda client, path: client.reset(Permit())),
    "delete": ("DELETE", "/items/7", lambda client, path: client.delete_image(Permit(), 7)),
    "fetch": ("POST", "/fetch", lambda client, path: client.fetch(Permit(), "http://x/y")),
    "upload": ("POST", "/upload", upload),
}


@dataclass(frozen=True)
class Answer:
    """An answer; whether a login that follows it is rejected; what the poll says then."""

    status: int
    error_id: str
    rejects_login: bool
    kind: type[AuthError]
    advice: str


LOG_IN = "check user name and password with `updeck devices login`"
ANSWERS = {
    "an expired token": Answer(401, "AUTH_EXPIRED_TOKEN", False, AuthError, LOG_IN),
    "an expired token, then a wrong password": Answer(401, "AUTH_EXPIRED_TOKEN", True, AuthError, LOG_IN),
    "forbidden": Answer(403, "AUTH_FORBIDDEN", False, AccountBarred, "give the account the right"),
    "a disabled account": Answer(403, "AUTH_DISABLED_ACCOUNT", False, AccountBarred, "enable the account"),
    "an expired password": Answer(403, "AUTH_EXPIRED_PASSWORD", False, AccountBarred, "set a new password"),
    "403 without a known id": Answer(403, "NO", False, AuthError, LOG_IN),
}


class Appliance:
    """Gives tokens; once `refusing`, answers one call so, and rejects logins where that is asked for."""

    def __init__(self, method: str, path: str, answer: Answer) -> None:
        self.method, self.path, self.answer = method, path, answer
        self.refusing = False

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        said = fault(self.answer.status, self.answer.error_id, "Sorry")
        if asked.path.endswith("/services"):
            writer.write(reply(200, [*SERVICES, {"id": "mgmt.aaa", "versions": ["2.0"]}]))
        elif asked.path.endswith("/token") and self.refusing and self.answer.rejects_login:
            writer.write(fault(401, "AUTH_INVALID_CREDENTIALS", "Wrong"))
        elif asked.path.endswith("/token"):
            writer.write(reply(201, {"access_token": "a.b.c"}))
        elif self.refusing and (asked.method, asked.path.endswith(self.path)) == (self.method, True):
            writer.write(said)
        else:
            await usual(asked, writer)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", READS)
async def test_a_read_that_is_refused_is_an_error_of_the_login_and_tries_no_password_twice(
    call: str, answer: str, tmp_path: Path
) -> None:
    (method, path, ask), meant, source = READS[call], ANSWERS[answer], BookedSource()
    appliance = Appliance(method, path, meant)
    async with rogue(appliance) as device:
        async with client_of(device.url, source=source, auth="token", clock=HandClock()) as client:
            await client.services()
            await client.images()
            appliance.refusing = True
            logins = len(device.sent("POST", "/token"))
            for _ in range(3):
                with pytest.raises(AuthError) as caught:
                    await ask(client, tmp_path)
                assert caught.value.reach == "AUTH"
        again = len(device.sent("POST", "/token")) - logins
    assert again == (1 if meant.status == 401 else 0), "a 401 is worth one login, a 403 none"
    assert caught.value.rejected is meant.rejects_login
    if meant.status == 403:
        assert type(caught.value) is meant.kind
        assert str(caught.value).startswith(f"ar11: Sorry; {meant.advice}")
    rejections = [line for line in source.book if line.startswith("rejected")]
    assert rejections == (["rejected: Wrong"] if meant.rejects_login else [])


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", CHANGES)
async def test_a_change_that_is_refused_is_sent_once_and_logs_in_to_nothing(
    call: str, answer: str, tmp_path: Path
) -> None:
    (tmp_path / "image.iso").write_bytes(b"x" * 1000)
    (method, path, ask), meant, source = CHANGES[call], ANSWERS[answer], BookedSource()
    appliance = Appliance(method, path, meant)
    async with rogue(appliance) as device:
        async with client_of(device.url, source=source, auth="token", clock=HandClock()) as client:
            await client.images()
            appliance.refusing = True
            logins = len(device.sent("POST", "/token"))
            with pytest.raises(Refused) as caught:
                await ask(client, tmp_path / "image.iso")
        assert len(device.sent("POST", "/token")) == logins
        assert len(device.sent(method, path)) == 1
    assert str(caught.value) == f"ar11: {call.replace('un-init', 'reset')} was refused: Sorry ({meant.status})"
    assert (caught.value.status, caught.value.error_id) == (meant.status, meant.error_id)
    assert not [line for line in source.book if line.startswith("rejected")]


@pytest.mark.parametrize("call", CHANGES)
async def test_a_login_that_is_rejected_before_a_change_sends_none_of_it(call: str, tmp_path: Path) -> None:
    (tmp_path / "image.iso").write_bytes(b"x" * 1000)
    method, path, ask = CHANGES[call]
    appliance = Appliance(method, path, ANSWERS["an expired token, then a wrong password"])
    appliance.refusing = True
    async with rogue(appliance) as device, client_of(device.url, auth="token", clock=HandClock()) as client:
        for _ in range(2):
            with pytest.raises(UpdeckError) as caught:
                await ask(client, tmp_path / "image.iso")
            assert isinstance(caught.value, AuthError)
            assert caught.value.rejected
        assert device.sent(method, path) == []
        assert len(device.sent("POST", "/token")) == 1
