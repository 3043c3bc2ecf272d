"""SystemRDL to the typed view: compiles one implementation's overlay and flattens it, arrays expanded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import colorama  # type: ignore[import-untyped]
from systemrdl.compiler import RDLCompiler
from systemrdl.node import AddrmapNode, FieldNode, Node, RegNode
from systemrdl.rdltypes.builtin_enums import AccessType, OnWriteType

from app.registers.topology import Topology
from app.registers.view import SYSTEM_FRAMES, Access, Enumeration, Field, Frame, Register, UserView

# systemrdl wraps sys.stdout for Windows consoles as it is imported; this program's output is not its business.
colorama.deinit()

RDL = Path(__file__).parent / "rdl"
MANUAL = "IHI 0069"
"""Where a register stands that cites nothing else, under its own name."""

_compiling = Lock()  # the compiler is not made for threads


def compile_frames(implementation: str, topology: Topology) -> list[Frame]:
    """All frames of an implementation, in address order; its overlay is the file and addrmap of that name."""
    top = implementation.replace("-", "_").replace(".", "_")
    parameters: dict[str, Any] = {"CPUS": topology.cpus, "SPIS": topology.spis, "ITS": topology.its}
    if topology.security == 2:
        parameters["TWO"] = True
    with _compiling:
        root = _compiled(top).elaborate(top_def_name=top, parameters=parameters)
        nodes = list(_frame_nodes(root.top, 0))
        if not topology.its:
            nodes = [(node, stride) for node, stride in nodes if not str(node.get_property("frame")).startswith("GITS")]
        return [_frame(node, stride, topology) for node, stride in nodes]


@lru_cache(maxsize=8)
def _compiled(top: str) -> RDLCompiler:
    compiler = RDLCompiler()
    compiler.compile_file(str(RDL / f"{top}.rdl"))
    return compiler


def _frame_nodes(node: AddrmapNode, stride: int) -> Iterator[tuple[AddrmapNode, int]]:
    """Frames at any depth, because an overlay may be built on another; the stride is that of the array around them."""
    for child in node.children(unroll=False):
        if isinstance(child, AddrmapNode):
            step = (child.array_stride or 0) if child.is_array else stride
            if child.get_property("frame"):
                yield child, step
            else:
                yield from _frame_nodes(child, step)


def _frame(node: AddrmapNode, stride: int, topology: Topology) -> Frame:
    key = str(node.get_property("frame"))
    reference = str(node.get_property("reference", default=""))
    registers = [
        register
        for child in node.children(unroll=False)
        if isinstance(child, RegNode)
        for register in _Family(child, key, reference, bool(node.get_property("per_cpu")), topology).registers()
    ]
    registers.sort(key=lambda register: register.offset)
    placed = key not in SYSTEM_FRAMES and not reference
    return Frame(
        key=key,
        title=str(node.get_property("name")),
        cite=str(node.get_property("cite", default="")),
        base=node.raw_absolute_address if placed else 0,
        size=int(node.get_property("frame_size", default=0)) if placed else 0,
        stride=stride,
        per_cpu=bool(node.get_property("per_cpu")),
        registers=tuple(registers),
        reference=reference,
    )


class _Family:
    """One register of the RDL, or one array of them: what its elements share is worked out once."""

    def __init__(self, node: RegNode, frame: str, reference: str, per_cpu: bool, topology: Topology) -> None:
        self.node = node
        self.frame = frame
        self.reference = reference
        self.per_cpu = per_cpu
        self.topology = topology
        self.width = int(node.get_property("regwidth"))
        self.cite = str(node.get_property("cite", default="")) or f"{MANUAL} {node.inst_name.replace('n', '<n>')}"
        self.title = str(node.get_property("name"))
        self.bits = [bits for field in node.fields() for bits in _expanded(field, self.cite)]
        self.bits.sort(key=lambda bits: -bits.field.msb)
        self.intid_bits = int(node.get_property("intid_bits", default=0))
        self.absent = str(node.get_property("absent", default=""))
        self.first_intid = int(node.get_property("first_intid", default=0))
        self.sizes = frozenset(node.get_property("sizes", default=None) or [self.width // 8])
        self.state = str(node.get_property("state", default="")) or None
        self.nonsecure = str(node.get_property("nonsecure", default=""))
        self.layouts: dict[int, _Layout] = {}

    def registers(self) -> Iterator[Register]:
        """Every element, first to last."""
        node = self.node
        placeholder = node.inst_name
        offset = node.raw_address_offset
        if not node.is_array:
            stem = str(node.get_property("stem", default="")) or None
            index = int(re.sub(r"_EL\d$", "", placeholder)[-1]) if stem else None
            yield self._register(placeholder, stem or placeholder, index, offset)
            return
        first = int(node.get_property("first_index", default=0))
        for element in range((node.array_dimensions or [1])[0]):
            index = first + element
            name = placeholder.replace("n", str(index))
            yield self._register(name, placeholder.replace("n", ""), index, offset + element * (node.array_stride or 0))

    def _register(self, name: str, stem: str, index: int | None, offset: int) -> Register:
        intids = self._intids(index or 0)
        absent = self.absent or (self.topology.missing(self.frame, intids) if intids else "")
        usable = (1 << self.width) - 1
        if intids and not absent:
            usable = (1 << self.topology.implemented(self.frame, intids) * self.intid_bits) - 1
        layout = self._layout(0 if absent else usable)
        declared = self._layout((1 << self.width) - 1).fields if absent else layout.fields
        number = offset // 8 if self.frame in SYSTEM_FRAMES else offset
        return Register(
            name=name,
            stem=stem,
            index=index,
            frame=self.frame,
            offset=number,
            width=self.width,
            sizes=self.sizes,
            fields=layout.fields,
            title=self.title,
            cite=self.cite,
            per_cpu=self.per_cpu,
            present=not absent,
            why_absent=absent,
            state=self.state,
            reset=layout.resets[0] if layout.resets else layout.reset,
            readable=layout.readable,
            writable=layout.writable,
            sets=layout.sets,
            clears=layout.clears,
            user=layout.user,
            encoding=_encoding(number) if self.frame in SYSTEM_FRAMES else "",
            intids=intids,
            resets=layout.resets,
            sanitised=layout.sanitised,
            by_name=layout.by_name,
            declared=declared,
            nonsecure=self.nonsecure,
            reference=self.reference,
        )

    def _intids(self, index: int) -> range:
        if not self.intid_bits:
            return range(0)
        count = max(1, self.width // self.intid_bits)
        start = self.first_intid + index * count
        return range(start, start + count)

    def _layout(self, usable: int) -> _Layout:
        if usable not in self.layouts:
            self.layouts[usable] = _Layout(self, usable)
        return self.layouts[usable]


class _Layout:
    """Fields and masks of the elements of a family that have the same usable bits."""

    def __init__(self, family: _Family, usable: int) -> None:
        bits = [one.restricted(usable) for one in family.bits]
        node = family.node
        named = sum(one.field.mask for one in bits)
        loose = int(node.get_property("storage", default=0)) & ~named & usable
        ones = int(node.get_property("ones", default=0)) & ~named & usable
        self.fields = tuple(one.field for one in bits)
        self.by_name = {field.name: field for field in self.fields}
        self.sanitised = tuple(field for field in self.fields if field.kept)
        self.readable = loose | ones | sum(one.readable for one in bits)
        self.writable = loose | sum(one.writable for one in bits)
        self.sets = sum(one.sets for one in bits)
        self.clears = sum(one.clears for one in bits)
        self.reset = ones | sum(one.field.reset << one.field.lsb for one in bits)
        self.resets: tuple[int, ...] = ()
        if any(one.topology for one in bits):
            self.resets = tuple(self._reset_on(cpu, bits, family.topology) for cpu in range(family.topology.cpus))
        meaning = str(node.get_property("user_meaning", default=""))
        self.user: UserView | None = None
        if meaning:
            doors = [one.through_user_door() for one in bits]
            self.user = UserView(
                readable=loose | ones | sum(one.readable for one in doors),
                writable=loose | sum(one.writable for one in doors),
                sets=sum(one.sets for one in doors),
                clears=sum(one.clears for one in doors),
                meaning=meaning,
            )

    def _reset_on(self, cpu: int, bits: list[_Bits], topology: Topology) -> int:
        value = self.reset
        for one in bits:
            if one.topology:
                value = one.field.insert(value, topology.reset(one.topology, cpu))
        return value


@dataclass(frozen=True, slots=True)
class _Bits:
    """A field with what becomes of it in the register's masks; all masks in register position."""

    field: Field
    exists: int
    takes: int
    topology: str
    user: str

    @property
    def readable(self) -> int:
        return 0 if self.field.access in (Access.WO, Access.RES0) else self.exists

    @property
    def writable(self) -> int:
        return self.exists & self.takes if self.field.access in (Access.RW, Access.WO) else 0

    @property
    def sets(self) -> int:
        return self.exists & self.takes if self.field.access is Access.W1S else 0

    @property
    def clears(self) -> int:
        return self.exists & self.takes if self.field.access is Access.W1C else 0

    def restricted(self, usable: int) -> _Bits:
        """The same bits where only `usable` bits of the register exist."""
        exists = self.exists & usable
        reset = self.field.extract(self.field.reset << self.field.lsb & exists)
        if exists:
            return replace(self, exists=exists, field=replace(self.field, reset=reset))
        return replace(self, exists=0, field=replace(self.field, access=Access.RES0, reset=0, kept=()))

    def through_user_door(self) -> _Bits:
        """The same bits as KVM's device attributes reach them."""
        if not self.user or not self.exists:
            return self
        access = {"rw": Access.RW, "na": Access.RES0}[self.user]
        return replace(self, takes=self.field.mask, field=replace(self.field, access=access))


