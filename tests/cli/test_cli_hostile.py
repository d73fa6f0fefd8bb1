"""A device that puts escape sequences in every field reaches no terminal through the command line (`security.md`)."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from shell import Done, Shell

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\x00\x7f\r\n\t\u202e\u2066\u200b\u0085[@click=app.quit]x[/x]"

UPDATE = {
    "state": "IDLE",
    "state_description": HOSTILE,
    "last_state_time": 1539786920,
    "target_version": HOSTILE,
    "update_history": [{"time": 1539786920, "version": HOSTILE}],
}
IMAGE = {"id": 7, "state": "VALID", "state_description": HOSTILE, "version": HOSTILE, "checksum": HOSTILE}
INFO = dict.fromkeys(("device_name", "hw_version", "model", "serial", "sw_version"), HOSTILE)
ANSWERS: Mapping[str, object] = {
    "/api/common/1.0/services": [
        {"id": "common", "versions": ["1.0"]},
        {"id": "npm.system_update", "versions": ["2.0"]},
    ],
    "/api/common/1.0/auth_info": {"supported_methods": ["BASIC"]},
    "/api/common/1.0/info": {**INFO, "mgmt_addresses": [HOSTILE]},
    "/api/npm.system_update/2.0/update": UPDATE,
    "/api/npm.system_update/2.0/images": {"items": [IMAGE]},
}


@asynccontextmanager
async def device(answers: Mapping[str, object], room: Path) -> AsyncIterator[Shell]:
    """Serve fixed answers as a device on plain HTTP, and give a shell whose inventory holds it."""

    async def answer(request: web.Request) -> web.Response:
        if request.path not in answers:
            error = {"error_id": HOSTILE, "error_text": HOSTILE}
            return web.json_response(error, status=404)
        return web.json_response(answers[request.path])

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        (room / "password").write_text("x\n")
        (room / "password").chmod(0o600)
        (room / "fleet.toml").write_text(
            f'[devices.hostile]\nurl = "http://127.0.0.1:{port}"\n'
            'username = "admin"\npassword = { file = "password" }\n'
        )
        yield Shell(room, room / "state")
    finally:
        await runner.cleanup()


def assert_tame(done: Done) -> None:
    foreign = {
        character
        for character in done.out + done.err
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    }
    assert not foreign, sorted(map(ascii, foreign))


@pytest.mark.parametrize("state", ["IDLE", HOSTILE], ids=["known", "unknown"])
async def test_no_control_byte_of_a_device_comes_out(tmp_path: Path, state: str) -> None:
    answers = {**ANSWERS, "/api/npm.system_update/2.0/update": {**UPDATE, "state": state}}
    async with device(answers, tmp_path) as shell:
        seen = ""
        for words in (
            ("status",),
            ("status", "--json"),
            ("images", "list", "*"),
            ("images", "show", "hostile", "7"),
            ("devices", "check"),
            ("devices", "trust", "hostile"),
            ("update", "init", "hostile", "--confirm", "hostile"),
            ("images", "delete", "hostile", "7", "--confirm", "hostile"),
            ("journal",),
            ("journal", "--json"),
        ):
            done = await shell.run(*words)
            assert_tame(done)
            seen += done.out + done.err
    assert "␛]0;owned␇" in seen, "it must have been shown to have been tamed"
