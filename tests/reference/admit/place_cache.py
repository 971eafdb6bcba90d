"""What ``kernels/admit/place_cache.py`` means, with a dictionary."""

from __future__ import annotations

Address = tuple[bytes, bytes, bytes]  # country, region, postcode


def look_up_places(addresses: list[Address], known: dict[Address, int]) -> tuple[list[int], list[int]]:
    """Entry number of every address, -1 where there is none, and the rows of those."""
    entries = [known.get(address, -1) for address in addresses]
    return entries, [row for row, entry in enumerate(entries) if entry < 0]


def remember_place(address: Address, known: dict[Address, int], entries_max: int, bytes_max: int) -> int:
    """The number of the new entry, -1 when entries or bytes run out."""
    used = sum(len(text) for key in known for text in key)
    if len(known) >= entries_max or used + sum(map(len, address)) > bytes_max:
        return -1
    known[address] = len(known)
    return known[address]
