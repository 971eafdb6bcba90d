"""Sets the page of a document with Typst: texts in, PDF out, equal bytes for equal texts.

Typst and a font with Chinese glyphs are the extra ``invoices``. A page takes milliseconds once the font is read, which
takes a moment and some memory, so it is read when the first page is asked for. One thread sets one page after the
other, beside everything else; who comes when too many wait is told to come again.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import pathlib
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from actors.gateway.core.problems import Problem

WAITING_MAX = 32
_TEMPLATE = pathlib.Path(__file__).with_name("invoice.typ")
_STANDARD = "a-2b"  # may be kept for as long as accounts have to be: fonts are in it, nothing is outside
_NEEDED = ("typst", "noto_cjk_sans_otc")


class Typesetting:
    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="typesetting")
        self._waiting = 0
        self._compiler: Any = None

    async def pdf(self, page: dict[str, Any], made_at: str) -> bytes:
        """The PDF of a page (``document_page.py``); ``made_at``: the moment (RFC 3339) that it says it was made in.

        Raises Problem where there is nothing to set it with, or too much to set.
        """
        lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if lacking:
            raise Problem(
                "unsupported",
                f"This router has no {' and no '.join(lacking)} to set pages with. Install order-router[documents], or "
                "take the JSON of the same document.",
            )
        if self._waiting >= WAITING_MAX:
            raise Problem("overloaded", f"{WAITING_MAX} pages wait to be set; try again shortly.", retry_after_ms=1_000)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._set, page, made_at)
        finally:
            self._waiting -= 1

    def _set(self, page: dict[str, Any], made_at: str) -> bytes:
        if self._compiler is None:
            self._compiler = _compiler()
        inputs = {"page": json.dumps(page, ensure_ascii=False)}
        moment = int(datetime.fromisoformat(made_at).timestamp())
        made: bytes = self._compiler.compile(
            _TEMPLATE.read_bytes(), format="pdf", sys_inputs=inputs, timestamp=moment, pdf_standards=[_STANDARD]
        )
        return made

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def _compiler() -> Any:
    """Fonts of the extra alone: what a machine has besides must not change a page."""
    import noto_cjk_sans_otc
    import typst

    folder = pathlib.Path(str(noto_cjk_sans_otc.FONT_PATH)).parent
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])
    return typst.Compiler(font_paths=fonts)
