"""How the API is described: its parts, in the order in which the reference tells of them, and who may change what."""

from enum import StrEnum
from typing import Any

from fastapi import FastAPI


class Tag(StrEnum):
    """What an operation of the API is about."""

    SESSIONS = "Sessions"
    MACHINE = "The machine"
    COMMANDS = "ITS commands"
    SCENARIOS = "Scenarios and links"
    COMPARISON = "Review and comparison"
    FORMATS = "Other formats"
    LESSONS = "Lessons"


ABOUT = {
    Tag.SESSIONS: "A session is a machine and the log of what was done to it. "
    "Who has its id may look; to change it takes its edit key, as `Authorization: Bearer`.",
    Tag.MACHINE: "The machine of a session, after its newest step or after `step`. Nothing here has side effects.",
    Tag.COMMANDS: "Commands of the ITS as words and as the 32 bytes of a queue entry.",
    Tag.SCENARIOS: "A scenario is text: played at once, or packed into a link. Only a short link is stored.",
    Tag.COMPARISON: "What is wrong with a way to program the GIC, and where two machines differ.",
    Tag.FORMATS: "Logs, dumps and images of other programs as sessions, and scenarios for other programs to read.",
    Tag.LESSONS: "The lessons with their questions, and their exercises checked.",
}
# `openapi_extra` of what changes a session.
KEYED: dict[str, Any] = {"security": [{"edit_key": []}]}
SCHEMES = {
    "edit_key": {
        "type": "http",
        "scheme": "bearer",
        "description": "The session's edit key, told once to who starts it; a browser has it in its cookie.",
    }
}


class Described(FastAPI):
    """An application whose description tells of its parts and of the edit key."""

    def openapi(self) -> dict[str, Any]:
        self.openapi_tags = [{"name": tag.value, "description": about} for tag, about in ABOUT.items()]
        schema = super().openapi()
        schema["components"]["securitySchemes"] = SCHEMES
        return schema
