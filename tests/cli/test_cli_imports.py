"""What a command may load: never Textual, httpx only when a device is asked, next to nothing for `--version`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