def _expanded(node: FieldNode, register_cite: str) -> Iterator[_Bits]:
    """The field, or its repetitions: `each` bits wide, numbered from the least significant."""
    width = int(node.get_property("each", default=0)) or node.width
    part = (1 << width) - 1
    reset: Any = node.get_property("reset", default=0)
    implemented = int(node.get_property("implemented", default=part))
    takes = int(node.get_property("takes", default=(1 << node.width) - 1)) << node.lsb
    access = _access(node)
    values = _enumerations(node)
    meaning = str(node.get_property("desc", default=""))
    cite = str(node.get_property("cite", default=register_cite))
    kept = tuple((asked, stays) for asked, stays in enumerate(node.get_property("kept", default=[])) if asked != stays)
    for number in range(node.width // width):
        lsb = node.lsb + number * width
        exists = 0 if access is Access.RES0 else (implemented & part) << lsb
        field = Field(
            name=node.inst_name.replace("x", str(number)) if node.get_property("each", default=0) else node.inst_name,
            msb=lsb + width - 1,
            lsb=lsb,
            access=access if exists else Access.RES0,
            reset=part if access is Access.RES1 else (reset >> (number * width)) & implemented & part if exists else 0,
            meaning=meaning,
            cite=cite,
            values=values,
            kept=kept,
        )
        topology = str(node.get_property("topology", default=""))
        user = str(node.get_property("user", default=""))
        yield _Bits(field=field, exists=exists, takes=takes, topology=topology, user=user)


def _access(node: FieldNode) -> Access:
    if node.get_property("res0", default=False):
        return Access.RES0
    if node.get_property("res1", default=False):
        return Access.RES1
    match node.get_property("onwrite"):
        case OnWriteType.woset:
            return Access.W1S
        case OnWriteType.woclr:
            return Access.W1C
    match node.get_property("sw"):
        case AccessType.r:
            return Access.RO
        case AccessType.w:
            return Access.WO
    return Access.RW


def _enumerations(node: Node) -> tuple[Enumeration, ...]:
    encoding: Any = node.get_property("encode", default=None)
    if encoding is None:
        return ()
    return tuple(
        Enumeration(int(member.value), member.name, ": ".join(filter(None, (member.rdl_name, member.rdl_desc))))
        for member in encoding
    )


def _encoding(number: int) -> str:
    """S<op0>_<op1>_C<CRn>_C<CRm>_<op2> of a system register, from the number that KVM's device attributes use."""
    op0, op1, crn, crm, op2 = number >> 14, number >> 11 & 7, number >> 7 & 15, number >> 3 & 15, number & 7
    return f"S{op0}_{op1}_C{crn}_C{crm}_{op2}"
