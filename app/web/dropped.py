"""What the first page's form brings, a file or a pasted text: a scenario, or something to be imported."""

from __future__ import annotations

from starlette.datastructures import FormData, UploadFile

from app import limits
from app.scenario.verbs import VERBS

HEAD_BYTES = 4096
SUFFIX = ".gic"
HEADERS = frozenset({"title", "machine"})


async def text_of(form: FormData) -> str:
    """The text of a form's `file` if one was chosen, else its `text`; of a file at most what a request may bring."""
    upload, text = form.get("file"), form.get("text")
    if isinstance(upload, UploadFile) and upload.filename:
        text = (await upload.read(limits.REQUEST_BYTES)).decode("utf-8", "replace")
    return text.replace("\r\n", "\n") if isinstance(text, str) else ""


async def brings_scenario(form: FormData) -> bool:
    """Whether it is a scenario: by the file's name, else by its first word."""
    upload, text = form.get("file"), form.get("text")
    if isinstance(upload, UploadFile) and upload.filename:
        if upload.filename.lower().endswith(SUFFIX):
            return True
        head = (await upload.read(HEAD_BYTES)).decode("utf-8", "replace")
        await upload.seek(0)
    else:
        head = text[:HEAD_BYTES] if isinstance(text, str) else ""
    rows = (row.split() for row in head.split("\n"))
    first = next((row[0] for row in rows if row and not row[0].startswith("#")), "")
    return first in VERBS or first in HEADERS
