"""What an adapter is: a pure translation between what the router wants and tells, and one partner's own words.

    intent   ─▶ request ─▶ (transport) ─▶ read ────▶ Done, Declined, Later or Doubt
    a doubt  ─▶ ask ─────▶ (transport) ─▶ read_asked ─▶ the same, or Absent
    delivery ─▶ verify ─▶ events ─▶ (the path of all events) ─▶ answer

No clock, no socket, no file: what the time is, and what a secret is, comes in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Generic, Literal, NamedTuple, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

import msgspec
from msgspec import Meta

from adapters._intents import Intent, Result
from adapters._told import ToldEvent
from router.config import RefundOrder
from router.errors import Refused

DAY_MS = 86_400_000
RETRY_AFTER_S_MAX = 3_600  # a partner that asks for more is asked again after an hour all the same

Secret = Annotated[str, Meta(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]  # where it is, never the secret itself
Rotated = Annotated[tuple[Secret, ...], Meta(min_length=1, max_length=4)]  # the newest first; old ones still count


class Kind(StrEnum):
    """What a partner is to the router."""

    CHANNEL = "channel"
    PAYMENT = "payment"
    CARRIER = "carrier"
    NOTIFIER = "notifier"
    SINK = "sink"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every partner has in ``[partners.NAME]``; an adapter adds its own, and names its secrets ``Secret``."""

    adapter: str
    url: str  # https, without a query; what the adapter asks for is below it
    allow_private: bool = False  # addresses of this machine and of private networks, also by plain http: for trials
    deadline_ms: Annotated[int, Meta(ge=1, le=120_000)] = 15_000  # of a request with its whole answer
    connect_ms: Annotated[int, Meta(ge=1, le=60_000)] = 3_000
    connections_max: Annotated[int, Meta(ge=1, le=256)] = 8
    requests_per_second_max: Annotated[int, Meta(ge=1, le=10_000)] = 20
    response_bytes_max: Annotated[int, Meta(ge=1, le=64 << 20)] = 2 << 20
    attempts_max: Annotated[int, Meta(ge=1, le=100)] = 12  # then the call waits for a person

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if not _has_host(parts) or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("url names a host and a path, and nothing else: https://api.example.com/v1")
        if parts.scheme != "https" and not (parts.scheme == "http" and self.allow_private):
            raise ValueError("url begins with https:// (with http:// only where allow_private = true)")


class PaymentSettings(Settings, frozen=True, kw_only=True):
    """What every payment provider has beside these."""

    refund_order: RefundOrder = "newest_first"


class CarrierSettings(Settings, frozen=True, kw_only=True):
    """What every carrier has beside these."""

    carriers: tuple[str, ...] = ()  # as rates name them, whose labels it makes; none = the partner's own name
    services: dict[str, str] = {}  # our name of a service -> the partner's, where they differ


def _has_host(parts: SplitResult) -> bool:
    """Whether a host, and the port where there is one, can be called by their names."""
    try:
        return bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:  # a label too long, a port that is none
        return False


class Secrets:
    """The secrets of a partner by the names of their settings. They are given out one by one and never shown."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, tuple[str, ...]]) -> None:
        self._values = dict(values)

    def newest(self, name: str) -> str:
        return self._values[name][0]

    def valid(self, name: str) -> tuple[str, ...]:
        """All that count at the moment, while they are rotated."""
        return self._values[name]

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._values)})"


class Repeat(StrEnum):
    """What happens when a request comes twice."""

    SAFE = "safe"  # it changes nothing, or leads to the same state
    KEYED = "keyed"  # the partner knows it by its key, and answers as before
    ONCE = "once"  # it is done again: after a doubt the partner is asked, and never sent it blind


class WireRequest(msgspec.Struct, frozen=True, kw_only=True):
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str  # below the partner's url, begins with /, escaped
    headers: dict[str, str] = {}
    body: bytes = b""

    def __repr__(self) -> str:
        """Without headers and body, which hold keys and addresses of people."""
        return f"WireRequest({self.method} {self.path.partition('?')[0]}, {len(self.body)} bytes)"


class WireResponse(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    def __repr__(self) -> str:
        return f"WireResponse({self.status}, {len(self.body)} bytes)"


class Why(StrEnum):
    """Why a call has no result yet. Those of ``Doubt`` and ``Later`` differ in whether it may have been done."""

    LIMITED = "limited"  # too many requests
    UNREACHABLE = "unreachable"  # no connection, so nothing was sent
    FORBIDDEN_ADDRESS = "forbidden_address"  # the name leads to an address that partners must not have
    CREDENTIALS = "credentials"  # our key is not taken
    MOVED = "moved"  # a redirect, which is not followed
    TIMEOUT = "timeout"
    CUT = "cut"  # the connection ended within the answer, or before it
    OVERSIZED = "oversized"
    MALFORMED = "malformed"  # an answer that cannot be read
    PARTNER_FAULT = "partner_fault"  # it says itself that it failed


class Done(msgspec.Struct, frozen=True, tag="done"):
    result: Result
    events: tuple[ToldEvent, ...] = ()  # what the order's books are told; its webhook tells the very same


class Declined(msgspec.Struct, frozen=True, tag="declined"):
    """The partner refuses, in words; sending it again cannot help."""

    code: str
    detail: str
    events: tuple[ToldEvent, ...] = ()


class Later(msgspec.Struct, frozen=True, tag="later"):
    """Certainly not done; may be sent again."""

    why: Why
    detail: str
    retry_after_ms: int = 0


class Doubt(msgspec.Struct, frozen=True, tag="doubt"):
    """Done or not done: nobody here can know."""

    why: Why
    detail: str


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """What the partner says of a key that it does not know."""

    detail: str


Outcome = Done | Declined | Later | Doubt | Absent


class Delivery(msgspec.Struct, frozen=True):
    """A webhook as it came."""

    headers: dict[str, str]  # names in lower case
    body: bytes  # untouched: signatures are over these bytes

    def __repr__(self) -> str:
        return f"Delivery({len(self.body)} bytes)"


class Unsigned(msgspec.Struct, frozen=True):
    """Why a delivery is not believed to be the partner's."""

    reason: Literal["signature_missing", "signature_malformed", "signature_wrong", "signature_old"]
    detail: str


