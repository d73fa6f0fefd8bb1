"""What `updeck.pyz` runs first: says which Python it needs, and finds a place for the files that it unpacks.

It stands in the archive as `__main__.py`. Every Python since 2.7 must be able to read it, to be told that it is too
old. Unpacking itself is shiv's work (`_bootstrap`), into `SHIV_ROOT`.
"""

import os
import stat
import sys

NEEDS = (3, 11)


def complain(words):
    """Say one sentence and end with the exit code for usage and configuration."""
    sys.stderr.write("updeck: " + words + "\n")
    sys.exit(2)


def candidates():
    """Return the places to unpack to, the best first, and whether others can write to the directory around each."""
    environ = os.environ
    caches = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    yield os.path.join(caches, "updeck"), False
    if environ.get("XDG_RUNTIME_DIR"):
        yield os.path.join(environ["XDG_RUNTIME_DIR"], "updeck"), False
    if hasattr(os, "getuid"):
        temporary = environ.get("TMPDIR") or "/tmp"
        yield os.path.join(temporary, "updeck-" + str(os.getuid())), True


def is_ours(path):
    """Whether nobody but us and root can swap the files in a directory."""
    status = os.lstat(path)
    if not hasattr(os, "getuid"):
        return True
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022


def has_room(path, shared):
    """Make the directory if it is missing, and tell whether it is ours and takes files."""
    try:
        if not os.path.isdir(path):
            os.makedirs(path, 0o700)
        return (not shared or is_ours(path)) and os.access(path, os.W_OK | os.X_OK)
    except OSError:
        return False


def room():
    """Return the first place that will do."""
    for path, shared in candidates():
        if os.path.isabs(path) and has_room(path, shared):
            return path
    return complain("there is no directory of yours to unpack to; name one that nobody else can write to in SHIV_ROOT")


if __name__ == "__main__":
    if sys.version_info < NEEDS:
        found = ".".join(str(part) for part in sys.version_info[:2])
        complain(
            "this Python is " + found + ", and 3.11 or newer is needed; if the host has one beside it, start it"
            " by name: python3.11 " + sys.argv[0]
        )
    os.environ.setdefault("SHIV_ROOT", room())
    try:
        from _bootstrap import bootstrap

        bootstrap()
    except OSError as error:
        if "updeck" in sys.modules:
            raise
        where = os.environ["SHIV_ROOT"]
        complain("it could not be unpacked to " + where + " (" + str(error) + "); name another directory in SHIV_ROOT")
