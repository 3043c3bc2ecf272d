"""How one asks for an operation of the API with curl, made from the examples of its OpenAPI description."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
# Variables of the shell, and a file, that the reader fills in.
SITE, KEY, FILE = "$GICLAB", "$KEY", "FILE"
CONTINUED = " \\\n  "


def command(schema: Schema, method: str, path: str, operation: Schema) -> str:
    """A command line, each of its options on a line. What has no example is a variable: for `id` it is `$ID`."""
    return CONTINUED.join(_parts(schema, method, path, operation))


def _parts(schema: Schema, method: str, path: str, operation: Schema) -> Iterator[str]:
    parameters = operation.get("parameters", ())
    for one in parameters:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", _example(schema, one))
    content = operation.get("requestBody", {}).get("content", {})
    streams = "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
    how = "" if method == ("POST" if content else "GET") else f" -X {method}"
    yield f'curl -s{"N" if streams else ""}{how} "{SITE}{path}"'
    if operation.get("security"):
        yield f'-H "Authorization: Bearer {KEY}"'
    asked = [one for one in parameters if one["in"] == "query" and one.get("required")]
    if asked:
        yield " ".join(["--get", *(f'--data-urlencode "{one["name"]}={_example(schema, one)}"' for one in asked)])
    if "application/json" in content:
        yield f"--json {_json(schema, content['application/json']['schema'])}"
    elif content:
        yield f"--data-binary @{FILE}"


def _json(schema: Schema, shape: Schema) -> str:
    """The members that must be there and those that have an example, or a file where one that must be has none."""
    shape = resolved(schema, shape)
    told: dict[str, Any] = {}
    for name, member in shape.get("properties", {}).items():
        known = _examples(schema, member)
        if known and (name in shape.get("required", ()) or "examples" in member):
            told[name] = known[0]
    return shlex.quote(json.dumps(told)) if told and told.keys() >= set(shape.get("required", ())) else f"@{FILE}"


def _example(schema: Schema, parameter: Schema) -> str:
    known = parameter.get("examples") or _examples(schema, parameter["schema"])
    return str(known[0]).replace("/ID", "/$ID") if known else f"${parameter['name'].upper()}"


def _examples(schema: Schema, shape: Schema) -> list[Any]:
    """What a value may be: its examples, else its choices."""
    found: list[Any] = shape.get("examples") or resolved(schema, shape).get("enum", [])
    return found


def resolved(schema: Schema, shape: Schema) -> Schema:
    """A schema, or the one that it refers to."""
    name = shape.get("$ref", "").rpartition("/")[2]
    found: Schema = schema["components"]["schemas"][name] if name else shape
    return found
