"""An input read, played and written as scenario text, in one pass and bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.exchange.imports.pieces import (
    Bad,
    CannotImport,
    Fact,
    NeedsMachine,
    Options,
    Other,
    Piece,
    Seen,
    Steps,
    cleaned,
)
from app.exchange.imports.registry import format_named, recognise
from app.exchange.imports.result import Import, Mark, Remark
from app.exchange.imports.source import Cancelled, Report, Source
from app.scenario.expect import check
from app.scenario.format import COMMENT_COLUMN, format_operation
from app.scenario.operations import Ack, Expect, Operation, Read
from app.scenario.player import Player, Verdict

MARK_STEPS = 1_000
MOST_MARKS = 64
MOST_RESTARTS = 24
STEPS_PER_CHECK = 256
COMMENTED_RUN = 20
"""Lines of something else in a row that are kept in the steps' text, each as a comment; the rest are counted there."""
SPACES = re.compile(r"\s+")


def run(
    source: Source,
    path: Path,
    options: Options,
    *,
    form: str = "",
    title: str = "",
    report: Report | None = None,
    most_steps: int | None = None,
) -> Import:
    """Import `source`, writing the steps to `path`.

    `form` names the format; without it, it is recognised. Raises CannotImport, or Cancelled when `report` says so.
    """
    chosen = format_named(form or ("image" if options.kind else "")) if form or options.kind else None
    sample = [] if chosen is not None and chosen.binary else source.sample()
    if chosen is None:
        chosen = recognise(sample)
    spec = options.on(chosen.survey(sample))
    for _ in range(MOST_RESTARTS):
        try:
            with path.open("wb") as text:
                return _Pass(source, Import(chosen, spec, path, title or chosen.title), text, report, most_steps).read(
                    options
                )
        except NeedsMachine as needs:
            spec = options.on(needs.spec)
    raise CannotImport("it is of no machine that the language can describe", "A machine has at most 32 CPUs.")


class _Pass:
    """One reading of the whole input on one machine."""

    def __init__(
        self, source: Source, result: Import, text: BinaryIO, report: Report | None, most_steps: int | None
    ) -> None:
        self.source = source
        self.result = result
        self.text = text
        self.report = report
        self.most_steps = most_steps
        self.spec = result.spec
        self.player = Player(self.spec)
        self.interval = MARK_STEPS
        self.run = 0
        self.run_at = 0
        result.marks.append(Mark(0, 0, None))

    def read(self, options: Options) -> Import:
        result = self.result
        for piece in result.format.read(self._numbered(), self.spec, options):
            self._take(piece)
        self._end_run()
        result.text_bytes = self.text.tell()
        result.understood = result.lines - result.others.count - result.bad.count
        nothing = not result.steps and not result.facts.count
        if not result.understood or (nothing and result.bad.count):
            first = result.bad.kept[0] if result.bad.kept else None
            said = f": line {first.line}: {first.reason}" if first else ""
            raise CannotImport(
                f"no line of it could be read as {result.format.title}{said}",
                f"A line looks like: {result.format.example}",
            )
        return result

    def _numbered(self) -> Iterator[tuple[int, str]]:
        if self.result.format.binary:
            for number, block in self.source.blocks(self.report):
                self.result.lines = number - 1 + -(-len(block) // 16)
                yield number, block
            return
        for row in self.source.rows(self.report):
            self.result.lines = row[0]
            yield row

    def _take(self, piece: Piece) -> None:
        match piece:
            case Fact():
                if piece.says:
                    self.result.facts.add(Remark(piece.line, piece.says, step=self.result.steps + 1))
            case Steps():
                self._play(piece)
            case Seen():
                self._compare(piece)
            case Other():
                self.result.others.add(self._kept(piece.line, piece.text))
            case Bad():
                self.result.bad.add(self._kept(piece.line, piece.text, piece.reason))

    def _kept(self, line: int, text: str, reason: str = "") -> Remark:
        """A line that is no step, as a comment where it stood."""
        if not self.run:
            self.run_at = self.text.tell()
        self.run += 1
        remark = Remark(line, cleaned(text), reason, self.result.steps + 1)
        if self.run <= COMMENTED_RUN:
            said = f" ({reason})" if reason else ""
            self._write(f"# line {line}{cleaned(said)}: {remark.text}\n")
        return remark

    def _end_run(self) -> None:
        if self.run > COMMENTED_RUN:
            self._write(f"# and {self.run - COMMENTED_RUN} more lines\n")
        self.run = 0

    def _write(self, text: str) -> None:
        self.text.write(text.encode())

    def _play(self, piece: Steps) -> None:
        result = self.result
        # What a reader puts off belongs to where it comes, so that a line leads to one place.
        line = max(piece.line, result.line_of[-1]) if result.line_of else piece.line
        if result.steps >= result.marks[-1].step + self.interval:
            self._mark()
        if self.run:
            self._end_run()
        if piece.why:
            result.inferred.add(Remark(line, piece.why, step=result.steps + 1))
        comment = f"# line {line}: {piece.why}\n" if piece.why else f"# line {line}\n"
        before = ""
        for operation in piece.operations:
            spoken = format_operation(operation, self.spec)
            self._write(f"{spoken:<{COMMENT_COLUMN}} {comment}")
            result.line_of.append(line)
            self._judge(line, operation, spoken, before)
            before = spoken if isinstance(operation, Read | Ack) else ""
        if result.steps % STEPS_PER_CHECK < len(piece.operations):
            self._check()

    def _check(self) -> None:
        """Lines that take long, as an INVALL of all LPIs, must not keep what nobody wants going."""
        if self.report is not None and not self.report(self.source.position):
            raise Cancelled
        if self.most_steps is not None and self.result.steps > self.most_steps:
            raise CannotImport(f"it has more than {self.most_steps:,} steps", "Import a part of it.")

    def _judge(self, line: int, operation: Operation, spoken: str, before: str) -> None:
        verdict = self.player.judge(operation)
        if verdict is None:
            return
        result = self.result
        if verdict is Verdict.REFUSED:
            result.differences.add(Remark(line, _short(spoken), "the machine refuses it", result.steps))
            return
        result.checked += 1
        if verdict is Verdict.FAILS:
            assert isinstance(operation, Expect)
            reason = f"here it is {check(operation, self.player.machine, self.player.last).got_text}"
            result.differences.add(Remark(line, _short(f"{before} {spoken}".strip()), reason, result.steps))

    def _compare(self, seen: Seen) -> None:
        result, machine = self.result, self.player.machine
        result.checked += 1
        found = machine.hppi(seen.cpu), machine.irq(seen.cpu)
        if found != (seen.interrupt, seen.signalled):
            told = f"CPU {seen.cpu}: {_interrupt(seen.interrupt, signalled=seen.signalled)}"
            here = f"here: {_interrupt(found[0], signalled=found[1])}"
            result.differences.add(Remark(seen.line, told, here, result.steps))

    def _mark(self) -> None:
        result = self.result
        offset = self.run_at if self.run else self.text.tell()
        result.marks.append(Mark(result.steps, offset, self.player.position()))
        if len(result.marks) > MOST_MARKS:
            self.interval *= 2
            result.marks = result.marks[::2]


def _short(spoken: str) -> str:
    return cleaned(SPACES.sub(" ", spoken))


def _interrupt(found: tuple[int, int, int] | None, *, signalled: bool) -> str:
    if found is None:
        return "no interrupt"
    intid, _, priority = found
    return f"INTID {intid} of priority {priority:#x}, {'signalled' if signalled else 'not signalled'}"
