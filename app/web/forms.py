"""Forms as they are sent; a large one is read on a thread."""

from functools import partial
from urllib.parse import parse_qsl

import anyio
import anyio.to_thread
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app import limits

URLENCODED = "application/x-www-form-urlencoded"


async def form_of(request: Request) -> FormData:
    """The request's form. HTTPException (400) where it has more than FORM_FIELDS fields, or is no form."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != URLENCODED:
        most = limits.FORM_FIELDS
        # FastAPI's own reading of forms stops at 1 MiB a field.
        return await request.form(max_files=most, max_fields=most, max_part_size=limits.REQUEST_BYTES)
    body = await request.body()
    work = partial(_read, body)
    if len(body) <= limits.INLINE_CHARACTERS:
        return work()
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.players)


def _read(body: bytes) -> FormData:
    try:
        pairs: list[tuple[str, str | UploadFile]] = []
        pairs += parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=limits.FORM_FIELDS)
    except ValueError:
        raise HTTPException(400, f"A form may have {limits.FORM_FIELDS} fields.") from None
    return FormData(pairs)
