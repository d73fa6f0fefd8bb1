"""A credential is read once, proven by one login at a time, and never sent again once it was refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.device.credentials import Credential, CredentialSource
from updeck.errors import AuthError, SecretError
from updeck.fleet.credentials import LOGINS_AT_ONCE, RETRY_S, CredentialVault, Prompt
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.fleet.secret_sources import CommandSecret, EnvSecret, FileSecret, KeyringSecret, PromptSecret, SecretSource
from virtual_time import VirtualClock

PW = EnvSecret("PW")
ENVIRON = {"PW": "canary", "PW2": "other", "CODE": "code"}


def entry(name: str, password: SecretSource | None = PW, username: str | None = "admin") -> DeviceEntry:
    return DeviceEntry(name, f"https://{name}", username=username, password=password)


def vault_of(*entries: DeviceEntry, clock: VirtualClock | None = None, prompt: Prompt | None = None) -> CredentialVault:
    return CredentialVault(
        Fleet(None, devices=entries), clock=clock or VirtualClock(), prompt=prompt, environ=dict(ENVIRON)
    )


class Asked:
    """A person at the prompt, who answers when let."""

    def __init__(self, *answers: str) -> None:
        self.devices: list[str] = []
        self.answers = list(answers)
        self.let = asyncio.Event()
        self.let.set()

    async def __call__(self, device: DeviceEntry) -> str:
        self.devices.append(device.name)
        await self.let.wait()
        return self.answers.pop(0)


async def test_a_credential_comes_from_its_source_and_shows_itself_to_nobody() -> None:
    environ = dict(ENVIRON)
    device = replace(entry("a"), oauth_code=EnvSecret("CODE"))
    vault = CredentialVault(Fleet(None, devices=(device,)), clock=VirtualClock(), environ=environ)
    assert environ == {"PW2": "other"}
    credential = await vault.source(device).credential()
    assert (credential.username, credential.password, credential.oauth_code) == ("admin", "canary", "code")
    assert "canary" not in repr((credential, vars(vault), device))


async def test_a_changed_inventory_takes_its_variables_along_and_keeps_what_is_known() -> None:
    environ = dict(ENVIRON)
    vault = CredentialVault(Fleet(None, devices=(entry("a"),)), clock=VirtualClock(), environ=environ)
    vault.adopt(Fleet(None, devices=(entry("a"), entry("b", EnvSecret("PW2")))))
    assert environ == {"CODE": "code"}
    assert (await vault.source(entry("a")).credential()).password == "canary"
    assert (await vault.source(entry("b", EnvSecret("PW2"))).credential()).password == "other"


async def test_a_device_with_an_oauth_code_alone_needs_no_password() -> None:
    device = replace(entry("a", None, None), oauth_code=EnvSecret("CODE"))
    assert await vault_of(device).source(device).credential() == Credential("", "", "code")


async def test_two_hundred_devices_ask_one_source_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    source = CommandSecret(("/bin/sh", "-c", f"echo asked >> {log}; echo secret"))
    devices = [entry(f"d{number}", source) for number in range(200)]
    vault = vault_of(*devices)
    found = await asyncio.gather(*(vault.source(device).credential() for device in devices))
    assert {credential.password for credential in found} == {"secret"}
    assert log.read_text() == "asked\n"


async def test_a_source_that_failed_is_left_alone_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "password"
    devices = [entry(f"d{number}", FileSecret(path)) for number in range(3)]
    clock = VirtualClock()
    vault = vault_of(*devices, clock=clock)
    for device in devices:
        with pytest.raises(SecretError, match=rf"^{device.name}: the secret file .* cannot be read"):
            await vault.source(device).credential()
    path.write_text("secret")
    path.chmod(0o600)
    await clock.run(RETRY_S - 1)
    with pytest.raises(SecretError):
        await vault.source(devices[0]).credential()
    await clock.run(1)
    assert (await vault.source(devices[0]).credential()).password == "secret"


async def test_a_person_is_asked_once_for_all_that_share_a_prompt() -> None:
    asked = Asked("typed")
    devices = [entry(name, PromptSecret()) for name in "abc"]
    vault = vault_of(*devices, prompt=asked)
    found = await asyncio.gather(*(vault.source(device).credential() for device in devices))
    assert [credential.password for credential in found] == ["typed"] * 3
    assert asked.devices == ["a"]


async def test_a_person_is_asked_for_each_device_that_names_no_source_one_after_the_other() -> None:
    asked = Asked("one", "two")
    asked.let.clear()
    devices = [entry(name, None) for name in "ab"]
    vault, clock = vault_of(*devices, prompt=asked), VirtualClock()
    reading = [asyncio.create_task(vault.source(device).credential()) for device in devices]
    await clock.settle()
    assert asked.devices == ["a"]
    asked.let.set()
    assert [(await task).password for task in reading] == ["one", "two"]
    assert asked.devices == ["a", "b"]


@pytest.mark.parametrize(
    ("device", "said"),
    [
        (entry("a", None), "a: its password has to be typed; log in"),
        (entry("a", PromptSecret()), "a: its password has to be typed; log in"),
        (entry("a", PW, None), "a: no user name is known; log in, or set username in the inventory"),
        (entry("a", EnvSecret("GONE")), "a: the environment variable GONE is not set"),
    ],
)
async def test_what_is_missing_is_said_with_the_device(device: DeviceEntry, said: str) -> None:
    with pytest.raises(SecretError) as caught:
        await vault_of(device).source(device).credential()
    assert str(caught.value).startswith(said)


async def test_an_empty_answer_is_no_password() -> None:
    device = entry("a", PromptSecret())
    with pytest.raises(SecretError, match="no password was typed"):
        await vault_of(device, prompt=Asked("")).source(device).credential()


class Boxes:
    """Devices that take logins when let, and count how many are in flight and how many came."""

    def __init__(self, vault: CredentialVault, good: str = "canary") -> None:
        self.vault = vault
        self.good = good
        self.tried: list[str] = []
        self.in_flight = self.most = 0
        self.answer = asyncio.Event()
        self.dead: set[str] = set()

    async def login(self, device: DeviceEntry) -> str:
        """Log in as the device layer does; return what came of it."""
        source = self.vault.source(device)
        credential = await source.credential()
        try:
            async with source.turn() as turn:
                self.tried.append(device.name)
                self.in_flight += 1
                self.most = max(self.most, self.in_flight)
                await self.answer.wait()
                self.in_flight -= 1
                if device.name in self.dead:
                    return "dead"
                if credential.password != self.good:
                    turn.rejected("AUTH_INVALID_CREDENTIALS: \x1b[31mno")
                    raise AuthError("rejected", rejected=True)
                turn.accepted()
                return "in"
        except AuthError as error:
            return str(error) if error.rejected else "not said to be rejected"


FIFTY = tuple(entry(f"d{number}") for number in range(50))


async def test_a_wrong_password_is_tried_once_for_all_that_share_it() -> None:
    boxes = Boxes(vault_of(*FIFTY), good="another")
    boxes.answer.set()
    answers = await asyncio.gather(*(boxes.login(device) for device in FIFTY))
    assert boxes.tried == ["d0"]
    said = "the password of admin was rejected by d0: AUTH_INVALID_CREDENTIALS: ␛[31mno"
    assert answers[1:] == [f"d{n}: {said}; log in with another password" for n in range(1, 50)]
    assert boxes.vault.rejected(FIFTY[7]) == said


async def test_the_first_success_opens_the_way_for_many_side_by_side_and_never_for_all_at_once() -> None:
    boxes, clock = Boxes(vault_of(*FIFTY)), VirtualClock()
    logins = [asyncio.create_task(boxes.login(device)) for device in FIFTY]
    await clock.settle()
    assert boxes.tried == ["d0"]
    answer_to_first, boxes.answer = boxes.answer, asyncio.Event()
    answer_to_first.set()
    await logins[0]
    for _ in FIFTY:
        await clock.settle()
    assert boxes.in_flight == LOGINS_AT_ONCE
    boxes.answer.set()
    assert await asyncio.gather(*logins) == ["in"] * 50
    assert boxes.most == LOGINS_AT_ONCE


async def test_a_rejection_stops_those_too_that_wait_for_their_turn_among_many() -> None:
    boxes, clock = Boxes(vault_of(*FIFTY)), VirtualClock()
    boxes.answer.set()
    assert await boxes.login(FIFTY[0]) == "in"
    boxes.good, boxes.answer = "changed", asyncio.Event()
    logins = [asyncio.create_task(boxes.login(device)) for device in FIFTY]
    for _ in FIFTY:
        await clock.settle()
    boxes.answer.set()
    await asyncio.gather(*logins)
    assert len(boxes.tried) == 1 + LOGINS_AT_ONCE, "what was on its way was sent, and nothing after it"


async def test_a_device_that_gives_no_answer_proves_nothing_and_lets_the_next_one_try() -> None:
    boxes = Boxes(vault_of(*FIFTY))
    boxes.dead = {"d0", "d1", "d2"}
    boxes.answer.set()
    answers = await asyncio.gather(*(boxes.login(device) for device in FIFTY[:5]))
    assert answers == ["dead"] * 3 + ["in"] * 2
    assert boxes.most == 1


async def test_a_login_that_is_broken_off_gives_its_turn_back() -> None:
    boxes, clock = Boxes(vault_of(*FIFTY)), VirtualClock()
    first = asyncio.create_task(boxes.login(FIFTY[0]))
    second = asyncio.create_task(boxes.login(FIFTY[1]))
    await clock.settle()
    first.cancel()
    boxes.answer.set()
    assert await asyncio.wait_for(second, 20) == "in"
    assert first.cancelled()


async def test_a_rejection_stops_also_a_credential_that_was_accepted_before() -> None:
    boxes = Boxes(vault_of(*FIFTY))
    boxes.answer.set()
    assert await boxes.login(FIFTY[0]) == "in"
    boxes.good = "changed"
    await boxes.login(FIFTY[1])
    await boxes.login(FIFTY[2])
    assert boxes.tried == ["d0", "d1"]


async def test_devices_of_another_user_or_source_are_not_touched_by_a_rejection() -> None:
    others = (entry("user", PW, "root"), entry("source", EnvSecret("PW2")), entry("alone", None))
    vault = vault_of(*FIFTY, *others, prompt=Asked("typed"))
    boxes = Boxes(vault, good="nothing")
    boxes.answer.set()
    for device in (FIFTY[0], FIFTY[1], *others):
        await boxes.login(device)
    assert boxes.tried == ["d0", "user", "source", "alone"]


async def test_what_a_person_types_serves_that_device_alone() -> None:
    boxes = Boxes(vault_of(*FIFTY), good="typed")
    boxes.answer.set()
    await boxes.login(FIFTY[0])
    boxes.vault.supply(FIFTY[0], "root", "typed")
    assert boxes.vault.rejected(FIFTY[0]) is None
    assert await boxes.login(FIFTY[0]) == "in"
    assert (await boxes.vault.source(FIFTY[0]).credential()).username == "root"
    assert boxes.vault.rejected(FIFTY[1]) is not None


async def test_what_a_person_types_serves_all_that_share_the_credential_when_asked_to() -> None:
    boxes = Boxes(vault_of(*FIFTY), good="typed")
    boxes.answer.set()
    await boxes.login(FIFTY[0])
    boxes.vault.supply(FIFTY[0], "admin", "typed", shared=True)
    assert await asyncio.gather(*(boxes.login(device) for device in FIFTY)) == ["in"] * 50


async def test_what_a_person_types_answers_a_common_prompt_for_all() -> None:
    devices = [entry(name, PromptSecret()) for name in "abc"]
    boxes = Boxes(vault_of(*devices), good="typed")
    boxes.answer.set()
    boxes.vault.supply(devices[0], "admin", "wrong")
    await boxes.login(devices[1])
    boxes.vault.supply(devices[2], "admin", "typed")
    assert [await boxes.login(device) for device in devices] == ["in"] * 3
    boxes.good = "own"
    boxes.vault.supply(devices[0], "admin", "own")
    assert await boxes.login(devices[0]) == "in"
    assert (await boxes.vault.source(devices[1]).credential()).password == "typed"


async def test_the_same_wrong_password_typed_for_many_devices_is_tried_once() -> None:
    boxes = Boxes(vault_of(*FIFTY), good="another")
    boxes.answer.set()
    for device in FIFTY:
        boxes.vault.supply(device, "admin", "wrong")
    await asyncio.gather(*(boxes.login(device) for device in FIFTY))
    assert len(boxes.tried) == 1


async def test_one_after_the_other_typed_wrong_is_tried_once_until_its_first_device_is_tried_again() -> None:
    boxes = Boxes(vault_of(*FIFTY), good="another")
    boxes.answer.set()
    for device in FIFTY:
        boxes.vault.supply(device, "admin", "wrong")
        await boxes.login(device)
    assert boxes.tried == ["d0"]
    boxes.vault.supply(FIFTY[0], "admin", "wrong")
    await boxes.login(FIFTY[0])
    assert boxes.tried == ["d0", "d0"]


async def test_typing_the_configured_password_again_shares_its_fate() -> None:
    boxes = Boxes(vault_of(*FIFTY), good="another")
    boxes.answer.set()
    await boxes.login(FIFTY[0])
    boxes.vault.supply(FIFTY[1], "admin", "canary")
    await boxes.login(FIFTY[1])
    assert boxes.tried == ["d0"]


async def test_a_late_rejection_of_the_old_password_does_not_hit_the_new_one() -> None:
    boxes, clock = Boxes(vault_of(*FIFTY), good="typed"), VirtualClock()
    old = asyncio.create_task(boxes.login(FIFTY[0]))
    await clock.settle()
    boxes.vault.supply(FIFTY[0], "admin", "typed", shared=True)
    boxes.answer.set()
    assert await old == "rejected"
    assert boxes.vault.rejected(FIFTY[0]) is None
    assert await boxes.login(FIFTY[0]) == "in"


async def test_a_turn_tries_the_credential_that_was_handed_out_for_it() -> None:
    vault = vault_of(*FIFTY)
    source: CredentialSource = vault.source(FIFTY[0])
    assert (await source.credential()).password == "canary"
    vault.supply(FIFTY[0], "admin", "typed")
    async with source.turn() as turn:
        assert (await source.credential()).password == "canary"
        turn.rejected("no")
    assert vault.rejected(FIFTY[0]) is None
    assert (await source.credential()).password == "typed"
    assert vault.rejected(FIFTY[1]) is not None


async def test_only_a_credential_of_the_keyring_is_kept_there() -> None:
    device = entry("a")
    vault = vault_of(device)
    vault.supply(device, "admin", "typed")
    assert not await vault.keep(device)
    assert not await vault.keep(entry("b", KeyringSecret()))


async def test_sources_that_give_the_same_password_share_its_fate() -> None:
    twin = entry("twin", CommandSecret(("/bin/sh", "-c", "echo canary")))
    boxes = Boxes(vault_of(*FIFTY, twin), good="another")
    boxes.answer.set()
    await boxes.login(FIFTY[0])
    await boxes.login(twin)
    assert boxes.tried == ["d0"]


logins = st.tuples(st.just("login"), st.integers(0, 3), st.just(""), st.just(value=False))
typings = st.tuples(st.just("type"), st.integers(0, 3), st.sampled_from(("bad", "worse", "good")), st.booleans())


@given(st.lists(logins | typings, max_size=30))
async def test_a_rejected_password_is_sent_again_only_when_typed_for_the_device_that_rejected_it(
    steps: list[tuple[str, int, str, bool]],
) -> None:
    boxes = Boxes(vault_of(*FIFTY[:4]), good="good")
    boxes.answer.set()
    rejected: dict[str, int] = {}
    for step, number, password, shared in steps:
        if step == "type":
            boxes.vault.supply(FIFTY[number], "admin", password, shared=shared)
            if rejected.get(password) == number:
                del rejected[password]
            continue
        sent = (await boxes.vault.source(FIFTY[number]).credential()).password
        tried = len(boxes.tried)
        answer = await boxes.login(FIFTY[number])
        assert (len(boxes.tried) > tried) == (sent not in rejected)
        assert (answer == "in") == (sent == "good")
        if sent != "good":
            rejected.setdefault(sent, number)
