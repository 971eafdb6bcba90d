"""Bad input to a running router, over real sockets: a clear answer, no harm, and honest clients go on."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
import requests

from tests.labs.gateway_lab import body_of, connect, read_all
from tests.labs.serve_fixture import (
    ARROW,
    JSON,
    NDJSON,
    Router,
    chunk,
    lines_of,
    memory_kb,
    ndjson,
    order,
    reset_peak,
    rows_of,
    running_router,
)
from tests.labs.wire_cases import rows_to_arrow, stream

pytestmark = pytest.mark.ray

HEAD_S, IDLE_S = 2.0, 3.0
BODY_BYTES_MAX = 8 << 20
LIMITS = {
    "header_timeout_ms": int(HEAD_S * 1_000),
    "body_idle_timeout_ms": int(IDLE_S * 1_000),
    "body_bytes_max": BODY_BYTES_MAX,
}
SLACK_S = 4.0  # of a machine that is busy with other things
HELD_KB_MAX = 96 << 10  # what one bad body may cost the gateway at its worst
ACCEPTED = ("allocated", "duplicate")


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    yield from running_router(tmp_path_factory, "bad-input", {"limits": LIMITS})


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    """Makes ids of orders differ."""
    return itertools.count()


@pytest.fixture(autouse=True)
def _goes_on(router: Router, numbers: Iterator[int], request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test the same gateway answers an honest client."""
    if "ended" in request.fixturenames:  # it was stopped
        yield
        return
    gateways = router.gateways()
    yield
    assert router.json("POST", "/v1/orders", order(f"after-{next(numbers)}"))["status"] == "allocated"
    assert router.gateways() == gateways, "a gateway was restarted"


def line(order_id: str, **members: Any) -> bytes:
    return json.dumps(order(order_id, **members)).encode()


def spoiled(order_id: str, old: bytes, new: bytes) -> bytes:
    """A good line with one thing changed."""
    good = line(order_id)
    assert good.count(old) == 1, (old, good)
    return good.replace(old, new)


BAD_LINES: dict[str, bytes] = {
    "broken": line("bad-broken")[:-9],
    "wrong type": spoiled("bad-type", b'"qty": 1', b'"qty": "many"'),
    "no object": b"[1, 2, 3]",
    "fraction": spoiled("bad-fraction", b'"qty": 1', b'"qty": 1.5'),
    "nan": spoiled("bad-nan", b'"unit_price": 1250', b'"unit_price": NaN'),
    "2^63": spoiled("bad-2-63", b'"unit_price": 1250', b'"unit_price": 9223372036854775808'),
    "negative": spoiled("bad-negative", b'"qty": 1', b'"qty": -1'),
    "negative 2^63": spoiled("bad-low", b'"qty": 1', b'"qty": -9223372036854775808'),
    "key twice": spoiled("bad-twice", b'"qty": 1', b'"qty": 1, "qty": 2'),
    "id twice": spoiled("bad-id-twice", b'"channel": "web"', b'"order_id": "other", "channel": "web"'),
    "utf-8": spoiled("bad-utf-8", b"Hauptstr. 1", b"Hauptstr\xff\xfe 1"),
    "half a surrogate": spoiled("bad-surrogate", b"Hauptstr. 1", b"Hauptstr\\ud800"),
    "deep": spoiled("bad-deep", b'"channel": "web"', b'"channel": "web", "x": ' + b"[" * 1_000_000),
    "deep and closed": spoiled(
        "bad-deep-closed", b'"channel": "web"', b'"channel": "web", "x": ' + b"[" * 1_000_000 + b"]" * 1_000_000
    ),
    "control character": spoiled("bad-control", b"Hauptstr. 1", b"Haupt\x01str"),
    "id too long": line("x" * 1_000),
    "no id": b"{}",
}


# --- lines ------------------------------------------------------------------------------------------


