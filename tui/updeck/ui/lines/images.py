"""The pane *Images*: what lies on a device, whether it may be trusted, how far it has come. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from updeck.device.states import ImageState
from updeck.text import cell_width
from updeck.ui.facts import wrap
from updeck.ui.ink import Ink, Line, line
from updeck.ui.times import rate

if TYPE_CHECKING:
    from updeck.device.models import Image
    from updeck.fleet.views import DeviceView, Transfer
    from updeck.ui.glyphs import Glyphs

__all__ = ["image_blocks", "progress_bar"]

_BAR_CELLS = 10
_CHECKSUM_CELLS = 12
_INDENT = 5
_STATE_CELLS = 13


def image_blocks(view: DeviceView | None, width: int, glyphs: Glyphs) -> tuple[tuple[Line, ...], ...]:
    """Return the lines of each image, in the order of the device, for `width` cells."""
    if view is None or view.reading is None:
        return ()
    return tuple(tuple(_block(view, image, width, glyphs)) for image in view.reading.images)


def _block(view: DeviceView, image: Image, width: int, glyphs: Glyphs) -> Iterable[Line]:
    sign, ink = _looks(image, glyphs)
    number = "?" if image.id is None else str(image.id)
    yield line(
        (f"{number:>2} ", Ink.DIM),
        (f"{sign} {image.state}{' ' * max(1, _STATE_CELLS - cell_width(image.state))}", ink),
        (image.version or "version not known", Ink.PLAIN if image.version else Ink.DIM),
    )
    if image.state == ImageState.UPLOADING:
        yield line(" " * _INDENT, *_progress(image, view.transfer, glyphs))
    elif image.checksum:
        yield line((" " * _INDENT + image.checksum[:_CHECKSUM_CELLS] + glyphs.ellipsis, Ink.DIM), *_match(view, image))
    if image.state_description:
        for piece in wrap(line((image.state_description, _describes(image))), max(8, width - _INDENT)):
            yield line(" " * _INDENT, *piece)


def _looks(image: Image, glyphs: Glyphs) -> tuple[str, Ink]:
    match image.state:
        case ImageState.VALID:
            return glyphs.valid, Ink.PLAIN
        case ImageState.UPLOADING:
            return glyphs.sending, Ink.PLAIN
        case ImageState.VALIDATING:
            return glyphs.moving, Ink.PLAIN
        case ImageState.INVALID | ImageState.UPLOAD_ERROR:
            return glyphs.failed, Ink.MAY
    return glyphs.unknown, Ink.MAY


def _describes(image: Image) -> Ink:
    return Ink.MAY if image.state in (ImageState.INVALID, ImageState.UPLOAD_ERROR) else Ink.DIM


def _match(view: DeviceView, image: Image) -> Line:
    if image.checksum in view.record.proven_checksums:
        return line(("  = our file", Ink.PLAIN))
    return line(("  not proven by us", Ink.DIM))


def _progress(image: Image, transfer: Transfer | None, glyphs: Glyphs) -> Line:
    if transfer is not None and transfer.total_bytes:
        percent = 100 * transfer.sent_bytes / transfer.total_bytes
        from updeck.fleet.next import clock_text  # not loaded before the first paint

        speed = "" if transfer.rate_bps is None else f" {rate(transfer.rate_bps)}"
        left = "" if transfer.eta_s is None else f" {clock_text(transfer.eta_s)}"
        return line(*progress_bar(percent, glyphs), f" {percent:3.0f} %{speed}{left}")
    if image.progress is None:
        return line(("no progress told", Ink.DIM))
    return line(*progress_bar(image.progress, glyphs), f" {image.progress:3.0f} %")


def progress_bar(percent: float, glyphs: Glyphs) -> Line:
    """Return a bar of fixed width; it grows in whole cells, so that it seldom repaints."""
    cells = min(_BAR_CELLS, max(0, int(percent * _BAR_CELLS / 100)))
    return line((glyphs.filled * cells, Ink.ACCENT), (glyphs.empty * (_BAR_CELLS - cells), Ink.RULE))
