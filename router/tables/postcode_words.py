"""The form in which a country writes its postcodes, for people: by examples, which say more than a pattern."""

from __future__ import annotations

from functools import cache
from itertools import islice

from router.tables.countries import post_of

_SHOWN_MAX = 2


@cache
def postcode_examples(country: str) -> str:
    """``26133 or 53225``; "" where the country has no known form."""
    examples = post_of(country).get("zipex", "").split(",")
    return " or ".join(islice(filter(None, examples), _SHOWN_MAX))


def postcode_sentence(country: str, postcode: str) -> str:
    """What is wrong with a postcode that does not have its country's form: what was sent, what is expected."""
    examples = postcode_examples(country)
    expected = f"write it as {examples}" if examples else "look it up"
    return f"{postcode[:64]!r} has not the form of {country}; {expected}, or correct the country."
