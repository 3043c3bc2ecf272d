"""Anything a guest, a device or a VMM may do, in any order: what holds of every machine all the time.

Three machines are told the same: one with somebody listening, one with nobody, and one that is now and then made anew
from the second's snapshot. They must never differ.
"""

from __future__ import annotations

import json
import random
from dataclasses import fields, replace
from functools import cache

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.gic import COMMANDS, IMPLEMENTATIONS, Machine, UserspaceError, effects
from app.gic.commands import WORDS, encode
from app.gic.effects import InterruptsChanged
from app.gic.implementations import STRATEGIES, Signalling
from app.registers import register_map
from tests.gic.rig import (
    COLLECTIONS,
    CONFIG,
    DEVICES,
    EVERYWHERE,
    ITT,
    OTHER_PEND,
    PEND,
    PROP,
    PTZ,
    QUEUE,
    VALID,
    Rig,
)

CPUS, SPIS, RAM_MIB = 2, 32, 8
EXAMPLES, STEPS = 10, 40
NOWHERE = 0x7000_0000_0000
ONES = (1 << 64) - 1
MAPPED = ("GICD", "RD", "SGI", "GITS", "GITS_TRANSLATION")
PAIRS = ("ISENABLER", "ICENABLER"), ("ISPENDR", "ICPENDR"), ("ISACTIVER", "ICACTIVER")

cpus = st.integers(0, CPUS - 1)
sizes = st.sampled_from([1, 2, 4, 8])
bases = st.sampled_from([PROP, *PEND, OTHER_PEND, DEVICES, COLLECTIONS, QUEUE, ITT, NOWHERE, 0])
values = st.one_of(
    st.sampled_from([0, 1, 2, 3, 0x20, 0x60, 1 << 31, ONES, PTZ, VALID]),
    st.builds(
        lambda base, low, high: base | low | high, bases, st.integers(0, 0xFFF), st.sampled_from([0, PTZ, VALID])
    ),
    st.integers(0, ONES),
)
intids = st.one_of(st.integers(8190, 8202), st.sampled_from([0, 1023, 16384, 65535, 65536]))
mostly = st.sampled_from([True, True, True, False])
devices = st.sampled_from([0] * 12 + [1, 2, 8191, 8192, 65535, 0xFFFF_FFFF])
events = st.sampled_from([0, 1, 2, 3] * 4 + [4, 5, 8192, 0xFFFF_FFFF])
OPERANDS = {
    "device": devices,
    "event": events,
    "intid": intids,
    "collection": st.sampled_from([0, 1] * 4 + [2, 3, 8191, 8192, 65535]),
    "target": st.sampled_from([0, 1] * 4 + [CPUS]),
    "source": st.sampled_from([0, 1] * 4 + [CPUS]),
    "itt": st.sampled_from([ITT] * 6 + [ITT + 0x1000, NOWHERE, 0]),
    "size": st.sampled_from([5] * 6 + [1, 3, 16, 17, 32]),
    "valid": st.sampled_from([1] * 4 + [0]),
}


@st.composite
def commands(draw):
    name = draw(st.sampled_from(sorted(name for name, spec in COMMANDS.items() if spec.version == 3)))
    return encode(name, **{operand.name: draw(OPERANDS[operand.name]) for operand in COMMANDS[name].operands})


@cache
def registers_of(implementation):
    """Any stem equally often, and of an array its first few members."""
    stems: dict[str, list[str]] = {}
    for register in register_map(implementation, CPUS, SPIS, True).registers.values():
        if register.frame in MAPPED:
            stems.setdefault(register.stem, []).append(register.name)
    return st.one_of([st.sampled_from(members[:12]) for members in stems.values()])


