"""What a process takes of its machine, as Linux counts it."""

from __future__ import annotations

import os
import re
from pathlib import Path


def resident_mb(pid: int) -> float:
    """Return what a process has resident, in MiB."""
    return _status_mb(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """Return the most that a process ever had resident, in MiB; what it was before its exec does not count."""
    return _status_mb(pid, "VmHWM")


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process took so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status_mb(pid: int, field: str) -> float:
    found = re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
