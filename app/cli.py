"""The command line, `giclab`. Every command imports what it needs when it runs, so that each starts fast."""

from __future__ import annotations

import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from app.exchange.writers import FORMATS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.engines.compare import Compared
    from app.exchange.reports import Tried
    from app.gic.why import Chain
    from app.scenario.scenario import Scenario

HOLDS, DIFFERS, UNREADABLE = 0, 1, 2
MOST_MISMATCHES_SHOWN = 20

cli = typer.Typer(
    name="giclab",
    help="An explorer of the Arm GICv3, its ITS and its LPIs: play scenarios, compare implementations, serve the page.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class MapFormat(StrEnum):
    """How `registers` prints the map."""

    TABLE = "table"
    JSON = "json"
    RDL = "rdl"
    HEADER = "header"
    HTML = "html"


ScenarioFile = Annotated[Path, typer.Argument(metavar="FILE", help="A scenario (.gic), or - for standard input.")]
On = Annotated[list[str] | None, typer.Option("--on", metavar="NAME", help="An implementation; may be repeated.")]
RegisterText = Annotated[str, typer.Argument(metavar="[TEXT]", help="A name, field, address or INTID. Else all.")]
OnOne = Annotated[str, typer.Option("--on", metavar="NAME", help="An implementation.")]


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Server processes; more than one on PostgreSQL.", min=1)] = 1,
) -> None:
    """Serve the explorer page and the JSON API. Asked to end by SIGTERM or SIGINT, it does and exits 0."""
    import uvicorn

    from app import limits
    from app.sessions.database import driver_url
    from app.settings import settings
    from app.web.logs import configuration

    try:
        chosen = settings()
        url = driver_url(chosen.database_url)
    except ValueError as error:  # pydantic's too: it names the variable and what it takes
        _fail(str(error))
    if workers > 1 and url.get_backend_name() == "sqlite":
        _fail("a SQLite file serves one process: for more, set GICLAB_DATABASE_URL to postgresql://user@host/name")
    typer.echo(f"giclab is at http://{f'[{host}]' if ':' in host else host}:{port}/")
    # uvicorn raises the signal again once all is closed, which would end the process as one that was killed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "app.web.app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_config=configuration(chosen),
        access_log=False,
        proxy_headers=False,  # app.web.door believes those of the proxies that the settings name
        server_header=False,
        timeout_graceful_shutdown=limits.SHUTDOWN_SECONDS,
    )


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write, as sessions.jsonl.gz.")],
) -> None:
    """Write all sessions and short links of the database to a file. The server may go on meanwhile."""
    from app.sessions.backup import backup as write_all

    _moved(write_all, file, "in")


@cli.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `giclab backup` wrote.")],
) -> None:
    """Put a backup into an empty database, SQLite or PostgreSQL, whichever it came from."""
    from app.sessions.backup import restore as read_all

    _moved(read_all, file, "from")


