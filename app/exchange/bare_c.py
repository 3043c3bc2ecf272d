"""A scenario as a C function for bare metal on AArch64, at EL1 with the MMU and caches off or the GIC mapped as Device.

It runs on CPU 0, in Non-secure state where there are two. What only another CPU, a device or a wire can do is a call to
a function that the board provides.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.exchange.accesses import Access, DeviceWrite, Load, RamWrite, Store, SystemRead, SystemWrite, Told, Wire, told
from app.exchange.python_ import overlay
from app.exchange.writers import Written
from app.registers import Register, RegisterMap
from app.scenario.format import format_content
from app.scenario.operations import (
    Creadr,
    Expect,
    Half,
    IrqLine,
    LastValue,
    LoadState,
    Memory,
    Migrate,
    Note,
    Pending,
    RegisterRef,
    Save,
    Stalled,
    Term,
    Uread,
    Uwrite,
    Write,
)
from app.scenario.scenario import Scenario, Title
from app.scenario.vocabulary import vocabulary

SECURE = "the export runs in Non-secure state, this takes Secure software"
BITS = {1: "8", 2: "16", 4: "32", 8: "64"}
PRELUDE = """\
#include <stdint.h>

/* The board: where a failed expectation is told. */
extern int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define GICD {gicd:#010x}ul
#define GITS {gits:#010x}ul
#define GICR(cpu) ({gicr:#010x}ul + (cpu) * {stride:#x}ul)

#define BARRIER() __asm__ volatile("dsb sy" ::: "memory")
#define READ(bits, address) \\
    ({{ uint##bits##_t v_ = *(volatile uint##bits##_t *)(uintptr_t)(address); BARRIER(); v_; }})
#define WRITE(bits, address, value) \\
    do {{ BARRIER(); *(volatile uint##bits##_t *)(uintptr_t)(address) = (value); BARRIER(); }} while (0)
#define MRS(name) ({{ uint64_t v_; __asm__ volatile("mrs %0, " #name : "=r"(v_) :: "memory"); v_; }})
#define MSR(name, value) \\
    __asm__ volatile("msr " #name ", %0\\n\\tisb" :: "r"((uint64_t)(value)) : "memory")
#define EXPECT(text, condition) \\
    do {{ if (!(condition)) {{ failed++; printf("FAILED: %s\\n", text); }} }} while (0)

static inline void ram_write(uint64_t address, const char *data, unsigned length) {{
    for (unsigned i = 0; i < length; i++)
        *(volatile uint8_t *)(uintptr_t)(address + i) = (uint8_t)data[i];
    BARRIER();
}}

static inline int ram_equal(uint64_t address, const char *data, unsigned length) {{
    for (unsigned i = 0; i < length; i++)
        if (*(volatile uint8_t *)(uintptr_t)(address + i) != (uint8_t)data[i])
            return 0;
    return 1;
}}
"""
DEVICE = """
/* The board: let the device with this DeviceID write the EventID to GITS_TRANSLATER. */
extern void board_msi(uint32_t device, uint32_t event);
"""
WIRE = """
/* The board: drive the wire of an SPI, or of a PPI of a CPU. */
extern void board_wire(uint32_t intid, unsigned cpu, int level);
"""


def write(scenario: Scenario) -> Written:
    """One file with `int scenario(void)`, which returns how many expectations failed."""
    writer = _Writer(scenario)
    body = "\n".join(f"    {row}".rstrip() for row in writer.body())
    helpers = DEVICE * writer.devices + WIRE * writer.wires
    title = _comment(scenario.title or "A giclab scenario")
    text = (
        f"{title}\n{writer.prelude()}{helpers}\nint scenario(void) {{\n    int failed = 0;\n    uint64_t last = 0;\n\n"
    )
    return Written(f"{text}{body}\n    (void)last;\n    return failed;\n}}\n", tuple(writer.remarks))


class _Writer:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.map: RegisterMap = vocabulary(scenario.machine).map
        self.remarks: list[str] = []
        self.devices = False
        self.wires = False
        self.knows_last = True

    def prelude(self) -> str:
        frames = self.map.frames
        gits = frames["GITS"].base if "GITS" in frames else 0
        return PRELUDE.format(gicd=frames["GICD"].base, gits=gits, gicr=frames["RD"].base, stride=frames["RD"].stride)

    def body(self) -> Iterator[str]:
        """The statements, each operation below its own line as a comment."""
        for item in told(self.scenario):
            comment = item.line.comment
            if item.operation is None:
                if comment is not None and not isinstance(item.line.content, Title):
                    yield _comment(comment.strip())
                continue
            yield _comment(format_content(item.operation, self.scenario.machine, compact=True))
            yield from self._operation(item)
            if isinstance(item.operation, Migrate | LoadState):
                self._remark(item, "the export ends here")
                return

    def _operation(self, item: Told) -> Iterator[str]:
        operation = item.operation
        if isinstance(operation, Note):
            return
        if isinstance(operation, Expect):
            yield from self._expect(item, operation)
        elif isinstance(operation, Save | Migrate | LoadState | Uread | Uwrite):
            self._remark(item, f"{operation.verb} is a hypervisor's, bare metal has no such door")
            self.knows_last = self.knows_last and not isinstance(operation, Uread)
        elif isinstance(operation, Write) and operation.fields and self._here(item):
            yield from self._overlaid(operation, item.accesses)
        else:
            for access in item.accesses:
                yield from self._access(item, access)

    def _here(self, item: Told) -> bool:
        return not any(
            getattr(access, "secure", False) or (isinstance(access, SystemRead | SystemWrite) and access.cpu)
            for access in item.accesses
        )

    def _overlaid(self, operation: Write, accesses: tuple[Access, ...]) -> Iterator[str]:
        """A read-modify-write as the driver does it, not the value that the model happened to read."""
        assert isinstance(operation.target, RegisterRef)
        clear, bits = overlay(self._register(operation.target), operation.fields)
        shift = 32 if operation.half is Half.HI else 0
        value = f"& ~{clear >> shift:#x}ull) | {bits >> shift:#x}ull"
        store = accesses[-1]
        if isinstance(store, Store):
            place = self._place(store.address)
            yield f"WRITE({BITS[store.size]}, {place}, (READ({BITS[store.size]}, {place}) {value});"
        elif isinstance(store, SystemWrite):
            name = self._system(store.register)
            yield f"MSR({name}, (MRS({name}) {value});"

    def _access(self, item: Told, access: Access) -> Iterator[str]:
        self.knows_last = self.knows_last and not isinstance(access, Load | SystemRead)
        if getattr(access, "secure", False):
            self._remark(item, SECURE)
            return
        match access:
            case RamWrite(address, data):
                yield f'ram_write({address:#x}, "{_bytes(data)}", {len(data)});'
            case Load(address, size):
                self.knows_last = True
                yield f"last = READ({BITS[size]}, {self._place(address)});"
            case Store(address, size, _, value):
                yield f"WRITE({BITS[size]}, {self._place(address)}, {value:#x}ull);"
            case SystemRead(register, 0, _):
                self.knows_last = True
                yield f"last = MRS({self._system(register)});"
            case SystemWrite(register, 0, value):
                yield f"MSR({self._system(register)}, {value:#x});"
            case SystemRead(register, cpu, _) | SystemWrite(register, cpu, _):
                self._remark(item, f"{register} of CPU {cpu} can only be reached by that CPU")
            case DeviceWrite(device, event):
                self.devices = True
                yield f"board_msi({device:#x}, {event:#x});"
            case Wire(intid, level, cpu):
                self.wires = True
                yield f"board_wire({intid}, {cpu or 0}, {level});"

    def _expect(self, item: Told, operation: Expect) -> Iterator[str]:
        name = self.scenario.machine.implementation
        if operation.on and name not in operation.on:
            self._remark(item, f"it is not expected of {name}")
            return
        if operation.secure:
            self._remark(item, SECURE)
            return
        condition = self._condition(operation)
        if condition is None:
            self._remark(item, "bare metal cannot see what it expects")
            return
        text = format_content(operation, self.scenario.machine, compact=True)
        yield f'EXPECT("{_quoted(text)}", {condition});'

    def _condition(self, operation: Expect) -> str | None:
        if isinstance(operation.wanted, bytes):
            assert isinstance(operation.term, Memory)
            equal = f'ram_equal({operation.term.address:#x}, "{_bytes(operation.wanted)}", {operation.term.length})'
            return equal if operation.relation == "==" else f"!{equal}"
        value = self._term(operation.term)
        return None if value is None else f"({value}) {operation.relation} {operation.wanted:#x}ull"

    def _term(self, term: Term) -> str | None:
        match term:
            case RegisterRef():
                return self._register_term(term)
            case Pending(intid, cpu) if intid < 1020 and self.map.security == 1:
                word, bit = divmod(intid, 32)
                register = self.map.registers[f"GICD_ISPENDR{word}" if word else "GICR_ISPENDR0"]
                return f"READ(32, {self._place(self.map.address(register, cpu or 0))}) >> {bit} & 1"
            case Memory(address, _, bit):
                return f"READ(8, {address:#x}) >> {bit} & 1"
            case IrqLine(0):
                return "MRS(ISR_EL1) >> 7 & 1"
            case Creadr():
                return "READ(64, GITS + 0x90) & 0xfffe0"
            case Stalled():
                return "READ(64, GITS + 0x90) & 1"
            case LastValue() if self.knows_last:
                return "last"
        return None

    def _register_term(self, term: RegisterRef) -> str | None:
        register = self._register(term)
        if register.encoding:
            # Reading ICC_IAR would acknowledge, and another CPU's registers are out of reach.
            if term.cpu or "IAR" in register.name:
                return None
            value = f"MRS({self._system(register.name)})"
        else:
            value = f"READ({register.width}, {self._place(self.map.address(register, term.cpu or 0))})"
        if term.field is None:
            return value
        field = register.field(term.field)
        return f"{value} >> {field.lsb} & {field.mask >> field.lsb:#x}"

    def _register(self, reference: RegisterRef) -> Register:
        return self.map.registers[reference.name]

    def _system(self, name: str) -> str:
        return self.map.find(name).register.encoding

    def _place(self, address: int) -> str:
        """An address as its frame and offset."""
        frames = self.map.frames
        redistributor = frames["RD"]
        offset = address - redistributor.base
        if 0 <= offset < redistributor.stride * self.map.cpus:
            return f"GICR({offset // redistributor.stride}) + {offset % redistributor.stride:#x}"
        for key in ("GICD", "GITS"):
            if key in frames and 0 <= address - frames[key].base < frames[key].size:
                return f"{key} + {address - frames[key].base:#x}"
        return f"{address:#x}ul"

    def _remark(self, item: Told, why: str) -> None:
        self.remarks.append(f"line {item.line.number}: {why}")


def _comment(text: str) -> str:
    return f"/* {text.replace('*/', '* /')} */"


def _bytes(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
