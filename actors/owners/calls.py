"""Calls of owners in other processes: here and nowhere else what Ray knows as Any becomes types and faults of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, RayError, RayTaskError

from router.errors import RouterError

P = ParamSpec("P")
T = TypeVar("T")

PAUSE_S = 0.05


class Unanswered(Exception):
    """An owner gave no answer: it restarts, recovers or takes too long. What it was asked may be done all the same.

    The sentence is for anybody; what Ray said, with paths and processes, is its ``__cause__``.
    """


class OwnerGone(Unanswered):
    """There is no such actor; Ray never had it or has given it up."""


class Stub:
    """An owner as other processes call it. The actor is looked up when it is first called, and again after a fault."""

    def __init__(self, namespace: str, name: str, host: str) -> None:
        """``host``: the actor in whose process the owner of this ``name`` lives."""
        self.name = name
        self._namespace = namespace
        self._host = host
        self._handle: ActorHandle[Any] | None = None

    def found(self) -> ActorHandle[Any]:
        if self._handle is None:
            try:
                self._handle = ray.get_actor(self._host, namespace=self._namespace)
            except ValueError as fault:
                raise OwnerGone(_sentence(self.name, fault)) from fault
        return self._handle

    def forget(self) -> None:
        """The actor of that name may be another one now."""
        self._handle = None


class Call(Generic[T]):
    """One call of an owner, under way."""

    def __init__(self, stub: Stub, reference: ray.ObjectRef[T]) -> None:
        self.stub = stub
        self.reference = reference

    def get(self, timeout_s: float) -> T:
        """The answer; raises the RouterError that the owner raised, RayTaskError for a bug of it, else Unanswered."""
        return answers_of([self], timeout_s)[0]

    async def wait(self, timeout_s: float) -> T:
        """The same for an event loop."""
        with _our_faults(self.stub):
            return await asyncio.wait_for(asyncio.wrap_future(self.reference.future()), timeout_s)


def answers_of(calls: Sequence[Call[T]], timeout_s: float) -> list[T]:
    """Answers of several owners, all of them within one time; faults as of ``Call.get``."""
    with _our_faults(*(call.stub for call in calls)):
        return ray.get([call.reference for call in calls], timeout=timeout_s)


def until_answered(begin: Callable[[], Call[T]], timeout_s: float) -> T:
    """Call again until there is an answer, for what may be done twice: Ray may report a fault although it was done."""
    while True:
        try:
            return begin().get(timeout_s)
        except Unanswered:
            time.sleep(PAUSE_S)


class Method(Generic[P, T]):
    """A method of a seam as its stub has it: the same arguments, and the answer as a call under way."""

    def __init__(self, declared: Callable[Concatenate[Any, P], T]) -> None:
        self.declared = declared

    def __get__(self, stub: Stub, _: type[Stub]) -> Callable[P, Call[T]]:
        def begin(*args: P.args, **kwargs: P.kwargs) -> Call[T]:
            with _our_faults(stub):
                return Call(stub, getattr(stub.found(), self.declared.__name__).remote(*args, **kwargs))

        return begin


@contextmanager
def _our_faults(*stubs: Stub) -> Iterator[None]:
    try:
        yield
    except (RayError, ConnectionError, TimeoutError) as fault:
        if isinstance(fault, RayTaskError) and not isinstance(fault.cause, RayError):  # it answered, by an exception
            raise (fault.cause if isinstance(fault.cause, RouterError) else fault) from None
        for stub in stubs:
            stub.forget()
        kind = OwnerGone if isinstance(fault, ActorDiedError) else Unanswered
        raise kind(_sentence(", ".join(stub.name for stub in stubs), fault)) from fault


def _sentence(owners: str, fault: Exception) -> str:
    return f"{owners} does not answer now ({type(fault).__name__}); it is being restarted or recovers"
