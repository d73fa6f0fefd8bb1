"""A local image is a regular file that stays what it was, or a clear sentence (`security.md`, image file)."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
from pathlib import Path, PosixPath
from threading import Event

import pytest

from failing_disk import end_reading, fail_reading, gone
from updeck.device.image_file import CHUNK_BYTES, Checksums, ImageFile, publisher_sum, suggest_version
from updeck.errors import Interrupted, LocalFileError

SUM = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "update-11.8.0.iso"
    path.write_bytes(bytes(range(256)) * (10 * CHUNK_BYTES // 1024))
    return path


def opened(path: Path) -> str:
    with pytest.raises(LocalFileError) as caught:
        ImageFile.open(path)
    return str(caught.value)


def test_what_is_no_readable_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.iso").touch()
    os.mkfifo(tmp_path / "pipe.iso")
    (tmp_path / "dangling.iso").symlink_to(tmp_path / "nowhere")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
    assert opened(tmp_path / "absent.iso").endswith("absent.iso does not exist")
    assert opened(tmp_path / "empty.iso").endswith("empty.iso is empty")
    assert opened(tmp_path / "pipe.iso").endswith("is a pipe, not a file")
    assert opened(tmp_path / "dangling.iso").endswith("does not exist")
    assert opened(tmp_path / "sock").endswith("is a socket, not a file")
    assert opened(tmp_path).endswith("is a directory, not a file")
    assert opened(Path("/dev/null")).endswith("is a device, not a file")
    assert "cannot be read" in opened(tmp_path / "a\0b")
    assert "cannot be read" in opened(tmp_path / ("n" * 300))
    assert "cannot be read" in opened(tmp_path / "empty.iso" / "inside")


def test_a_file_name_cannot_drive_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[2Jevil.iso"
    path.write_bytes(b"x")
    assert "\x1b" not in ImageFile.open(path).name
    assert "\x1b" not in opened(tmp_path / "\x1b]0;gone.iso")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_says_so(image: Path) -> None:
    image.chmod(0)
    assert opened(image).endswith("permission denied")


def test_the_chunks_are_the_file(image: Path) -> None:
    file = ImageFile.open(image)
    chunks = list(map(bytes, file.chunks()))
    assert b"".join(chunks) == image.read_bytes()
    assert max(map(len, chunks)) <= CHUNK_BYTES
    assert file.size_bytes == image.stat().st_size


def test_the_pieces_of_a_file_take_the_memory_of_one(image: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.iso"
    small.write_bytes(b"tiny")
    for path, room_bytes in ((image, CHUNK_BYTES), (small, 4)):
        rooms = [chunk.obj for chunk in ImageFile.open(path).chunks()]
        assert isinstance(rooms[0], bytearray)
        assert len(rooms[0]) == room_bytes
        assert all(room is rooms[0] for room in rooms)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def cut_off(path: Path) -> None:
    os.truncate(path, 0)


def rewrite(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"\0" * before.st_size)
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns + 1_000_000))


def swap(path: Path) -> None:
    twin = path.with_suffix(".new")
    twin.write_bytes(path.read_bytes())
    times = path.stat().st_mtime_ns
    os.utime(twin, ns=(times, times))
    twin.replace(path)


def remove(path: Path) -> None:
    path.unlink()


def link(path: Path) -> None:
    twin = path.with_suffix(".new")
    swap_in = path.with_suffix(".link")
    twin.write_bytes(path.read_bytes())
    times = path.stat().st_mtime_ns
    os.utime(twin, ns=(times, times))
    swap_in.symlink_to(twin)
    swap_in.replace(path)


def link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_suffix(".pipe"))
    path.unlink()
    path.symlink_to(path.with_suffix(".pipe"))


def grow_in_no_time(path: Path) -> None:
    """Grow it, and put its time of change back."""
    status = path.stat()
    grow(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES = [link, link_to_a_pipe, grow, grow_in_no_time, shrink, cut_off, rewrite, swap, remove]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_never_read_whole(image: Path, change: object) -> None:
    assert callable(change)
    file = ImageFile.open(image)
    chunks = file.chunks()
    read = len(next(chunks))
    change(image)
    with pytest.raises(LocalFileError):
        read += sum(map(len, chunks))
    assert 0 < read < file.size_bytes


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changed_since_it_was_looked_at_is_not_read_at_all(image: Path, change: object) -> None:
    assert callable(change)
    file = ImageFile.open(image)
    change(image)
    with pytest.raises(LocalFileError):
        next(file.chunks())


class PutBack(PosixPath):
    """A path to another file while that is opened; when it is looked at afterwards its own file is back."""

    looks = 0

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        self.looks += 1
        if self.looks == 2:
            self.with_suffix(".own").replace(self)
        return super().stat(follow_symlinks=follow_symlinks)


def test_a_file_that_was_another_only_when_it_was_opened_is_not_read(image: Path) -> None:
    file = ImageFile.open(image)
    image.rename(image.with_suffix(".own"))
    image.write_bytes(b"\0" * file.size_bytes)
    with pytest.raises(LocalFileError, match="changed while it was read"):
        next(ImageFile(PutBack(image), file.identity).chunks())


def test_a_small_file_is_checked_before_its_only_piece(tmp_path: Path) -> None:
    path = tmp_path / "small.iso"
    path.write_bytes(b"tiny")
    file = ImageFile.open(path)
    assert list(map(bytes, file.chunks())) == [b"tiny"]
    grow(path)
    with pytest.raises(LocalFileError, match="changed while it was read"):
        next(file.chunks())


def test_a_sum_is_computed_once_and_known_until_the_file_changes(image: Path) -> None:
    sums = Checksums()
    file = ImageFile.open(image)
    seen: list[int] = []
    assert sums.known(file) is None
    first = sums.of(file, progress=seen.append)
    assert first == hashlib.sha256(image.read_bytes()).hexdigest()
    assert seen[-1] == file.size_bytes
    assert seen == sorted(seen)
    assert sums.of(file, progress=seen.append) == first
    assert seen[-1] == file.size_bytes
    assert seen.count(file.size_bytes) == 1
    grow(image)
    assert sums.known(ImageFile.open(image)) is None


BROKEN = [errno.EIO, errno.ESTALE, errno.ENXIO, errno.ETIMEDOUT]


@pytest.mark.parametrize("error", BROKEN)
@pytest.mark.parametrize("after_bytes", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 5])
def test_a_disk_that_breaks_while_it_is_read_is_one_sentence_and_no_sum(
    image: Path, after_bytes: int, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = Checksums()
    before = ImageFile.open(image)
    fail_reading(monkeypatch, image, after_bytes, error)
    with pytest.raises(LocalFileError) as caught:
        sums.of(ImageFile.open(image))
    assert str(caught.value) == f"{image} cannot be read: {os.strerror(error)}"
    assert sums.known(before) is None
    with pytest.raises(LocalFileError):
        sums.of(before)


@pytest.mark.parametrize("after_bytes", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 5])
def test_a_file_that_ends_before_its_size_has_no_sum(
    image: Path, after_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, sums = ImageFile.open(image), Checksums()
    end_reading(monkeypatch, image, after_bytes)
    with pytest.raises(LocalFileError) as caught:
        sums.of(file)
    assert str(caught.value) == f"{image.name} ended {file.size_bytes - after_bytes} bytes early"
    assert sums.known(file) is None


@pytest.mark.parametrize("error", BROKEN)
def test_a_mount_that_fails_while_a_file_is_read_is_one_sentence(
    image: Path, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ImageFile.open(image)
    chunks = file.chunks()
    next(chunks)
    gone(monkeypatch, image, error)
    with pytest.raises(LocalFileError, match=f"cannot be read: {os.strerror(error)}"):
        next(chunks)
    assert "cannot be read" in opened(image)


@pytest.mark.parametrize("error", [*BROKEN, errno.EACCES, errno.ELOOP])
def test_a_sum_file_that_nobody_can_look_at_does_not_pass_for_none(
    image: Path, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = image.with_name(image.name + ".sha256")
    beside.write_text(f"{OTHER}\n")
    gone(monkeypatch, beside, error)
    with pytest.raises(LocalFileError, match=f"cannot be read: {os.strerror(error)}"):
        publisher_sum(image)


@pytest.mark.parametrize("after_bytes", [0, 10])
def test_a_sum_file_on_a_disk_that_breaks_does_not_pass_for_none(
    image: Path, after_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = image.with_name(image.name + ".sha256")
    beside.write_text(f"{OTHER}\n")
    fail_reading(monkeypatch, beside, after_bytes)
    with pytest.raises(LocalFileError):
        publisher_sum(image)


REFUSES_READS = Path("/sys/class/net/lo/duplex")
"""A regular file of 4096 bytes that the kernel lets nobody read."""


@pytest.mark.skipif(not REFUSES_READS.exists(), reason="only where Linux tells of its network in files")
def test_a_file_that_the_kernel_refuses_to_read_is_one_sentence() -> None:
    assert stat.S_ISREG(REFUSES_READS.stat().st_mode)
    assert opened(REFUSES_READS) == f"{REFUSES_READS} cannot be read: Invalid argument"


def test_summing_stops_when_told_to(image: Path) -> None:
    cancel = Event()
    file = ImageFile.open(image)
    sums = Checksums()
    with pytest.raises(Interrupted):
        sums.of(file, progress=lambda _: cancel.set(), cancel=cancel)
    assert sums.known(file) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{SUM}  update-11.8.0.iso\n", SUM),
        (f"{SUM} *update-11.8.0.iso\r\n", SUM),
        (f"{SUM.upper()}  ./build/update-11.8.0.iso\n", SUM),
        (f"{SUM}  C:\\build\\update-11.8.0.iso\n", SUM),
        (f"SHA256 (update-11.8.0.iso) = {SUM}\n", SUM),
        (f"SHA2-256(update-11.8.0.iso)= {SUM}\n".replace("SHA2-", "SHA"), SUM),
        (f"{SUM}\n", SUM),
        (f"{SUM}  renamed.iso\n", SUM),
        (f"# published\n\n{OTHER}  other.iso\n{SUM}  update-11.8.0.iso\n", SUM),
    ],
)
def test_the_publishers_sum_is_read_in_the_usual_formats(image: Path, text: str, expected: str) -> None:
    image.with_name(image.name + ".sha256").write_text(text)
    assert publisher_sum(image) == expected


@pytest.mark.parametrize(
    "text",
    [
        "not found\n",
        SUM[:-1],
        f"{SUM}  a.iso\n{OTHER}  b.iso\n",
        f"{SUM}  update-11.8.0.iso\n{OTHER}  update-11.8.0.iso\n",
        "d41d8cd98f00b204e9800998ecf8427e  update-11.8.0.iso\n",
        "\0\0\0",
    ],
)
def test_a_sum_file_that_tells_no_sum_is_an_error_and_not_no_sum(image: Path, text: str) -> None:
    image.with_name(image.name + ".sha256").write_text(text)
    with pytest.raises(LocalFileError, match="tells no SHA-256 sum"):
        publisher_sum(image)


def test_without_a_sum_file_there_is_no_publishers_sum(image: Path) -> None:
    assert publisher_sum(image) is None


def test_a_sum_file_that_is_a_pipe_does_not_hang(image: Path) -> None:
    os.mkfifo(image.with_name(image.name + ".sha256"))
    with pytest.raises(LocalFileError, match="is a pipe"):
        publisher_sum(image)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("update-11.8.0-28924.iso", "11.8.0 #28924"),
        ("appresponse_x86_64_11.11.1a.iso", "11.11.1a"),
        ("AR11-v11.10.iso", "11.10"),
        ("ar11-11.6.0_b23947.iso", "11.6.0 #23947"),
        ("update-11.8.0-2026-03-01.iso", "11.8.0"),
        ("image.iso", None),
        ("disk-7.iso", None),
    ],
)
def test_a_version_is_suggested_from_the_name(name: str, version: str | None) -> None:
    assert suggest_version(name) == version
