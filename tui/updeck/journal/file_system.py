"""Refusing file systems on which SQLite's locks and shared memory cannot be trusted (`rollout.md` 8)."""

from __future__ import annotations

import re
from pathlib import Path

from updeck.errors import JournalError

__all__ = ["file_system_of", "refuse_network"]

NETWORK = frozenset(
    {
        "9p",
        "acfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fhgfs",
        "fuse.ceph",
        "fuse.curlftpfs",
        "fuse.davfs2",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "fuse.vmhgfs-fuse",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "prl_fs",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "vmhgfs",
    }
)
"""File systems that other machines write as well, by their names in the mount table."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def file_system_of(path: Path, mounts: str) -> str:
    """Return the type of the file system that holds `path`, from a mount table; "" where the table does not tell."""
    best, found = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[1]))
        if path.is_relative_to(point) and len(point.parts) >= best:  # a later mount covers an earlier one
            best, found = len(point.parts), fields[2]
    return found


def refuse_network(directory: Path, mounts: str) -> None:
    """Raise `JournalError`, naming `UPDECK_STATE`, when `directory` is on a network file system."""
    real = directory.resolve()
    share = str(real).startswith("\\\\")
    kind = "a Windows share" if share else file_system_of(real, mounts)
    if share or kind in NETWORK:
        raise JournalError(
            f"{directory} is on a network file system ({kind}), where locks cannot be trusted",
            advice="set UPDECK_STATE to a directory on a local disk",
        )
