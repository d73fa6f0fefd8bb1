"""What must hold for the source of the UI as a whole."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.app import App
from textual.screen import ModalScreen, Screen
from textual.scroll_view import ScrollView
from textual.widget import Widget

UI = Path(__file__).parents[2] / "tui" / "updeck" / "ui"
MEANT = {
    "ansi_color",
    *("__init__", "compose", "render", "render_line", "render_lines", "on_mount", "get_content_width"),
    *("get_default_screen", "bell", "theme", "animation_level", "error_console", "display", "virtual_size"),
    *("watch_scroll_y", "AUTO_FOCUS", "BINDINGS", "CSS_PATH", "on_event"),
}
"""Names of Textual's own that we replace or set on purpose."""


def classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    """Yield every class of the UI's source."""
    for path in sorted(UI.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield path, node


def textual_names() -> set[str]:
    """Return what Textual's classes define or set on themselves."""
    names: set[str] = set()
    for base in {one for kind in (App, Screen, ModalScreen, Widget, ScrollView) for one in kind.__mro__}:
        names |= set(vars(base))
        if base.__module__.startswith("textual"):
            names |= set(re.findall(r"self\.(\w+)\s*(?::[^=\n]+)?=[^=]", inspect.getsource(base)))
    return names


def own_names(node: ast.ClassDef) -> set[str]:
    """Return the methods of a class and what they set on `self`."""
    names = {one.name for one in ast.walk(node) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    return names | {
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute)
        and isinstance(one.ctx, ast.Store)
        and isinstance(one.value, ast.Name)
        and one.value.id == "self"
    }


def test_no_name_of_ours_hides_one_of_textuals() -> None:
    taken = textual_names()
    kinds = {"App", "Screen", "ModalScreen", "Widget", "ScrollView"}
    known = {node.name for _, node in classes()}
    for path, node in classes():
        bases = {ast.unparse(base).split("[")[0] for base in node.bases}
        if bases & (kinds | known):
            hidden = own_names(node) & taken - MEANT
            assert not hidden, f"{path.name}: {node.name} hides {sorted(hidden)}"


def test_no_name_that_is_private_to_textual_is_used() -> None:
    private = {name for name in textual_names() if name.startswith("_") and not name.startswith("__")}
    ours = {name for _, node in classes() for name in own_names(node)}
    for path in sorted(UI.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) != "os._exit":
                assert node.attr not in private - ours, f"{path.name}:{node.lineno} uses {node.attr}"


TAKES_MARKUP = {
    *("from_markup", "from_ansi", "notify", "print", "print_json", "log", "loading_text"),
    *("border_title", "border_subtitle", "tooltip"),
}
"""What takes a string for markup: methods of Textual and Rich, and properties of every widget."""


def takes_markup(source: str) -> list[str]:
    """Return what in a source could take foreign text for markup."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name) if name in TAKES_MARKUP:
                found.append(name)
            case ast.keyword(arg="markup", value=value) if not (isinstance(value, ast.Constant) and not value.value):
                found.append("markup=")
            case ast.ImportFrom(module=module) if str(module).startswith(("textual.widgets", "rich.markup")):
                found.append(f"from {module}")
    return found


def test_no_text_is_ever_shown_as_markup() -> None:
    for path in sorted(UI.rglob("*.py")):
        assert not takes_markup(path.read_text(encoding="utf-8")), path


def test_no_widget_leaves_its_drawing_to_a_string() -> None:
    for path, node in classes():
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name == "render":
                assert ast.unparse(method.returns or ast.Constant("")) not in ("str", "RenderResult", ""), path


@pytest.mark.parametrize(
    "source",
    [
        'Content.from_markup(f"[b]{name}[/b]")',
        "Text.from_markup(name)",
        "self.app.notify(name)",
        "self.border_title = name",
        "console.print(name)",
        "Content(name, markup=True)",
        "from textual.widgets import Static",
        "from rich.markup import render",
    ],
)
def test_a_source_that_shows_markup_would_be_found(source: str) -> None:
    assert takes_markup(source)
    assert not takes_markup("Content(name, markup=False)")


def test_nothing_that_delays_the_first_picture_is_loaded_before_it() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, updeck.cli.screen, updeck.ui.app;"
            "print([name for name in ('httpx', 'sqlite3', 'tomlkit', 'aiohttp') if name in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "[]"