@cli.command()
def run(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Scenarios (.gic); - is standard input.")],
    on: On = None,
    explain: Annotated[bool, typer.Option(help="Say what every step did, and why.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    junit: Annotated[Path | None, typer.Option(metavar="PATH", help="Write JUnit XML there too.")] = None,
) -> None:
    """Play scenarios; print what they read and whether their expectations hold; of several files, what failed.

    Exit 0: all hold, 1: some fail, 2: some file cannot be read.
    """
    from app.exchange import reports

    names = _engines(on)
    tried = [_tried(file, names) for file in files]
    for one in tried:
        for complaint in one.complaints:
            typer.echo(complaint, err=True)
    unread = any(one.scenario is None for one in tried)
    if as_json:
        typer.echo(reports.as_json(tried, effects=explain))
    elif len(tried) == 1 or explain:
        for one in tried:
            typer.echo("\n".join(reports.lines(one, explain=explain)), nl=one.scenario is not None)
    if len(tried) > 1 and not as_json:
        typer.echo("\n".join(reports.summary(tried)))
    if junit is not None:
        _write(junit, reports.junit(tried))
    raise typer.Exit(UNREADABLE if unread else DIFFERS if any(one.failed for one in tried) else HOLDS)


@cli.command()
def diff(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario (.gic), or - for standard input.")],
    other: Annotated[str | None, typer.Argument(metavar="[OTHER]", help="What to compare FILE with.")] = None,
    on: On = None,
    explain: Annotated[bool, typer.Option(help="Of one FILE: name the behaviour that parts them.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Of two: print one JSON document.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Of two: print all differences, however many.")] = False,
) -> None:
    """Tell what differs: between implementations that play one scenario, or between the machines of two files.

    giclab diff FILE --on A --on B plays it on each and prints only the steps that differ, and why.

    giclab diff FILE OTHER compares registers by field, LPIs, table entries and RAM. Each is a scenario, a saved state,
    a log, dump or image that can be imported, or a link /x/…, after all its steps or after some, as FILE@STEP; - is
    standard input. --on plays both elsewhere; given twice, each.

    Exit 0: no difference, 1: some, 2: something cannot be read.
    """
    if other is not None:
        _diff_of_two(file, other, on, as_json=as_json, every=every)
    elif as_json or every:
        _fail("--json and --all are for two: giclab diff FILE OTHER")
    else:
        _diff_of_implementations(Path(file), on, explain=explain)


def _diff_of_two(file: str, other: str, on: list[str] | None, *, as_json: bool, every: bool) -> NoReturn:
    """What differs between the machines of two files."""
    import json

    from app import limits
    from app.diff.files import sided
    from app.diff.json_ import as_dict
    from app.diff.lines import lines
    from app.diff.side import compared
    from app.exchange.files import Unreadable

    names = _implementations(on) or [""]
    if len(names) > 2:
        _fail("of two files each is played on one implementation: --on at most twice")
    if file.partition("@")[0] == other.partition("@")[0] == "-":
        _fail("standard input can be one of the two only")
    try:
        told = compared(sided(file, names[0]), sided(other, names[-1]), None if every else limits.DIFFERENCES_TOLD)
    except Unreadable as error:
        for row in error.rows:
            typer.echo(row, err=True)
        raise typer.Exit(UNREADABLE) from None
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror or error}")
    typer.echo(json.dumps(as_dict(told), indent=2) if as_json else "\n".join(lines(told)))
    raise typer.Exit(HOLDS if told.diff.same else DIFFERS)


def _diff_of_implementations(file: Path, on: list[str] | None, *, explain: bool) -> NoReturn:
    """In which steps of a scenario implementations differ."""
    from app.engines.compare import compare
    from app.engines.qtest import QemuError
    from app.registers import IMPLEMENTATION_NAMES

    names = _engines(on) or list(IMPLEMENTATION_NAMES)
    if len(names) < 2:
        _fail("diff needs at least two implementations: --on A --on B")
    scenario = _read(file)
    try:
        told = compare(scenario, names, explain=explain)
    except QemuError as error:
        _fail(str(error))
    said: dict[str, int] = {}
    for step in told.divergences:
        typer.echo(f"{step.line:4}  {step.text}")
        _print_answers(step, said)
    total, different = len(told.steps), len(told.divergences)
    typer.echo(f"{different} of {total} steps differ" if different else f"no difference in {total} steps")
    raise typer.Exit(DIFFERS if different else HOLDS)


@cli.command()
def review(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A scenario, or a log that can be imported; - is input.")
    ],
    on: Annotated[str | None, typer.Option("--on", metavar="NAME", help="An implementation.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what is wrong in a scenario or a log, rule by rule. Exit 0: nothing found, 1: something, 2: unreadable."""
    from app.review.command import Unreadable, as_json_text, lines, reviewed

    chosen = _implementations([on])[0] if on else None
    try:
        found = reviewed(file, chosen)
    except Unreadable as error:
        for row in error.rows:
            typer.echo(row, err=True)
        raise typer.Exit(UNREADABLE) from None
    except OSError as error:
        _fail(f"{error.filename or file}: {error.strerror or error}")
    typer.echo(as_json_text(found) if as_json else "\n".join(lines(found)))
    raise typer.Exit(DIFFERS if found.review.findings else HOLDS)


@cli.command()
def why(
    file: ScenarioFile,
    intid: Annotated[str, typer.Argument(metavar="INTID", help="The interrupt, as 8195.")],
    cpu: Annotated[int | None, typer.Option(help="Whose SGI or PPI; for an LPI, another CPU.")] = None,
    step: Annotated[int | None, typer.Option(help="After this many operations; else after all.", min=0)] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="NAME", help="An implementation.")] = None,
) -> None:
    """Say why an interrupt is signalled or not, link by link. Exit 0: it is signalled, 1: it is not."""
    from app.scenario.player import Player

    scenario = _read(file)
    [name] = _implementations([on or scenario.machine.implementation])
    operations = scenario.operations
    steps = len(operations) if step is None else step
    if steps > len(operations):
        _fail(f"there is no step {steps}, the scenario has {len(operations)}")
    player = Player(scenario.machine.on(name))
    for operation in operations[:steps]:
        player.advance(operation)
    try:
        chain = player.machine.why(int(intid, 0), cpu)
    except ValueError as error:
        _fail(str(error) if intid.isdigit() else f"INTID {intid!r}: {error}")
    _print_chain(chain, f"on {name}, after step {steps} of {len(operations)}")
    raise typer.Exit(HOLDS if chain.signalled else DIFFERS)


@cli.command()
def replay(
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="Recorded operations: .jsonl or .jsonl.gz")],
    on: OnOne,
) -> None:
    """Play recorded operations of a real GIC and compare every read. Exit 0: all match, 1: not."""
    from app.engines.recorded import CorpusError
    from app.engines.recorded import replay as play

    [name] = _implementations([on])
    try:
        report = play(corpus, name)
    except (OSError, EOFError, CorpusError) as error:
        _fail(f"{corpus}: {error}")
    for mismatch in report.mismatches[:MOST_MISMATCHES_SHOWN]:
        typer.echo(str(mismatch))
    if len(report.mismatches) > MOST_MISMATCHES_SHOWN:
        typer.echo(f"… and {len(report.mismatches) - MOST_MISMATCHES_SHOWN} more")
    typer.echo(str(report))
    raise typer.Exit(DIFFERS if report.mismatches else HOLDS)