@st.composite
def mixtures(draw, name):
    """An implementation with some behaviours of another."""
    one, other = IMPLEMENTATIONS[name], IMPLEMENTATIONS[draw(st.sampled_from(EVERYWHERE))]
    given = [item.name for item in fields(one) if item.init and item.name in one.behaviours()]
    names = draw(st.lists(st.sampled_from(given), max_size=12, unique=True))
    made = one.with_behaviours(other, *names)
    if not made.fits_together:
        made = one.with_behaviours(other, *(name for name in names if name not in STRATEGIES))
    return made


def wired_state(machine):
    """(INTID, CPU or None, aspect) to what it is, of every SGI, PPI and SPI."""
    wired, state = machine.wired, {}
    for cpu in range(CPUS):
        for intid in range(32) if cpu else range(wired.limit):
            whose = cpu if intid < 32 else None
            state |= {
                (intid, whose, "enable"): wired.bit("enable", intid, cpu),
                (intid, whose, "active"): wired.bit("active", intid, cpu),
                (intid, whose, "pending"): wired.pending(intid, cpu),
                (intid, whose, "group"): wired.group(intid, cpu),
                (intid, whose, "priority"): wired.priority(intid, cpu),
                (intid, whose, "edge"): wired.edge(intid, cpu),
                (intid, whose, "route"): machine.peek_slot(f"GICD_IROUTER{intid}", 0) if whose is None else None,
            }
    return state


def aspect_of(now):
    """Which aspect of an interrupt the words of an effect are about."""
    words = {"abled": "enable", "active": "active", "pending": "pending", "Group": "group", "priority": "priority"}
    words |= {"edge": "edge", "level": "edge", "routed": "route"}
    return next(aspect for word, aspect in words.items() if word in now)


