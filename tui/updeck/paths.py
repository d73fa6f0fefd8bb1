"""Where files live, and how they are made so that no other user can read, swap or plant them.

The rules are `security.md`, "files". Owners and modes are checked where the system has them; on Windows only
what `os.open` offers holds.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_config_path, user_state_path

from updeck.errors import ConfigError, SecretError
from updeck.text import clean

__all__ = [
    "config_dir",
    "private_file",
    "read_secret_file",
    "ready_state_dir",
    "state_dir",
    "write_atomic",
    "write_new",
]

PRIVATE_FILE = 0o600
SHARED_FILE = 0o660
PRIVATE_DIR = 0o700

SECRET_LIMIT = 64 * 1024
"""Largest secret file that is read, in bytes."""

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_CREATE = os.O_CREAT | os.O_EXCL | os.O_RDWR | _NOFOLLOW | _CLOEXEC | _BINARY


def config_dir() -> Path:
    """Return the directory of `fleet.toml`: `UPDECK_CONFIG`, else the platform's own; it need not exist."""
    return _chosen("UPDECK_CONFIG") or user_config_path("updeck", appauthor=False)


def state_dir() -> Path:
    """Return the directory of the journal: `UPDECK_STATE`, else the platform's own; it need not exist."""
    return _chosen("UPDECK_STATE") or user_state_path("updeck", appauthor=False)


def _chance() -> str:
    """Return what nobody can guess; `secrets` says no more, and loads what hashes."""
    return os.urandom(6).hex()


def _chosen(variable: str) -> Path | None:
    value = os.environ.get(variable, "")
    return Path(value).expanduser().absolute() if value else None


def ready_state_dir(path: Path) -> int:
    """Make `path` a directory fit for a journal; return the mode of the files in it: 0600, or 0660 if shared.

    A missing one is made 0700. An existing one belongs to us, or is shared by a group as 2770. Raises
    `ConfigError` for a link or directory of another user, and for one in which others could swap files.
    """
    with _explained(path, "be used as the state directory"):
        _make_directory(path)
        status = path.stat()
        if not stat.S_ISDIR(status.st_mode):
            raise _unfit(path, "is no directory")
        own = _own_uid()
        if own is None:
            return PRIVATE_FILE
        if stat.S_ISLNK(path.lstat().st_mode) and path.lstat().st_uid not in (own, 0):
            raise _unfit(path, "is a link that belongs to another user")
        if status.st_mode & stat.S_IWOTH:
            raise _unfit(path, "can be written by others", f"run chmod 700 {path}")
        if status.st_mode & stat.S_IWGRP:
            if not status.st_mode & stat.S_ISGID:
                advice = f"run chmod 2770 {path} to share it with the group, or chmod 700 {path}"
                raise _unfit(path, "can be written by its group, but is not set up to be shared", advice)
            if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
                group = _group_name(status.st_gid)
                advice = "have yourself added to it, or choose another one with UPDECK_STATE"
                raise _unfit(path, f"is shared by the group {group}, and you are not in it", advice)
            return SHARED_FILE
        if status.st_uid != own:
            raise _unfit(path, "belongs to another user")
    return PRIVATE_FILE


def private_file(path: Path, mode: int) -> None:
    """Have a regular file with `mode` at `path`: a missing one is made empty, an existing one is checked.

    It is never opened, because closing it would drop the locks that SQLite holds in this process. Raises
    `ConfigError` when it is a link, no regular file, writable by others, or (unless shared) of another user.
    """
    with _explained(path, "be opened"):
        try:
            handle = os.open(path, _CREATE, mode)
        except FileExistsError:
            _check_private(path, mode)
            return
        with os.fdopen(handle, "wb"):
            _set_mode(handle, mode)


def _check_private(path: Path, mode: int) -> None:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path} is no regular file", advice="move it away")
    own = _own_uid()
    if own is None:
        return
    if status.st_mode & stat.S_IWOTH:
        raise ConfigError(f"{path} can be written by others", advice=f"run chmod {mode:o} {path}")
    if status.st_uid == own:
        path.chmod(mode)
    elif mode == PRIVATE_FILE:
        raise ConfigError(f"{path} belongs to another user", advice="choose another one with UPDECK_STATE")


