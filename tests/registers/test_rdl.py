"""The SystemRDL files themselves: one overlay per implementation, and what each says about PTZ."""

import re
from pathlib import Path

import pytest
from systemrdl import RDLCompiler

import app.registers
from app.registers import IMPLEMENTATION_NAMES, Access, register_map

RDL = Path(app.registers.__file__).parent / "rdl"


def overlay(implementation: str) -> Path:
    return RDL / f"{re.sub(r'[-.]', '_', implementation)}.rdl"


def assignments(implementation: str) -> list[str]:
    return [line.strip() for line in overlay(implementation).read_text().splitlines() if " -> " in line]


@pytest.mark.parametrize("implementation", IMPLEMENTATION_NAMES)
def test_each_overlay_compiles_alone(implementation: str) -> None:
    compiler = RDLCompiler()
    compiler.compile_file(str(overlay(implementation)))
    root = compiler.elaborate(top_def_name=overlay(implementation).stem, parameters={"CPUS": 4})
    assert root.top.inst_name == overlay(implementation).stem


@pytest.mark.parametrize(
    ("implementation", "lines", "access"),
    [("architecture", 0, Access.WO), ("kvm", 0, Access.WO), ("kvm-before-5.6", 1, Access.RW), ("qemu", 1, Access.RW)],
)
def test_ptz_reads_as_zero_but_for_one_line(implementation: str, lines: int, access: Access) -> None:
    assert sum(".PTZ" in line for line in assignments(implementation)) == lines
    assert register_map(implementation).registers["GICR_PENDBASER"].field("PTZ").access is access


def test_kvm_before_5_6_says_nothing_else() -> None:
    assert assignments("kvm-before-5.6") == ["KVM.GIC.GICR.RD.GICR_PENDBASER.PTZ -> sw = rw;"]


def test_every_property_is_explained() -> None:
    for line in (RDL / "properties.rdl").read_text().splitlines():
        assert not line.startswith("property") or re.search(r";\s+// \w", line), line
