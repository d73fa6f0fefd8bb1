"""Fixtures of the journal's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from journal_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a state directory with processes on it; what they have open is closed with the test."""
    with Bench(tmp_path / "state") as bench:
        yield bench
