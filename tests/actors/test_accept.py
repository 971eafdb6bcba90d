"""Which form of the status changes an Accept header asks for: RFC 9110, section 12.5.1."""

from __future__ import annotations

import pytest

from actors.gateway.core.problems import Problem
from actors.gateway.endpoints.stream import form_of_changes
from actors.gateway.http.routes import NDJSON, SSE

CASES = (
    # no weights: SSE where it is named, NDJSON otherwise
    ("*/*", NDJSON),
    ("text/event-stream", SSE),
    ("application/x-ndjson", NDJSON),
    ("application/*", NDJSON),
    ("text/*", SSE),
    ("text/event-stream, application/x-ndjson", SSE),
    ("application/x-ndjson, text/event-stream", SSE),
    ("text/event-stream, */*", SSE),
    ("application/x-ndjson, text/*", NDJSON),
    ("application/json, text/plain, */*", NDJSON),
    ("TEXT/Event-Stream", SSE),
    # the highest weight wins
    ("text/event-stream;q=0.5, application/x-ndjson", NDJSON),
    ("application/x-ndjson;q=0.5, text/event-stream;q=0.6", SSE),
    ("text/*, application/x-ndjson;q=0.9", SSE),
    ("text/event-stream ; Q=0.5 , application/x-ndjson ; q=0.50", SSE),
    ("text/html, image/gif, *; q=.2, */*; q=.2", NDJSON),
    # 0 excludes
    ("application/x-ndjson;q=0.1, text/event-stream;q=0", NDJSON),
    ("text/event-stream;q=0, */*", NDJSON),
    ("*/*, application/x-ndjson;q=0.000", SSE),
    ("application/x-ndjson;q=0", None),
    ("text/event-stream;q=0, application/x-ndjson;q=0", None),
    ("*/*;q=0", None),
    # the narrowest range decides
    ("application/*;q=0, application/x-ndjson", NDJSON),
    ("*/*, text/*;q=0.1, text/event-stream;q=0", NDJSON),
    ("text/*;q=0.9, text/event-stream;q=0.2, application/*;q=0.3", NDJSON),
    ("*/*;q=0.1, text/*;q=0.2", SSE),
    # other parameters, repeats, weights that are none
    ("application/x-ndjson;charset=utf-8;q=0.1, text/event-stream;q=0", NDJSON),
    ("text/event-stream;q=0.1, application/x-ndjson;q=0.5, text/event-stream;q=0.9", SSE),
    ("text/event-stream;q=nan", SSE),
    ("text/event-stream;q=-1, application/x-ndjson;q=1.5", SSE),
    ("text/csv", None),
    ("x-text/event-stream", None),
    (",;", None),
)


@pytest.mark.parametrize(("accept", "wanted"), CASES)
def test_the_form_of_the_changes_is_the_one_the_client_wants_most(accept: str, wanted: str | None) -> None:
    if wanted is not None:
        assert form_of_changes(accept) == wanted
        return
    with pytest.raises(Problem, match="not_acceptable"):
        form_of_changes(accept)
