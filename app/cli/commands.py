"""The commands of `giclab`. Every command imports what it needs when it runs, so that each starts fast."""

from __future__ import annotations

import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.chain import print_chain
from app.cli.differences import diff_of_implementations, diff_of_two
from app.cli.endings import DIFFERS, HOLDS, UNREADABLE, fail
from app.cli.inputs import engine_names, implementation_names, scenario_in, tried_file
from app.exchange.writers import FORMATS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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
        fail(str(error))
    if workers > 1 and url.get_backend_name() == "sqlite":
        fail("a SQLite file serves one process: for more, set GICLAB_DATABASE_URL to postgresql://user@host/name")
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

    names = engine_names(on)
    tried = [tried_file(file, names) for file in files]
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
        diff_of_two(file, other, on, as_json=as_json, every=every)
    elif as_json or every:
        fail("--json and --all are for two: giclab diff FILE OTHER")
    else:
        diff_of_implementations(Path(file), on, explain=explain)


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

    chosen = implementation_names([on])[0] if on else None
    try:
        found = reviewed(file, chosen)
    except Unreadable as error:
        for row in error.rows:
            typer.echo(row, err=True)
        raise typer.Exit(UNREADABLE) from None
    except OSError as error:
        fail(f"{error.filename or file}: {error.strerror or error}")
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

    scenario = scenario_in(file)
    [name] = implementation_names([on or scenario.machine.implementation])
    operations = scenario.operations
    steps = len(operations) if step is None else step
    if steps > len(operations):
        fail(f"there is no step {steps}, the scenario has {len(operations)}")
    player = Player(scenario.machine.on(name))
    for operation in operations[:steps]:
        player.advance(operation)
    try:
        chain = player.machine.why(int(intid, 0), cpu)
    except ValueError as error:
        fail(str(error) if intid.isdigit() else f"INTID {intid!r}: {error}")
    print_chain(chain, f"on {name}, after step {steps} of {len(operations)}")
    raise typer.Exit(HOLDS if chain.signalled else DIFFERS)


@cli.command()
def replay(
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="Recorded operations: .jsonl or .jsonl.gz")],
    on: OnOne,
) -> None:
    """Play recorded operations of a real GIC and compare every read. Exit 0: all match, 1: not."""
    from app.engines.recorded import CorpusError
    from app.engines.recorded import replay as play

    [name] = implementation_names([on])
    try:
        report = play(corpus, name)
    except (OSError, EOFError, CorpusError) as error:
        fail(f"{corpus}: {error}")
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

    chosen = implementation_names([on])[0] if on else ""
    try:
        address = int(base, 0) if base else None
    except ValueError:
        fail(f"--base {base!r} is not an address; expected a number such as 0x40200000")
    try:
        told = convert(log, output, Options(address, kind, chosen, guest), form=form, line=line)
    except CannotImport as error:
        fail(f"{'stdin' if str(log) == '-' else log}: {error}" + (f". {error.advice}" if error.advice else ""))
    except OSError as error:
        fail(f"{error.filename or log}: {error.strerror or error}")
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
        fail(f"no format {to!r}; there are {', '.join(FORMATS)}")
    written = write(scenario_in(file), to, step)
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

    [name] = implementation_names([on])
    try:
        map_ = register_map(name, cpus, spis, security=security)
    except ValueError as error:
        fail(str(error))
    try:
        if form is MapFormat.HTML:
            typer.echo(html(map_, text, output or Path(f"registers-{name}")))
        elif output is None:
            typer.echo(text_of(map_, text, form.value), nl=False)
        else:
            output.write_text(text_of(map_, text, form.value), encoding="utf-8")
    except CannotWrite as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or output}: {error.strerror or error}")


def main() -> None:
    """Run the command line; output that nobody reads any more (`| head`) is no error."""
    try:
        cli()
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(HOLDS) from None


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
        fail(f"{file}: {error.strerror or error}")
    except (StorageFailed, ValueError) as error:  # a file that is none, a setting that cannot be
        fail(str(error))
    told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
    typer.echo(f"{told} {where} {file}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{path}: {error.strerror or error}")
