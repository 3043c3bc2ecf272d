"""`/docs`: the API's reference, a plain page made from its OpenAPI description that loads nothing from elsewhere."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from app.web.problems import KINDS
from app.web.views.curl import command, resolved
from app.web.views.embed import FLAGS
from app.web.views.prose import markdown
from app.web.views.render import render

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter of a request, or a member of a body; `kind` is its type in words."""

    name: str
    where: str
    kind: str
    required: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path; `example` is a command line that asks for it."""

    method: str
    path: str
    anchor: str
    group: str
    summary: str
    meaning: str
    takes: tuple[Value, ...]
    gives: tuple[Value, ...]
    example: str

    @property
    def gist(self) -> str:
        """The first sentence of its meaning, without marks."""
        return self.meaning.split(". ")[0].split("\n")[0].removesuffix(".").replace("`", "") + "."


@dataclass(frozen=True, slots=True)
class Group:
    """Operations of one tag."""

    name: str
    about: str
    endpoints: tuple[Endpoint, ...]

    @property
    def anchor(self) -> str:
        return self.name.lower().replace(" ", "-")


@router.get("/docs")
async def api_reference(request: Request) -> HTMLResponse:
    """The reference page."""
    schema = request.app.openapi()
    shown = {"info": schema["info"], "groups": groups(schema), "problems": KINDS, "flags": FLAGS}
    site = str(request.base_url).rstrip("/")
    return HTMLResponse(render("docs.html", **shown, site=site, markdown=markdown))


def groups(schema: dict[str, Any]) -> list[Group]:
    """The operations by their tags, in the order that the description gives those."""
    found = endpoints(schema)
    return [
        Group(tag["name"], tag["description"], tuple(each for each in found if each.group == tag["name"]))
        for tag in schema["tags"]
    ]


def endpoints(schema: dict[str, Any]) -> list[Endpoint]:
    """Every operation of an OpenAPI description, in its order."""
    return [
        _endpoint(schema, method.upper(), path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def _endpoint(schema: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> Endpoint:
    parameters = tuple(
        Value(one["name"], one["in"], _kind(one["schema"]), one.get("required", False), one.get("description", ""))
        for one in operation.get("parameters", ())
    )
    body = _members(schema, operation.get("requestBody", {}), "body")
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    return Endpoint(
        method=method,
        path=path,
        anchor=operation["operationId"],
        group=operation["tags"][0],
        summary=operation["summary"],
        meaning=operation.get("description", ""),
        takes=parameters + body,
        gives=_members(schema, answers[0], "answer") if answers else (),
        example=command(schema, method, path, operation),
    )


def _members(schema: dict[str, Any], holder: dict[str, Any], where: str) -> tuple[Value, ...]:
    content = holder.get("content", {}).get("application/json", {}).get("schema", {})
    shapes = [resolved(schema, shape) for shape in content.get("anyOf", [content])]
    members = {name: member for shape in shapes for name, member in shape.get("properties", {}).items()}
    required = set.intersection(*(set(shape.get("required", ())) for shape in shapes))
    return tuple(
        Value(name, where, _kind(member), name in required, member.get("description", ""))
        for name, member in members.items()
    )


def _kind(shape: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in shape:
        return str(shape["$ref"].rpartition("/")[2])
    if "anyOf" in shape:
        return " or ".join(_kind(one) for one in shape["anyOf"])
    if "enum" in shape:
        return " or ".join(shape["enum"])
    if shape.get("type") == "array":
        return f"list of {_kind(shape.get('items', {}))}"
    if str(shape.get("pattern", "")).startswith("^0x"):
        return "hex string"
    return str(shape.get("type", "any"))
