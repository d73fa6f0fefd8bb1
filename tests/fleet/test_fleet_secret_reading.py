"""Secrets are read from each source, and are in no error, repr or child's environment."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from failing_disk import hanging
from updeck.errors import SecretError
from updeck.fleet.secret_reading import SecretReader, keep_in_keyring
from updeck.fleet.secret_sources import (
    CommandSecret,
    EnvSecret,
    FileSecret,
    KeyringSecret,
    PromptSecret,
    SecretSource,
)

CANARY = "cänary'\"$(x) \\ "
HANG_GUARD_S = 20.0


def python(code: str, *arguments: str) -> CommandSecret:
    return CommandSecret((sys.executable, "-c", code, *arguments))


async def read(source: SecretSource, environ: dict[str, str] | None = None, timeout_s: float = 30.0) -> str:
    environ = dict(os.environ) if environ is None else environ
    async with asyncio.timeout(HANG_GUARD_S):
        return await SecretReader(environ, timeout_s=timeout_s).read(source, "admin")


async def test_a_variable_is_read_once_and_taken_out_of_the_environment() -> None:
    environ = {"PW": CANARY, "PATH": "/bin"}
    reader = SecretReader(environ)
    assert await reader.read(EnvSecret("PW"), "admin") == CANARY
    assert environ == {"PATH": "/bin"}
    assert await reader.read(EnvSecret("PW"), "admin") == CANARY


async def test_a_missing_variable_is_named() -> None:
    with pytest.raises(SecretError, match="environment variable PW is not set; export PW"):
        await read(EnvSecret("PW"), {})


async def test_an_empty_secret_is_none() -> None:
    with pytest.raises(SecretError, match="environment variable PW gives an empty secret"):
        await read(EnvSecret("PW"), {"PW": "\nrest"})


async def test_a_command_gives_the_first_line_of_its_output() -> None:
    code = "import sys; sys.stdout.buffer.write((sys.argv[1] + '\\r\\nuser: x\\n').encode())"
    assert await read(python(code, CANARY)) == CANARY


async def test_a_command_gets_no_shell_no_input_and_no_secret_of_the_environment(tmp_path: Path) -> None:
    environ = {**os.environ, "PW": CANARY, "OTHER": "kept"}
    reader = SecretReader(environ)
    reader.take([EnvSecret("PW")])
    code = "import os, sys; print(repr((sys.argv[1], sys.stdin.read(), os.environ.get('PW'), os.environ['OTHER'])))"
    marker = tmp_path / "touched"
    assert await reader.read(python(code, f"$(touch {marker})"), "admin") == repr(
        (f"$(touch {marker})", "", None, "kept")
    )
    assert not marker.exists()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (CommandSecret(("/no/such/program", CANARY)), "command /no/such/program cannot be started: no such file"),
        (CommandSecret(("/", CANARY)), "command / cannot be started: permission denied"),
        (CommandSecret(("a\0b",)), "cannot be started: not a command"),
        (python("raise SystemExit(3)", CANARY), "failed with status 3; run it by hand to see why"),
        (python("print()", CANARY), "gives an empty secret"),
        (python("import sys; sys.stdout.buffer.write(b'\\xff')"), "does not give UTF-8 text"),
        (python("while True: print('x' * 4000)"), "gives more than 64 KiB"),
    ],
)
async def test_a_command_that_gives_nothing_is_named_without_its_arguments(source: SecretSource, said: str) -> None:
    with pytest.raises(SecretError) as caught:
        await read(source)
    assert said in str(caught.value)
    assert CANARY[:6] not in str(caught.value)


async def test_what_a_command_says_on_stderr_is_not_repeated() -> None:
    with pytest.raises(SecretError) as caught:
        await read(python("import sys; sys.exit('canary')"))
    assert "canary" not in str(caught.value)


HANGING = """
import signal, subprocess, sys
if len(sys.argv) == 3:
    subprocess.Popen([sys.executable, '-c', sys.argv[2], sys.argv[1]])