def test_broken_json_in_line_7001_is_answered_with_its_number_and_all_others_are_decided(router: Router) -> None:
    lines = [line(f"7001-{number}", lines=[{"sku": f"SKU-{number % 60:02d}", "qty": 1}]) for number in range(9_000)]
    lines[7_000] = lines[7_000][:-9]
    answers = rows_of(router.stream(b"\n".join(lines)))
    bad = answers.pop(7_000)
    assert (bad["status"], bad["line"], bad["reasons"]) == ("rejected", 7_001, ["malformed"])
    assert "line 7001" in bad["detail"]
    expected = [f"7001-{number}" for number in range(9_000) if number != 7_000]
    assert [answer["order_id"] for answer in answers] == expected
    assert {answer["status"] for answer in answers} == {"allocated"}


def test_every_bad_line_is_refused_in_its_place_and_its_neighbours_are_decided(router: Router) -> None:
    body = b"".join(line(f"beside-{at}") + b"\n" + bad + b"\n" for at, bad in enumerate(BAD_LINES.values()))
    answers = rows_of(router.stream(body))
    assert len(answers) == 2 * len(BAD_LINES)
    for at, name in enumerate(BAD_LINES):
        good, bad = answers[2 * at], answers[2 * at + 1]
        assert (good["order_id"], good["status"]) == (f"beside-{at}", "allocated"), name
        assert bad["status"] == "rejected" and bad["reasons"] and bad["detail"], name
        assert bad["line"] == 2 * at + 2, f"{name}: the answer says which line it was"


@pytest.mark.parametrize("name", list(BAD_LINES))
def test_every_bad_body_of_a_single_order_is_refused_in_words(router: Router, name: str) -> None:
    status, headers, answer = router.ask("POST", "/v1/orders", BAD_LINES[name])
    problem = json.loads(answer)
    assert headers["content-type"] == "application/problem+json" and problem["detail"]
    no_json = name in ("broken", "nan", "utf-8", "half a surrogate", "deep", "deep and closed", "control character")
    expected = (400, "bad_json") if no_json else (422, "order_rejected")
    assert (status, problem["code"]) == expected, problem["detail"]
    assert problem["reasons"]


def test_a_refused_order_is_nowhere_and_its_id_is_free(router: Router) -> None:
    router.ask("POST", "/v1/orders", spoiled("mended", b'"qty": 1', b'"qty": NaN'))
    assert router.ask("GET", "/v1/orders/mended")[0] == 404
    assert router.json("POST", "/v1/orders", order("mended"))["duplicate"] is False


def test_unknown_fields_are_kept_with_the_order(router: Router) -> None:
    unknown = {"loyalty": {"tier": [1, None, True, -1500.5]}, "größe": "🎁"}
    assert router.json("POST", "/v1/orders", order("unknown-fields", **unknown))["status"] == "allocated"
    assert router.json("GET", "/v1/orders/unknown-fields")["other_fields"] == unknown


def test_a_line_of_a_gigabyte_is_refused_and_never_held(router: Router) -> None:
    gateway, piece = router.gateways()["streams"], chunk(b"x" * (1 << 20))
    before_kb = memory_kb(gateway, "VmRSS")
    reset_peak(gateway)
    client = router.open_stream()
    client.sendall(chunk(line("giga-1") + b'\n{"order_id":"'))
    for _ in range(1_024):
        client.sendall(piece)
    client.sendall(chunk(b'"}\n' + line("giga-2") + b"\n") + b"0\r\n\r\n")
    client.shutdown(socket.SHUT_WR)
    first, huge, last = rows_of(body_of(read_all(client))[2])
    assert (first["order_id"], last["order_id"]) == ("giga-1", "giga-2")
    assert (huge["status"], huge["line"], huge["reasons"]) == ("rejected", 2, ["field_too_long"])
    assert memory_kb(gateway, "VmHWM") - before_kb < HELD_KB_MAX


def test_an_order_of_too_many_lines_is_refused(router: Router) -> None:
    lines = [{"sku": "SKU-00", "qty": 1}] * 10_001
    (answer,) = rows_of(router.stream(line("too-many", lines=lines)))
    assert answer["status"] == "rejected" and "lines_limit" in answer["reasons"]


# --- Arrow ------------------------------------------------------------------------------------------


def arrow_rows(*ids: str) -> pa.RecordBatch:
    return rows_to_arrow([order(order_id) for order_id in ids])


