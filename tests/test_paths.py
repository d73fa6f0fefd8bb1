"""Directories and files of ours: who may own them, who may write them, what a replaced file leaves."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from updeck.errors import ConfigError, SecretError
from updeck.paths import (
    config_dir,
    private_file,
    read_secret_file,
    ready_state_dir,
    state_dir,
    write_atomic,
    write_new,
)

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX")
as_root = pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away")
STRANGER = 4242


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def directory(path: Path, mode: int) -> Path:
    path.mkdir()
    path.chmod(mode)
    return path


def test_the_environment_chooses_the_directories(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UPDECK_CONFIG", str(tmp_path / "here"))
    monkeypatch.setenv("UPDECK_STATE", str(tmp_path / "there"))
    assert (config_dir(), state_dir()) == (tmp_path / "here", tmp_path / "there")


def test_a_chosen_directory_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/mk")
    monkeypatch.setenv("UPDECK_CONFIG", "~/up")
    monkeypatch.setenv("UPDECK_STATE", "state")
    assert (config_dir(), state_dir()) == (Path("/home/mk/up"), tmp_path / "state")


def test_an_empty_variable_chooses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("UPDECK_CONFIG", "UPDECK_STATE"):
        monkeypatch.setenv(variable, "")
    assert config_dir().name == state_dir().name == "updeck"
    assert config_dir() != state_dir()


def test_asking_where_a_directory_is_does_not_make_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UPDECK_STATE", str(tmp_path / "state"))
    assert not state_dir().exists()


@posix
def test_a_missing_state_directory_is_made_private_with_its_parents(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    assert ready_state_dir(path) == 0o600
    assert [mode_of(one) for one in (path, path.parent)] == [0o700, 0o700]


@posix
@pytest.mark.parametrize(
    ("mode", "files"), [(0o700, 0o600), (0o755, 0o600), (0o750, 0o600), (0o2770, 0o660), (0o2775, 0o660)]
)
def test_a_fit_state_directory_says_the_mode_of_its_files(tmp_path: Path, mode: int, files: int) -> None:
    assert ready_state_dir(directory(tmp_path / "state", mode)) == files


@posix
@pytest.mark.parametrize(
    ("mode", "why"),
    [
        (0o777, "by others"),
        (0o1777, "by others"),
        (0o2777, "by others"),
        (0o770, "by its group"),
        (0o775, "2770"),
    ],
)
def test_a_state_directory_in_which_files_could_be_swapped_is_refused(tmp_path: Path, mode: int, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ready_state_dir(directory(tmp_path / "state", mode))
    assert why in str(caught.value)


@as_root
def test_a_private_state_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    path = directory(tmp_path / "state", 0o700)
    os.chown(path, STRANGER, STRANGER)
    with pytest.raises(ConfigError, match=r"another user.*UPDECK_STATE"):
        ready_state_dir(path)


@as_root
def test_a_shared_state_directory_may_belong_to_another_user(tmp_path: Path) -> None:
    path = directory(tmp_path / "state", 0o700)
    os.chown(path, STRANGER, STRANGER)
    path.chmod(0o2770)
    assert ready_state_dir(path) == 0o660


@as_root
def test_a_state_directory_behind_a_strangers_link_is_refused(tmp_path: Path) -> None:
    directory(tmp_path / "real", 0o700)
    link = tmp_path / "state"
    link.symlink_to(tmp_path / "real")
    assert ready_state_dir(link) == 0o600
    os.chown(link, STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(ConfigError, match="link that belongs to another user"):
        ready_state_dir(link)


@posix
@pytest.mark.parametrize(("below", "why"), [(".", "is no directory"), ("updeck", "Not a directory")])
def test_a_state_directory_that_is_a_file_is_one_clear_sentence(tmp_path: Path, below: str, why: str) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(ConfigError, match=why):
        ready_state_dir(tmp_path / "state" / below)


@posix
def test_a_state_directory_behind_a_dangling_link_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="cannot be used as the state directory: No such file"):
        ready_state_dir(tmp_path / "state")


@posix
@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_a_private_file_gets_its_mode_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        private_file(tmp_path / "journal.db", mode)
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "journal.db") == mode


@posix
def test_a_private_file_of_ours_is_narrowed_and_keeps_its_content(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("rows")
    path.chmod(0o644)
    private_file(path, 0o600)
    assert (mode_of(path), path.read_text()) == (0o600, "rows")


@posix
@pytest.mark.parametrize("plant", ["link", "pipe", "directory", "writable"])
def test_a_planted_file_is_refused(tmp_path: Path, plant: str) -> None:
    path = tmp_path / "journal.db"
    match plant:
        case "link":
            (tmp_path / "other").write_text("")
            path.symlink_to(tmp_path / "other")
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case _:
            path.write_text("")
            path.chmod(0o666)
    with pytest.raises(ConfigError):
        private_file(path, 0o600)


@as_root
def test_a_file_of_another_user_is_refused_unless_it_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("")
    path.chmod(0o660)
    os.chown(path, STRANGER, STRANGER)
    private_file(path, 0o660)
    with pytest.raises(ConfigError, match="another user"):
        private_file(path, 0o600)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_an_atomic_write_leaves_the_new_text_its_mode_and_nothing_else(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "made" / "fleet.toml"
    write_atomic(path, "old\n")
    write_atomic(path, "nëw\n", mode)
    assert path.read_bytes() == "nëw\n".encode()
    assert mode_of(path) == mode
    assert [one.name for one in path.parent.iterdir()] == ["fleet.toml"]


def test_a_write_is_on_disk_before_it_takes_its_place_and_the_place_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, path = os.fsync, tmp_path / "file"
    synced: list[tuple[str, str | None]] = []

    def noted(handle: int) -> None:
        kind = "directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        synced.append((kind, path.read_text() if path.exists() else None))
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    assert write_new(path, "first")
    write_atomic(path, "second")
    assert synced == [("file", None), ("directory", "first"), ("file", "first"), ("directory", "second")]


@posix
@pytest.mark.parametrize("hard_links", [True, False])
def test_a_new_file_takes_the_place_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    def none(*words: object, **more: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    if not hard_links:
        monkeypatch.setattr(os, "link", none)
    (tmp_path / "file").write_text("theirs")
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    there = sorted(path.name for path in tmp_path.iterdir())
    for name in there:
        assert not write_new(tmp_path / name, "ours")
    assert sorted(path.name for path in tmp_path.iterdir()) == there
    assert (tmp_path / "file").read_text() == "theirs"
    assert write_new(tmp_path / "new", "ours")
    assert ((tmp_path / "new").read_text(), mode_of(tmp_path / "new")) == ("ours", 0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*there, "new"])


@posix
def test_an_atomic_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    write_atomic(path, "old\n")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "\ud800")
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_an_atomic_write_on_a_full_disk_is_one_clear_sentence_and_changes_nothing(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from updeck.errors import ConfigError
from updeck.paths import write_atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(Path(sys.argv[1]), "x" * 5000)
except ConfigError as error:
    print(error)
"""
    path = tmp_path / "fleet.toml"
    path.write_text("old\n")
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{path} cannot be written: File too large"
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_an_atomic_write_keeps_a_link_of_our_own(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("old")
    link = tmp_path / "fleet.toml"
    link.symlink_to(real)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


@as_root
def test_an_atomic_write_does_not_follow_the_link_of_another_user(tmp_path: Path) -> None:
    real = tmp_path / "passwd"
    real.write_text("old")
    link = tmp_path / "fleet.toml"
    link.symlink_to(real)
    os.chown(link, STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(ConfigError, match="another user"):
        write_atomic(link, "new")
    assert real.read_text() == "old"


def secret(path: Path, content: bytes = b"pass word\n", mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"pass word\n", "pass word"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b" a ", " a "), (b"", "")],
)
def test_a_secret_loses_its_last_line_end_and_nothing_more(tmp_path: Path, content: bytes, expected: str) -> None:
    assert read_secret_file(secret(tmp_path / "password", content)) == expected


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610, 0o601])
def test_a_secret_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SecretError, match="chmod 600"):
        read_secret_file(secret(tmp_path / "password", mode=mode))


