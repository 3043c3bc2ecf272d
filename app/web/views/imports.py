"""The import pages: what may be imported, how far it is, and what was understood, each line with its number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app import limits
from app.exchange.imports.image import KINDS
from app.exchange.imports.registry import FORMATS
from app.exchange.imports.result import Import, Remarks
from app.gic import IMPLEMENTATIONS
from app.web.importing import RUNNING, WAITING, Job
from app.web.views.inspector import Option

WINDOWS_SHOWN = 48
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the input; `step` is 0 where none comes from it or after it."""

    line: int
    text: str
    reason: str
    step: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines of one kind: `id` of the element, what they are, and what that means."""

    id: str
    title: str
    meaning: str
    rows: tuple[Row, ...]
    more: int
    open: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the import that fits a session; `href` of the session that was started with it, "" before."""

    line: int
    label: str
    steps: str
    href: str


@dataclass(frozen=True, slots=True)
class ImportPage:
    """An import on view. `verdict` and `good` sum it up."""

    id: str
    phase: str
    read: int
    size: int
    told: str
    verdict: str = ""
    good: bool = True
    advice: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()
    more_parts: int = 0
    window: int = limits.IMPORT_WINDOW
    lines: int = 0
    whole: bool = True
    listings: tuple[Listing, ...] = ()

    @property
    def busy(self) -> bool:
        return self.phase in (WAITING, RUNNING)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form's lists offer."""

    formats: tuple[Option, ...]
    implementations: tuple[Option, ...]
    guests: tuple[Option, ...]
    kinds: tuple[Option, ...]


def choices(given: Mapping[str, str]) -> Choices:
    """The lists with what was chosen before."""

    def options(name: str, *pairs: tuple[str, str]) -> tuple[Option, ...]:
        return tuple(Option(value, label, given.get(name, "") == value) for value, label in pairs)

    return Choices(
        options("format", ("", "Recognise it"), *((each.name, each.title) for each in FORMATS.values())),
        options("on", ("", "As the format"), *((each.name, each.title) for each in IMPLEMENTATIONS.values())),
        options("guest", ("", "As it looks"), ("linux", "Linux"), ("other", "Another")),
        options("kind", ("", "No image"), *((name, kind[0]) for name, kind in KINDS.items())),
    )


def import_page(job: Job) -> ImportPage:
    """A job as its page shows it."""
    told = f"{job.read / MIB:,.1f} of {job.size / MIB:,.1f} MiB"
    if job.imported is None:
        error = job.error
        verdict = "" if error is None else f"{str(error)[:1].upper()}{str(error)[1:]}."
        return ImportPage(
            job.id, job.phase, job.read, job.size, told, verdict, error is None, error.advice if error else ""
        )
    return _done(job, job.imported, told)


def _done(job: Job, found: Import, told: str) -> ImportPage:
    parts = tuple(_parts(job, found))
    return ImportPage(
        job.id,
        job.phase,
        job.size,
        job.size,
        told,
        _verdict(found),
        not found.bad.count and not found.differences.count,
        facts=tuple(_facts(found)),
        parts=parts[:WINDOWS_SHOWN],
        more_parts=len(parts[WINDOWS_SHOWN:]),
        lines=found.lines,
        whole=found.steps <= limits.IMPORT_WINDOW,
        listings=tuple(listing for listing in _listings(found) if listing.rows),
    )


def _verdict(found: Import) -> str:
    read = found.understood
    kept = "every line is understood" if read == found.lines else f"{read:,} lines are understood"
    if found.bad.count:
        kept += f", {found.bad.count:,} cannot be read"
    if not found.checked:
        return f"{found.format.title}: {kept}."
    differences = found.differences.count
    said = "the machine answers as recorded" if not differences else f"{differences:,} answers differ here"
    return f"{found.format.title}: {kept}; {said}."


def _facts(found: Import) -> Iterator[tuple[str, str]]:
    spec = found.spec
    yield "Lines", f"{found.lines:,}"
    yield "Steps", f"{found.steps:,}"
    yield "Answers compared", f"{found.checked:,}"
    yield "Machine", f"{IMPLEMENTATIONS[spec.implementation].title}, {spec.cpus} {'CPU' if spec.cpus == 1 else 'CPUs'}"
    yield "SPIs", f"{spec.spis}"
    yield "RAM", f"{spec.ram_mib:,} MiB"


def _parts(job: Job, found: Import) -> Iterator[Part]:
    at = 1
    while at <= found.steps:
        end = min(at + limits.IMPORT_WINDOW - 1, found.steps)
        first, last = found.line_of[at - 1], found.line_of[end - 1]
        label = f"Lines {first:,} to {last:,}"
        href = next((f"/s/{session}" for session, part in job.opened.values() if part.first <= at <= part.last), "")
        yield Part(first, label, f"steps {at:,} to {end:,}", href)
        at = end + 1


def _listings(found: Import) -> Iterator[Listing]:
    yield _listing("differ", "Answered otherwise here", "What the input says, and what this machine does.",
                   found.differences, shown=True)  # fmt: skip
    yield _listing(
        "bad", "Cannot be read", "Kept as comments where they stood; they change nothing.", found.bad, shown=True
    )
    yield _listing("others", "Something else", "Lines of other programs in between, kept as comments.", found.others)
    yield _listing("facts", "Understood, and no step", "What these lines say changes nothing here.", found.facts)
    yield _listing("inferred", "Inferred", "Steps that the input does not tell, and why they must have been there.",
                   found.inferred)  # fmt: skip


def _listing(id: str, title: str, meaning: str, remarks: Remarks, *, shown: bool = False) -> Listing:  # noqa: A002
    rows = tuple(Row(each.line, each.text, each.reason, each.step) for each in remarks.kept)
    return Listing(id, f"{title}: {remarks.count:,}", meaning, rows, remarks.more, shown)
