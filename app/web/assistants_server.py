"""The tools as the Model Context Protocol tells and calls them. Imported when the first assistant asks."""

from __future__ import annotations

import logging
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from starlette.requests import Request

from app import __version__
from app.web.problems import Problem, problem_of
from app.web.tools import TOOLS

INSTRUCTIONS = (
    "giclab emulates Arm's GICv3 interrupt controller with its ITS as KVM, KVM before Linux 5.6, QEMU and the manual "
    "(IHI 0069) have it. Nothing is stored. Where answers cite a source, cite it too."
)
log = logging.getLogger(__name__)
# A line for each request, which our own log has already.
logging.getLogger("mcp.server.streamable_http_manager").setLevel(logging.WARNING)


def make_server() -> Server[Any]:
    """The protocol's side of the tools."""
    return Server(
        "giclab",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
    )


async def _list_tools(
    _context: ServerRequestContext[Any, Any], _params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    harmless = types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    return types.ListToolsResult(
        tools=[
            types.Tool(
                name=tool.name,
                title=tool.title,
                description=tool.about,
                input_schema=tool.takes.model_json_schema(),
                annotations=harmless,
            )
            for tool in TOOLS.values()
        ]
    )


async def _call_tool(
    context: ServerRequestContext[Any, Request], params: types.CallToolRequestParams
) -> types.CallToolResult:
    request = context.request
    assert request is not None, "every call comes over HTTP"
    try:
        if params.name not in TOOLS:
            known = f"There are {', '.join(TOOLS)}."
            raise Problem(404, "unknown-name", "No such tool", f"There is no tool {params.name[:80]!r}.", known)
        text = await TOOLS[params.name].answer(request, params.arguments or {})
    except Exception as error:
        problem = problem_of(error)
        if problem.kind == "internal":
            log.exception("fault in the tool %s", params.name)
        return _refusal(problem)
    return types.CallToolResult(content=[types.TextContent(text=text)])


def _refusal(problem: Problem) -> types.CallToolResult:
    """A tool's error: the problem's words to read, and all of its members."""
    words = " ".join(filter(None, (f"{problem.title}:", problem.detail, problem.advice)))
    return types.CallToolResult(
        content=[types.TextContent(text=words)], structured_content=problem.as_json(), is_error=True
    )
