"""A whole scenario in a url: `pack` and `unpack`, nothing stored.

Format 1, before base64url: one byte 1; two bytes of CRC-32 of the text; the text, raw deflate with a preset dictionary.
The text is a head line (a query string: step, view) and the scenario in its shortest spelling.

Format 2 also carries what came of the scenario when the link was made (`app.scenario.record`): the head line names the
version of the model, the text is followed by a NUL and the answers with commas between them, and the deflated data by
the hashes of the states; the checksum is of both. Links of either format are read; one without a record is of format 1.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode

from app.scenario.format import format_content
from app.scenario.parse import parse
from app.scenario.record import Record
from app.scenario.scenario import Scenario

FORMAT, RECORDED = 1, 2
LONGEST_PAYLOAD = 1 << 20
LONGEST_TEXT = 4 << 20
ALPHABET = re.compile(r"[A-Za-z0-9_-]*\Z")
HEAD_BYTES = 3
MOST_HEAD_FIELDS = 32
LONGEST_MODEL = 32
STEP, MODEL = "s", "m"
# Part of the formats: a link can be read only with exactly the bytes it was made with. Commonest last, for deflate.
DICTIONARIES = {form: Path(__file__).with_name(f"links-{form}.txt").read_bytes() for form in (FORMAT, RECORDED)}


class LinkError(ValueError):
    """A payload that is no link of ours; the message says what is wrong with it, `advice` what can be done."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = (
            advice or "Links are long; mail programs cut them. Ask for the link again, or for the scenario as text."
        )


@dataclass(frozen=True, slots=True)
class Link:
    """What a link carries. `view`: what to show, as `register`; `record`: what came of it where it was made."""

    text: str
    step: int | None = None
    view: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None

    def scenario(self, source: str = "link") -> Scenario:
        """The scenario in it. Raises ScenarioError, where the text names what this version does not know."""
        return parse(self.text, source)


def pack(
    scenario: Scenario | str,
    step: int | None = None,
    view: Mapping[str, str] | None = None,
    record: Record | None = None,
) -> str:
    """The payload of `/x/{payload}`, url-safe characters only. A text is packed as it is, a Scenario in short spelling.

    Raises LinkError where it would be too long.
    """
    head: dict[str, str] = {key: value for key, value in (view or {}).items() if value}
    if head.keys() & {STEP, MODEL}:
        raise LinkError(f"a view may not use the names {STEP} and {MODEL}")
    if step is not None:
        head[STEP] = str(step)
    body = scenario if isinstance(scenario, str) else shortest(scenario)
    form, trailer = FORMAT, b""
    if record is not None:
        form, trailer = RECORDED, record.states
        head[MODEL] = record.model
        body = f"{body}\0{','.join(record.answers)}"
    data = f"{urlencode(head)}\n{body}".encode()
    if len(data) > LONGEST_TEXT:
        raise LinkError(f"{len(data)} bytes are too long for a link (at most {LONGEST_TEXT})")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=DICTIONARIES[form])
    packed = bytes([form]) + _checksum(data + trailer) + deflate.compress(data) + deflate.flush() + trailer
    payload = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
    if len(payload) > LONGEST_PAYLOAD:
        raise LinkError(f"a link of {len(payload)} characters (at most {LONGEST_PAYLOAD})")
    return payload


def unpack(payload: str) -> Link:
    """What a payload carries. Raises LinkError; never unpacks more than LONGEST_TEXT bytes."""
    packed = _decode(payload)
    form = packed[0]
    if form > RECORDED:
        raise LinkError(
            f"the link has format {form}, this giclab reads formats {FORMAT} and {RECORDED}: a newer one made it",
            "Open it with the giclab that made it or with a newer one than this, or ask for the scenario as text.",
        )
    if form < FORMAT:
        raise LinkError(f"the link has format {form}, which there never was")
    data, trailer = _inflate(packed[HEAD_BYTES:], form)
    if _checksum(data + trailer) != packed[1:HEAD_BYTES]:
        raise LinkError("the link was changed on its way or is cut off: its checksum does not match")
    try:
        head_text, _, text = data.decode().partition("\n")
    except UnicodeDecodeError:
        raise LinkError("the link does not hold text") from None
    try:
        head = dict(parse_qsl(head_text, max_num_fields=MOST_HEAD_FIELDS))
    except ValueError:
        raise LinkError(f"the link has more than {MOST_HEAD_FIELDS} settings") from None
    step = head.pop(STEP, None)
    if step is not None and not (step.isascii() and step.isdigit() and len(step) < 10):
        raise LinkError("the link's step is not a number")
    model, record = head.pop(MODEL, "")[:LONGEST_MODEL], None
    if form == RECORDED:
        text, nul, answers = text.rpartition("\0")
        if not nul:
            raise LinkError("the link holds no answers, which its format has")
        record = Record(model, tuple(answers.split(",")) if answers or trailer else (), trailer)
    return Link(text, None if step is None else int(step), MappingProxyType(head), record)


def shortest(scenario: Scenario) -> str:
    """The scenario with single blanks and without a lesson's prose; its lines parse to the same lines."""
    rows = []
    for line in scenario.lines:
        text = "" if line.content is None else format_content(line.content, scenario.machine, compact=True)
        comment = "" if line.comment is None else f"#{line.comment}"
        rows.append(f"{text} {comment}" if text and comment else text or comment)
    return "".join(f"{row}\n" for row in rows)


def _decode(payload: str) -> bytes:
    if len(payload) > LONGEST_PAYLOAD:
        raise LinkError(f"a link of {len(payload)} characters (at most {LONGEST_PAYLOAD})")
    if not ALPHABET.match(payload):
        wrong = next(index for index, char in enumerate(payload) if not ALPHABET.match(char))
        raise LinkError(f"character {wrong + 1} of the link, {payload[wrong]!r}, does not belong in it")
    try:
        packed = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except binascii.Error:
        raise LinkError("the link is cut off: its last characters are missing") from None
    if len(packed) <= HEAD_BYTES:
        raise LinkError("the link is cut off after its first characters" if payload else "the link is empty")
    return packed


def _inflate(packed: bytes, form: int) -> tuple[bytes, bytes]:
    """The text, and what follows it where something may."""
    inflate = zlib.decompressobj(-15, zdict=DICTIONARIES[form])
    try:
        data = inflate.decompress(packed, LONGEST_TEXT + 1)
    except zlib.error:
        raise LinkError("the link is damaged: it does not unpack") from None
    if len(data) > LONGEST_TEXT:
        raise LinkError(f"the link unpacks to more than {LONGEST_TEXT} bytes")
    if not inflate.eof:
        raise LinkError("the link is cut off: its end is missing")
    if inflate.unused_data and form == FORMAT:
        raise LinkError("the link has characters after its end")
    return data, inflate.unused_data


def _checksum(data: bytes) -> bytes:
    return (zlib.crc32(data) & 0xFFFF).to_bytes(2, "big")
