"""Builds `updeck.pyz`: the tool with all that it needs, in one file: `python .onefile/build.py updeck.pyz`.

The same source and the same versions of the packages give the same bytes, wherever it is built. It prints the file's
SHA-256 as `sha256sum` does. It needs pip, and shiv (the extra `onefile`).
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = "__main__.py"
UNPACKED = ("bin", "share", "__pycache__")
"""What a tool that is started from one file has no use for; scripts would name the builder's own Python as well."""
OF_THE_BUILDER = ("direct_url.json", "RECORD", "INSTALLER", "REQUESTED", "uv_cache.json")
"""What pip writes about this very installation."""


def run(*words: str) -> None:
    """Run a module of this Python, its output to stderr."""
    subprocess.run([sys.executable, "-m", *words], check=True, stdout=sys.stderr)


def stage(directory: Path) -> None:
    """Install the tool and what it needs into a directory, and leave nothing there that tells who did."""
    run("pip", "install", "--quiet", "--no-compile", "--target", str(directory), str(HERE.parent))
    for name in UNPACKED:
        shutil.rmtree(directory / name, ignore_errors=True)
    for path in sorted(directory.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
        elif path.parent.suffix == ".dist-info" and path.name in OF_THE_BUILDER:
            path.unlink()
        else:
            path.chmod(0o644)


def with_starter(packed: Path) -> bytes:
    """Return shiv's archive with our own beginning, as bytes of a file that can be started."""
    with tempfile.TemporaryFile() as out:
        out.write(SHEBANG)
        with zipfile.ZipFile(packed) as old, zipfile.ZipFile(out, "w", compression=zipfile.ZIP_DEFLATED) as new:
            for info in old.infolist():
                if info.filename.startswith("_bootstrap/"):
                    info.external_attr = 0o100644 << 16
                starter = info.filename == MAIN
                new.writestr(info, (HERE / "starter.py").read_bytes() if starter else old.read(info))
        out.seek(0)
        return out.read()


def main() -> int:
    """Build the file that the command line names."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python .onefile/build.py FILE\n")
        return 2
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as room:
        site, packed = Path(room) / "site", Path(room) / "packed.pyz"
        stage(site)
        run("shiv", "--site-packages", str(site), "-e", "updeck.cli:run", "--reproducible", "-o", str(packed))
        whole = with_starter(packed)
    target.write_bytes(whole)
    target.chmod(0o755)
    sys.stdout.write(f"{hashlib.sha256(whole).hexdigest()}  {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
