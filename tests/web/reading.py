"""Pages as a reader gets them."""

import re
from html import unescape

from app.web.views.words import Run


def words(html: str) -> str:
    """What a reader reads: no tags, single blanks."""
    body = re.sub(r"<(title|style|script)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def told(runs: tuple[Run, ...]) -> str:
    """A sentence that was cut into runs."""
    return "".join(run.text for run in runs)


async def shown(client, address, status=200, **headers):
    """The page at an address."""
    answer = await client.get(address, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.text
