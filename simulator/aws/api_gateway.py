"""Gap: MiniStack has no ImportRestApi and PutRestApi, and `chalice deploy` uses both."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import apigateway_v1 as gateway

_handle = gateway.handle_request


def patch() -> None:
    gateway.handle_request = _handle_request


async def _handle_request(
    method: str, path: str, headers: dict, body: bytes, query: dict
) -> tuple[int, dict, bytes]:
    parts = [part for part in path.strip("/").split("/") if part]
    if parts[:1] == ["restapis"]:
        if len(parts) == 1 and method == "POST" and gateway._qp(query, "mode") == "import":
            return _import(json.loads(body), query)
        if len(parts) == 2 and method == "PUT":
            return _put(parts[1], json.loads(body), query)
        if len(parts) == 2 and method == "PATCH":
            body = _with_numbers(body)
    return await _handle(method, path, headers, body, query)


def _import(spec: dict[str, Any], query: dict) -> tuple[int, dict, bytes]:
    types = gateway._qp(query, "endpointConfigurationTypes") or "EDGE"
    base = {
        "endpointConfiguration": {"types": [types]},
        "policy": spec.get("x-amazon-apigateway-policy"),
        "binaryMediaTypes": spec.get("x-amazon-apigateway-binary-media-types", []),
    }
    api_id = gateway._import_rest_api(spec, base)
    return gateway._v1_response(gateway._rest_api_view(gateway._rest_apis[api_id]), 201)


def _put(api_id: str, spec: dict[str, Any], query: dict) -> tuple[int, dict, bytes]:
    api = gateway._rest_apis.get(api_id)
    if not api:
        return gateway._v1_error("NotFoundException", "Invalid API identifier specified", 404)
    if gateway._qp(query, "mode") == "overwrite":
        _overwrite(api_id, spec)
        api["binaryMediaTypes"] = spec.get("x-amazon-apigateway-binary-media-types", [])
    return gateway._v1_response(gateway._rest_api_view(api))


def _overwrite(api_id: str, spec: dict[str, Any]) -> None:
    root = next(each for each in gateway._resources[api_id].values() if each.get("path") == "/")
    root["resourceMethods"] = {}
    gateway._resources[api_id] = {root["id"]: root}
    gateway._authorizers_v1[api_id] = {}
    schemes = gateway._import_security_schemes(api_id, spec)
    for path, item in (spec.get("paths") or {}).items():
        gateway._import_path_item(api_id, path, item, schemes, spec.get("security"))


def _with_numbers(body: bytes) -> bytes:
    """PATCH carries every value as text; minimumCompressionSize must come out as a number."""
    data = json.loads(body)
    for change in data.get("patchOperations", []):
        if change.get("path") == "/minimumCompressionSize":
            value = change.get("value")
            change["value"] = int(value) if value not in (None, "") else None
    return json.dumps(data).encode()