alive = open(sys.argv[1], 'w')
print('here', file=alive, flush=True)
signal.pause()
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="watches the processes through a FIFO")
async def test_a_command_that_hangs_ends_with_all_that_it_started(tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reading = asyncio.create_task(read(python(HANGING, str(fifo), HANGING)))
    alive = await asyncio.wait_for(asyncio.to_thread(fifo.open), HANG_GUARD_S)
    with alive:
        assert await asyncio.to_thread(alive.readline) + await asyncio.to_thread(alive.readline) == "here\nhere\n"
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await asyncio.wait_for(asyncio.to_thread(alive.read), HANG_GUARD_S) == ""


async def test_a_command_has_a_limited_time() -> None:
    with pytest.raises(SecretError, match=r"did not end within 0\.05 s"):
        await read(python("import signal; signal.pause()"), timeout_s=0.05)


async def test_a_file_gives_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{CANARY}\nuser: x\n")
    path.chmod(0o600)
    assert await read(FileSecret(path)) == CANARY


async def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(CANARY)
    path.chmod(0o644)
    with pytest.raises(SecretError, match="can be read by others") as caught:
        await read(FileSecret(path))
    assert CANARY[:6] not in str(caught.value)


def secret_file(path: Path) -> FileSecret:
    path.write_text(CANARY)
    path.chmod(0o600)
    return FileSecret(path)


async def test_a_file_whose_server_is_gone_is_told_and_hangs_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    lost, near = secret_file(tmp_path / "lost"), secret_file(tmp_path / "near")
    reader = SecretReader({}, timeout_s=0.05)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    with hanging(lost.path) as threads:
        for _ in range(3):
            async with asyncio.timeout(HANG_GUARD_S):
                with pytest.raises(SecretError, match=r"lost was not read within 0\.05 s; see whether what it lies on"):
                    await reader.read(lost, "admin")
        assert len(threads) == 1
        assert await SecretReader({}, timeout_s=HANG_GUARD_S).read(near, "admin") == CANARY
        assert await asyncio.to_thread(lambda: "others have their threads") == "others have their threads"
    assert await SecretReader({}, timeout_s=HANG_GUARD_S).read(lost, "admin") == CANARY


async def test_a_prompt_needs_a_person() -> None:
    with pytest.raises(SecretError, match="a person has to type this secret"):
        await read(PromptSecret())


class DictKeyring(KeyringBackend):
    """A keyring that keeps its secrets in a dict, or is locked."""

    priority = 1.0

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], str] = {}
        self.locked = False
        self.hangs: threading.Event | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.hangs is not None:
            self.hangs.wait()
        if self.locked:
            raise KeyringLocked(CANARY)
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.secrets[service, username] = password


@pytest.fixture
def dict_keyring() -> Iterator[DictKeyring]:
    """The keyring of this test alone."""
    former, own = keyring.get_keyring(), DictKeyring()
    keyring.set_keyring(own)
    yield own
    keyring.set_keyring(former)


async def test_a_secret_kept_in_the_keyring_is_found_there(dict_keyring: DictKeyring) -> None:
    await keep_in_keyring(KeyringSecret("lab"), "admin", CANARY)
    assert dict_keyring.secrets == {("lab", "admin"): CANARY}
    assert await read(KeyringSecret("lab")) == CANARY


async def test_an_empty_keyring_says_how_to_fill_it(dict_keyring: DictKeyring) -> None:
    with pytest.raises(SecretError, match="holds no secret of admin for updeck; keep it there with: updeck devices"):
        await read(KeyringSecret())


async def test_a_locked_keyring_is_one_sentence(dict_keyring: DictKeyring) -> None:
    dict_keyring.locked = True
    with pytest.raises(SecretError, match=r"^the keyring cannot be used \(KeyringLocked\)$"):
        await read(KeyringSecret())


HANGING_FILE = """
import asyncio, os, sys, threading
from pathlib import Path
from updeck.errors import SecretError
from updeck.fleet.secret_reading import SecretReader
from updeck.fleet.secret_sources import FileSecret

os.open = lambda *words, **more: threading.Event().wait()
try:
    asyncio.run(SecretReader({}, timeout_s=0.05).read(FileSecret(Path("/mnt/password")), "admin"))
except SecretError as error:
    sys.exit(str(error))
"""

HANGING_KEYRING = """
import asyncio, sys, threading
import keyring
from keyring.backend import KeyringBackend
from updeck.errors import SecretError
from updeck.fleet.secret_reading import SecretReader
from updeck.fleet.secret_sources import KeyringSecret

class Locked(KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        threading.Event().wait()
    def set_password(self, service, username, password):
        threading.Event().wait()

keyring.set_keyring(Locked())
try:
    asyncio.run(SecretReader({}, timeout_s=0.05).read(KeyringSecret(), "admin"))
except SecretError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (HANGING_KEYRING, "the keyring did not answer within 0.05 s; unlock it\n"),
        (
            HANGING_FILE,
            "the file /mnt/password was not read within 0.05 s; see whether what it lies on is still there\n",
        ),
    ],
    ids=["a keyring that waits for its owner", "a file whose server is gone"],
)
def test_what_never_answers_keeps_no_program_from_ending(code: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG_GUARD_S, check=False
    )
    assert (done.returncode, done.stderr) == (1, said)


async def test_what_a_keyring_raises_when_nobody_waits_any_more_is_heard_by_nobody(dict_keyring: DictKeyring) -> None:
    heard: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context))
    dict_keyring.hangs = threading.Event()
    with pytest.raises(SecretError, match="did not answer within"):
        await read(KeyringSecret(), timeout_s=0.05)
    dict_keyring.locked = True
    dict_keyring.hangs.set()
    for thread in threading.enumerate():
        if thread.name == "secret":
            await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)  # the loop's turn: what the threads left for it to do is done in it
    assert heard == []


async def test_without_the_extra_the_keyring_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SecretError, match=r"install updeck\[keyring\]"):
        await read(KeyringSecret())
