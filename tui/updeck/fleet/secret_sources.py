"""Where a secret comes from, as the inventory names it; never the secret itself (`security.md`, secrets)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from updeck.text import clean
from updeck.toml_table import Table

__all__ = [
    "CommandSecret",
    "EnvSecret",
    "FileSecret",
    "KeyringSecret",
    "PromptSecret",
    "SecretSource",
    "local_path",
    "read_secret_source",
]

KEYRING_SERVICE = "updeck"
"""The service under which secrets stand in the keyring, unless the inventory names another."""

SOURCES_ADVICE = (
    'name where it comes from: { env = "VARIABLE" }, { command = ["pass", "ar11"] }, { file = "PATH" },'
    " { keyring = true } or { prompt = true }"
)

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class EnvSecret:
    """An environment variable, removed from the environment once read."""

    variable: str

    def describe(self) -> str:
        """Return the source in words, for `config show` and errors."""
        return f"environment variable {self.variable}"


@dataclass(frozen=True, slots=True)
class CommandSecret:
    """A program with its arguments, started without a shell; its first line of output is the secret."""

    words: tuple[str, ...]

    def describe(self) -> str:
        """Return the source in words; the arguments are left out."""
        return f"command {clean(self.words[0], 120)}"


@dataclass(frozen=True, slots=True)
class FileSecret:
    """A file that nobody else can read; its first line is the secret."""

    path: Path

    def describe(self) -> str:
        """Return the source in words."""
        return f"file {clean(self.path)}"


@dataclass(frozen=True, slots=True)
class KeyringSecret:
    """The keyring of the desktop, by service and user name."""

    service: str = KEYRING_SERVICE

    def describe(self) -> str:
        """Return the source in words."""
        return "keyring" if self.service == KEYRING_SERVICE else f"keyring {self.service}"


@dataclass(frozen=True, slots=True)
class PromptSecret:
    """A person who is asked once per run."""

    def describe(self) -> str:
        """Return the source in words."""
        return "prompt"


SecretSource = EnvSecret | CommandSecret | FileSecret | KeyringSecret | PromptSecret


def read_secret_source(table: Table, key: str, base: Path) -> SecretSource | None:
    """Return the source under `key`, None where it is absent; relative paths count from `base`."""
    if key not in table:
        return None
    if table.is_text(key):
        raise table.error(key, "must not hold the secret itself", SOURCES_ADVICE)
    source = table.table(key)
    source.only(("env", "command", "file", "keyring", "prompt"))
    if len(source.keys) != 1:
        raise table.error(key, "must name exactly one source", SOURCES_ADVICE)
    match source.keys[0]:
        case "env":
            return EnvSecret(_variable(source))
        case "command":
            return CommandSecret(_words(source, base))
        case "file":
            return FileSecret(local_path(source, "file", base))
        case "keyring":
            return KeyringSecret(_service(source))
        case _:
            _must_be_true(source, "prompt")
            return PromptSecret()


def local_path(table: Table, key: str, base: Path) -> Path:
    """Return the path under `key`, absolute; `~` is the home directory, relative ones count from `base`."""
    text = table.text(key)
    if not text:
        raise table.error(key, "must name a file")
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise table.error(key, "begins with ~, and no home directory is known") from None
    return base / path


def _variable(table: Table) -> str:
    variable = table.text("env") or ""
    if not _VARIABLE.fullmatch(variable):
        raise table.error("env", "must name an environment variable (letters, digits, _)")
    return variable


def _words(table: Table, base: Path) -> tuple[str, ...]:
    if table.is_text("command"):
        raise table.error("command", "must be a list of words", 'no shell runs it: ["pass", "ar11"]')
    program, *arguments = table.texts("command") or ("",)
    if not program:
        raise table.error("command", "must begin with a program")
    if "/" in program:  # a relative program never comes from the working directory
        program = str(base / Path(program))
    return (program, *arguments)


def _service(table: Table) -> str:
    if not table.is_text("keyring"):
        _must_be_true(table, "keyring")
        return KEYRING_SERVICE
    service = table.text("keyring")
    if not service:
        raise table.error("keyring", "must be true, or name a service of the keyring")
    return service


def _must_be_true(table: Table, key: str) -> None:
    if not table.flag(key):
        raise table.error(key, "must be true; leave it out otherwise")
