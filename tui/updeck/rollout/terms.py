"""The terms of a rollout as people write them, for commands and dialogs alike, and the plan that they make. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from updeck.device.fetch_url import check_fetch_url
from updeck.errors import UsageError
from updeck.fleet.views import DeviceView
from updeck.rollout.draft import planned_devices, present_image
from updeck.rollout.plan import Fence, Goal, Limits, Plan, PlannedImage, Promotion, Source, Via
from updeck.rollout.quantities import parse_duration, parse_rate
from updeck.rollout.waves import Share, parse_waves
from updeck.rollout.window import Window, parse_window
from updeck.text import clean

__all__ = ["PATH_LIMIT", "TRANSFERS_AT_ONCE", "Terms", "parse_sha256"]

TRANSFERS_AT_ONCE = 8
"""Images on their way at once unless somebody says otherwise: more share the same line, and hold it longer each."""

PATH_LIMIT = 1_000
"""Characters that the path of a planned image may have."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def parse_sha256(text: str | None) -> str | None:
    """Return a SHA-256 as 64 lower-case hex digits; raises `UsageError` for anything else."""
    if text is None:
        return None
    digits = text.strip().lower().removeprefix("sha256:").replace(" ", "")
    if not _SHA256.fullmatch(digits):
        raise UsageError(f'"{clean(text, 80)}" is no SHA-256', advice="it has 64 hex digits")
    return digits


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person wants; texts as they were written, what is absent takes its default (`contracts.md` 2).

    `image` is a path or a URL, None for what the devices hold. `waves`, `limit_rate`, `bake` and `window` are in the
    words of the command line. Methods raise `UsageError` for what makes no sense.
    """

    version: str
    image: str | None = None
    sha256: str | None = None
    until: Goal = Goal.UPDATED
    fence: Fence = Fence.NONE
    via: Via | None = None
    canary: int | None = None
    waves: str | None = None
    max_parallel: int | None = None
    max_transfers: int | None = TRANSFERS_AT_ONCE
    limit_rate: str | None = None
    max_per_site: int | None = None
    max_failures: int = 0
    bake: str = "0"
    promote: Promotion = Promotion.MANUAL
    window: str | None = None
    tz: str | None = None
    last_start: str | None = None
    ticket: str = ""
    allow_unverified: bool = False
    allow_insecure: bool = False
    version_path: tuple[tuple[str, str], ...] | None = None

    def check(self) -> None:
        """Say what is wrong with the terms, as far as that can be known without file and devices."""
        self._drafted()
        self.shares()
        parse_sha256(self.sha256)
        if self.by_url:
            self.url_image()

    @property
    def by_url(self) -> bool:
        """Whether the devices are to fetch the image."""
        return self.image is not None and "://" in self.image

    def shares(self) -> tuple[Share, ...]:
        """Return how many devices are done after each wave."""
        return parse_waves(self.waves, canary=self.canary)

    def url_image(self) -> PlannedImage:
        """Return the image behind a URL."""
        sha256 = parse_sha256(self.sha256)
        if sha256 is None:
            advice = "nothing else tells whether it is the one that is meant"
            raise UsageError("an image behind a URL needs its SHA-256", advice=advice)
        url = check_fetch_url(self.image or "", allow_local=True).url
        return PlannedImage(self.version, Source.URL, sha256, None, url)

    def file_image(self, path: str, sha256: str, size_bytes: int) -> PlannedImage:
        """Return the image in a file that was hashed; `path` is absolute."""
        if clean(path, PATH_LIMIT) != path:
            raise UsageError("the path of the image has a control or invisible character, or is too long")
        return PlannedImage(self.version, Source.FILE, sha256, size_bytes, path)

    def plan(self, image: PlannedImage | None, views: Sequence[DeviceView]) -> Plan:
        """Return the plan for these devices in their order; without an image it is what they hold.

        Raises `Blocked` where they hold different ones.
        """
        sha256 = parse_sha256(self.sha256)
        image = image or present_image(self.version, views, sha256=sha256, allow_unverified=self.allow_unverified)
        via = self.via or (Via.FETCH if image.source is Source.URL else Via.PUSH)
        return self._drafted()(image, planned_devices(views, self.shares()), via=via)

    def _drafted(self) -> partial[Plan]:
        """Return the plan that still lacks its image and its devices."""
        for what, text in (("version", self.version), ("ticket", self.ticket)):
            if clean(text) != text:
                raise UsageError(f"the {what} has a control or invisible character")
        if not self.version.strip():
            raise UsageError("it needs the version that the image installs")
        return partial(
            Plan,
            until=self.until,
            fence=self.fence,
            limits=Limits(
                max_parallel=self.max_parallel,
                max_transfers=self.max_transfers,
                limit_rate=None if self.limit_rate is None else parse_rate(self.limit_rate),
                max_per_site=self.max_per_site,
                max_failures=self.max_failures,
            ),
            bake_s=parse_duration(self.bake),
            promote=self.promote,
            window=self.dated_window(),
            ticket=self.ticket,
            allow_unverified=self.allow_unverified,
            allow_insecure=self.allow_insecure,
            version_path=self.version_path,
        )

    def dated_window(self) -> Window | None:
        """Return the window with its dates, None where boxes may go down at any time; raises `UsageError`."""
        if self.window is not None:
            return parse_window(self.window, tz=self.tz, last_start=self.last_start)
        if self.tz is not None or self.last_start is not None:
            raise UsageError("a time zone and a last start belong to a window")
        return None
