"""`updeck rollout engine`: the detached process that `run` and others start; not meant to be typed."""

from __future__ import annotations

import os
import signal
import sys

import click

from updeck.cli.command import Command, Invocation
from updeck.cli.exits import Exit, exit_of_error
from updeck.cli.rollout_record import exit_of_rollout
from updeck.cli.session import fleet_of
from updeck.errors import UpdeckError
from updeck.paths import state_dir
from updeck.rollout.detach import Report, read_handed
from updeck.rollout.registration import plan_of

__all__ = ["engine"]


@click.command(cls=Command, reads=False, hidden=True)
@click.argument("rollout")
@click.pass_obj
def engine(invocation: Invocation, *, rollout: str) -> Exit:
    """Drive a rollout, apart from any terminal; started by `run`, which hands credentials over."""
    handed = read_handed(sys.stdin.read())
    if os.fork():
        os._exit(0)  # whoever started us waits for the report, not for the engine
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    reporting = _Reporting()
    try:
        from updeck.rollout.process import EngineProcess

        process = EngineProcess(fleet_of(invocation), state_dir(), handed=handed, driving=reporting.driving)
        record = process.run(rollout)
        reporting.driving()
        return exit_of_rollout(record, plan_of(record))
    except UpdeckError as error:
        code = exit_of_error(error)
        reporting.say(Report(os.getpid(), str(error), int(code)))
        return code


class _Reporting:
    """Tells the starter once how it went, and lets go of its pipe."""

    def __init__(self) -> None:
        self._said = False

    def driving(self) -> None:
        """Tell that this process drives the rollout, or found nothing left to do."""
        self.say(Report(os.getpid()))

    def say(self, report: Report) -> None:
        """Write the report, and take nothing more from and give nothing more to whoever started us."""
        if self._said:
            return
        self._said = True
        os.write(1, f"{report.line()}\n".encode())
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.close(nothing)
