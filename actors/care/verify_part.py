"""What the checks of every owner's log have in common: its pages, its checkpoints, where findings go."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

from actors.care.reading.apart import Show
from actors.care.reading.log_check import check_structure
from actors.care.reading.page_format import Layout
from actors.care.verdict import RESTORE, Told
from actors.store.checkpoints import Checkpoint, read_latest


class PartCheck:
    """One owner's folder; ``told`` takes what is found, ``show`` what it is at."""

    def __init__(self, where: str, folder: pathlib.Path, told: Told, show: Show) -> None:
        self.where = where
        self.folder = folder
        self.told = told
        self._show = show

    def find(self, what: str) -> None:
        self.told.find(self.where, what)

    def find_all(self, faults: Iterable[str]) -> None:
        for fault in faults:
            self.find(f"{fault}; {RESTORE}")

    def show(self, what: str) -> None:
        self._show(f"{self.where}: {what}")

    def check_structure(self) -> Layout | None:
        """LMDB may open the file only when this has not raised."""
        self.show("checking pages")
        layout = check_structure(self.folder)
        self.told.pages_whole = True
        return layout

    def checkpoint(self) -> Checkpoint | None:
        """The newest whole one. Damaged ones do no harm, but somebody should know."""
        kept, passed_over = read_latest(self.folder)
        for sentence in passed_over:
            self.find(f"{sentence}; nothing is lost, the log has it all: remove the file")
        return kept

    def compare_hashes(self, kept: Checkpoint, resumed: str, fresh: str) -> None:
        if resumed != fresh:
            self.find(
                f"checkpoint-{kept.sequence}.bin and the log after it give another state than a replay of the whole "
                "log; remove the checkpoints, the next start replays the log"
            )