@cli.command("import")
def import_(
    log: Annotated[
        Path, typer.Argument(metavar="LOG", help="A log, dump or image, plain or gzip; - is standard input.")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE.gic", help="Where to write.")] = None,
    form: Annotated[str, typer.Option("--format", metavar="NAME", help="Its format; else it is recognised.")] = "",
    on: Annotated[
        str | None, typer.Option("--on", metavar="NAME", help="An implementation; else the format's.")
    ] = None,
    base: Annotated[str, typer.Option(metavar="ADDRESS", help="Where a dump or an image begins.")] = "",
    kind: Annotated[str, typer.Option(metavar="KIND", help="What a memory image holds.")] = "",
    guest: Annotated[str, typer.Option(metavar="linux|other", help="Whose writes to RAM to infer in a trace.")] = "",
    line: Annotated[
        int, typer.Option("--from", metavar="LINE", help="The line that the scenario begins at.", min=1)
    ] = 1,
) -> None:
    """Make a scenario of a log; say what was understood of it and what was not. Exit 2: it cannot be imported.

    One that is too long for a scenario becomes several, FILE.gic, FILE-2.gic, …, each with the machine as it was there.
    """
    from app.exchange.imports.command import CannotImport, convert
    from app.exchange.imports.pieces import Options

    chosen = _implementations([on])[0] if on else ""
    try:
        address = int(base, 0) if base else None
    except ValueError:
        _fail(f"--base {base!r} is not an address; expected a number such as 0x40200000")
    try:
        told = convert(log, output, Options(address, kind, chosen, guest), form=form, line=line)
    except CannotImport as error:
        _fail(f"{'stdin' if str(log) == '-' else log}: {error}" + (f". {error.advice}" if error.advice else ""))
    except OSError as error:
        _fail(f"{error.filename or log}: {error.strerror or error}")
    if told.text is not None:
        typer.echo(told.text, nl=False)
    for row in told.lines:
        typer.echo(row, err=True)


@cli.command()
def export(
    file: ScenarioFile,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=", ".join(FORMATS))],
    step: Annotated[int | None, typer.Option(help="Of a state, the one after this step; else the last.", min=0)] = None,
) -> None:
    """Write a scenario for another tool: for QEMU, a board, a shell, a debugger, a test suite; or its state."""
    from app.exchange.writers import write

    if to not in FORMATS:
        _fail(f"no format {to!r}; there are {', '.join(FORMATS)}")
    written = write(_read(file), to, step)
    for remark in written.remarks:
        typer.echo(remark, err=True)
    typer.echo(written.text, nl=not written.text.endswith("\n"))


