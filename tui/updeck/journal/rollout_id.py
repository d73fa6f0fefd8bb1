"""The ids of rollouts: UUIDv7 (RFC 9562, 5.7), so that they sort by the time of their making."""

from __future__ import annotations

__all__ = ["RANDOM_BYTES", "uuid7"]

RANDOM_BYTES = 10


def uuid7(wall: float, random: bytes) -> str:
    """Return the id for a time in Unix seconds and `RANDOM_BYTES` random bytes, as 36 characters."""
    value = int(wall * 1000) << 80 | int.from_bytes(random[:RANDOM_BYTES], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
