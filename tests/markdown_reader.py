"""Markdown as a ticket system shows it: read by a parser that lets HTML through and makes links of what looks so."""

from __future__ import annotations

from html.parser import HTMLParser

from markdown_it import MarkdownIt

__all__ = ["Shown", "shown"]

PLAIN = frozenset({"h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td"})
"""What tables and headings of ours are made of."""

READER = MarkdownIt("gfm-like", {"html": True})


class Shown(HTMLParser):
    """What a reader sees: `texts` without blank ones, and in `live` every tag that is more than table and heading."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.live: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in PLAIN or attrs:
            self.live.append(self.get_starttag_text() or tag)

    def handle_data(self, data: str) -> None:
        self.texts += [data.strip()] if data.strip() else []

    def handle_comment(self, data: str) -> None:
        self.live.append(data)

    def handle_decl(self, decl: str) -> None:
        self.live.append(decl)

    def handle_pi(self, data: str) -> None:
        self.live.append(data)


def shown(markdown: str) -> Shown:
    """Read a text to its end."""
    reader = Shown()
    reader.feed(READER.render(markdown))
    reader.close()
    return reader
