"""What a person asks of one device, what a fresh read says about it, and what became of it.

An `Examination` is what a dialog shows; confirming it sends an `Order` that carries it back, and anything that has
changed in between refuses (`design.md` 5, Start).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from updeck.device.models import Certificate, Image
from updeck.fleet.views import DeviceView, Reading
from updeck.journal.models import Op, Outcome

__all__ = ["CertificateOffer", "Check", "Examination", "FetchOrder", "Performed", "Result", "UploadOrder", "Weight"]


class Result(StrEnum):
    """What a check found; a skipped check is never shown as ok."""

    OK = "ok"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"


class Weight(StrEnum):
    """What a person has to do to confirm (`rollout.md` 2): press yes, or type the token."""

    YES = "yes"
    TYPED = "typed"


@dataclass(frozen=True, slots=True)
class Check:
    """One check with its reason in words."""

    name: str
    result: Result
    reason: str


@dataclass(frozen=True, slots=True)
class Examination:
    """A fresh read of one device with regard to one operation.

    `refusal` is the sentence that forbids the operation, None where it may be confirmed. `target` is the version that
    start would install, or that init would name. `choices` are the versions to choose from where init needs one named.
    `image` is where the target comes from (for delete: the image meant). `token` is what is to be typed.
    """

    op: Op
    device: str
    view: DeviceView
    reading: Reading | None
    refusal: str | None
    weight: Weight
    token: str
    target: str | None = None
    image: Image | None = None
    choices: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    consequence: str = ""


@dataclass(frozen=True, slots=True)
class UploadOrder:
    """A local file for one device. `sha256` is of the file, hashed before; `publisher_sha256` where one was given."""

    path: Path
    sha256: str
    size_bytes: int
    version: str | None
    publisher_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class FetchOrder:
    """A URL for the device to open. `sha256` and `version` are what is expected, where known."""

    url: str
    sha256: str | None = None
    version: str | None = None
    allow_local: bool = False


@dataclass(frozen=True, slots=True)
class Performed:
    """What became of a sent call; the watching goes on. `rollout` is the manual rollout's id.

    `outcome` is None where nothing had to be sent: the device holds a VALID image with this checksum already.
    """

    rollout: str
    op: Op
    outcome: Outcome | None
    text: str


@dataclass(frozen=True, slots=True)
class CertificateOffer:
    """The certificate a device presents now, beside the pin that was trusted so far."""

    device: str
    presented: Certificate
    trusted: str | None
    mode: str
