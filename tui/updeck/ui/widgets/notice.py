"""One sentence above the footer, told whole however long it is."""

from __future__ import annotations

from updeck.ui.facts import wrap
from updeck.ui.ink import Line, line, text_of
from updeck.ui.layout import Place
from updeck.ui.widgets.canvas import Canvas

__all__ = ["Notice"]

_MOST = 4


class Notice(Canvas):
    """Stands on its line, and grows upward over what is there while its sentence takes more."""

    _ground: Place | None = None
    sentence = ""
    """What is told, in one line."""

    def place(self, place: Place | None) -> None:
        """Stand on this line of the screen, or nowhere."""
        self._ground = place
        super().place(place)

    def tell(self, drawn: Line, *, indent: int = 0) -> None:
        """Show a sentence; what follows its first line is indented by so many cells."""
        ground, self.sentence = self._ground, text_of(drawn).strip()
        first, *rest = wrap(drawn, self.cells - indent) if ground else [drawn]
        told = [first, *(line(" " * indent, *piece) for piece in rest)][:_MOST]
        if ground and len(told) != self.rows:
            super().place(ground._replace(y=ground.y - len(told) + 1, height=len(told)))
        self.show(told)
