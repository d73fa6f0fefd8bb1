"""Appliances that speak the device protocol over real HTTP(S), for demo, training and tests (`contracts.md` 4).

`options`, `fleet`, `images` and this module need nothing but the standard library; `serving` needs the extra
`simulator`, so callers ask `check_installed` before they import it.
"""

from __future__ import annotations

from importlib.util import find_spec

from updeck.errors import UsageError

__all__ = ["INSTALL_COMMAND", "check_installed"]

INSTALL_COMMAND = "pip install 'updeck[simulator]'"
"""What installs the packages that the simulator needs."""


def check_installed() -> None:
    """Raise `UsageError`, with the command that installs them, where aiohttp or cryptography are missing."""
    missing = [package for package in ("aiohttp", "cryptography") if find_spec(package) is None]
    if missing:
        raise UsageError(f"the simulator needs {' and '.join(missing)}", advice=f"install with: {INSTALL_COMMAND}")
