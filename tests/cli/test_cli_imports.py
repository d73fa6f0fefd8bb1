"""What a command may load: never Textual, httpx only when a device is asked, next to nothing for `--version`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from terminal_fixture import on_terminal

PROGRAM = """
import sys
from updeck.cli.main import main
code = main(sys.argv[1:])
print("\\n".join(sorted(name for name in sys.modules if "." not in name or name.startswith("updeck."))))
sys.exit(code)
"""


def modules_after(room: Path, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={"PATH": "", "UPDECK_CONFIG": str(room), "UPDECK_STATE": str(room / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return set(done.stdout.split())


def test_version_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded = modules_after(tmp_path, "--version")
    assert "updeck.cli.main" in loaded
    assert not loaded & {"textual", "httpx", "asyncio", "sqlite3", "tomlkit", "platformdirs", "ssl", "aiohttp"}


@pytest.mark.parametrize("arguments", [["--help"], ["status", "--help"], ["update", "--help"], ["config", "path"]])
def test_what_asks_no_device_loads_no_http_client(tmp_path: Path, arguments: list[str]) -> None:
    loaded = modules_after(tmp_path, *arguments)
    assert "updeck.cli.main" in loaded
    assert not loaded & {"textual", "httpx", "aiohttp"}


def test_asking_a_device_loads_the_http_client_and_still_no_textual(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('[devices.dead]\nurl = "http://127.0.0.1:9"\n')
    loaded = modules_after(tmp_path, "status")
    assert "httpx" in loaded
    assert "textual" not in loaded


PAINTED = """
import os
import sys
from dataclasses import is_dataclass
from pathlib import Path
from textual._context import active_app
from textual.css import stylesheet
from textual.widget import Widget
from updeck.cli import run
from updeck.ui.thin_line import ThinLine

thin, parse, parsed = ThinLine.thin, stylesheet.parse, []

def noting(scope, css, read_from, **more):
    parsed.append(read_from[1] or Path(read_from[0]).name)
    return parse(scope, css, read_from, **more)

stylesheet.parse = noting

def noted(picture, data, columns, rows):
    sent = thin(picture, data, columns, rows)
    if "fleet" in sent and not (out := Path(os.environ["UPDECK_CONFIG"], "loaded")).exists():
        widgets = [widget.id for widget in active_app.get().screen.query(Widget)]
        values = [
            made.__qualname__
            for name, module in list(sys.modules.items()) if name.startswith("updeck.")
            for made in vars(module).values() if is_dataclass(made) and made.__module__ == name
        ]
        out.write_text("\\n".join(" ".join(words) for words in (sys.modules, parsed, widgets, values)))
    return sent

ThinLine.thin = noted
sys.argv = ["updeck"]
run()
"""

DRAWS_THE_FIRST_PICTURE = {
    "updeck.device": {"states"},
    "updeck.fleet": {"inventory_file", "tone"},
    "updeck.journal": {"op"},
    "updeck.rollout": set[str](),
}
"""What is loaded of the layers beneath the screen before anything is seen."""

SHOWN = {"header", "head", "devices", "bar", "images_title", "rule", "footer"}
"""The parts of the screen that the first picture has something for."""

PARSED = [
    "updeck.tcss",
    "App.DEFAULT_CSS",
    "Screen.DEFAULT_CSS",
    "Widget.DEFAULT_CSS",
    "ToastRack.DEFAULT_CSS",
    "Tooltip.DEFAULT_CSS",
]
"""The stylesheets that are parsed before anything is seen; Textual's own app of one widget needs the same five."""


def test_before_the_first_paint_nothing_is_loaded_that_it_does_not_need(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('[devices.ar11-x]\nurl = "http://127.0.0.1:9"\n')
    environment = {"UPDECK_CONFIG": str(tmp_path), "UPDECK_STATE": str(tmp_path / "state"), "HOME": str(tmp_path)}
    with on_terminal("-c", PAINTED, environment=environment) as terminal:
        terminal.until(lambda seen: "ar11-x" in seen.text)
    modules, sheets, widgets, values = (tmp_path / "loaded").read_text().split("\n")
    loaded = set(modules.split())
    for layer, wanted in DRAWS_THE_FIRST_PICTURE.items():
        assert {name.removeprefix(f"{layer}.") for name in loaded if name.startswith(f"{layer}.")} == wanted
    assert not loaded & {"httpx", "tomlkit", "sqlite3", "updeck.ui.flows", "updeck.ui.screens.dialog"}
    assert not loaded & {"click", "gettext", "json", "hashlib", "updeck.toml_layout"}
    assert sorted(sheets.split()) == sorted(PARSED), "each once, in the colours of the theme; none of a dialog's"
    assert set(widgets.split()) == SHOWN, "what is empty until the first answer is mounted behind the first picture"
    assert not values, "to make a dataclass takes ten times as long at import as to make a named tuple"
    assert sum(name.startswith("updeck.") for name in loaded) <= 60
