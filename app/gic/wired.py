"""SGIs, PPIs and SPIs: their state, read from the words of the register file.

A word is 32 interrupts. Word 0 belongs to a CPU (its Redistributor's SGI frame), words 1 to 31 to the Distributor.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.gic.register_file import Layout
from app.registers import Register

PRIVATE = 32
SPECIAL = range(1020, 1024)


def _spread(word: int) -> int:
    """The odd bits of an ICFGR word, packed into 16 bits."""
    word = word >> 1 & 0x5555_5555
    word = (word | word >> 1) & 0x3333_3333
    word = (word | word >> 2) & 0x0F0F_0F0F
    word = (word | word >> 4) & 0x00FF_00FF
    return (word | word >> 8) & 0xFFFF


class Wired:
    """Reads and writes the state of SGIs, PPIs and SPIs by INTID. `lines` are the levels of the input wires."""

    def __init__(self, layout: Layout, values: list[int], spis: int) -> None:
        self._values = values
        self.cpus = layout.map.cpus
        self.limit = PRIVATE + spis
        self.words = (self.limit + 31) // 32
        slots = layout.state_slots
        self._slots: dict[str, list[list[int]]] = {}
        for state, gicr, gicd in (
            ("enable", "enable", "enable"),
            ("pending", "pending", "pending"),
            ("active", "active", "active"),
            ("group", "GICR_IGROUPR0", "GICD_IGROUPR"),
            ("modifier", "GICR_IGRPMODR0", "GICD_IGRPMODR"),
        ):
            if (gicr, "SGI", 0, 0) in slots:
                self._slots[state] = [
                    [
                        slots[gicr, "SGI", 0, cpu],
                        *(_word_slot(layout, gicd, state, word) for word in range(1, self.words)),
                    ]
                    for cpu in range(self.cpus)
                ]
        self._priority = [
            [
                *(layout.slot(f"GICR_IPRIORITYR{n}", cpu) for n in range(8)),
                *(
                    layout.slot(f"GICD_IPRIORITYR{n}")
                    for n in range(8, self.words * 8)
                    if _has(layout, "GICD_IPRIORITYR", n)
                ),
            ]
            for cpu in range(self.cpus)
        ]
        self._config = [
            [
                *(layout.slot(f"GICR_ICFGR{n}", cpu) for n in range(2)),
                *(layout.slot(f"GICD_ICFGR{n}") for n in range(2, self.words * 2) if _has(layout, "GICD_ICFGR", n)),
            ]
            for cpu in range(self.cpus)
        ]
        self.lines: list[list[int]] = [[0] for _ in range(self.cpus)]
        self.spi_lines: list[int] = [0] * self.words

    def word(self, state: str, word: int, cpu: int) -> int:
        return self._values[self._slots[state][cpu][word]]

    def group(self, intid: int, cpu: int) -> int:
        """0: Group 0; 1: Group 1, Non-secure with two Security states; 2: Secure Group 1."""
        if self.bit("group", intid, cpu):
            return 1
        return 2 if "modifier" in self._slots and self.bit("modifier", intid, cpu) else 0

    def group_words(self, word: int, cpu: int) -> tuple[int, int, int]:
        """One mask per group, in that numbering."""
        group = self.word("group", word, cpu)
        modifier = self.word("modifier", word, cpu) if "modifier" in self._slots else 0
        return ~group & ~modifier, group, modifier & ~group

    def bit(self, state: str, intid: int, cpu: int) -> bool:
        return bool(self._values[self._slots[state][cpu][intid >> 5]] >> (intid & 31) & 1)

    def put(self, state: str, intid: int, cpu: int, value: bool) -> None:
        slot = self._slots[state][cpu][intid >> 5]
        mask = 1 << (intid & 31)
        self._values[slot] = self._values[slot] | mask if value else self._values[slot] & ~mask

    def priority(self, intid: int, cpu: int) -> int:
        return self._values[self._priority[cpu][intid >> 2]] >> (intid & 3) * 8 & 0xFF

    def edge_word(self, word: int, cpu: int) -> int:
        """Bit n set: interrupt n of the word is edge-triggered."""
        config = self._config[cpu]
        low = _spread(self._values[config[word * 2]])
        high = _spread(self._values[config[word * 2 + 1]]) if word * 2 + 1 < len(config) else 0
        return low | high << 16

    def edge(self, intid: int, cpu: int) -> bool:
        return bool(self._values[self._config[cpu][intid >> 4]] >> ((intid & 15) * 2 + 1) & 1)

    def line_word(self, word: int, cpu: int) -> int:
        return self.spi_lines[word] if word else self.lines[cpu][0]

    def line(self, intid: int, cpu: int) -> bool:
        return bool(self.line_word(intid >> 5, cpu) >> (intid & 31) & 1)

    def put_line(self, intid: int, cpu: int, level: bool) -> None:
        home: list[int] = self.spi_lines if intid >= PRIVATE else self.lines[cpu]
        word = intid >> 5
        home[word] = home[word] & ~(1 << (intid & 31)) | level << (intid & 31)

    def pending_word(self, word: int, cpu: int) -> int:
        """Pending latches, or a high line of a level-sensitive interrupt (IHI 0069, GICD_ISPENDR<n>)."""
        pending = self.word("pending", word, cpu)
        lines = self.line_word(word, cpu)
        return pending | lines & ~self.edge_word(word, cpu) if lines else pending

    def pending(self, intid: int, cpu: int) -> bool:
        return bool(self.pending_word(intid >> 5, cpu) >> (intid & 31) & 1)

    def snapshot(self) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
        return tuple(tuple(line) for line in self.lines), tuple(self.spi_lines)

    def restore(self, state: tuple[Sequence[Sequence[int]], Sequence[int]]) -> None:
        self.lines = [list(line) for line in state[0]]
        self.spi_lines = list(state[1])


def _word_slot(layout: Layout, gicd: str, state: str, word: int) -> int:
    if gicd.startswith("GICD_"):
        return layout.slot(f"{gicd}{word}")
    return layout.state_slots[state, "GICD", word, 0]


def _has(layout: Layout, stem: str, index: int) -> bool:
    register: Register | None = layout.map.registers.get(f"{stem}{index}")
    return register is not None and register.present
