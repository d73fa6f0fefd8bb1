"""The one door for foreign text: what a device, file, certificate, URL or exception says, made safe to show.

Every string that was not written in this source passes `clean` when it comes in (`security.md`, "text from
outside"). After the door a string holds only printable characters, so no terminal, log or report can be driven by it.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["cell_width", "clean", "clean_lines", "fit", "fit_ends", "pad", "plain_ascii", "plural"]

LINE_LIMIT = 500
"""Longest cleaned single line, in characters."""

TEXT_LIMIT = 20_000
"""Longest cleaned multi-line text, in characters."""

COMBINING_LIMIT = 2
"""Combining marks kept behind one base character."""

_CONTROL_PICTURES = 0x2400
_BLANKS = "\u2800\u3164\uffa0\u115f\u1160"
"""Letters and signs that look like nothing."""

_MARKED_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mc")
_UNSETTLED = re.compile(
    "[\u1161-\u11ff\ud7b0-\ud7ff\u2630-\u2637\u268a-\u268f\u302e\u302f\u3248-\u324f\u4dc0-\u4dff"
    "\ufe00-\ufe0f\U0001d300-\U0001d376\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]"
)
"""What takes one cell in one terminal and none or two in another, and would tear the columns there: vowels and finals
of Korean syllables in pieces, signs that became wide with Unicode 16, halves of flags, skin tones, variation selectors;
and all marks that take room of their own (`Mc`).
"""

_ASCII_MARKS = {
    "…": "...", "·": ".", "─": "-", "│": "|", "→": "->", "←": "<-", "↑": "^", "↓": "v", "↻": "~",
    "●": "*", "○": "o", "✓": "+", "✗": "x", "⊘": "!", "▌": ">", "–": "-", "—": "-", "’": "'", "‘": "'",
    "“": '"', "”": '"', "‹": "<", "›": ">", "×": "x", "�": "?",
}  # fmt: skip


def clean(value: object, limit: int = LINE_LIMIT) -> str:
    """Return `value` as one safe line of at most `limit` characters.

    Controls become visible marks (`␛`, `‹U+009B›`), as do bidirectional and zero-width controls, surrogates, private
    and unassigned code points, and characters on whose width terminals do not agree; at most two combining marks stay
    behind a character, and none where a line begins; a cut is shown by `…`.
    """
    return _clean(value, limit, keep="")


def clean_lines(value: object, limit: int = TEXT_LIMIT) -> str:
    """Return `value` as safe text of at most `limit` characters in which line feeds and tabs stay what they are."""
    return _clean(value, limit, keep="\n\t")


def _clean(value: object, limit: int, keep: str) -> str:
    raw = value if isinstance(value, str) else str(value)
    head = raw[: limit + 1]
    if head.isascii() and head.isprintable() and len(raw) <= limit:
        return head
    out: list[str] = []
    size = combining = 0
    for position, character in enumerate(raw):
        if position > 8 * limit:  # a flood of dropped marks must not cost time in proportion to its length
            out.append("…")
            break
        mark = character if character in keep else _visible(character)
        if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
            combining += 1
            if combining > COMBINING_LIMIT or not out or out[-1] in keep:  # on nothing it would stand on what is before
                continue
        else:
            combining = 0
        if size + len(mark) > limit:
            while out and size >= limit:
                size -= len(out.pop())
            out.append("…")
            break
        out.append(mark)
        size += len(mark)
    return "".join(out)


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if code < 0x7F:
        return character
    if code == 0x7F:
        return "␡"
    if unicodedata.category(character) in _MARKED_CATEGORIES or _UNSETTLED.match(character):
        return f"‹U+{code:04X}›"
    if unicodedata.category(character) == "Zs" or character in _BLANKS:
        return " "
    return character


def cell_width(value: str) -> int:
    """Return how many terminal cells `value` takes, by the table that the screen uses as well."""
    if value.isascii():
        return len(value)
    from rich.cells import cell_len

    return cell_len(value)


def fit(value: str, width: int) -> str:
    """Cut `value` to at most `width` cells; a cut ends in `…`."""
    if cell_width(value) <= width:
        return value
    if width <= 0:
        return ""
    out: list[str] = []
    used = 0
    for character in value:
        cells = cell_width(character)
        if used + cells > width - 1:
            break
        out.append(character)
        used += cells
    return "".join(out) + "…"


def fit_ends(value: str, width: int) -> str:
    """Cut `value` to at most `width` cells in its middle, at `…`: names of boxes often differ in their ends alone."""
    if cell_width(value) <= width or width < 3:
        return fit(value, width)
    at, used = len(value), 0
    while used + (cells := cell_width(value[at - 1])) <= width // 2:
        at, used = at - 1, used + cells
    # what stands on the character before it would stand on the mark
    while at < len(value) and not cell_width(value[at]):
        at += 1
    return fit(value, width - used) + value[at:]


def pad(value: str, width: int, align: str = "left") -> str:
    """Fit `value` into exactly `width` cells, aligned `left` or `right`."""
    fitted = fit(value, width)
    space = " " * (width - cell_width(fitted))
    return space + fitted if align == "right" else fitted + space


def plain_ascii(value: str) -> str:
    """Return cleaned text for a terminal that shows ASCII only: known glyphs spelled out, the rest as `?`."""
    if value.isascii():
        return value
    return "".join(_ascii_mark(character) for character in value)


def _ascii_mark(character: str) -> str:
    if character.isascii():
        return character
    if character in _ASCII_MARKS:
        return _ASCII_MARKS[character]
    if 0x2400 <= ord(character) <= 0x2421:
        return f"<{ord(character) - _CONTROL_PICTURES:02X}>" if character != "␡" else "<7F>"
    base = unicodedata.normalize("NFKD", character)[0]
    return base if base.isascii() and base.isprintable() else "?"


def plural(count: int, singular: str, many: str | None = None) -> str:
    """Return `1 device`, `2 devices`: the count with its noun."""
    return f"{count} {singular if count == 1 else many or singular + 's'}"
