"""Starting an engine that outlives this process and its terminal (`design.md` 3).

The child gets what it cannot read by itself through its standard input, and answers there with one JSON line, once:
that it drives, or why it does not. Secrets are never in arguments or environment.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from updeck.clock import Clock
from updeck.device.credentials import Credential
from updeck.errors import UpdeckError, UsageError
from updeck.fleet.credentials import CredentialVault, Prompt
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.journal.plan_models import RolloutRecord
from updeck.paths import config_dir, state_dir
from updeck.program import program_words
from updeck.rollout.leftovers import kills_leftovers, logind_files, scope_words
from updeck.rollout.standing import ended
from updeck.text import clean

__all__ = ["EngineRefused", "Report", "Started", "handed_by", "read_handed", "start_engine"]


class EngineRefused(UpdeckError):
    """An engine that was started said why it does not drive; `code` is its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Started:
    """An engine that drives. `warning` says what may end it together with the session, None where nothing does."""

    pid: int
    warning: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """What a detached engine tells whoever started it: its process once it drives, else what is wrong."""

    pid: int
    error: str | None = None
    code: int = 0

    def line(self) -> str:
        """Return the report as the one line that is read."""
        return json.dumps({"pid": self.pid, "error": self.error, "code": self.code})


async def handed_by(
    fleet: Fleet, record: RolloutRecord, *, prompt: Prompt | None, clock: Clock
) -> dict[str, Credential]:
    """Return the credentials of a rollout's devices that an engine cannot read by itself; a person may be asked.

    Raises `SecretError` where a source gives none.
    """
    return await CredentialVault(fleet, clock=clock, prompt=prompt).hand_over(_left(fleet, record))


def start_engine(rollout: str, fleet: Fleet, handed: Mapping[str, Credential]) -> Started:
    """Start a detached engine, and return once it drives. Raises `EngineRefused` with its words when it does not."""
    if not hasattr(os, "fork"):
        raise UsageError("this system has no detached engines", advice="give --foreground")
    if fleet.path is None:
        raise UsageError("an engine needs an inventory that it can read")
    words = [*program_words(), "rollout", "engine", rollout, "--fleet", str(fleet.path.absolute())]
    secrets = json.dumps({name: _plain(one) for name, one in handed.items()}).encode()
    scope = scope_words()
    report = _run([*scope, *words], secrets)
    if scope and report.pid == 0:  # an engine that refuses says its pid: it was the scope that failed
        scope, report = (), _run(words, secrets)
    if report.error is not None:
        raise EngineRefused(report.error, report.code)
    endangered = not scope and kills_leftovers(logind_files())
    advice = "this host kills what a session leaves behind: the engine ends with it, unless `loginctl enable-linger`"
    return Started(report.pid, advice if endangered else None)


def _run(words: Sequence[str], secrets: bytes) -> Report:
    """Start the detached process and return what it reports; its secrets go through its standard input."""
    done = subprocess.run(  # noqa: S603
        words,
        input=secrets,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={**os.environ, "UPDECK_CONFIG": str(config_dir()), "UPDECK_STATE": str(state_dir())},
        start_new_session=True,
        check=False,
    )
    return _report(done.stdout.decode(errors="replace"))


def read_handed(text: str) -> dict[str, Credential]:
    """Return the credentials that the starter handed over; raises `UsageError` for anything else."""
    try:
        return {name: Credential(*one) for name, one in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        raise UsageError("an engine is started by `updeck rollout run`, which hands credentials over") from None


def _left(fleet: Fleet, record: RolloutRecord) -> Iterable[DeviceEntry]:
    open_ = {member.device for member in record.members if not ended(member)}
    return [entry for entry in fleet.devices if entry.name in open_]


def _plain(credential: Credential) -> list[str | None]:
    return [credential.username, credential.password, credential.oauth_code]


def _report(output: str) -> Report:
    lines = [line for line in output.splitlines() if line.startswith("{")]
    try:
        said = json.loads(lines[-1])
        return Report(int(said["pid"]), None if said["error"] is None else clean(said["error"]), int(said["code"]))
    except (IndexError, ValueError, KeyError, TypeError):
        last = clean(output.strip().rpartition("\n")[2], 300).removeprefix("updeck: ")
        return Report(0, f"the engine did not start: {last or 'it said nothing'}", 1)
