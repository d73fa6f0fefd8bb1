"""What `updeck.pyz` does before the program begins: it tells a Python that is too old, and unpacks safely."""

from __future__ import annotations

import ast
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

STARTER = Path(__file__).parents[2] / ".onefile" / "starter.py"
OLD = "import runpy, sys; sys.version_info = {0}; sys.argv = ['updeck.pyz']; runpy.run_path({1!r}, run_name='__main__')"


def test_an_older_python_is_told_so_in_one_sentence() -> None:
    ast.parse(STARTER.read_text(), feature_version=(3, 4))
    program = OLD.format((3, 9, 2), str(STARTER))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("updeck: this Python is 3.9, and 3.11 or newer is needed")
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], str]:
    """Return where the starter would unpack to; there is no home."""
    monkeypatch.setenv("HOME", "/dev/null/home")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    found: Callable[[], str] = runpy.run_path(str(STARTER))["room"]
    return found


def test_the_users_cache_comes_first(room: Callable[[], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert room() == str(tmp_path / "home" / ".cache" / "updeck")
    assert (tmp_path / "home" / ".cache" / "updeck").stat().st_mode & 0o777 == 0o700


def test_without_a_home_a_private_directory_of_the_user_is_made_and_found_again(
    room: Callable[[], str], tmp_path: Path
) -> None:
    private = tmp_path / f"updeck-{os.getuid()}"
    assert room() == str(private)
    assert private.stat().st_mode & 0o777 == 0o700
    assert room() == str(private)


@pytest.mark.parametrize("planted", ["a link", "open to others"])
def test_what_another_could_have_planted_in_a_shared_directory_is_not_used(
    room: Callable[[], str], tmp_path: Path, planted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    private = tmp_path / f"updeck-{os.getuid()}"
    if planted == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        private.symlink_to(tmp_path / "elsewhere")
    else:
        private.mkdir()
        private.chmod(0o777)
    with pytest.raises(SystemExit) as ended:
        room()
    assert ended.value.code == 2
    assert "SHIV_ROOT" in capsys.readouterr().err
