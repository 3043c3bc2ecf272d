"""How fast something is, and how that is shown."""

import time
from collections.abc import Callable
from dataclasses import dataclass

RUNS = 5
SECONDS_A_RUN = 0.2


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` and `theirs` in times a second; `ratio_wanted` and `rate_wanted` are None where nothing is promised."""

    what: str
    ours: float
    theirs: float | None = None
    ratio_wanted: float | None = None
    rate_wanted: float | None = None
    remark: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.theirs else None

    @property
    def goal(self) -> str:
        """What is wanted, and whether it holds; "" where nothing is promised."""
        told = []
        if self.ratio_wanted is not None and self.ratio is not None:
            told.append(f"{self.ratio_wanted:g}x {_verdict(self.ratio, self.ratio_wanted)}")
        if self.rate_wanted is not None:
            told.append(f"{self.rate_wanted:,.0f} {_verdict(self.ours, self.rate_wanted)}")
        return f"  (wanted: {', '.join(told)})" if told else ""


def _verdict(found: float, wanted: float) -> str:
    return "holds" if found >= wanted else f"MISSED, {found / wanted:.0%} of it"


def rate(action: Callable[[], object], count: int = 1) -> float:
    """Times a second that `action` does its `count` things: the best of a few runs, the noise only ever slows."""
    best = 0.0
    for _ in range(RUNS):
        done, start = 0, time.perf_counter()
        while (taken := time.perf_counter() - start) < SECONDS_A_RUN:
            action()
            done += count
        best = max(best, done / taken)
    return best


def once(action: Callable[[], object], count: int) -> float:
    """Things a second of a single, long action."""
    start = time.perf_counter()
    action()
    return count / (time.perf_counter() - start)


def table(title: str, ours: str, theirs: str, rows: list[Row]) -> str:
    """The rows as text, ratios and targets included."""
    lines = [title, f"{'':40} {ours:>14} {theirs:>14} {'ratio':>8}"]
    for row in rows:
        other = "" if row.theirs is None else f"{row.theirs:,.0f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}x"
        lines.append(f"{row.what:40} {row.ours:>14,.0f} {other:>14} {ratio:>8}{row.goal}{row.remark}".rstrip())
    return "\n".join(lines)
