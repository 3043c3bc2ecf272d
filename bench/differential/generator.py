"""Random scenarios from a seed, valid and invalid mixed, in the operations of the scenario language.

A scenario starts from a GIC set up by a driver, or from one just reset, and then does anything: commands good and bad,
accesses of every width everywhere, edits of the tables behind the ITS's back, wires, bases moved while in use.
"""

from __future__ import annotations

from random import Random

from app.exchange.qtest import SPIS
from app.gic.commands import COMMANDS, WORDS
from app.gic.memory import RAM_BASE
from app.registers import Register, register_map
from app.scenario.operations import (
    Creadr,
    Expect,
    Half,
    Irq,
    Its,
    Msi,
    Operation,
    Pending,
    Poke,
    RawAddress,
    Read,
    RegisterRef,
    Relation,
    Stalled,
    Write,
)
from app.scenario.scenario import MachineSpec, Scenario, make_scenario
from bench.differential.draws import (
    COLLECTIONS,
    CONFIG,
    DEVICES,
    FIRST_LPI,
    INDIRECT,
    ITTS,
    LEVEL2,
    NEEDS_ITS,
    PENDING,
    QUEUE,
    RAM_END,
    RAM_MIB,
    SHAPES,
    VALID,
    WITHOUT_ITS,
    Draws,
)

OPERATIONS = (20, 60, 120)
CPUS = (1, 2, 2, 2, 3, 4, 4, 4, 18)
LAST_SPI = 1019
UNKNOWN_OPCODES = (0x00, 0x02, 0x06, 0x07, 0x10, 0x20, 0x21, 0x23, 0x25, 0x29, 0x2A, 0x2B, 0x2D, 0x2E, 0x7F, 0xFF)


def generate(seed: int, shape: str = "") -> Scenario:
    """The scenario of this seed: the same one in every run. `shape` (a key of SHAPES) is drawn too unless given."""
    rng = Random(seed)
    chosen = rng.choice(sorted(SHAPES))
    shape = shape or chosen
    its = shape not in WITHOUT_ITS or rng.random() < 0.9
    spec = MachineSpec("qemu", rng.choice(CPUS), SPIS, its, RAM_MIB)
    author = _Author(rng, spec)
    author.keep_off_flash()
    if its and rng.random() < 0.85:
        author.set_up()
    kinds = [kind for kind in SHAPES[shape] if its or kind not in NEEDS_ITS]
    weights = [SHAPES[shape][kind] for kind in kinds]
    for kind in rng.choices(kinds, weights, k=rng.choice(OPERATIONS)):
        getattr(author, kind)()
    author.finish()
    return make_scenario(f"Seed {seed}, {shape}", spec, author.operations)


