"""How this very program is started once more, whatever it was started from."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["program_words"]


def program_words() -> list[str]:
    """Return the command line that starts it: the one file that it came in, else the package of this Python.

    Neither looks for modules in the working directory (`security.md`, config).
    """
    archive: str | None = getattr(getattr(sys.modules["__main__"], "__loader__", None), "archive", None)
    how = ["-P", "-m", "updeck"] if archive is None else [str(Path(archive).absolute())]
    return [sys.executable, *how]
