"""Image files: the same on both sides, whatever the size, and nothing else is taken for one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from updeck.errors import LocalFileError, UsageError
from updeck.simulator.images import (
    BAD_SIGNATURE,
    WRONG_PLATFORM,
    ImageReader,
    Received,
    parse_size,
    write_image,
)

VERSION = "11.8.0 #28924"


def read(content: bytes, *, chunk_bytes: int = 1 << 16) -> Received:
    reader = ImageReader()
    for start in range(0, len(content), chunk_bytes):
        reader.feed(content[start : start + chunk_bytes])
    return reader.finish()


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("4096", 4096), ("300MB", 300_000_000), ("2GiB", 2 << 30), ("1.5G", 1_500_000_000), ("10 kib", 10_240), ("7B", 7)],
)
def test_sizes_are_read_as_people_write_them(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "x", "-1", "1.2.3", "5 bananas", "iB", "1e9", "3i"])
def test_what_is_no_size_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        parse_size(text)


def test_an_image_has_the_asked_size_and_its_sum_stands_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "image.iso"
    digest = write_image(path, VERSION, 3_000_001)
    assert path.stat().st_size == 3_000_001
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "image.iso.sha256").read_text() == f"{digest}  image.iso\n"


def test_the_same_version_and_size_give_the_same_bytes(tmp_path: Path) -> None:
    first = write_image(tmp_path / "a.iso", VERSION, 50_000)
    assert write_image(tmp_path / "b.iso", VERSION, 50_000) == first
    assert write_image(tmp_path / "c.iso", "11.8.1", 50_000) != first
    assert write_image(tmp_path / "d.iso", VERSION, 50_001) != first


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(extra=st.integers(0, 3000), chunk_bytes=st.integers(1, 5000))
def test_a_device_reads_an_image_however_its_bytes_come(tmp_path: Path, extra: int, chunk_bytes: int) -> None:
    path = tmp_path / "image.iso"
    digest = write_image(path, VERSION, 200 + extra)
    assert read(path.read_bytes(), chunk_bytes=chunk_bytes) == Received(200 + extra, digest, VERSION, None)


def test_a_corrupt_image_fails_its_signature_and_matches_the_sum_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "image.iso"
    digest = write_image(path, VERSION, 5000, corrupt=True)
    received = read(path.read_bytes())
    assert received.fault == BAD_SIGNATURE
    assert received.sha256 == digest


def test_a_flipped_bit_and_a_missing_end_fail_the_signature(tmp_path: Path) -> None:
    path = tmp_path / "image.iso"
    write_image(path, VERSION, 5000)
    content = bytearray(path.read_bytes())
    assert read(bytes(content[:-1])).fault == BAD_SIGNATURE
    content[3000] ^= 1
    assert read(bytes(content)).fault == BAD_SIGNATURE


@pytest.mark.parametrize("content", [b"", b"x", b"CD001" * 5000, b"UPDECK-SIMULATED-IMAGE\x00\x01", b"\xff" * 40])
def test_a_file_that_is_no_image_of_ours_is_for_another_platform(content: bytes) -> None:
    assert read(content).fault == WRONG_PLATFORM


@given(garbage=st.binary(max_size=6000))
def test_a_header_of_garbage_is_a_fault_and_never_an_error(garbage: bytes) -> None:
    assert read(b"UPDECK-SIMULATED-IMAGE\x00\x01" + garbage).fault in (WRONG_PLATFORM, BAD_SIGNATURE)


def test_a_size_below_the_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least"):
        write_image(tmp_path / "image.iso", VERSION, 10)
    assert not (tmp_path / "image.iso").exists()


@pytest.mark.parametrize("version", ["", "  ", "11\x1b[2J", "9" * 65])
def test_a_version_that_is_none_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(UsageError, match="is no version"):
        write_image(tmp_path / "image.iso", version, 5000)


def test_a_size_beyond_the_disk_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(LocalFileError, match="there is room for"):
        write_image(tmp_path / "image.iso", VERSION, 1 << 60)
    assert not list(tmp_path.iterdir())


def test_a_file_that_no_simulator_wrote_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "real.iso"
    path.write_bytes(b"somebody's real image")
    with pytest.raises(LocalFileError, match="no simulated image"):
        write_image(path, VERSION, 5000)
    assert path.read_bytes() == b"somebody's real image"


def test_a_directory_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LocalFileError, match="cannot write"):
        write_image(tmp_path / "none" / "image.iso", VERSION, 5000)