class _Author(Draws):
    """Writes one scenario."""

    def __init__(self, rng: Random, spec: MachineSpec) -> None:
        super().__init__(rng, spec)
        self.map = register_map("qemu", spec.cpus, spec.spis, spec.its)
        self.operations: list[Operation] = []
        self.written = 0  # where GITS_CWRITER should be by now; a guess is enough

    def add(self, *operations: Operation) -> None:
        self.operations += operations

    def keep_off_flash(self) -> None:
        """No pending table at address 0: the board has flash there, and a store to it may be one of its commands."""
        for cpu in range(self.cpus):
            self.add(Write(RegisterRef("GICR_PENDBASER", cpu), PENDING + cpu * 0x1_0000))

    def set_up(self) -> None:
        """As a driver does: bases, EnableLPIs, groups, queue and tables, a few mappings."""
        rng = self.rng
        self.add(Poke(CONFIG, bytes(rng.choice((0xA1, 0xA3, 0x03, 0x41, 0x40, 0xFF, 0xFD, 0x01)) for _ in range(24))))
        if rng.random() < 0.3:
            self.add(Poke(CONFIG + 96, bytes(rng.choice((0x81, 0x61, 0x60)) for _ in range(8))))
        for cpu in range(self.cpus):
            self.add(Write(RegisterRef("GICR_PROPBASER", cpu), CONFIG | rng.choice((15, 15, 15, 13, 14, 31))))
            if rng.random() < 0.9:
                self.add(Write(RegisterRef("GICR_CTLR", cpu), 1))
        if rng.random() < 0.9:
            self.add(Write(RegisterRef("GICD_CTLR"), rng.choice((2, 3, 3))))
        self._tables()
        self.add(Write(RegisterRef("GITS_CBASER"), VALID | QUEUE | self.queue_pages - 1))
        self.add(Write(RegisterRef("GITS_CTLR"), 1))
        for device in sorted(set(self.devices)):
            self._its("MAPD", device=device, size=rng.choice((1, 2, 3, 5, 5)), itt=self.itt(device))
        for collection in range(rng.choice((1, 2, 4))):
            self._its("MAPC", collection=collection, target=self.cpu())
        for _ in range(rng.choice((2, 6, 10))):
            self._its("MAPTI", device=self.device(), event=self.event(), intid=self.intid(),
                      collection=self.collection())  # fmt: skip

    def _tables(self) -> None:
        attributes = self.page << 8 | (INDIRECT if self.indirect else 0)
        size = self.rng.choice((0, 0, 1, 3))
        self.add(Write(RegisterRef("GITS_BASER0"), VALID | attributes | DEVICES | size))
        self.add(Write(RegisterRef("GITS_BASER1"), VALID | self.rng.choice((0, attributes)) | COLLECTIONS | size))
        if self.indirect:
            self.add(Poke(DEVICES, self.level1(0)), Poke(COLLECTIONS, self.level1(4)))

    def _its(self, name: str, **operands: int) -> None:
        self.add(Its(name, tuple(operands.items())))
        self.written = (self.written + 32) % (self.queue_pages * 4096)

    def command(self) -> None:
        """A command whose operands are drawn from those in use, and now and then from beyond."""
        rng = self.rng
        name = rng.choices(
            ("MAPD", "MAPC", "MAPTI", "MAPI", "MOVI", "MOVALL", "INT", "CLEAR", "DISCARD", "INV", "INVALL", "SYNC"),
            (2, 2, 8, 1, 5, 2, 12, 4, 2, 4, 2, 1),
        )[0]
        drawn = {
            "device": self.device(),
            "event": self.event(),
            "intid": self.intid(),
            "collection": self.collection(),
            "size": rng.choice((1, 2, 5, 5, 16, 17, 32)),
            "target": self.some_cpu(),
            "source": self.some_cpu(),
        }
        drawn["itt"] = self.itt(drawn["device"])
        if name == "MAPI" and rng.random() < 0.7:
            drawn["event"] = drawn["intid"]
        if rng.random() < 0.3:
            drawn["valid"] = 0
        wanted = [operand.name for operand in COMMANDS[name].operands]
        self._its(name, **{each: drawn[each] for each in wanted if each in drawn})

    def odd_command(self) -> None:
        """32 bytes that no driver would write, straight into the queue."""
        rng = self.rng
        words = [rng.choice(list(UNKNOWN_OPCODES) + [spec.opcode for spec in COMMANDS.values()]), 0, 0, 0]
        words[0] |= self.device() << 32 | (rng.getrandbits(24) << 8 if rng.random() < 0.5 else 0)
        words[1] = self.event() | self.intid() << 32
        words[2] = self.collection() | self.some_cpu() << 16 | (VALID if rng.random() < 0.6 else 0)
        words[3] = self.some_cpu() << 16
        if rng.random() < 0.4:
            words[rng.randrange(4)] |= self.number(64) & ~0xFF
        self.add(Poke(QUEUE + self.written, WORDS.pack(*words)))
        self._advance(1)

    def batch(self) -> None:
        """Several commands at once, perhaps around the end of the queue."""
        rng = self.rng
        count = rng.choice((2, 3, 8, 30))
        size = self.queue_pages * 4096
        for _ in range(count):
            words = [rng.choice((0x03, 0x03, 0x0A, 0x01, 0x04, 0x0C, 0x0D, 0x0E, 0x0F)), 0, 0, 0]
            words[0] |= self.device() << 32
            words[1] = self.event() | self.intid() << 32
            words[2] = self.collection() | (self.cpu() << 16 if words[0] & 0xFF == 0x0E else 0)
            words[3] = self.cpu() << 16
            self.add(Poke(QUEUE + self.written, WORDS.pack(*words)))
            self.written = (self.written + 32) % size
        self._advance(0)

    def _advance(self, slots: int) -> None:
        self.written = (self.written + 32 * slots) % (self.queue_pages * 4096)
        half = self.rng.choice((None, None, Half.LO))
        self.add(Write(RegisterRef("GITS_CWRITER"), self.written, half=half))

    def queue(self) -> None:
        """The queue's registers, in any order."""
        rng = self.rng
        kind = rng.randrange(7)
        if kind == 0:
            value = rng.choice((0, VALID | QUEUE, VALID | QUEUE | self.number(8), VALID | self.place(QUEUE, 0x2000)))
            self._disabled(Write(RegisterRef("GITS_CBASER"), value | self.rng.choice((0, 0, 7 << 59 | 1 << 10))))
            if rng.random() < 0.5:
                self.written = 0
        elif kind == 1:
            self.add(Write(RegisterRef("GITS_CREADR"), rng.choice((self.written, self.written | 1, self.number(20)))))
        elif kind == 2:
            value = rng.choice((self.written, self.written | 1, 32 * rng.randrange(140), self.number(20)))
            self.add(Write(RegisterRef("GITS_CWRITER"), value))
        elif kind == 3:
            self.add(Write(RegisterRef("GITS_CTLR"), rng.choice((0, 1, 1, 1, self.number(32)))))
        elif kind == 4:
            register = rng.choice(("GITS_CBASER", "GITS_CREADR", "GITS_CWRITER"))
            half = rng.choice((Half.LO, Half.HI))
            self.add(Write(RegisterRef(register), self.number(32), half=half))
            self.add(Write(RegisterRef("GITS_CREADR"), self.written))
        elif kind == 5:
            self.add(Read(RegisterRef("GITS_CREADR")), Read(RegisterRef("GITS_CWRITER")))
        else:
            self._advance(0)

    def _disabled(self, *operations: Operation) -> None:
        """With GITS_CTLR.Enabled=0 around, or not."""
        around = self.rng.random() < 0.75
        if around:
            self.add(Write(RegisterRef("GITS_CTLR"), 0))
        self.add(*operations)
        if around and self.rng.random() < 0.9:
            self.add(Write(RegisterRef("GITS_CTLR"), 1))

    def its_bases(self) -> None:
        """GITS_BASER<n>: other pages, sizes, levels, places; whole or by halves."""
        rng = self.rng
        number = rng.choice((0, 0, 1, 1, rng.randrange(8)))
        register = RegisterRef(f"GITS_BASER{number}")
        if rng.random() < 0.2:
            half = rng.choice((Half.LO, Half.HI))
            self._disabled(Write(register, self.number(32) | (0x4000_0000 if half is Half.LO else 0), half=half))
            return
        value = rng.choice((0, VALID, VALID, VALID)) | self.place((DEVICES, COLLECTIONS)[number % 2], 0x1_0000)
        value |= rng.choice((0, 0, INDIRECT)) | rng.choice((0, 0, 1, 2, 3)) << 8 | rng.choice((0, 0, 1, 3, 255))
        value |= rng.choice((0, 0, self.number(64) & 0x3F1F_0000_0000_0C00))
        self._disabled(Write(register, value))

    def its_tables(self) -> None:
        """Entries of the ITS's tables, edited behind its back."""
        rng = self.rng
        kind = rng.randrange(4)
        if kind == 0:
            entry = rng.choice((0, 1, 1, 1)) | rng.choice((0, 4, 15, 16, 31)) << 1
            entry |= (rng.choice((self.itt(self.device()), self.number(52))) | RAM_BASE) >> 8 << 6
            self.add(Poke(self.entry(DEVICES, self.device(), 8), (entry | self.noise()).to_bytes(8, "little")))
        elif kind == 1:
            entry = rng.choice((0, 1, 1, 1)) | self.some_cpu() % 65536 << 1
            self.add(Poke(self.entry(COLLECTIONS, self.collection(), 8), (entry | self.noise()).to_bytes(8, "little")))
        elif kind == 2:
            entry = rng.choice((3, 3, 3, 1, 2, 0)) | (self.intid() & 0xFF_FFFF) << 2 | self.collection() << 32
            address = self.itt(self.device()) + self.event() % 64 * 12
            if address + 12 <= RAM_END:
                data = (entry | self.noise()).to_bytes(8, "little") + rng.choice((b"\xff\x03\0\0", bytes(4)))
                self.add(Poke(address, data))
        else:
            self.add(Poke(rng.choice((DEVICES, COLLECTIONS)), self.level1(rng.choice((0, 4)))))

    def msi(self) -> None:
        rng = self.rng
        if rng.random() < 0.8:
            self.add(Msi(0, self.event()))
            return
        address = self.map.frames["GITS_TRANSLATION"].base + rng.choice((0x40, 0x40, 0x44, 0, 0x42, 0x41, 0xFFFC))
        width = rng.choice((8, 16, 32, 64))
        self.add(Write(RawAddress(address), self.event() & (1 << width) - 1, width=width))

    def lpi_tables(self) -> None:
        """Configuration and pending bytes, and who is to notice: nobody, INV, INVALL, EnableLPIs again."""
        rng = self.rng
        intid = self.intid() % 65536
        if rng.random() < 0.6 and intid >= FIRST_LPI:
            byte = rng.choice((0, 1, 0xA1, 0xA0, 0x41, 0xFF, 0xFD, rng.randrange(256)))
            self.add(Poke(CONFIG + intid - FIRST_LPI, bytes([byte])))
        else:
            data = bytes(rng.choice((0, 0xFF, rng.randrange(256))) for _ in range(rng.choice((1, 1, 4))))
            self.add(Poke(PENDING + self.cpu() * 0x1_0000 + intid // 8, data))
        after = rng.random()
        if after < 0.25:
            self._its("INV", device=self.device(), event=self.event())
        elif after < 0.4:
            self._its("INVALL", collection=self.collection())
        elif after < 0.55:
            self.add(Write(RegisterRef("GICR_CTLR", self.cpu()), rng.choice((0, 1, 1))))

    def lpi_bases(self) -> None:
        """GICR_PROPBASER, GICR_PENDBASER and GICR_CTLR, with LPIs enabled or not."""
        rng = self.rng
        cpu = self.cpu()
        kind = rng.randrange(4)
        if kind == 0:
            value = self.place(CONFIG, 0x1000) | rng.choice((15, 15, 13, 12, 14, 16, 31, 0)) | self.attributes()
            self._lpi_base("GICR_PROPBASER", cpu, value)
        elif kind == 1:
            value = self.place(PENDING + rng.choice((cpu, 0)) * 0x1_0000, 0x1_0000) | rng.choice((0, 1 << 62))
            self._lpi_base("GICR_PENDBASER", cpu, value | self.attributes())
        elif kind == 2:
            self.add(Write(RegisterRef("GICR_CTLR", cpu), rng.choice((0, 0, 1, 1, self.number(32)))))
        else:
            self.add(Write(RegisterRef("GICR_CTLR", cpu), 0), Write(RegisterRef("GICR_CTLR", cpu), 1))

    def _lpi_base(self, name: str, cpu: int, value: int) -> None:
        if self.rng.random() < 0.7:
            self.add(Write(RegisterRef(name, cpu), value))
        else:
            half = self.rng.choice((Half.LO, Half.HI))
            self.add(Write(RegisterRef(name, cpu), value >> (32 if half is Half.HI else 0) & 0xFFFF_FFFF, half=half))

    def wires(self) -> None:
        rng = self.rng
        if rng.random() < 0.6:
            self.add(Irq(rng.choice((32, 33, 40, 63, 64, 287, 32 + rng.randrange(SPIS))), rng.choice((0, 1, 1))))
        else:
            self.add(Irq(rng.choice((16, 20, 27, 30, 31, rng.randrange(16, 32))), rng.choice((0, 1, 1)), self.cpu()))

    def registers(self) -> None:
        """A register by its name, often one of those that decide about wired interrupts."""
        rng = self.rng
        stems = ("ISENABLER", "ICENABLER", "ISPENDR", "ICPENDR", "ISACTIVER", "ICACTIVER", "IGROUPR", "ICFGR",
                 "IPRIORITYR", "IGRPMODR", "IROUTER", "NSACR", "CTLR")  # fmt: skip
        stem = rng.choice(stems)
        few = [register for register in self.map.registers.values() if _few(register, stem)]
        register = rng.choice(few or list(self.map.registers.values()))
        self.add(self._access(register, write=rng.random() < 0.75))

    def _access(self, register: Register, *, write: bool) -> Operation:
        reference = RegisterRef(register.name, self.cpu() if register.per_cpu else None)
        width = register.width
        half = None
        if register.width == 64 and self.rng.random() < 0.3:
            width, half = 32, self.rng.choice((Half.LO, Half.HI))
        if not write:
            return Read(reference, half=half)
        value = self.number(width)
        if register.stem.startswith("GICD_IROUTER") and self.rng.random() < 0.8:
            value = self.rng.choice((self.cpu() % 16, self.some_cpu() & 0xFF, 1 << 31, 0x100 | self.cpu() % 16))
            value &= (1 << width) - 1
        return Write(reference, value, half=half)

    def raw(self) -> None:
        """Any address in or near a frame, of any width, aligned or not."""
        rng = self.rng
        frame = rng.choice((0x0800_0000, 0x0800_0000, 0x0808_0000, 0x080A_0000, 0x080B_0000))
        offset = rng.choice(
            (rng.randrange(0x1_0000), rng.randrange(0x1000), 4 * rng.randrange(0x400), self._known(frame))
        )
        if frame >= 0x080A_0000:
            frame += self.cpu() * 0x2_0000
        width = rng.choice((8, 16, 32, 32, 64))
        if rng.random() < 0.7:
            offset = offset // (width // 8) * (width // 8)
        address = RawAddress(frame + offset)
        safe = not 0x0808_0080 <= frame + offset < 0x0808_0140  # bases with such values lead nowhere new
        if safe and rng.random() < 0.6:
            self.add(Write(address, self.number(width), width=width))
        else:
            self.add(Read(address, width=width))

    def _known(self, frame: int) -> int:
        """The offset of a register of this frame."""
        bases = {each.base: each for each in self.map.frames.values()}
        found = bases.get(frame)
        return self.rng.choice(found.registers).offset if found is not None and found.registers else 0

    def look(self) -> None:
        rng = self.rng
        if rng.random() < 0.15:
            intid = self.intid()
            known = FIRST_LPI if LAST_SPI < intid < FIRST_LPI else intid  # no text asks for what no interrupt is
            term = rng.choice((Pending(known, self.cpu()), Pending(40), Pending(20, self.cpu()), Creadr(), Stalled()))
            self.add(Expect(term, Relation.EQUAL, 0))
            return
        if rng.random() < 0.3:
            address = rng.choice((PENDING + self.cpu() * 0x1_0000 + 0x400, DEVICES, COLLECTIONS, ITTS, LEVEL2))
            self.add(Read(RawAddress(address + 8 * rng.randrange(4)), width=rng.choice((8, 16, 32, 64))))
            return
        register = rng.choice([each for each in self.map.registers.values() if _addressed(each)])
        self.add(self._access(register, write=False))

    def finish(self) -> None:
        """Read what a scenario may have changed, once more at the end."""
        for register in self.map.registers.values():
            changes = register.writable | register.sets | register.clears
            if not changes or not _addressed(register) or (register.index or 0) > 8:
                continue
            if register.per_cpu:
                self.add(*(Read(RegisterRef(register.name, cpu)) for cpu in range(min(self.cpus, 4))))
            else:
                self.add(Read(RegisterRef(register.name)))


def _addressed(register: Register) -> bool:
    return register.frame in ("GICD", "RD", "SGI", "GITS")


def _few(register: Register, stem: str) -> bool:
    """The low-numbered ones of a family, so that the same interrupt is met again."""
    return stem in register.name and _addressed(register) and (register.index is None or register.index < 12)
