"""Reading secrets from where the inventory says they are (`security.md`, secrets).

A secret is in no error, repr or log. Commands run without a shell, a terminal, or the secrets of the environment.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from functools import partial

from updeck.errors import SecretError
from updeck.fleet.secret_sources import (
    CommandSecret,
    EnvSecret,
    FileSecret,
    KeyringSecret,
    PromptSecret,
    SecretSource,
)
from updeck.paths import read_secret_file

__all__ = ["SecretReader", "keep_in_keyring"]

READ_TIMEOUT_S = 30.0
OUTPUT_LIMIT_BYTES = 64 * 1024
KILL_GRACE_S = 2.0


class SecretReader:
    """Reads sources; holds what it took out of the environment, because it is there only once."""

    def __init__(self, environ: MutableMapping[str, str], *, timeout_s: float = READ_TIMEOUT_S) -> None:
        self._environ = environ
        self._timeout_s = timeout_s
        self._taken: dict[str, str] = {}
        self._awaited: dict[tuple[SecretSource, str], asyncio.Future[str]] = {}

    def take(self, sources: Iterable[SecretSource | None]) -> None:
        """Move the variables that hold secrets out of the environment, before any child can inherit them."""
        for source in sources:
            if isinstance(source, EnvSecret) and source.variable in self._environ:
                self._taken[source.variable] = self._environ.pop(source.variable)

    async def read(self, source: SecretSource, account: str) -> str:
        """Return the secret; `account` is the user name in a keyring. Raises SecretError."""
        match source:
            case EnvSecret():
                secret = self._variable(source)
            case CommandSecret():
                secret = await _output(source, dict(self._environ), self._timeout_s)
            case FileSecret():
                secret = await self._in_file(source)
            case KeyringSecret():
                work = partial(_from_keyring, source.service, account)
                secret = await _in_keyring(self._awaiting(source, account, work), self._timeout_s)
            case PromptSecret():
                raise SecretError("a person has to type this secret", advice="log in")
        secret = secret.split("\n", 1)[0].removesuffix("\r")
        if not secret:
            raise SecretError(f"the {source.describe()} gives an empty secret")
        return secret

    async def _in_file(self, source: FileSecret) -> str:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._awaiting(source, "", partial(read_secret_file, source.path))
        except TimeoutError:
            advice = "see whether what it lies on is still there"
            message = f"the {source.describe()} was not read within {self._timeout_s:g} s"
            raise SecretError(message, advice=advice) from None

    async def _awaiting(self, source: SecretSource, account: str, work: Callable[[], str]) -> str:
        """Return what `work` gives; what hangs since an earlier time is awaited on, and not begun beside that anew."""
        known = self._awaited.get((source, account))
        if known is None or known.done():
            known = self._awaited[source, account] = _beside(work)
        return await asyncio.shield(known)

    def _variable(self, source: EnvSecret) -> str:
        self.take([source])
        try:
            return self._taken[source.variable]
        except KeyError:
            advice = f"export {source.variable}, or name another source in the inventory"
            raise SecretError(f"the {source.describe()} is not set", advice=advice) from None


async def keep_in_keyring(source: KeyringSecret, account: str, secret: str) -> None:
    """Store a secret where `source` will find it. Raises SecretError."""
    await _in_keyring(_beside(partial(_to_keyring, source.service, account, secret)))


async def _output(source: CommandSecret, environ: Mapping[str, str], timeout_s: float) -> str:
    what = source.describe()
    try:
        process = await asyncio.create_subprocess_exec(
            *source.words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=environ, start_new_session=True
        )
    except (OSError, ValueError) as error:
        reason = (error.strerror or "error").lower() if isinstance(error, OSError) else "not a command"
        raise SecretError(f"the {what} cannot be started: {reason}") from None
    try:
        async with asyncio.timeout(timeout_s):
            output = await _drained(process, what)
            status = await process.wait()
    except TimeoutError:
        raise SecretError(f"the {what} did not end within {timeout_s:g} s") from None
    finally:
        await _buried(process)
    if status != 0:
        raise SecretError(f"the {what} failed with status {status}", advice="run it by hand to see why")
    try:
        return output.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"the {what} does not give UTF-8 text") from None


async def _drained(process: Process, what: str) -> bytes:
    output = b""
    while process.stdout and (part := await process.stdout.read(OUTPUT_LIMIT_BYTES)):
        output += part
        if len(output) > OUTPUT_LIMIT_BYTES:
            raise SecretError(f"the {what} gives more than {OUTPUT_LIMIT_BYTES // 1024} KiB")
    return output


async def _buried(process: Process) -> None:
    """Leave no process behind, nor one that it started, whether it ended, hangs, or nobody waits any more."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with suppress(TimeoutError):
        async with asyncio.timeout(KILL_GRACE_S):
            await process.communicate()


async def _in_keyring(answer: Awaitable[str], timeout_s: float = READ_TIMEOUT_S) -> str:
    try:
        async with asyncio.timeout(timeout_s):
            return await answer
    except TimeoutError:
        raise SecretError(f"the keyring did not answer within {timeout_s:g} s", advice="unlock it") from None
    except ImportError:
        advice = "install updeck[keyring], or name another source in the inventory"
        raise SecretError("the keyring needs an extra that is not installed", advice=advice) from None
    except SecretError:
        raise
    except Exception as error:  # back ends raise what they like; none of it may quote a secret
        raise SecretError(f"the keyring cannot be used ({type(error).__name__})") from None


def _beside(work: Callable[[], str]) -> asyncio.Future[str]:
    """Return what `work` will give, done in a thread that is left behind when nobody waits for it any more.

    A thread of the loop's own would keep others from theirs, and the program from ending, for as long as a keyring
    waits for its owner or a file for a server that is gone.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()
    done.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # heard, though nobody waits

    def tell(secret: str | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(secret or "")

    def run() -> None:
        secret, failure = None, None
        try:
            secret = work()
        except Exception as error:  # told to whoever waits
            failure = error
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(tell, secret, failure)

    threading.Thread(target=run, name="secret", daemon=True).start()
    return done


def _from_keyring(service: str, account: str) -> str:
    import keyring

    secret = keyring.get_password(service, account)
    if secret is None:
        advice = "keep it there with: updeck devices login NAME"
        raise SecretError(f"the keyring holds no secret of {account} for {service}", advice=advice)
    return secret


def _to_keyring(service: str, account: str, secret: str) -> str:
    import keyring

    keyring.set_password(service, account, secret)
    return ""
