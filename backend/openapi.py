"""What phones may ask, as OpenAPI: `python -m backend.openapi > web/openapi.json`.

Guarantees: it is the server's own description, less what phones have no business with, so that a client made from it
knows nothing that it does not use. The same program always writes the same bytes.
"""

import json
import re
import sys
from typing import Any

from backend.app import create_app
from backend.settings import Settings

_TAG = "phones"
_REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')


def for_phones() -> dict[str, Any]:
    whole = _with_reachable_schemas(create_app(Settings()).openapi())
    paths = {path: _of_phones(operations) for path, operations in whole["paths"].items()}
    paths = {path: operations for path, operations in paths.items() if operations}
    components = {
        "schemas": _used(paths, whole["components"]["schemas"]),
        "securitySchemes": whole["components"]["securitySchemes"],
    }
    return {"openapi": whole["openapi"], "info": whole["info"], "paths": paths, "components": components}


def text() -> str:
    return json.dumps(for_phones(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _with_reachable_schemas(whole: dict[str, Any]) -> dict[str, Any]:
    """Move the schemas that bodies bring along to the others: in OpenAPI, references begin at the document's root."""
    carried: dict[str, Any] = {}

    def without(part: Any) -> Any:
        if isinstance(part, list):
            return [without(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "$defs" in part:
            carried.update(without(part["$defs"]))
        return {name: without(each) for name, each in part.items() if name != "$defs"}

    found = without(whole)
    found["components"]["schemas"] |= carried
    referring: dict[str, Any] = json.loads(json.dumps(found).replace('"#/$defs/', '"#/components/schemas/'))
    return referring


def _of_phones(operations: dict[str, Any]) -> dict[str, Any]:
    return {method: each for method, each in operations.items() if _TAG in each.get("tags", ())}


def _used(paths: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that `paths` name, and those that these name."""
    used: dict[str, Any] = {}
    named = set(_REFERENCE.findall(json.dumps(paths)))
    while new := named - used.keys():
        used |= {name: schemas[name] for name in new}
        named = {name for each in new for name in _REFERENCE.findall(json.dumps(schemas[each]))} | named
    return used


if __name__ == "__main__":
    sys.stdout.write(text())