class Agreement(RuleBasedStateMachine):
    implementation: str
    security = 1
    mixed = False  # with behaviours of other implementations

    @initialize(data=st.data(), set_up=mostly, lpis=mostly)
    def start(self, data, set_up, lpis):
        self.made = data.draw(mixtures(self.implementation)) if self.mixed else IMPLEMENTATIONS[self.implementation]
        self.quiet, self.heard, self.restored = (self.machine() for _ in range(3))
        if set_up:
            for machine in (self.quiet, self.heard, self.restored):
                self.set_up(machine, lpis)

    @staticmethod
    def set_up(machine, lpis):
        """Interrupts of every sort, ready to be signalled."""
        rig = Rig.__new__(Rig)
        rig.m = machine
        for cpu in range(CPUS):
            rig.open_cpu(cpu)
            rig.put("GICR_IGROUPR0", 0xFFFF_FFFF, 4, cpu)
            rig.put("GICR_ISENABLER0", 0xFFFF_FFFF, 4, cpu)
        rig.put("GICD_CTLR", 2, 4)
        rig.put("GICD_IGROUPR1", 0xFFFF_FFFF, 4)
        rig.put("GICD_ISENABLER1", 0x00FF_FFFF, 4)
        rig.its_on()
        for cpu in range(CPUS):
            rig.lpis(lpis, cpu)
        for event in range(4):
            rig.map(8192 + event, event, event % 2, config=CONFIG - 8 * event)

    def machine(self):
        return Machine(self.made, cpus=CPUS, spis=SPIS, ram_mib=RAM_MIB, security=self.security)

    def tell(self, action):
        """Have each machine do it; the answers must agree. Each effect must have its words, each change its effect."""
        wanted = self._answer(self.quiet, action)
        assert self._answer(self.restored, action) == wanted
        before = wired_state(self.heard)
        with self.heard.listen() as told:
            assert self._answer(self.heard, action) == wanted
        for effect in told:
            json.dumps(effects.as_dict(effect))
        self.every_change_was_told(before, wired_state(self.heard), told)
        return wanted

    @staticmethod
    def every_change_was_told(before, after, told):
        """Of the wired interrupts: exactly what changed, nothing else."""
        said = {
            (intid, effect.cpu, aspect_of(effect.now))
            for effect in told
            if isinstance(effect, InterruptsChanged)
            for intid in effect.intids
            if intid < 1020 and "still" not in effect.now
        }
        sent = {(each.intid, each.target, "pending") for each in told if isinstance(each, effects.SgiSent)}
        changed = {key for key, state in after.items() if before[key] != state}
        assert changed - sent == said - sent
        assert all(after[each] for each in sent)

    @staticmethod
    def _answer(machine, action):
        try:
            return action(machine)
        except UserspaceError as error:
            return error.errno_name

    # -- guest CPUs

    @rule(data=st.data(), cpu=cpus, value=values, secure=st.booleans())
    def write_register(self, data, cpu, value, secure):
        address, size = self.draw_access(data, cpu)
        self.tell(lambda machine: machine.write(address, value & (1 << 8 * size) - 1, size, cpu, secure))

    @rule(data=st.data(), cpu=cpus, secure=st.booleans())
    def read_register(self, data, cpu, secure):
        address, size = self.draw_access(data, cpu)
        before = self.visible()
        self.tell(lambda machine: machine.read(address, size, cpu, secure))
        assert self.visible() == before, "a read changed something"

    def draw_access(self, data, cpu):
        """Mostly an access that the register takes."""
        chart = self.quiet.map
        register = chart.registers[data.draw(registers_of(self.implementation))]
        width = data.draw(st.one_of(st.sampled_from(sorted(register.sizes or {4})), sizes))
        offset = data.draw(st.sampled_from([0, 0, 0, 4, 1]))
        return chart.address(register, cpu if register.per_cpu else 0) + offset, width

    def visible(self):
        """The state without KVM's bookkeeping of what waits for a vCPU: that it runs is no effect of a read."""
        state = self.quiet.snapshot()
        if self.made.signalling is Signalling.DIRECT:
            return state
        return replace(state, signals=None, lpis=None, translation=None)

    @rule(address=st.integers(0x0800_0000, 0x0810_0000) | st.integers(0, ONES), size=sizes, value=values, cpu=cpus)
    def access_anything(self, address, size, value, cpu):
        self.tell(lambda machine: machine.write(address, value & (1 << 8 * size) - 1, size, cpu))
        self.tell(lambda machine: machine.read(address, size, cpu))

    @rule(data=st.data(), cpu=cpus, value=values)
    def system_register(self, data, cpu, value):
        name = data.draw(st.sampled_from([each.name for each in self.quiet.map.frames["ICC"].registers]))
        self.tell(lambda machine: machine.icc_write(name, value, cpu))
        before = self.visible()
        self.tell(lambda machine: machine.icc_read(name, cpu))
        assert "IAR" in name or self.visible() == before

    @rule(cpu=cpus)
    def take_an_interrupt(self, cpu):
        intid = self.tell(lambda machine: machine.icc_read("ICC_IAR1_EL1", cpu))
        if intid < 1020 or intid > 1023:
            self.tell(lambda machine: machine.icc_write("ICC_EOIR1_EL1", intid, cpu))

    @rule(lpis=mostly)
    def set_up_again(self, lpis):
        """Most of what is drawn breaks something; put it right, so that interrupts go on."""
        for machine in (self.quiet, self.heard, self.restored):
            for name in ("GITS_CTLR", "GICD_CTLR"):
                machine.write(machine.map.address(machine.map.registers[name]), 0, 4)
            if not any(each.device_id == 0 for each in machine.devices()):
                machine.memory.write(DEVICES, bytes(64))
            machine.memory.write(QUEUE, bytes(4096))
            self.set_up(machine, lpis)

    # -- guest RAM

    @rule(base=st.sampled_from(PEND), intid=st.integers(8192, 8207), level=st.booleans())
    def edit_pending_table(self, base, intid, level):
        byte = self.quiet.memory.read(base + intid // 8, 1)[0] & ~(1 << intid % 8) | level << intid % 8
        self.tell(lambda machine: machine.memory.write(base + intid // 8, bytes([byte])))

    @rule(intid=st.integers(0, 15), byte=st.sampled_from([CONFIG, 0xA2, 0x41, 0x40, 0, 0xFF]))
    def edit_configuration(self, intid, byte):
        self.tell(lambda machine: machine.memory.write(PROP + intid, bytes([byte])))

    @rule(base=st.sampled_from([DEVICES, COLLECTIONS, ITT]), entry=st.integers(0, 3), value=values)
    def spoil_a_table(self, base, entry, value):
        self.tell(lambda machine: machine.memory.write(base + 8 * entry, value.to_bytes(8, "little")))

    # -- the ITS, devices and wires

    @rule(packet=commands())
    def command(self, packet):
        self.queue(packet)

    @rule(words=st.tuples(values, values, values, values))
    def raw_command(self, words):
        self.queue(WORDS.pack(*words))

    def queue(self, packet):
        view = self.quiet.queue()
        if 0x4000_0000 <= view.base < 0x4000_0000 + RAM_MIB * 2**20 - 0x10_0000 and view.cwriter < view.slots * 32:
            after = (view.cwriter + 32) % (view.slots * 32)
            self.tell(lambda machine: machine.memory.write(view.base + view.cwriter, packet))
            address = self.quiet.map.frames["GITS"].base + 0x88
            self.tell(lambda machine: machine.write(address, after, 8))

    @rule(device=devices, event=events)
    def msi(self, device, event):
        self.tell(lambda machine: machine.msi(device, event))

    @rule(intid=st.integers(32, 31 + SPIS), level=st.booleans())
    def spi(self, intid, level):
        self.tell(lambda machine: machine.spi(intid, level))

    @rule(intid=st.integers(16, 31), level=st.booleans(), cpu=cpus)
    def ppi(self, intid, level, cpu):
        self.tell(lambda machine: machine.ppi(intid, level, cpu))

    # -- userspace

    @rule(
        group=st.sampled_from(["dist", "redist", "its"]),
        offset=st.one_of(
            st.sampled_from([0, 4, 8, 0x70, 0x74, 0x78, 0x7C, 0x80, 0x88, 0x90, 0x100, 0x108, 0x10080, 0x10200]),
            st.integers(0, 0x2_0000),
        ),
        value=values,
        cpu=cpus,
    )
    def attribute(self, group, offset, value, cpu):
        width = 64 if group == "its" else 32
        self.tell(lambda machine: machine.userspace.set(group, offset, value & (1 << width) - 1, cpu))
        self.tell(lambda machine: machine.userspace.get(group, offset, cpu))

    @rule(first=st.sampled_from([0, 32, 64, 33]), value=st.integers(0, (1 << 32) - 1), cpu=cpus)
    def levels(self, first, value, cpu):
        self.tell(lambda machine: machine.userspace.set("level", first, value, cpu))
        self.tell(lambda machine: machine.userspace.get("level", first, cpu))

    @rule(name=st.sampled_from(["save_pending_tables", "save_its_tables", "restore_its_tables", "reset_its"]))
    def control(self, name):
        self.tell(lambda machine: getattr(machine.userspace, name)())

    # -- snapshots

    @rule()
    def restore_into_a_fresh_machine(self):
        self.restored = self.machine()
        self.restored.restore(self.quiet.snapshot())

    @rule(data=st.data(), cpu=cpus, value=values)
    def go_astray_and_come_back(self, data, cpu, value):
        state = self.restored.snapshot()
        address, size = self.draw_access(data, cpu)
        self.restored.write(address, value & (1 << 8 * size) - 1, size, cpu)
        self.restored.memory.write(PEND[0] + 1024, b"\xff")
        self.restored.msi(0, 0)
        self.restored.icc_read("ICC_IAR1_EL1", cpu)
        self.restored.restore(state)

    # -- what always holds

    @invariant()
    def the_three_agree(self):
        state = self.quiet.snapshot()
        assert self.heard.snapshot() == state, "listening changed behaviour"
        assert self.restored.snapshot() == state, "restoring was not exact"

    def teardown(self):
        if not hasattr(self, "quiet"):
            return  # it never started
        self.looking_changes_nothing()
        self.registers_show_what_the_map_allows()
        self.set_and_clear_registers_agree()

    def looking_changes_nothing(self):
        before = self.quiet.snapshot()
        machine = self.quiet
        for cpu in range(CPUS):
            machine.irq(cpu), machine.hppi(cpu)
        machine.lpis(8192, 16), machine.lpi(8192), machine.lpi_counts()
        machine.devices(), machine.events(0), machine.collections(), machine.queue()
        for register in machine.map.frames["ICC"].registers:
            machine.peek(register, 0)
        assert machine.snapshot() == before

    def registers_show_what_the_map_allows(self):
        for register in self.quiet.map.registers.values():
            if register.frame in MAPPED:
                for cpu in range(CPUS if register.per_cpu else 1):
                    shown = self.quiet.peek(register, cpu)
                    assert shown & ~register.readable == 0, register.name

    def set_and_clear_registers_agree(self):
        for frame, index in (("GICD", "1"), ("GICR", "0")):
            for sets, clears in PAIRS:
                for cpu in range(CPUS):
                    one = self.quiet.peek(f"{frame}_{sets}{index}", cpu)
                    assert one == self.quiet.peek(f"{frame}_{clears}{index}", cpu)


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_each_register_of_interrupt_state_tells_what_it_changes(implementation):
    machine = Machine(implementation, cpus=CPUS, spis=SPIS, ram_mib=RAM_MIB)
    chart, drawn, aspects = machine.map, random.Random(implementation), set()
    for intid in range(32, 40):
        machine.spi(intid, True)
    registers = [each for each in chart.registers.values() if each.present and each.addressed and each.intids]
    for register in drawn.sample(registers, len(registers)) * 2:
        address = chart.address(register, cpu := drawn.randrange(CPUS) if register.per_cpu else 0)
        before = wired_state(machine)
        with machine.listen() as told:
            machine.write(address, drawn.getrandbits(register.width), register.width // 8, cpu)
        after = wired_state(machine)
        Agreement.every_change_was_told(before, after, told)
        aspects |= {key[2] for key, state in after.items() if before[key] != state}
    assert aspects == {"enable", "active", "pending", "group", "priority", "edge", "route"}


LIMITS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def check(implementation, **how):
    chosen = type(f"Agreement on {implementation}", (Agreement,), {"implementation": implementation, **how})
    case = chosen.TestCase
    case.settings = LIMITS
    case("runTest").runTest()


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_whatever_happens(implementation):
    check(implementation)


def test_whatever_happens_with_two_security_states():
    check("architecture", security=2)


@pytest.mark.parametrize("implementation", ["architecture", "kvm", "qemu"])
def test_whatever_happens_with_behaviours_of_another(implementation):
    check(implementation, mixed=True)


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_writing_ones_sets_and_clears_what_the_pair_shares(implementation):
    machine = Machine(implementation, cpus=CPUS, spis=SPIS)
    chart = register_map(implementation, CPUS, SPIS, True)
    for frame, index in (("GICD", "1"), ("GICR", "0")):
        for sets, clears in PAIRS:
            setting, clearing = (chart.registers[f"{frame}_{name}{index}"] for name in (sets, clears))
            machine.write(chart.address(clearing), 0xFFFF_FFFF, 4)
            start = machine.read(chart.address(setting), 4)
            machine.write(chart.address(setting), 0x5A, 4)
            assert machine.read(chart.address(setting), 4) == machine.read(chart.address(clearing), 4) == start | 0x5A
            machine.write(chart.address(setting), 0, 4)
            machine.write(chart.address(clearing), 0x12, 4)
            assert machine.read(chart.address(setting), 4) == start | 0x48
