"""What people read is in the words of the field: none of ours that only the design explains."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_tree import COMMANDS
from updeck.journal.models import Op, Verdict
from updeck.journal.sentences import ended
from updeck.ui.actions import BY_ID

SOURCE = Path(__file__).parents[1] / "tui/updeck"
OURS = re.compile(
    r"\bheld\b|\bstands at\b|\bbaked\b|stops by itself|(?<!\()\breset (accepted|sent|refused)|sending reset"
    r"|no reset|\bgates?\b|\bfence[ds]?\b|\borphan|\blease[ds]?\b"
)
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|REFERENCES)\b")
PLACES = ("ui", "cli", "rollout", "fleet", "device", "journal")


def spoken(path: Path) -> Iterator[tuple[int, str]]:
    """Return the texts of a module, but for what stands alone as a docstring does, and for what reads as a name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.lineno, node.value


def modules() -> list[Path]:
    found = [SOURCE / place for place in PLACES]
    return [path for one in found for path in ([one] if one.suffix else sorted(one.rglob("*.py")))]


def test_no_text_has_a_word_that_only_the_design_explains() -> None:
    said = [
        f"{path.relative_to(SOURCE)}:{number}: {text}"
        for path in modules()
        for number, text in spoken(path)
        if " " in text.strip() and OURS.search(text) and not SQL.search(text)
    ]
    assert said == []


def test_no_help_of_a_command_has_one() -> None:
    assert [path for path, one in COMMANDS.items() if OURS.search(one.help or "")] == []


@pytest.mark.parametrize(
    "text",
    [
        "1 device is held",
        "it never stops by itself",
        "when wave 1 has baked",
        "reset accepted",
        "sending reset (un-init)",
        "which no reset has resolved",
        "as plans and gates allow",
        "the fence holds it",
    ],
)
def test_such_a_word_would_be_found(text: str) -> None:
    assert OURS.search(text)


@pytest.mark.parametrize("text", ["when the bake time is over", "un-init (reset) accepted", "HELD", "IDLE"])
def test_a_word_of_the_field_is_none(text: str) -> None:
    assert not OURS.search(text)


def test_reset_is_called_un_init_wherever_it_is_told() -> None:
    assert [op.words for op in Op if op.words != op.value] == ["un-init (reset)"]
    assert ended(Op.RESET, Verdict.REVIEW, "x").startswith("un-init (reset) ended REVIEW")
    assert BY_ID["reset"].label == Op.RESET.words
    assert BY_ID["start"].label == "start: box goes down"