@as_root
def test_a_secret_of_another_user_is_refused(tmp_path: Path) -> None:
    path = secret(tmp_path / "password")
    os.chown(path, STRANGER, STRANGER)
    with pytest.raises(SecretError, match="another user"):
        read_secret_file(path)


@posix
def test_a_secret_behind_a_link_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(secret(tmp_path / "password"))
    with pytest.raises(SecretError, match="is a link"):
        read_secret_file(link)


@posix
def test_a_pipe_in_the_place_of_a_secret_neither_blocks_nor_counts(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "password", 0o600)
    with pytest.raises(SecretError, match="no regular file"):
        read_secret_file(tmp_path / "password")


@pytest.mark.parametrize("content", [b"\xff\xfeHunter2", b"Hunter2" * 20_000])
def test_an_unusable_secret_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SecretError) as caught:
        read_secret_file(secret(tmp_path / "password", content))
    assert "Hunter2" not in str(caught.value)


def test_a_missing_secret_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be read: No such file"):
        read_secret_file(tmp_path / "password")


def test_files_are_written_and_read_where_there_are_no_owners(tmp_path: Path) -> None:
    program = """
import os, platformdirs.unix, sys
for name in ("getuid", "fchmod", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):
    delattr(os, name)
sys.modules.update(fcntl=None, termios=None, pwd=None)
from pathlib import Path
from updeck.paths import private_file, read_secret_file, ready_state_dir, write_atomic
place = Path(sys.argv[1])
mode = ready_state_dir(place)
private_file(place / "journal.db", mode)
private_file(place / "journal.db", mode)
write_atomic(place / "password", "word")
print(read_secret_file(place / "password"))
"""
    call = [sys.executable, "-c", program, str(tmp_path / "state")]
    assert subprocess.run(call, capture_output=True, text=True, check=True).stdout == "word\n"
