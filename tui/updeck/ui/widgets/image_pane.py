"""The images of the device under the list's cursor, with a cursor of its own, because delete is meant for one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from updeck.ui.ink import Ink, Line, line
from updeck.ui.lines.images import image_blocks
from updeck.ui.widgets.canvas import Canvas

if TYPE_CHECKING:
    from updeck.device.models import Image
    from updeck.fleet.views import DeviceView
    from updeck.ui.glyphs import Glyphs

__all__ = ["ImagePane"]


class ImagePane(Canvas):
    """Draws images as blocks of lines. The cursor belongs to an image, and shows while the pane is in use."""

    def __init__(self, glyphs: Glyphs, *, widget_id: str) -> None:
        super().__init__(glyphs, widget_id=widget_id)
        self._view: DeviceView | None = None
        self._cursor: int | None = None
        self._device: str | None = None
        self._top = 0
        self.in_use = False

    @property
    def image(self) -> Image | None:
        """The image under the cursor."""
        images = self._images()
        return images[self._index()] if images else None

    def set_view(self, view: DeviceView | None) -> None:
        """Show the images of a device."""
        name = None if view is None else view.name
        if name != self._device:
            self._device, self._cursor, self._top = name, None, 0
        self._view = view
        self.draw()

    def move(self, images: int) -> None:
        """Move the cursor by images, as far as there are any."""
        known = self._images()
        if known:
            at = min(max(self._index() + images, 0), len(known) - 1)
            self._cursor = known[at].id
            self.draw()

    def draw(self) -> None:
        """Draw the blocks on view."""
        blocks = image_blocks(self._view, self.cells, self.glyphs)
        if not blocks:
            known = self._view is not None and self._view.reading is not None
            self.show((line((" none" if known else "", Ink.DIM)),))
            return
        drawn: list[Line] = []
        start = end = 0
        for index, block in enumerate(blocks):
            here = self.in_use and index == self._index()
            if index == self._index():
                start, end = len(drawn), len(drawn) + len(block)
            head = (self.glyphs.cursor, Ink.ACCENT) if here else (" ", Ink.PLAIN)
            drawn += [line(head if part == 0 else " ", *one) for part, one in enumerate(block)]
        height = self.rows
        self._top = min(self._top, start)
        if end > self._top + height:
            self._top = end - height
        self.show(drawn[self._top : self._top + height])

    def _images(self) -> tuple[Image, ...]:
        return () if self._view is None or self._view.reading is None else self._view.reading.images

    def _index(self) -> int:
        for index, image in enumerate(self._images()):
            if image.id == self._cursor and self._cursor is not None:
                return index
        return 0