@cli.command()
def registers(
    text: RegisterText = "",
    on: OnOne = "architecture",
    form: Annotated[MapFormat, typer.Option("--format", help="The format.")] = MapFormat.TABLE,
    cpus: Annotated[int, typer.Option(help="CPUs of the machine.", min=1, max=123)] = 2,
    spis: Annotated[int, typer.Option(help="SPIs of the machine.", min=32, max=988)] = 64,
    security: Annotated[int, typer.Option(help="Security states, 2 on architecture.", min=1, max=2)] = 1,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="PATH", help="Where to write.")] = None,
) -> None:
    """Print the register map of an implementation; as html write it to a folder."""
    from app.exchange.registers_formats import CannotWrite, html, text_of
    from app.registers import register_map

    [name] = _implementations([on])
    try:
        map_ = register_map(name, cpus, spis, security=security)
    except ValueError as error:
        _fail(str(error))
    try:
        if form is MapFormat.HTML:
            typer.echo(html(map_, text, output or Path(f"registers-{name}")))
        elif output is None:
            typer.echo(text_of(map_, text, form.value), nl=False)
        else:
            output.write_text(text_of(map_, text, form.value), encoding="utf-8")
    except CannotWrite as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or output}: {error.strerror or error}")


def main() -> None:
    """Run the command line; output that nobody reads any more (`| head`) is no error."""
    try:
        cli()
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(HOLDS) from None


def _fail(message: str) -> NoReturn:
    """Say what is wrong and end as unreadable."""
    typer.echo(f"giclab: {message}", err=True)
    raise typer.Exit(UNREADABLE)


