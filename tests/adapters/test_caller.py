"""Calls over a real socket: kept before they are sent, taken up again after a death at any step, held back together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from adapters._intents import Intent
from adapters._spec import Doubt, Later, Why, WireResponse
from adapters._transport.breaker import FAILURES_MAX, BreakerState
from adapters._transport.calls import FINAL, Call, CallState, KeyReused
from adapters.sandbox.faults import FAULTS, Fault
from tests.adapters.contract.cases import CASES, authorize, label
from tests.labs.partner_lab import PartnerLab, partner_lab

NUMBERS = {fault: number for number, fault in FAULTS.items()}
PAYMENTS, CARRIER = CASES["sandbox_payments"], CASES["sandbox_carrier"]


class Died(Exception):
    """As if the process had ended."""


def run(work: Callable[[PartnerLab], Awaitable[Any]], case: Any = PAYMENTS) -> Any:
    async def inside() -> Any:
        async with partner_lab(case.opened) as lab:
            return await work(lab)

    return asyncio.run(inside())


def test_a_call_is_durable_before_a_byte_is_sent() -> None:
    async def work(lab: PartnerLab) -> None:
        seen: list[CallState] = []
        exchange = lab.wire.exchange

        async def watched(request: Any) -> Any:
            kept = lab.book.of("pay-or-ship", "k")
            assert kept is not None
            seen.append(kept.state)
            return await exchange(request)

        lab.wire.exchange = watched  # type: ignore[method-assign]
        await lab.to_the_end(authorize(1, "k"))
        assert seen == [CallState.UNDER_WAY]

    run(work)


@pytest.mark.parametrize("case", [PAYMENTS, CARRIER], ids=["keyed", "once"])
def test_who_holds_a_call_of_before_its_step_sends_nothing_again(case: Any) -> None:
    intent: Intent = authorize(1, "k") if case is PAYMENTS else label("10117", "k")

    async def work(lab: PartnerLab) -> None:
        requests = 0
        exchange = lab.wire.exchange

        async def counted(request: Any) -> Any:
            nonlocal requests
            requests += 1
            return await exchange(request)

        lab.wire.exchange = counted  # type: ignore[method-assign]
        held = await lab.book.begin(Call(partner="pay-or-ship", intent=intent, next_at_ms=0))
        steps = [await lab.caller.step(held), await lab.caller.step(held)]
        assert requests == 1 and [step.state for step in steps] == [CallState.DONE] * 2

    run(work, case)


@pytest.mark.parametrize("case", [PAYMENTS, CARRIER], ids=["keyed", "once"])
@pytest.mark.parametrize("dies_at", range(8))
def test_a_death_at_any_step_does_it_once_all_the_same(case: Any, dies_at: int) -> None:
    """Before and after each time that something is kept or sent; then a new process takes up what is due."""
    intent: Intent = authorize(129_905, "k") if case is PAYMENTS else label("19905", "k")  # 500 after it was done

    async def work(lab: PartnerLab) -> None:
        counted = 0

        def dying(real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            async def step(*arguments: Any) -> Any:
                nonlocal counted
                for moment in ("before", "after"):
                    if counted == dies_at:
                        raise Died(moment)
                    counted += 1
                    if moment == "before":
                        answer = await real(*arguments)
                return answer

            return step

        keep, exchange = lab.book.keep, lab.wire.exchange
        lab.book.keep, lab.wire.exchange = dying(keep), dying(exchange)  # type: ignore[method-assign]
        with contextlib.suppress(Died):
            await lab.caller.start(intent)
        lab.book.keep, lab.wire.exchange = keep, exchange  # type: ignore[method-assign]
        lab.caller = lab.new_caller()
        call = await lab.to_the_end(intent)
        assert call.state is CallState.DONE and case.effects(lab.sandbox, "k") == 1, call

    run(work, case)


def test_what_is_due_is_found_after_a_death() -> None:
    async def work(lab: PartnerLab) -> None:
        async def dead(_: Any) -> Any:
            raise Died

        alive, lab.wire.exchange = lab.wire.exchange, dead  # type: ignore[method-assign]
        with pytest.raises(Died):
            await lab.caller.start(authorize(1, "k"))
        lab.wire.exchange = alive  # type: ignore[method-assign]
        assert await lab.book.due("pay-or-ship", lab.clock.now_ms, 10) == [], "it may be under way still"
        lab.clock.now_ms += lab.adapter.settings.deadline_ms
        (call,) = await lab.book.due("pay-or-ship", lab.clock.now_ms, 10)
        assert (await lab.new_caller().step(call)).state is CallState.DONE

    run(work)


def test_a_key_stands_for_one_intent() -> None:
    async def work(lab: PartnerLab) -> None:
        first = await lab.to_the_end(authorize(1, "k"))
        again = await lab.caller.start(authorize(1, "k"))
        assert again == first and len(lab.sandbox.payments.steps) == 1, "the first result answers a second asking"
        with pytest.raises(KeyReused, match="k stands for another"):
            await lab.caller.start(authorize(2, "k"))

    run(work)


def test_two_steps_of_one_call_at_once_are_one() -> None:
    async def work(lab: PartnerLab) -> None:
        calls = await asyncio.gather(*(lab.caller.start(label("10115", "k")) for _ in range(5)))
        assert len(lab.sandbox.carrier.labels) == 1
        assert sum(call.state is CallState.DONE for call in calls) == 1

    run(work, CARRIER)


def test_a_partner_that_is_down_is_left_alone_and_tried_by_one() -> None:
    async def work(lab: PartnerLab) -> None:
        down = NUMBERS[Fault.DOWN]
        for number in range(FAILURES_MAX):
            await lab.caller.start(authorize(down, f"down-{number}"))
        opened = await lab.book.breaker("pay-or-ship")
        assert opened.state is BreakerState.OPEN and opened.why.startswith("partner_fault")
        before = len(lab.sandbox.requests)
        waiting = [await lab.caller.start(authorize(1, f"good-{number}")) for number in range(10)]
        assert len(lab.sandbox.requests) == before, "nothing is sent while it is open"
        assert all((call.attempts, call.next_at_ms) == (0, opened.until_ms) for call in waiting)
        lab.caller = lab.new_caller()  # the breaker outlives the process
        assert (await lab.caller.step(waiting[0])).attempts == 0
        lab.clock.now_ms = opened.until_ms
        tried = await asyncio.gather(*(lab.caller.step(call) for call in waiting))
        assert sum(call.state is CallState.DONE for call in tried) == 1, "one tries"
        assert (await lab.book.breaker("pay-or-ship")).state is BreakerState.CLOSED
        ended = [await lab.to_the_end(call.intent) for call in tried]
        assert all(call.state is CallState.DONE for call in ended)

    run(work)


def test_more_than_the_rate_waits_and_is_sent_later() -> None:
    async def work(lab: PartnerLab) -> None:
        rate = lab.adapter.settings.requests_per_second_max
        calls = [await lab.caller.start(authorize(1, f"k{number}")) for number in range(rate + 5)]
        late = [call for call in calls if call.state not in FINAL]
        assert len(late) == 5 and all(call.attempts == 0 and call.next_at_ms > lab.clock.now_ms for call in late)
        assert all([(await lab.to_the_end(call.intent)).state is CallState.DONE for call in late])

    run(work)


def test_all_wait_where_the_partner_says_so_to_one() -> None:
    async def work(lab: PartnerLab) -> None:
        limited = await lab.caller.start(authorize(NUMBERS[Fault.LIMITED], "first"))
        assert isinstance(limited.outcome, Later) and limited.outcome.why is Why.LIMITED
        other = await lab.caller.start(authorize(1, "second"))
        assert other.attempts == 0 and other.next_at_ms == lab.clock.now_ms + 1_000

    run(work)


def test_nobody_there_is_no_doubt_and_a_wrong_key_neither() -> None:
    async def work(lab: PartnerLab) -> tuple[Call, Call]:
        adapter = PAYMENTS.opened("http://127.0.0.1:1")
        nobody = await partner_call(adapter, lab)
        lab.sandbox._settings = lab.sandbox._settings._replace(api_key="another")
        return nobody, await lab.caller.start(authorize(1, "k2"))

    async def partner_call(adapter: Any, lab: PartnerLab) -> Call:
        other = PartnerLab(adapter, lab.sandbox, lab.hooks, lab.clock)
        call = await other.caller.start(authorize(1, "k1"))
        await other.wire.close()
        return call

    nobody, refused = run(work)
    assert nobody.state is CallState.DUE and nobody.outcome.why is Why.UNREACHABLE
    assert refused.state is CallState.DUE and refused.outcome.why is Why.CREDENTIALS


def test_no_proxy_of_the_environment_sees_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)

    async def work(lab: PartnerLab) -> Call:
        return await lab.caller.start(authorize(1, "k"))

    assert run(work).state is CallState.DONE


def test_an_answer_may_be_as_long_as_it_may_be_and_not_longer() -> None:
    async def work(lab: PartnerLab) -> None:
        request = lab.adapter.request(authorize(1, "k"))
        answer = await lab.wire.exchange(request)
        assert isinstance(answer, WireResponse)
        lab.wire._bytes_max = len(answer.body)
        assert isinstance(await lab.wire.exchange(request), WireResponse)
        lab.wire._bytes_max = len(answer.body) - 1
        outcome = await lab.wire.exchange(request)
        assert isinstance(outcome, Doubt) and outcome.why is Why.OVERSIZED

    run(work)


def test_what_is_no_http_is_a_doubt() -> None:
    async def work(answer: bytes) -> object:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        adapter = PAYMENTS.opened(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        lab = PartnerLab(adapter, None, None, lambda: 0)  # type: ignore[arg-type]
        outcome = await lab.wire.exchange(adapter.request(authorize(1, "k")))
        await lab.wire.close()
        server.close()
        return outcome

    odd = [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le",
           b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
           b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"]  # fmt: skip
    for answer in odd:
        outcome = asyncio.run(work(answer))
        assert isinstance(outcome, Doubt) and outcome.why in (Why.CUT, Why.MALFORMED), (answer[:40], outcome)
