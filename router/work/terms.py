"""What the configuration says of work, as the rules ask it."""

from __future__ import annotations

from collections.abc import Callable

from router.config import Config
from router.work.told import Due, Terms


def terms_of(config: Config, says_cod: Callable[[int], bool], due_minor: Callable[[int], int]) -> Terms:
    """``says_cod``: whether the order of a place was to be paid on delivery; ``due_minor``: as ``Terms`` has it."""
    desk, policy = config.desk, config.policy

    def patience_ms(patience: str, channel: str) -> int:
        if patience == "expires":
            return policy.of_channel(channel).unpaid_expires_ms
        return int(getattr(desk, patience))

    def is_on(patience: str) -> bool:
        return any(patience_ms(patience, channel) for channel in ("", *policy.channels))

    def answer_ms(queue: str) -> int:
        return int(getattr(desk.answer_within_ms, queue))

    def is_cod(due: Due) -> bool:
        return policy.of_channel(due.channel).cod == "confirm" and says_cod(due.place)

    return Terms(patience_ms, is_on, answer_ms, is_cod, due_minor)