def arrow_answers(body: bytes) -> list[dict[str, Any]]:
    with pa.ipc.open_stream(body) as reader:
        return list(reader.read_all().to_pylist())


def ended_with(router: Router, body: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Answers of an Arrow stream that cannot be read to its end, and the row that says so."""
    *answers, end = arrow_answers(router.stream(body, ARROW))
    assert end["status"] == "error" and end["detail"]
    return answers, end


@pytest.mark.parametrize("cut", [1, 100, 700])
def test_truncated_arrow_is_answered_up_to_where_it_is_whole(router: Router, cut: int) -> None:
    raw = stream(arrow_rows(f"cut-{cut}-1"), arrow_rows(f"cut-{cut}-2"))
    if cut == 1:  # only the mark of the end is missing, which Arrow does not ask for
        assert [row["status"] for row in arrow_answers(router.stream(raw[:-8], ARROW))] == ["allocated"] * 2
    answers, end = ended_with(router, raw[: -8 - cut])
    assert [row["order_id"] for row in answers] == [f"cut-{cut}-1"]
    assert end["reasons"] == ["arrow_truncated"]


@pytest.mark.parametrize("offset", [2**31 - 1, -1, 10**6])
def test_arrow_offsets_outside_their_buffers_are_refused_before_use(router: Router, offset: int) -> None:
    table = arrow_rows(*(f"offset-{offset}-{number}" for number in range(4)))
    offsets = table.column("channel").buffers()[1].to_pybytes()[:20]
    raw = stream(table)
    assert raw.count(offsets) >= 1
    answers, end = ended_with(router, raw.replace(offsets, offsets[:8] + struct.pack("<i", offset) + offsets[12:]))
    assert (answers, end["reasons"]) == ([], ["arrow_damaged"])
    assert router.ask("GET", f"/v1/orders/offset-{offset}-0")[0] == 404


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("arrow_damaged", line("json-as-arrow")),
        ("arrow_empty", b""),
        ("arrow_truncated", bytes(2)),
        ("arrow_damaged", bytes(4_095) + b"x"),
        ("arrow_damaged", b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(64)),
        ("arrow_schema", stream(pa.record_batch({"x": pa.array([1, 2])}))),
        ("arrow_damaged", stream(arrow_rows("arrow-utf-8")).replace(b"Hauptstr. 1", b"Hauptstr\xff\xfe1")),
        ("arrow_schema", stream(arrow_rows("arrow-type").set_column(0, "order_id", pa.array([7.5])))),
    ],
    ids=("json", "nothing", "cut mark", "zeros", "huge length", "other columns", "not UTF-8", "wrong type"),
)
def test_what_is_no_arrow_stream_of_orders_is_refused_in_words(router: Router, reason: str, body: bytes) -> None:
    answers, end = ended_with(router, body)
    assert (answers, end["reasons"]) == ([], [reason]), end["detail"]


def test_bad_values_in_arrow_are_refused_row_by_row(router: Router) -> None:
    table = arrow_rows(*(f"row-{number}" for number in range(4)))
    lines = [[{"sku": "SKU-00", "qty": qty}] for qty in (1, -5, 2**40, 1)]
    item = pa.struct([("sku", pa.string()), ("qty", pa.int64())])
    table = table.set_column(table.schema.get_field_index("lines"), "lines", pa.array(lines, pa.list_(item)))
    table = table.set_column(0, "order_id", pa.array(["row-0", "row-1", "row-2", None]))
    answers = arrow_answers(router.stream(stream(table), ARROW))
    assert [row["status"] for row in answers] == ["allocated", "rejected", "rejected", "rejected"]
    assert answers[1]["reasons"] == ["qty_range"]
    assert answers[3]["line"] == 4


# --- who and how much ---------------------------------------------------------------------------------


def protected() -> list[tuple[str, str]]:
    paths = ["/v1/orders/x", "/v1/orders/x/timeline", "/v1/orders/x/explain", "/v1/orders", "/v1/stream", "/metrics"]
    posts = ["/v1/orders", "/v1/orders/stream", "/v1/events", "/v1/stock", "/v1/availability", "/v1/quotes"]
    return [*(("GET", path) for path in paths), *(("POST", path) for path in posts), ("PUT", "/v1/tables/skus")]


@pytest.mark.parametrize(("method", "path"), protected())
def test_without_a_key_nothing_is_done(router: Router, method: str, path: str) -> None:
    body = None if method == "GET" else line("without-key")
    status, headers, answer = router.ask(method, path, body, NDJSON, role="")
    assert (status, json.loads(answer)["code"]) == (401, "unauthorized")
    assert headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Basic YTpi", "Bearer", "", "Bearer ü\xff"])
def test_a_wrong_key_is_no_key(router: Router, authorization: str) -> None:
    client = connect(router.port)
    client.sendall(
        b"GET /v1/orders/x HTTP/1.1\r\nHost: r\r\nConnection: close\r\nAuthorization: %s\r\n\r\n"
        % authorization.encode("latin-1")
    )
    assert body_of(read_all(client))[0] == 401


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("viewer", "POST", "/v1/orders"),
        ("viewer", "POST", "/v1/orders/stream"),
        ("viewer", "POST", "/v1/events"),
        ("viewer", "POST", "/v1/stock"),
        ("viewer", "PUT", "/v1/tables/skus"),
        ("channel", "PUT", "/v1/tables/skus"),
        ("channel", "POST", "/v1/stock"),
        ("channel", "GET", "/v1/orders"),
        ("channel", "GET", "/metrics"),
        ("service", "POST", "/v1/orders"),
        ("service", "PUT", "/v1/tables/stock"),
    ],
)
def test_a_wrong_role_is_refused_with_the_roles_that_may(router: Router, role: str, method: str, path: str) -> None:
    body = None if method == "GET" else line("wrong-role")
    status, _, answer = router.ask(method, path, body, NDJSON, role=role)
    problem = json.loads(answer)
    assert (status, problem["code"]) == (403, "forbidden")
    assert "admin" in problem["roles"] and role not in problem["roles"]
    assert router.ask("GET", "/v1/orders/wrong-role")[0] == 404


def test_a_body_announced_too_large_is_refused_before_it_is_sent(router: Router) -> None:
    client = connect(router.port)
    client.sendall(router.head("/v1/orders", f"Content-Type: {JSON}", f"Content-Length: {1 << 40}"))
    status, _, answer = body_of(read_all(client))
    assert (status, json.loads(answer)["code"]) == (413, "body_too_large")


def test_a_chunked_body_that_grows_too_large_is_cut_off(router: Router) -> None:
    client = connect(router.port, timeout_s=30)
    client.sendall(router.head("/v1/events", f"Content-Type: {NDJSON}", "Transfer-Encoding: chunked"))
    with contextlib.suppress(ConnectionError):  # the router stops reading and closes
        for _ in range(3 * BODY_BYTES_MAX >> 20):
            client.sendall(chunk(b" " * (1 << 20)))
    status, _, answer = body_of(read_all(client))
    assert (status, json.loads(answer)["code"]) == (413, "body_too_large")


def test_bytes_that_are_no_http_are_answered_in_words(router: Router) -> None:
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 100_000):
        client = connect(router.port)
        with contextlib.suppress(ConnectionError):
            client.sendall(garbage)
            client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
        assert not answer or body_of(answer)[0] == 400


# --- connections --------------------------------------------------------------------------------------


def test_a_client_that_closes_its_half_after_the_body_gets_every_answer(router: Router) -> None:
    client = router.open_stream()
    client.sendall(chunk(ndjson([order(f"half-{number}") for number in range(500)])) + b"0\r\n\r\n")
    client.shutdown(socket.SHUT_WR)
    answers = rows_of(body_of(read_all(client))[2])
    assert [answer["order_id"] for answer in answers] == [f"half-{number}" for number in range(500)]


def test_a_single_order_on_a_half_closed_connection_is_answered(router: Router) -> None:
    client, body = connect(router.port), line("half-single")
    client.sendall(router.head("/v1/orders", f"Content-Length: {len(body)}") + body)
    client.shutdown(socket.SHUT_WR)
    status, _, answer = body_of(read_all(client))
    assert (status, json.loads(answer)["status"]) == (200, "allocated")


def test_a_body_cut_inside_a_line_has_its_whole_orders_answered_and_then_says_so(router: Router) -> None:
    client = router.open_stream()
    piece = ndjson([order(f"torn-{number}") for number in range(50)]) + line("torn-50")[:40]
    client.sendall(b"%x\r\n" % (len(piece) + 1_000) + piece)
    client.shutdown(socket.SHUT_WR)
    *answers, end = rows_of(body_of(read_all(client))[2])
    assert [answer["order_id"] for answer in answers] == [f"torn-{number}" for number in range(50)]
    assert (end["status"], end["code"], end["http_status"]) == ("error", "body_truncated", 400)
    assert router.ask("GET", "/v1/orders/torn-50")[0] == 404


def test_a_client_that_vanishes_harms_nobody_and_may_send_again(router: Router) -> None:
    body = ndjson([order(f"gone-{number}") for number in range(2_000)])
    client = router.open_stream()
    client.sendall(chunk(body))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()  # a reset, not an end
    answers = rows_of(router.stream(body))
    assert [answer["order_id"] for answer in answers] == [f"gone-{number}" for number in range(2_000)]
    assert {answer["status"] for answer in answers} == {"allocated"}


def test_a_client_that_sends_thirty_megabytes_before_it_reads_does_not_deadlock(router: Router) -> None:
    count = 90_000
    body = ndjson([order(f"whole-{number}", sku=f"SKU-{number % 60:02d}") for number in range(count)])
    assert len(body) > 30 << 20
    gateway = router.gateways()["streams"]
    before_kb = memory_kb(gateway, "VmRSS")
    reset_peak(gateway)
    headers = {"Authorization": f"Bearer {router.key('admin')}", "Content-Type": NDJSON}
    url = f"http://127.0.0.1:{router.port}/v1/orders/stream"
    response = requests.post(url, data=body, headers=headers, timeout=90)
    answers = rows_of(response.content)
    assert [answer["order_id"] for answer in answers] == [f"whole-{number}" for number in range(count)]
    assert {answer["status"] for answer in answers} == {"allocated"}
    assert memory_kb(gateway, "VmHWM") - before_kb < 3 * HELD_KB_MAX  # of a process that kept nothing from before


def dripping(client: socket.socket, drop: bytes, stop: threading.Event) -> float:
    """Send a drop every tenth of a second until the router closes; returns the seconds that took."""
    began = time.monotonic()
    client.settimeout(0.1)
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            try:
                client.sendall(drop)
                if not client.recv(1 << 16):
                    break
            except ConnectionError:
                break
    return time.monotonic() - began


def test_slow_heads_and_slow_bodies_are_cut_while_honest_clients_go_on(router: Router) -> None:
    slow_head = [b"GET /livez HTTP/1.1\r\nHost: r\r\nX: ", b"POST /v1/orders HTTP/1.1\r\n", b""] * 10
    slow_body = [router.head("/v1/orders", f"Content-Length: {1 << 20}")] * 10
    stop, took_s = threading.Event(), {}

    def attack(number: int, first: bytes) -> None:
        client = connect(router.port)
        client.sendall(first)
        took_s[number] = dripping(client, b"x" if first else b"", stop)
        client.close()

    attackers = [threading.Thread(target=attack, args=item) for item in enumerate([*slow_head, *slow_body])]
    for attacker in attackers:
        attacker.start()
    deadline, honest = time.monotonic() + HEAD_S + IDLE_S + SLACK_S, 0
    while any(attacker.is_alive() for attacker in attackers) and time.monotonic() < deadline:
        began = time.monotonic()
        assert router.json("POST", "/v1/orders", order(f"honest-{honest}"))["status"] == "allocated"
        assert time.monotonic() - began < 2
        honest += 1
    stop.set()
    for attacker in attackers:
        attacker.join()
    assert honest > 20
    assert max(took_s[number] for number in range(len(slow_head))) < HEAD_S + SLACK_S
    assert max(took_s.values()) < IDLE_S + SLACK_S


def test_a_stream_that_falls_silent_is_ended_after_its_answers(router: Router) -> None:
    client = router.open_stream()
    client.sendall(chunk(ndjson([order(f"silent-{number}") for number in range(10)])))
    began = time.monotonic()
    *answers, end = rows_of(body_of(read_all(client))[2])
    assert IDLE_S * 0.8 < time.monotonic() - began < IDLE_S + SLACK_S
    assert len(answers) == 10 and (end["status"], end["code"]) == ("error", "body_timeout")


def test_a_broken_chunk_ends_the_stream_after_its_answers(router: Router) -> None:
    client = router.open_stream()
    client.sendall(chunk(ndjson([order(f"chunk-{number}") for number in range(10)])))
    lines = lines_of(client)
    assert [json.loads(next(lines))["order_id"] for _ in range(10)] == [f"chunk-{number}" for number in range(10)]
    client.sendall(b"this is no chunk\r\n")
    (end,) = [json.loads(line) for line in lines]
    assert (end["status"], end["code"]) == ("error", "body_truncated")


# --- other endpoints ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in BAD_LINES if name not in ("id twice", "key twice")])
def test_every_bad_line_of_events_and_stock_is_refused_in_its_place(router: Router, name: str) -> None:
    if name in ("negative", "negative 2^63"):
        number = b"-1" if name == "negative" else b"-9223372036854775808"
        bad = b'{"movement_id":"bad-%s","kind":"receipt","sku":"SKU-00","node":"BER","qty":%s}' % (number, number)
    else:
        bad = BAD_LINES[name]
    for path, key in (("/v1/events", "event_id"), ("/v1/stock", "movement_id")):
        status, _, answer = router.ask("POST", path, bad + b"\n\n" + bad + b"\n", NDJSON)
        assert status == 200, answer[:500]
        first, second = rows_of(answer)
        assert (first["status"], second["status"]) == ("refused", "refused") and first["detail"]
        assert (first["line"], second["line"]) == (1, 3), key


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"skus":7}', b'{"skus":[7]}', b'{"skus":' + b"[" * 1_000_000]
)
def test_bad_questions_are_answered_in_words(router: Router, body: bytes) -> None:
    for path in ("/v1/availability", "/v1/quotes"):
        status, headers, answer = router.ask("POST", path, body)
        assert status in (400, 422) or (path == "/v1/quotes" and b"rejected" in answer), (path, status, answer[:300])
        assert headers["content-type"].startswith("application/")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("/v1/orders?limit=0", "limit"),
        ("/v1/orders?limit=9223372036854775808", "limit"),
        ("/v1/orders?cursor=%00%ff", "cursor"),
        ("/v1/orders?cursor=1.2~3.4", "cursor"),
        ("/v1/orders?from=yesterday", "from"),
        ("/v1/orders?state=happy", "state"),
        ("/v1/stream?cursor=nonsense", "cursor"),
        ("/v1/stream?wait=-1", "wait"),
        ("/v1/stream?limit=" + "9" * 5_000, "limit"),
    ],
)
def test_bad_parameters_are_refused_by_name(router: Router, query: str, parameter: str) -> None:
    status, _, answer = router.ask("GET", query)
    problem = json.loads(answer)
    assert (status, problem["code"], problem["parameter"]) == (400, "bad_parameter", parameter)


# --- the end: keep these last ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ended(router: Router) -> Router:
    assert router.ask("GET", "/readyz", role="")[0] == 200
    router.stop()
    return router


def test_after_all_of_it_the_router_drains_and_its_folder_is_whole(ended: Router) -> None:
    assert ended.process.returncode == 0
    verdict = ended.verify()
    assert verdict["findings"] == [] and verdict["ok"] is True
    assert verdict["orders"] > 80_000


def test_no_body_broke_anything_that_nobody_foresaw(ended: Router) -> None:
    said = ended.stderr.read_text(encoding="utf-8")
    assert not [line for line in said.splitlines() if '"level":"error"' in line or "Traceback" in line]
