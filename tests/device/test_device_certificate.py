"""What a certificate says is read from its bytes, and hostile bytes say nothing."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.certificates import issue
from updeck.device.certificate import describe

ISSUED = issue("ar11-\u202e\x1b[31m", from_days=-20_000, to_days=20_000)


def test_names_are_made_safe_and_times_of_both_encodings_are_read() -> None:
    told = describe(ISSUED.der)
    assert told.fingerprint == ISSUED.fingerprint
    assert told.subject == "O=Exämple, CN=ar11-‹U+202E›␛[31m"
    assert told.not_before == f"{ISSUED.certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
    assert told.not_after == f"{ISSUED.certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    "junk", [b"", b"0", b"\x30\x82", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80\x30\x80", b"\x30" * 5000]
)
def test_what_is_no_certificate_has_a_fingerprint_only(junk: bytes) -> None:
    told = describe(junk)
    assert told.fingerprint == f"sha256:{hashlib.sha256(junk).hexdigest()}"
    assert (told.subject, told.issuer, told.not_before, told.not_after) == (None, None, None, None)


@given(st.integers(0, len(ISSUED.der) - 1), st.binary(min_size=1, max_size=4))
def test_a_damaged_certificate_never_fails(at: int, patch: bytes) -> None:
    damaged = ISSUED.der[:at] + patch + ISSUED.der[at + len(patch) :]
    assert describe(damaged).fingerprint == f"sha256:{hashlib.sha256(damaged).hexdigest()}"
    assert describe(ISSUED.der[:at]).subject in (None, describe(ISSUED.der).subject)
