"""The OpenAPI 3.1 document, made from the route table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from actors.gateway.core.problems import KINDS, MEDIA_TYPE
from actors.gateway.http.routes import Body, Route, alternatives

REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"{(\w+)}")
_EVERY_KEY = ("unauthorized", "forbidden", "rate_limited")
_EVERY_BODY = ("body_too_large", "body_timeout", "body_truncated", "unsupported_media_type")

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(KINDS)},
        "detail": {"type": "string"},
    },
}


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Every route with its bodies, answers, roles and errors."""
    structs = sorted({struct for route in routes for struct in _structs_of(route)}, key=lambda struct: struct.__name__)
    schemas, components = msgspec.json.schema_components(structs, ref_template=REF)
    schema_of = dict(zip(structs, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Order router", "version": version},
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": PROBLEM},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _structs_of(route: Route) -> list[type]:
    contents = [route.answers, route.takes or {}]
    return [struct for content in contents for body in content.values() for struct in alternatives(body)]


def _operation(route: Route, schema_of: dict[type, dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _operation_id(route),
        "responses": {"200": {"description": "Done", "content": _content(route.answers, schema_of)}},
    }
    parameters = [_path_parameter(route, name) for name in _PARAMETER.findall(route.path)]
    parameters += [
        {"name": query.name, "in": "query", "description": query.text, "schema": query.schema}
        for query in route.queries
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.takes is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.takes, schema_of)}
    codes = list(route.problems)
    if route.roles is not None:
        operation["security"] = [{"key": []}]
        operation["x-roles"] = sorted(route.roles)
        operation["x-bound-roles"] = sorted(route.bound_roles)
        codes += _EVERY_KEY
    if route.takes is not None:
        codes += _EVERY_BODY
    operation["responses"].update(_problem_responses([*codes, "internal"]))
    return operation


def _operation_id(route: Route) -> str:
    words = [word for word in re.split(r"\W+", route.path) if word and word != "v1"]
    return "_".join([route.method.lower(), *words]) if words else "index"


def _path_parameter(route: Route, name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if route.choices and name in route.choices:
        schema["enum"] = list(route.choices[name])
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _content(bodies: Mapping[str, Body], schema_of: dict[type, dict[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media, body in bodies.items():
        schemas = [schema_of[struct] for struct in alternatives(body)]
        content[media] = {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}} if schemas else {}
    return content


def _problem_responses(codes: list[str]) -> dict[str, Any]:
    by_status: dict[str, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(str(KINDS[code].status), []).append(code)
    content = {MEDIA_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}}
    return {
        status: {"description": "; ".join(f"{code}: {KINDS[code].title}" for code in names), "content": content,
                 "x-codes": names}
        for status, names in sorted(by_status.items())
    }  # fmt: skip
