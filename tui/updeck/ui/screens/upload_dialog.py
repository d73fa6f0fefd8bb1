"""Shows a file, its checksum and who would get it, and asks for a yes before it is uploaded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.timer import Timer

from updeck.device.image_file import Checksums, ImageFile, publisher_sum, suggest_version
from updeck.errors import Interrupted, LocalFileError
from updeck.fleet.orders import UploadOrder
from updeck.text import clean
from updeck.ui.facts import fact, sentence
from updeck.ui.fingerprints import sum_fact
from updeck.ui.ink import Ink, Line, line
from updeck.ui.screens.dialog import Look
from updeck.ui.screens.transfer_dialog import Examine, TransferDialog
from updeck.ui.targets import receivers, target_lines
from updeck.ui.times import size
from updeck.ui.widgets.form import Entry, Form

__all__ = ["UploadChoice", "UploadDialog"]

TELL_S = 1.0
"""How often the progress of hashing is drawn."""


@dataclass(frozen=True, slots=True)
class UploadChoice:
    """A confirmed upload: one file for these devices."""

    order: UploadOrder
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the file so far; `error` is why it cannot be sent."""

    file: ImageFile | None = None
    sha256: str | None = None
    publisher: str | None = None
    error: str | None = None


class UploadDialog(TransferDialog[UploadChoice]):
    """Hashes the file in a thread; a file that is not what its publisher states is not sent.

    `rates` are the measured rates by device, in bytes per second. `goes_on`: an engine of its own sends the file.
    """

    VERB = "upload"

    def __init__(
        self,
        look: Look,
        path: Path,
        names: Sequence[str],
        examine: Examine,
        *,
        checksums: Checksums,
        rates: Mapping[str, float],
        goes_on: bool = False,
    ) -> None:
        target = names[0] if len(names) == 1 else f"{len(names)} devices"
        super().__init__(f"Upload to {target}", look, names, examine)
        self._path = path
        self._checksums = checksums
        self._rates = rates
        self._goes_on = goes_on
        self._known = _Known()
        self._hashed_bytes = 0
        self._cancel = threading.Event()
        self._ticking: Timer | None = None

    def make_form(self) -> Form:
        """Return the line for the version, filled from the file's name for a person to correct."""
        suggested = suggest_version(self._path.name) or ""
        entry = Entry("version", "version", suggested, "that the file holds")
        return Form(self.look.glyphs, [entry], self.buttons(), at="cancel")

    def on_mount(self) -> None:
        """Begin to hash."""
        self._ticking = self.set_interval(TELL_S, self._tell_progress)
        self.run_worker(self._hash(), exit_on_error=False)

    @on(Form.Changed)
    def _typed(self, event: Form.Changed) -> None:
        event.stop()
        self.redraw()

    def on_unmount(self) -> None:
        """Stop hashing."""
        self._cancel.set()

    async def _hash(self) -> None:
        try:
            await asyncio.to_thread(self._look_at_file)
        except Interrupted:
            return
        except LocalFileError as error:
            self._known = _Known(self._known.file, error=str(error))
        if self._ticking is not None:
            self._ticking.stop()
        self.redraw_soon()

    def _look_at_file(self) -> None:
        """Open and hash; runs in a thread. Raises `LocalFileError`."""
        file = ImageFile.open(self._path)
        publisher = publisher_sum(self._path)
        self._known = _Known(file, self._checksums.known(file), publisher)

        def progress(done_bytes: int) -> None:
            self._hashed_bytes = done_bytes

        sha256 = self._checksums.of(file, progress=progress, cancel=self._cancel)
        self._known = _Known(file, sha256, publisher)

    def _tell_progress(self) -> None:
        self.body.show(self.lines, keep_place=True)

    def sha256(self) -> str | None:
        """Return the checksum of the file."""
        return self._known.sha256

    def rate_bps(self, name: str) -> float | None:
        """Return the rate that was measured for a device."""
        return self._rates.get(name)

    def missing(self) -> str | None:
        """Return what is not known yet of the file, or why it cannot be sent."""
        known = self._known
        if known.error is not None:
            return known.error
        if known.sha256 is None:
            return "reading the file for its SHA-256…"
        if known.publisher is not None and known.publisher != known.sha256:
            return "the file is not what its publisher states: it is not sent"
        return None if self.version() else "type the version that the file holds: tab goes there"

    def order(self) -> UploadChoice:
        """Return the file and who gets it."""
        known = self._known
        assert known.file is not None
        assert known.sha256 is not None
        order = UploadOrder(known.file.path, known.sha256, known.file.size_bytes, self.version(), known.publisher)
        return UploadChoice(order, receivers(self.targets()))

    def lines(self, width: int) -> list[Line]:
        """Return file, checksum and devices."""
        known = self._known
        told = "" if known.file is None else f"  {size(known.file.size_bytes)}"
        out = fact("file", line((clean(self._path.name), Ink.STRONG), told), width)
        out += fact("in", line((clean(self._path.parent, 2000), Ink.DIM)), width)
        if known.error is not None:
            return out + sentence(known.error, width, Ink.NEEDS)
        if known.sha256 is None:
            out += fact("sha256", line((self._progress_words(known), Ink.DIM)), width)
        else:
            out += sum_fact("sha256", known.sha256, width)
        out += self._publisher_lines(known, width)
        size_bytes = None if known.file is None else known.file.size_bytes
        out += fact("sent by", line((self._sent_by(), Ink.DIM)), width)
        return out + target_lines(self.targets(), size_bytes, self.look.glyphs, width)

    def _sent_by(self) -> str:
        if not self._goes_on:
            return "this program: quitting breaks it off"
        lives = "ends with the demo" if self.look.label == "DEMO" else "outlives this terminal"
        return f"an engine of its own, which {lives}"

    def _progress_words(self, known: _Known) -> str:
        total = 0 if known.file is None else known.file.size_bytes
        return f"reading the file, {100 * self._hashed_bytes // total if total else 0} %"

    def _publisher_lines(self, known: _Known, width: int) -> list[Line]:
        beside = f"{clean(self._path.name)}.sha256"
        if known.publisher is None:
            return fact("publisher", line((f"no {beside} beside it: nothing to compare with", Ink.DIM)), width)
        if known.sha256 is None:
            return fact("publisher", line(("states a sum, to be compared", Ink.DIM)), width)
        if known.publisher == known.sha256:
            same = line((f"{self.look.glyphs.valid} ", Ink.ACCENT), f"the same as in {beside}")
            return fact("publisher", same, width)
        other = line((f"{self.look.glyphs.failed} {beside} states another sum", Ink.NEEDS))
        return fact("publisher", other, width) + sum_fact("", known.publisher, width)
