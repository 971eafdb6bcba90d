"""``/v1/work``: what waits for a person, by deadline; and what people do with it. The desk's actor is asked."""

from __future__ import annotations

import hashlib
import time
from functools import partial
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.desk_figures import DeskFigures
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.endpoints.queries import choice, moment, refuse_unknown, whole_number
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import BOUND_OPERATORS, JSON, OPERATORS, Handler, Query, caller_of
from actors.gateway.http.work_shapes import AssignAsked, ClaimAsked, ResolveAsked, SnoozeAsked
from actors.store.data_folder import DataFolder
from actors.store.keys import KeysRefused, load_keys
from router.bound import EVERYTHING, Bound
from router.errors import Refused
from router.work.acts import EVENTS_MAX, Act, ActName, own_fields
from router.work.item import STATES, WORK_ID, WorkRefused
from router.work.kinds import KINDS, QUEUES
from router.work.listing import WorkFilter, place_behind

B = TypeVar("B", bound=msgspec.Struct)

LIMIT_USUAL, LIMIT_MAX = 50, 1_000
KEY_CHARACTERS_MAX = 255
WAITING = ("open", "claimed")  # what is listed where no state is named

_RAISED = tuple(name for name, kind in KINDS.items() if kind.sends is None)
WORK_QUERIES = (
    Query("queue", "of this queue", {"type": "string", "enum": list(QUEUES)}),
    Query("kind", "of this kind", {"type": "string", "enum": list(_RAISED)}),
    Query("state", "in this state; open and claimed unless told", {"type": "string", "enum": list(STATES)}),
    Query("owner", "whoever has it, by the name of a key", {"type": "string"}),
    Query("order_id", "about this order", {"type": "string"}),
    Query("limit", "items a page", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_USUAL}),
    Query("cursor", "of the page before", {"type": "string"}),
)


class WorkEndpoint:
    def __init__(self, core: Core, data: DataFolder) -> None:
        self._core = core
        self._folder = data.path
        core.metrics.registry.register(DeskFigures(data.desk_figures))

    async def list(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        given = request.query
        refuse_unknown(given, WORK_QUERIES)
        for name, text in given.items():
            refuse_nul(name, text)
        state, cursor = choice(given.get("state"), "state", STATES), given.get("cursor")
        try:
            behind = None if cursor is None else place_behind(cursor)
        except Refused as fault:
            raise Problem("bad_parameter", str(fault), parameter="cursor") from None
        wanted = WorkFilter(
            bound=caller_of(request).bound,
            states=WAITING if state is None else (state,),
            queue=choice(given.get("queue"), "queue", QUEUES),
            kind=choice(given.get("kind"), "kind", _RAISED),
            owner=given.get("owner"),
            order_id=given.get("order_id"),
            behind=behind,
        )
        limit = whole_number(given.get("limit"), "limit", LIMIT_USUAL, 1, LIMIT_MAX)
        return json_response(await self._core.backend.work(wanted, limit))

    def act(self, name: ActName) -> Handler:
        """The handler of one act."""
        return partial(self._act, name)

    async def _act(self, name: ActName, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        if not WORK_ID.fullmatch(parameters["work_id"]):
            raise Problem("work_not_found", "No work item has this id; list them with GET /v1/work.")
        if media_type_of(request) not in (JSON, ""):
            raise Problem("unsupported_media_type", f"Send the act as {JSON}.")
        body = await read_body(request, self._core.config.limits)
        caller, now_ms = caller_of(request), time.time_ns() // 1_000_000
        said = _said(name, body)
        act = said._replace(
            work_id=parameters["work_id"],
            caller=caller.name,
            bound=caller.bound,
            role=caller.role,
            owner_bound=self._bound_of(said.owner) if said.owner else None,
            now_ms=now_ms,
            key=key_of(request),
            digest=digest_of(request, body),
        )
        try:
            return json_response(await self._core.backend.act(act))
        except WorkRefused as fault:
            raise Problem(fault.code, str(fault)) from None

    def _bound_of(self, owner: str) -> Bound | None:
        """Whose items alone the key of this name may work; None where there is none that may."""
        try:
            key = next((key for key in load_keys(self._folder) if key.name == owner), None)
        except KeysRefused:
            words = "The keys cannot be read at the moment; `order-router doctor` says why."
            raise Problem("shard_unavailable", words, retry_after_ms=1_000) from None
        if key is None:
            return None
        roles = OPERATORS if key.bound.is_open else BOUND_OPERATORS
        return key.bound if key.role in roles else None


def digest_of(request: BaseRequest, body: bytes) -> str:
    """Of what is asked, to be known when it comes again."""
    return hashlib.blake2b(b"\0".join((request.raw_path.encode(), body)), digest_size=16).hexdigest()


def key_of(request: BaseRequest) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > KEY_CHARACTERS_MAX:
        raise Problem("bad_parameter", f"Idempotency-Key has at most {KEY_CHARACTERS_MAX} characters.")
    if not key.isprintable():  # bytes that are no UTF-8 come as lone surrogates, which no database keeps
        raise Problem("bad_parameter", "Idempotency-Key holds what is no text; use printable characters, a UUID say.")
    return key


def _said(name: ActName, body: bytes) -> Act:
    """What a body says, without whose it is."""
    act = Act("", name, "", EVERYTHING, 0)
    if name == "claim":
        read_asked(body, ClaimAsked)
        return act
    if name == "assign":
        owner = read_asked(body, AssignAsked).owner
        refuse_nul("owner", owner)
        return act._replace(owner=owner)
    if name == "snooze":
        return act._replace(until_ms=moment(read_asked(body, SnoozeAsked).until, "until") or 0)
    asked = read_asked(body, ResolveAsked)
    refuse_nul("note", asked.note)
    if len(asked.events) > EVENTS_MAX:
        raise Problem("bad_parameter", f"events are at most {EVENTS_MAX} at once.", parameter="events")
    if own := own_fields(asked.events):
        detail = f"events are about the item's order: leave {', '.join(own)} out."
        raise Problem("bad_parameter", detail, parameter="events")
    return act._replace(note=asked.note, events=tuple(asked.events), approve=asked.approve)


def refuse_nul(name: str, text: str) -> None:
    """PostgreSQL keeps none, so nothing here has one."""
    if "\0" in text:
        raise Problem("bad_parameter", f"{name} holds a NUL character; leave it out.", parameter=name)


def read_asked(body: bytes, shape: type[B]) -> B:
    """An empty body says nothing, which some requests take."""
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.ValidationError as fault:
        raise Problem("bad_parameter", f"The body says something that is not taken here: {fault}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem("bad_json", "The body is no JSON; send one object.") from None
