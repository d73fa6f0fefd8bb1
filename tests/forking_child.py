"""A process that has loaded `updeck` and forks itself for whoever asks on a socket: `forking_child.py DESCRIPTOR`.

A request is JSON (the words after `updeck`, the environment, the working directory) and four descriptors: the streams
of the new process, and a pipe into which go, as native integers, its pid and later its exit code as `Popen` has it.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from updeck import __path__ as parts

REQUEST_BYTES = 1 << 17
STREAMS = 3


def load() -> None:
    """Import all of `updeck` but the screen, which no command needs."""
    for module in pkgutil.walk_packages(parts, "updeck."):
        if not module.name.startswith("updeck.ui") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def tell(report: int, number: int) -> None:
    """Write a number for whoever asked, who may be gone."""
    with suppress(BrokenPipeError):
        os.write(report, number.to_bytes(4, sys.byteorder, signed=True))


def become(asked: bytes, streams: Sequence[int]) -> None:
    """Make this process one that was started with these words, environment, directory and streams."""
    words, environment, directory = json.loads(asked)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.argv[1:] = words


def serve(control: socket.socket) -> bool:
    """Fork for whoever asks, until nobody can any more; whether this is a process that was forked."""
    watched: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not control:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    pid, report = watched.pop(key.fd)
                    tell(report, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                    os.close(report)
                    continue
                asked, given, _, _ = socket.recv_fds(control, REQUEST_BYTES, STREAMS + 1)
                if not asked:
                    return False
                pid = os.fork()
                if not pid:
                    for descriptor in (given[STREAMS], *watched, *(report for _, report in watched.values())):
                        os.close(descriptor)
                    become(asked, given[:STREAMS])
                    return True
                for descriptor in given[:STREAMS]:
                    os.close(descriptor)
                tell(given[STREAMS], pid)
                watching = os.pidfd_open(pid)
                watched[watching] = (pid, given[STREAMS])
                selector.register(watching, selectors.EVENT_READ)


def leave(code: object) -> None:
    """End as an interpreter does, but without taking apart what was loaded, which takes longer than a command.

    Comes back where it has to end in a way that only the interpreter knows: by a text, or by a stream that is closed.
    """
    if not isinstance(code, int):
        return
    with suppress(OSError):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    load()
    gc.collect()
    gc.freeze()  # what all have in common is never looked at for garbage, which would copy it for each
    with socket.socket(fileno=int(sys.argv[1])) as asking:
        forked = serve(asking)
    if forked:
        try:
            runpy.run_module("updeck", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            leave(end.code)
            raise
