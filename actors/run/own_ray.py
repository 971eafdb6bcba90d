"""Where a Ray of our own keeps its token, its sockets and its logs: where no other user of the machine gets.

By itself it keeps all of it where everybody may look: the token, which suffices to run code as the router, in the home
folder, the rest below /tmp/ray, in folders that it opens to all. So both are ours, one each for every data folder.
"""

from __future__ import annotations

import os
import pathlib
import secrets
import shutil

from actors.store.data_folder import RAY_BELOW_BYTES, SOCKET_BYTES_MAX, DataFolder, write_durably
from actors.store.private import make_folder
from router.errors import Misconfigured

_SESSIONS_KEPT = 3  # for what is in their logs
_SESSIONS = "r"


def own_place(data: DataFolder) -> str:
    """Make ready for a new session; the folder that Ray is told to use. It opens that one to all, the one above not."""
    sessions = data.ray / _SESSIONS
    if len(os.fsencode(sessions)) > SOCKET_BYTES_MAX - RAY_BELOW_BYTES:
        raise Misconfigured(f"{sessions} is too long for the paths of sockets below it; let this user write to /tmp")
    make_folder(sessions)
    for old in _sessions(sessions)[:-_SESSIONS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    write_durably(data.ray_token, secrets.token_hex(32).encode())
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(data.ray_token)
    os.environ.pop("RAY_AUTH_TOKEN", None)  # would be taken instead
    return str(sessions)


def _sessions(folder: pathlib.Path) -> list[pathlib.Path]:
    """Oldest first: their names begin with the time."""
    return sorted(path for path in folder.glob("session_2*") if path.is_dir() and not path.is_symlink())
