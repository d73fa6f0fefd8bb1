"""Who acts: this process by name, and whether another process still runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from updeck.journal.actor import is_gone, this_actor
from updeck.journal.models import Actor
from updeck.journal.rollout_id import uuid7

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.fixture
def sleeper() -> Iterator[tuple[subprocess.Popen[bytes], Actor]]:
    """Give a process that waits, and its actor as it would record itself."""
    program = "from updeck.journal.actor import this_actor; print(this_actor('x').started, flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    started = process.stdout.readline().decode().strip()
    yield process, replace(this_actor("x"), pid=process.pid, started=started)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_this_process_is_named_whole() -> None:
    actor = this_actor("updeck\x1b")
    assert (actor.pid, actor.program, actor.host) == (os.getpid(), "updeck␛", socket.gethostname())
    assert actor.user
    assert actor == this_actor("updeck\x1b")


@pytest.mark.skipif(os.name != "posix", reason="owners are POSIX")
def test_the_user_is_the_owner_of_the_process_and_not_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(variable, "mallory")
    assert this_actor("ui").user != "mallory"
    assert this_actor("ui").uid == os.getuid()


@linux
def test_a_running_process_is_not_gone(sleeper: tuple[subprocess.Popen[bytes], Actor]) -> None:
    assert not is_gone(this_actor("ui"))
    assert not is_gone(sleeper[1])


@linux
def test_a_stopped_process_is_not_gone(sleeper: tuple[subprocess.Popen[bytes], Actor]) -> None:
    process, actor = sleeper
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert not is_gone(actor)


@linux
def test_a_killed_process_is_gone_even_before_its_parent_has_noticed(
    sleeper: tuple[subprocess.Popen[bytes], Actor],
) -> None:
    process, actor = sleeper
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert is_gone(actor)
    process.wait()
    assert is_gone(actor)


@linux
def test_a_pid_that_another_process_got_since_is_gone(sleeper: tuple[subprocess.Popen[bytes], Actor]) -> None:
    assert is_gone(replace(sleeper[1], started="1"))


@linux
def test_a_process_of_an_earlier_boot_is_gone() -> None:
    actor = this_actor("ui")
    namespace = actor.boot_id.partition("/")[2]
    assert is_gone(replace(actor, boot_id=f"00000000-0000-0000-0000-000000000000/{namespace}"))


@linux
@pytest.mark.parametrize("change", ["host", "namespace", "no boot id"])
def test_of_a_process_elsewhere_nothing_is_known(change: str) -> None:
    actor = replace(this_actor("ui"), pid=2**22 + 1, started="1")
    boot = actor.boot_id.partition("/")[0]
    match change:
        case "host":
            actor = replace(actor, host="another")
        case "namespace":
            actor = replace(actor, boot_id=f"{boot}/pid:[1]")
        case _:
            actor = replace(actor, boot_id="")
    assert not is_gone(actor)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root becomes another user")
def test_a_process_of_another_user_is_not_gone() -> None:
    program = """
import os
from dataclasses import replace
from updeck.journal.actor import is_gone, this_actor
parent = replace(this_actor("x"), pid=os.getppid(), started="")
os.setuid(65534)
print(is_gone(parent))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_actor_can_be_named_where_there_is_neither_uid_nor_proc() -> None:
    program = """
import os, sys
sys.platform = "win32"
del os.getuid
from pathlib import Path
import updeck.journal.actor as actor
actor._PROC = Path("/nowhere")
os.environ["USERNAME"] = "tech"
print(actor.this_actor("ui").user, actor.this_actor("ui").uid, actor.this_actor("ui").boot_id == "")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "tech -1 True\n"


def test_the_journal_works_where_there_is_neither_owner_nor_lock_nor_syslog(tmp_path: Path) -> None:
    program = """
import asyncio, os, pathlib, platformdirs.unix, sqlite3, sys
sys.modules.update(fcntl=None, termios=None, pwd=None, grp=None, resource=None)
sys.platform = "win32"
import socket
vars(socket).pop("AF_UNIX", None)
for name in ("getuid", "fchmod", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):
    delattr(os, name)
from updeck.clock import SystemClock
from updeck.journal.models import Op
from updeck.journal.store import Journal, this_actor
with Journal.open(pathlib.Path(sys.argv[1]), actor=this_actor("ui"), clock=SystemClock()) as journal:
    print(journal.begin_manual("ar11-a", Op.START, url="https://10.1.2.3").lease_ours)
"""
    call = [sys.executable, "-c", program, str(tmp_path / "state")]
    assert subprocess.run(call, capture_output=True, text=True, check=True).stdout == "True\n"


def test_a_rollout_id_is_a_uuid_of_version_seven() -> None:
    assert uuid7(0x017F22E279B0 / 1000, bytes.fromhex("0cc318c4dc0c0c07398f")) == (
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"  # the example of RFC 9562, A.6
    )


def test_rollout_ids_differ_by_their_random_part() -> None:
    assert len({uuid7(1_700_000_000.0, bytes([number]) * 10) for number in range(256)}) == 256