def _moved(move: Callable[[str, Path], Awaitable[dict[str, int]]], file: Path, where: str) -> None:
    """Have a backup written or read, and say what of; exit 2 where that cannot be."""
    import asyncio

    from app.sessions.errors import StorageFailed
    from app.settings import settings

    async def done() -> dict[str, int]:
        return await move(settings().database_url, file)

    try:
        counts = asyncio.run(done())
    except OSError as error:
        _fail(f"{file}: {error.strerror or error}")
    except (StorageFailed, ValueError) as error:  # a file that is none, a setting that cannot be
        _fail(str(error))
    told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
    typer.echo(f"{told} {where} {file}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        _fail(f"{path}: {error.strerror or error}")


def _read(file: Path) -> Scenario:
    """The scenario in a file; every line that cannot be read is said, then the program ends."""
    tried = _tried(file, [], play=False)
    for complaint in tried.complaints:
        typer.echo(complaint, err=True)
    if tried.scenario is None:
        raise typer.Exit(UNREADABLE)
    return tried.scenario


def _tried(file: Path, names: list[str], *, play: bool = True) -> Tried:
    """A file read and played, on each of the engines named, or on the implementation that it names itself."""
    from app.engines.model import run as play_on
    from app.engines.qtest import QemuError
    from app.exchange.reports import Tried
    from app.scenario.errors import ScenarioError
    from app.scenario.lessons import read_lesson
    from app.scenario.parse import parse, problems

    source = "stdin" if str(file) == "-" else str(file)
    try:
        text = _text(file, source)
    except OSError as error:
        return Tried(source, None, trouble=f"giclab: {source}: {error.strerror or error}")
    except ValueError as error:
        return Tried(source, None, trouble=f"giclab: {source}{error}")
    try:
        scenario = read_lesson(file.stem, text, source).scenario if file.suffix == ".md" else parse(text, source)
    except ScenarioError as error:
        return Tried(source, None, errors=(error,) if file.suffix == ".md" else problems(text, source))
    engines = (names or [scenario.machine.implementation]) if play else []
    try:
        return Tried(source, scenario, tuple(play_on(scenario, name) for name in engines))
    except QemuError as error:
        _fail(str(error))


def _text(file: Path, source: str) -> str:
    """What a file says. ValueError, to stand after its name, where it is no text; reads no more than one can have."""
    from app.scenario.parse import LONGEST_TEXT

    most = 4 * LONGEST_TEXT  # a character of UTF-8 has at most 4 bytes
    if source == "stdin":
        data = sys.stdin.buffer.read(most + 1)
    else:
        with file.open("rb") as opened:
            data = opened.read(most + 1)
    if len(data) > most:
        raise ValueError(f": more than {most} bytes, a scenario has at most {LONGEST_TEXT} characters")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(10, 0, error.start) + 1
        raise ValueError(f":{line}: byte {error.start} is not UTF-8, a scenario is text") from None


def _print_answers(step: Compared, said: dict[str, int]) -> None:
    """What each answered, and for those that differ from the first one, why; `said`: reasons told, by their line."""
    width = max(len(name) for name in step.answers)
    for name, answer in step.answers.items():
        typer.echo(f"      {name:<{width}}  {answer.shown or 'nothing'}")
    why: dict[str, list[str]] = {}
    for name, reason in step.reasons.items():
        values = [(row.title, row.values[name.partition(":")[0]]) for row in reason.rows]
        told = "".join(f"\n        {title}: {value.meaning} [{value.cite}]" for title, value in values)
        why.setdefault(f"{reason.words}{told}", []).append(name)
    for text, names in why.items():
        again = f"as in line {said[text]}" if text in said else text
        typer.echo(f"      ≠ {', '.join(names)}: {again}")
        said.setdefault(text, step.line)


def _engines(names: list[str] | None) -> list[str]:
    """The names given with --on, each an implementation or a live QEMU."""
    from app.engines.model import ENGINE_NAMES

    return _known(names, ENGINE_NAMES)


def _implementations(names: list[str] | None) -> list[str]:
    """The names given with --on, each an implementation."""
    from app.registers import IMPLEMENTATION_NAMES

    return _known(names, IMPLEMENTATION_NAMES)


def _known(names: list[str] | None, known: tuple[str, ...]) -> list[str]:
    from app.scenario.errors import nearest_names

    for name in names or ():
        if name not in known:
            near = nearest_names(name, known)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            _fail(f"unknown implementation {name!r}; there are {', '.join(known)}{hint}")
    return list(dict.fromkeys(names or ()))


def _print_chain(chain: Chain, when: str) -> None:
    """Every link with its mark; below the first broken one, what would mend it."""
    typer.echo(f"INTID {chain.intid} {when}")
    width = max(len(link.name) for link in chain.links)
    for link in chain.links:
        typer.echo(f"  {'ok' if link.holds else 'NO'}  {link.name:<{width}}  {link.says}")
        if link is chain.broken:
            source = f"  [{link.cite}]" if link.cite else ""
            typer.echo(f"      {'':<{width}}  {link.mend}{source}")
    where = "" if chain.cpu is None else f" to CPU {chain.cpu}"
    typer.echo(
        f"INTID {chain.intid} is signalled{where}" if chain.signalled else f"INTID {chain.intid} is not signalled"
    )
