"""What views of single orders are made with, beside the orders' records."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.life.layout import SHIPMENTS_MAX
from router.config import Config
from router.ids import hash_text, key64
from router.life.holds import REVIEW
from router.life.reversing import Reversing
from router.life.scratch import Scratch
from router.queries.names import Naming
from router.queries.words import OrderWords
from router.tables.compiled import TablesOf


class ViewTerms:
    """For one thread: the books in it are used for one order after the other."""

    def __init__(self, key: npt.NDArray[np.uint64], tables_of: TablesOf, naming: Naming, config: Config) -> None:
        self.key = key  # of the data folder
        self.tables_of = tables_of
        self.naming = naming
        self.config = config
        self.scratch = Scratch(key)
        self.reversing = Reversing(key)
        self.review_key = hash_text(key, REVIEW)[1]
        numbers = [str(number) for number in range(1, SHIPMENTS_MAX + 1)]
        self.unnamed = dict(zip(key64(key, pa.array(numbers, pa.string())).tolist(), numbers, strict=True))

    def shipment_id(self, key: int, words: OrderWords) -> str:
        """Of a shipment's key: as events named it, else the number that it was given."""
        return words.texts["shipment"].get(key) or self.unnamed[key]