class Unreadable(Refused):
    """A delivery that is the partner's, and that this adapter cannot read."""


class Told(StrEnum):
    """What became of a delivery, as far as the partner is concerned."""

    TAKEN = "taken"  # stored, or known already; nothing more is wanted
    UNSIGNED = "unsigned"
    UNREADABLE = "unreadable"
    NOT_KEPT = "not_kept"  # of at least one event, as its order or what it names is not known here (yet): wanted again


class HookAnswer(NamedTuple):
    status: int
    media_type: str
    body: bytes


class Spec(NamedTuple):
    """What is known of an adapter without a partner."""

    name: str
    kind: Kind
    about: str
    settings: type[Settings]
    repeats: Mapping[type[Intent], Repeat]  # of each intent that it can do
    key_lives_ms: int = DAY_MS  # how long the partner knows a key, where requests are KEYED
    settle_ms: int = 60_000  # a request may still take effect so long after we stopped waiting for it


S = TypeVar("S", bound=Settings)


class Adapter(ABC, Generic[S]):
    """One partner, as its own words are understood. An intent that ``spec.repeats`` does not name is never given."""

    spec: ClassVar[Spec]

    def __init__(self, partner: str, settings: S, secrets: Secrets) -> None:
        self.partner = partner  # its name in the configuration: the source of its events
        self.settings = settings
        self._secrets = secrets

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.partner})"

    @abstractmethod
    def request(self, intent: Intent) -> WireRequest:
        """What is sent for an intent."""

    @abstractmethod
    def read(self, intent: Intent, response: WireResponse) -> Outcome:
        """What the answer means; never raises, whatever the bytes are."""

    @abstractmethod
    def ask(self, intent: Intent) -> WireRequest:
        """What became of this intent? Changes nothing; goes by what the partner keeps as long as the thing itself."""

    @abstractmethod
    def read_asked(self, intent: Intent, response: WireResponse) -> Outcome:
        """What the answer to that means; likewise. ``Absent`` where the partner has never heard of it."""

    @abstractmethod
    def verify(self, delivery: Delivery, now_s: int) -> Unsigned | None:
        """Whether a delivery is the partner's, by its raw bytes."""

    @abstractmethod
    def events(self, body: bytes) -> list[ToldEvent]:
        """What a delivery tells of orders, none where it tells nothing of them; raises Unreadable."""

    @abstractmethod
    def answer(self, told: Told) -> HookAnswer:
        """The answer that makes the partner stop sending, or send again."""


def path_of(*segments: str) -> str:
    """A path of texts, none of which can add a segment, a query or a step upwards."""
    assert not {"", ".", ".."} & set(segments), f"{segments} is no path"
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def read_fault(response: WireResponse) -> Later | Doubt | None:
    """What a status means at every partner; None where the partner's own words say it."""
    status = response.status
    if status == 429:
        return Later(Why.LIMITED, "the partner takes no more requests at the moment", retry_after_ms(response))
    if status in (401, 403):
        return Later(Why.CREDENTIALS, f"the partner answers {status}: look at the key and what it may do")
    if 300 <= status < 400:
        return Later(Why.MOVED, f"the partner answers {status}, a redirect; set its url to where it is now")
    if status >= 500 or status == 408:
        return Doubt(Why.PARTNER_FAULT, f"the partner answers {status}")
    return None


def retry_after_ms(response: WireResponse) -> int:
    """Of an answer that says so in seconds; a date is not read."""
    given = response.headers.get("retry-after", "")
    return min(int(given), RETRY_AFTER_S_MAX) * 1_000 if given.isascii() and given.isdigit() and len(given) < 10 else 0


T = TypeVar("T")


def decoded(body: bytes, form: type[T]) -> T | None:
    """JSON of a partner; None where it is none, or not of this form. Members that nobody knows are passed over."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