def write_atomic(path: Path, text: str, mode: int = PRIVATE_FILE) -> None:
    """Replace the file at `path` by `text` in UTF-8, whole or not at all, on disk when this returns.

    A link of our own is followed, so that it stays a link. Missing directories are made 0700.
    Raises `ConfigError`.
    """
    with _explained(path, "be written"):
        target = _own_target(path)
        _make_directory(target.parent)
        draft = target.with_name(f".{target.name}.{_chance()}")
        handle = os.open(draft, _CREATE, mode)
        try:
            with os.fdopen(handle, "wb") as file:
                _set_mode(handle, mode)
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(handle)
            draft.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        _sync_directory(target.parent)


def write_new(path: Path, text: str, mode: int = PRIVATE_FILE) -> bool:
    """Make a file at `path` with `text` in UTF-8, whole or not at all, on disk when this returns.

    Returns False, and writes nothing, where anything is there already, a dangling link too. Raises `ConfigError`.
    """
    with _explained(path, "be written"):
        draft = path.with_name(f".{path.name}.{_chance()}")
        handle = os.open(draft, _CREATE, mode)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(handle)
            if not _put_in_place(draft, path):
                return False
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()
        _sync_directory(path.parent)
        return True


def _put_in_place(draft: Path, path: Path) -> bool:
    """Give the draft its name unless that is taken; where there are no hard links, the name is taken first."""
    try:
        os.link(draft, path, follow_symlinks=False)
    except FileExistsError:
        return False
    except (OSError, NotImplementedError):
        try:
            os.close(os.open(path, _CREATE, PRIVATE_FILE))
        except FileExistsError:
            return False
        draft.replace(path)
    return True


def _own_target(path: Path) -> Path:
    if not path.is_symlink():
        return path
    if _own_uid() not in (None, path.lstat().st_uid):
        raise ConfigError(f"{path} is a link that belongs to another user", advice="remove it")
    return path.resolve()


def read_secret_file(path: Path) -> str:
    """Return the text of a secret file without its last line end.

    Raises `SecretError` for a link, a file that is not regular, not ours, readable by others, larger than
    64 KiB or not UTF-8; the error never quotes the content.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _NOFOLLOW | _NONBLOCK | _CLOEXEC | _BINARY)
        with os.fdopen(handle, "rb") as file:
            _check_secret(path, os.fstat(handle))
            data = file.read(SECRET_LIMIT + 1)
    except OSError as error:
        reason = "is a link" if path.is_symlink() else f"cannot be read: {error.strerror}"
        raise SecretError(f"the secret file {path} {reason}") from None
    if len(data) > SECRET_LIMIT:
        raise SecretError(f"the secret file {path} is larger than {SECRET_LIMIT // 1024} KiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"the secret file {path} is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def _check_secret(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretError(f"the secret file {path} is no regular file")
    own = _own_uid()
    if own is None:
        return
    if status.st_uid != own:
        raise SecretError(f"the secret file {path} belongs to another user")
    if status.st_mode & 0o077:
        raise SecretError(f"the secret file {path} can be read by others", advice=f"run chmod 600 {path}")


def _own_uid() -> int | None:
    return os.getuid() if hasattr(os, "getuid") else None


def _group_name(gid: int) -> str:
    try:
        import grp
    except ImportError:
        return str(gid)
    try:
        return clean(grp.getgrgid(gid).gr_name, 80)
    except KeyError:
        return str(gid)


def _set_mode(handle: int, mode: int) -> None:
    if hasattr(os, "fchmod"):  # the umask has taken bits that a group needs
        os.fchmod(handle, mode)


def _make_directory(path: Path) -> None:
    missing = []
    while not path.exists() and not path.is_symlink():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(mode=PRIVATE_DIR, exist_ok=True)


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY | _CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unfit(path: Path, why: str, advice: str = "choose another one with UPDECK_STATE") -> ConfigError:
    return ConfigError(f"the state directory {path} {why}", advice=advice)


@contextmanager
def _explained(path: Path, purpose: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{path} cannot {purpose}: {error.strerror or error}") from error
