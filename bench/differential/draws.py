"""What random scenarios are made of: addresses, and numbers from a few so that operations meet."""

from __future__ import annotations

from random import Random

from app.gic.memory import RAM_BASE
from app.scenario.scenario import MachineSpec

RAM_MIB = 18
RAM_END = RAM_BASE + RAM_MIB * 1024 * 1024
CONFIG, PENDING, QUEUE = 0x4020_0000, 0x4021_0000, 0x4030_0000
DEVICES, COLLECTIONS, ITTS, LEVEL2 = 0x4032_0000, 0x4034_0000, 0x4036_0000, 0x4050_0000
SPARE = 0x4080_0000
NO_RAM = (0x7000_0000_0000, RAM_END, 0xF_FFFF_FFFF_0000)
VALID, INDIRECT = 1 << 63, 1 << 62
FIRST_LPI = 8192

# How often each kind of operation is drawn, by the shape of the scenario.
SHAPES: dict[str, dict[str, int]] = {
    "its": {"command": 30, "odd_command": 6, "batch": 5, "msi": 6, "lpi_tables": 8, "lpi_bases": 2, "its_bases": 2,
            "queue": 3, "its_tables": 3, "look": 8, "registers": 2},
    "tables": {"command": 20, "odd_command": 5, "batch": 3, "msi": 4, "lpi_tables": 4, "its_bases": 8, "its_tables": 12,
               "queue": 6, "look": 8},
    "lpis": {"command": 20, "msi": 6, "lpi_tables": 14, "lpi_bases": 12, "look": 6, "wires": 3, "registers": 4},
    "wired": {"wires": 20, "registers": 30, "look": 10, "raw": 5, "command": 4, "lpi_bases": 1},
    "accesses": {"raw": 40, "registers": 20, "look": 10, "command": 3, "wires": 3, "queue": 2},
    "queue": {"queue": 15, "batch": 20, "odd_command": 6, "command": 8, "its_bases": 4, "look": 8, "lpi_tables": 2},
    "any": {"command": 10, "odd_command": 5, "batch": 4, "msi": 4, "lpi_tables": 6, "lpi_bases": 5, "its_bases": 5,
            "queue": 5, "its_tables": 5, "wires": 5, "registers": 8, "raw": 8, "look": 8},
}  # fmt: skip
WITHOUT_ITS = ("wired", "accesses")  # shapes that make sense on a machine without an ITS too
NEEDS_ITS = ("command", "queue", "msi", "batch", "odd_command")


class Draws:
    """Most draws are from few values of this scenario's own; now and then one is far off."""

    def __init__(self, rng: Random, spec: MachineSpec) -> None:
        self.rng = rng
        self.cpus = spec.cpus
        self.devices = [0, 0, 0, *(rng.choice((1, 2, 5, 31, 255)) for _ in range(2))]
        self.intids = [FIRST_LPI + rng.choice((0, 1, 2, 3, 7, 8, 9, 15, 16, 100, 1000)) for _ in range(6)]
        self.queue_pages = rng.choice((1, 1, 1, 2, 4))
        self.indirect = rng.random() < 0.35
        self.page = rng.choice((0, 0, 1, 2, 3))

    def cpu(self) -> int:
        return self.rng.randrange(self.cpus)

    def some_cpu(self) -> int:
        """A CPU number, of one that may not exist."""
        return self.cpu() if self.rng.random() < 0.92 else self.rng.choice((self.cpus, 255, 0xFFFF, 0xF_FFFF_FFFF))

    def device(self) -> int:
        if self.rng.random() < 0.93:
            return self.rng.choice(self.devices)
        return self.rng.choice((511, 512, 4095, 8191, 8192, 65535, 65536, 0x8000_0000, 0xFFFF_FFFF))

    def event(self) -> int:
        if self.rng.random() < 0.93:
            return self.rng.randrange(6)
        return self.rng.choice((21, 31, 32, 33, 42, 255, 65535, 65536, 0xFFFF_FFFF))

    def intid(self) -> int:
        if self.rng.random() < 0.93:
            return self.rng.choice(self.intids)
        return self.rng.choice((0, 5, 40, 1023, 8191, 8192, 16383, 16384, 32768, 65535, 65536, 0x1_2001, 0xFFFF_FFFF))

    def collection(self) -> int:
        if self.rng.random() < 0.93:
            return self.rng.randrange(4)
        return self.rng.choice((511, 512, 8191, 8192, 65535))

    def place(self, base: int, span: int) -> int:
        """An address for a table: its usual one, another in RAM, or none that is RAM."""
        chance = self.rng.random()
        if chance < 0.75:
            return base
        if chance < 0.9:
            return self.rng.choice((SPARE, base + span, RAM_END - 0x1_0000, RAM_BASE + 0x10_0000))
        return self.rng.choice(NO_RAM)

    def number(self, bits: int) -> int:
        """A value for a register of that many bits: often all ones, one bit, or a few."""
        chance = self.rng.random()
        if chance < 0.15:
            return 0
        if chance < 0.3:
            return (1 << bits) - 1
        if chance < 0.5:
            return 1 << self.rng.randrange(bits)
        if chance < 0.7:
            return self.rng.getrandbits(bits) & self.rng.getrandbits(bits)
        return self.rng.getrandbits(bits)

    def level1(self, first: int) -> bytes:
        """Four level 1 entries, some of them bad."""
        rng = self.rng
        data = b""
        for at in range(4):
            address = LEVEL2 + (first + at) * 0x1_0000
            if rng.random() < 0.1:
                address = rng.choice((*NO_RAM, address | 0x100, address | 0x7, RAM_END - 8))
            valid = VALID if at == 0 or rng.random() < 0.6 else 0
            data += (valid | address).to_bytes(8, "little")
        return data

    def itt(self, device: int) -> int:
        if self.rng.random() < 0.05:
            return self.rng.choice((NO_RAM[0], RAM_END - 0x100, RAM_END - 0x200, NO_RAM[2]))
        return ITTS + device % 16 * 0x1000

    def noise(self) -> int:
        return self.number(64) if self.rng.random() < 0.1 else 0

    def entry(self, base: int, number: int, size: int) -> int:
        if self.indirect:
            return LEVEL2 + (0 if base == DEVICES else 4) * 0x1_0000 + number % 512 * size
        return base + number % 8192 * size

    def attributes(self) -> int:
        return self.rng.choice((0, 0, 7 << 7, self.number(64) & 0xF80F_0000_0000_0FE0))
