"""The thread as its page shows it: claims, experiments, and what each implementation did when they were played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from app.gic import IMPLEMENTATIONS
from app.scenario import links
from app.scenario.outcome import Outcome
from app.scenario.thread import Claim, Experiment, Measured, claims, measured
from app.web.views.laboratory_outcome import headline
from app.web.views.words import Run, runs

REAL = {"kvm": "KVM, Linux 6.1.192", "qemu": "QEMU 7.2.22"}


@dataclass(frozen=True, slots=True)
class Saw:
    """One implementation's result. `differs` from what the manual says; `why` is the reason of a loss.

    `real` is what a real one did, where that was measured; `agrees` if the model does the same.
    """

    title: str
    lines: tuple[tuple[tuple[Run, ...], tuple[Run, ...]], ...]
    why: tuple[Run, ...]
    differs: bool
    href: str
    real: tuple[Run, ...]
    agrees: bool


@dataclass(frozen=True, slots=True)
class ExperimentView:
    id: str
    does: tuple[Run, ...]
    migrates: bool
    saws: tuple[Saw, ...]
    verdict: str
    cannot: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class ClaimView:
    id: str
    claim: tuple[Run, ...]
    said: tuple[Run, ...]
    experiments: tuple[ExperimentView, ...]
    beside: tuple[ExperimentView, ...]


@cache
def thread() -> tuple[ClaimView, ...]:
    """All claims with what was measured; the first call plays everything."""
    shown = {each.id: _experiment(each) for claim in claims() for each in claim.experiments}
    return tuple(_claim(each, shown) for each in claims())


def _claim(claim: Claim, shown: Mapping[str, ExperimentView]) -> ClaimView:
    own = tuple(shown[each.id] for each in claim.experiments)
    return ClaimView(claim.id, runs(claim.claim), runs(claim.said), own, tuple(shown[name] for name in claim.beside))


def _experiment(each: Experiment) -> ExperimentView:
    if each.cannot:
        return ExperimentView(each.id, runs(each.does), False, (), "", runs(each.cannot))
    found = measured(each)
    reference = next(item for item in found if item.implementation == "architecture")
    payload = links.pack(each.scenario())
    saws = tuple(_saw(each, item, reference, payload) for item in found)
    return ExperimentView(each.id, runs(each.does), each.migrates, saws, _verdict(found), ())


def _verdict(found: tuple[Measured, ...]) -> str:
    """What the patch changed, and who does as the manual says."""
    shown = {item.implementation: item.shown for item in found}
    patch = "The patch makes no difference" if shown["kvm"] == shown["kvm-before-5.6"] else "The patch changes this"
    alike = [IMPLEMENTATIONS[name].title for name, value in shown.items() if value != shown["architecture"]]
    return f"{patch}. " + (f"Not as the manual: {', '.join(alike)}." if alike else "All do as the manual says.")


def _saw(each: Experiment, item: Measured, reference: Measured, payload: str) -> Saw:
    query = {"on": item.implementation}
    if each.migrates:
        query |= {"order": each.order} | ({"edit": each.edit} if each.edit else {})
        href = f"/x/{payload}/migrate?{urlencode(query, safe=',=@')}"
    else:
        href = f"/x/{payload}?{urlencode(query)}"
    lines = tuple((runs(" ".join(text.split())), runs(value)) for text, value in item.answers)
    why: tuple[Run, ...] = ()
    if item.outcome is not None:
        lines = (((), runs(headline(item.outcome))),)
        why = _why(item.outcome)
    seen = each.real.get(item.implementation)
    return Saw(
        IMPLEMENTATIONS[item.implementation].title,
        lines,
        why,
        item.shown != reference.shown,
        href,
        runs(_seen(item.implementation, seen)),
        seen == item.stated,
    )


def _seen(implementation: str, seen: tuple[str, ...] | int | None) -> str:
    """What a real one did, in words; empty where nobody measured it."""
    if seen is None:
        return ""
    said = ("none" if seen == 0 else "all") + " came back" if isinstance(seen, int) else " · ".join(seen)
    return f"Real {REAL[implementation]}: {said}"


def _why(found: Outcome) -> tuple[Run, ...]:
    lost = next((fate for fate in found.fates if fate.verdict.loss and fate.reason.words), None)
    return () if lost is None else runs(lost.reason.words[0].upper() + lost.reason.words[1:] + ".")
