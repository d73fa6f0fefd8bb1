"""Which versions may be updated to which: a file that the user writes from the publisher's release notes. Pure.

Each key is the version that a device runs, its value the versions that it may be brought to:

    "11.6.0" = ["11.7.0", "11.8.0"]
    "11.7.0" = ["11.8.0"]
"""

from __future__ import annotations

from collections.abc import Iterable

from updeck.device.versions import Version, same_version
from updeck.errors import ConfigError
from updeck.toml_table import Table, parse_toml

__all__ = ["leads", "read_version_path"]


def read_version_path(text: str, name: str) -> tuple[tuple[str, str], ...]:
    """Return the allowed (from, to) pairs of a TOML text; `name` is what errors call the file.

    Raises `ConfigError` naming the line for what is no version, and for a file that allows nothing.
    """
    table = parse_toml(text, name)
    pairs: list[tuple[str, str]] = []
    for running in table.keys:
        targets = table.texts(running) or ()
        for version in (running, *targets):
            _refuse_no_version(version, running, table)
        if not targets:
            raise table.error(running, "leads nowhere", 'write "11.6.0" = ["11.8.0"]')
        pairs += [(running, target) for target in targets]
    if not pairs:
        raise ConfigError(f"{name} allows no update", advice='write "11.6.0" = ["11.8.0"]')
    return tuple(pairs)


def leads(path: Iterable[tuple[str, str]], running: str, target: str) -> bool:
    """Whether an update from `running` to `target` is allowed."""
    return any(same_version(running, begin) and same_version(target, end) for begin, end in path)


def _refuse_no_version(version: str, key: str, table: Table) -> None:
    if Version.parse(version) is None:
        raise table.error(key, f"names {version}, which is no version", "write a version such as 11.8.0")
