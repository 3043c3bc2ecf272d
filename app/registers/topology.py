"""The shape of a machine, and what of its registers follows from it."""

from __future__ import annotations

from dataclasses import dataclass

PRIVATE_INTIDS = range(32)
"""SGIs and PPIs: each CPU has its own."""
LAST_SPI = 1019
"""INTIDs 1020 to 1023 are special (IHI 0069, INTID ranges)."""


@dataclass(frozen=True, slots=True)
class Topology:
    """What reset values and implemented INTIDs follow from."""

    cpus: int
    spis: int
    its: bool
    security: int = 1
    """Security states: 1 (GICD_CTLR.DS=1) or 2."""

    def reset(self, source: str, cpu: int) -> int:
        """Reset value of a field that tells which PE this is (IHI 0069 GICR_TYPER)."""
        match source:
            case "aff0":
                return cpu % 16
            case "aff1":
                return cpu // 16
            case "number":
                return cpu
            case "last":
                return int(cpu == self.cpus - 1)
            case _:
                raise ValueError(f"no reset value comes from {source!r}")

    def missing(self, frame: str, intids: range) -> str:
        """Why this machine has none of the INTIDs of a register, or "" if it has some."""
        if frame == "GICD" and intids.stop <= PRIVATE_INTIDS.stop:
            return "with affinity routing INTIDs 0-31 are controlled in the Redistributors (SGI_base)"
        if frame == "GICD" and intids.start >= PRIVATE_INTIDS.stop + self.spis:
            return f"this machine has {self.spis} SPIs: INTIDs 32-{min(31 + self.spis, LAST_SPI)}"
        return ""

    def implemented(self, frame: str, intids: range) -> int:
        """How many of a register's INTIDs, from the first, exist."""
        if frame != "GICD":
            return len(intids)
        last = min(PRIVATE_INTIDS.stop + self.spis, LAST_SPI + 1)
        return max(0, min(intids.stop, last) - intids.start)
