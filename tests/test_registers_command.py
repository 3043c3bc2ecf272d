"""`giclab registers`: the map as table, JSON, SystemRDL and HTML."""

import dataclasses
import json
import sys

import pytest
from systemrdl import RDLCompiler
from typer.testing import CliRunner

from app.cli import cli
from app.exchange.registers_json import document
from app.registers import IMPLEMENTATION_NAMES, RegisterMap, compiler, register_map
from app.registers.families import families
from app.registers.topology import Topology

HEAD = ("format", "version", "implementation", "cpus", "spis", "its", "security")
MASKS = ("reset", "readable", "writable", "sets", "clears")
every_implementation = pytest.mark.parametrize("name", IMPLEMENTATION_NAMES)


def giclab(*arguments):
    return CliRunner().invoke(cli, ["registers", *map(str, arguments)])


def rows(*arguments):
    result = giclab(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def row_of(name, *arguments):
    return next(row.split() for row in rows(*arguments) if row.split()[1:2] == [name])


class TestTable:
    @every_implementation
    def test_has_one_row_for_each_family(self, name):
        shown = [row.split()[1] for row in rows("--on", name) if row[:2] in ("0x", "S3")]
        assert shown == [family.name for family in families(register_map(name)).values()]

    def test_tells_place_width_access_reset_and_meaning(self):
        assert row_of("GICR_PENDBASER", "--on", "kvm") == [
            *("0x0078", "GICR_PENDBASER", "64", "WO", "RW", "0x0000000000000580"),
            *("Redistributor", "LPI", "Pending", "Table", "Base", "Address"),
        ]

    def test_names_a_system_register_by_its_encoding(self):
        assert row_of("ICC_IAR1_EL1")[0] == "S3_0_C12_C12_0"

    def test_says_what_is_not_there_and_why(self):
        row = next(row for row in rows("--on", "kvm") if "GICR_WAKER" in row)
        assert " - " in row
        assert row.endswith("Redistributor Wake; not there: KVM wakes vCPUs without it")

    def test_says_which_elements_of_an_array_there_are(self):
        row = next(row for row in rows("--spis", "96") if "GICD_IPRIORITYR<n> " in row)
        assert row.endswith("Interrupt Priority (n = 0-254, here 8-31)")

    def test_does_not_give_one_reset_value_for_elements_that_differ(self):
        assert row_of("GITS_BASER<n>")[4:8] == ["RO", "depends", "on", "n"]

    def test_gives_the_frames_with_their_addresses(self):
        shown = rows("--cpus", "3")
        assert shown[0] == "GICv3 registers of architecture: 3 CPUs, 64 SPIs, with an ITS"
        assert "Redistributor, SGI_base: 0x080b0000 + n*0x20000 for CPU n, 64 KiB" in shown
        assert "CPU interface, system registers: no addresses, MRS and MSR reach them" in shown

    def test_columns_are_aligned(self):
        starts = {row.index("meaning") for row in rows() if row.startswith("where")}
        assert len(starts) == 1
        assert all(row[starts.copy().pop() - 1] == " " for row in rows() if row[:2] == "0x")

    @pytest.mark.parametrize(
        ("name", "access"), [("architecture", "WO"), ("kvm", "WO"), ("kvm-before-5.6", "RW"), ("qemu", "RW")]
    )
    def test_with_a_text_it_shows_what_is_found_and_its_fields(self, name, access):
        shown = rows("ptz", "--on", name)
        assert sum(row.startswith("0x") for row in shown) == 1
        assert next(row.split()[:4] for row in shown if "PTZ" in row) == ["62", access, "0x0", "PTZ"]

    def test_repeated_fields_are_one_line(self):
        shown = [row.split()[:4] for row in rows("GICR_ICENABLER0", "--on", "kvm") if "Clear_enable" in row]
        assert shown == [["31:16", "W1C", "0x0", "Clear_enable_bit<x>"], ["15:0", "W1C", "0x1", "Clear_enable_bit<x>"]]


class TestJson:
    @every_implementation
    def test_holds_every_register_with_its_masks(self, name):
        map_ = register_map(name, cpus=3)
        told = json.loads(giclab("--on", name, "--cpus", "3", "--format", "json").stdout)
        assert {key: told[key] for key in HEAD} == {
            "format": "giclab-registers",
            "version": 1,
            "implementation": name,
            "cpus": 3,
            "spis": 64,
            "its": True,
            "security": 1,
        }
        seen = 0
        for frame in told["frames"]:
            members = [
                each for family in families(map_).values() if family.frame.key == frame["key"] for each in [family]
            ]
            for family, item in zip(members, frame["registers"], strict=True):
                assert item["name"] == family.name
                for span, elements in zip(family.spans, item["elements"], strict=True):
                    assert elements["names"] == [span.first.name, span.last.name]
                    assert elements["count"] == len(span.registers)
                    assert [int(elements[mask], 16) for mask in MASKS] == [getattr(span.first, mask) for mask in MASKS]
                    seen += elements["count"]
        assert seen == len(map_.registers)

    def test_the_document_keeps_its_shape(self):
        told = json.loads(giclab("GICR_PENDBASER", "--on", "kvm", "--format", "json").stdout)
        [frame] = told.pop("frames")
        [register] = frame.pop("registers")
        [elements] = register.pop("elements")
        fields = {field["name"]: field for field in elements.pop("fields")}
        assert frame == {
            "key": "RD",
            "title": "Redistributor, RD_base",
            "cite": "IHI 0069, Redistributor register map",
            "base": "0x080a0000",
            "size": 65536,
            "cpu_stride": 131072,
            "per_cpu": True,
            "reference": None,
        }
        assert register == {
            "name": "GICR_PENDBASER",
            "title": "Redistributor LPI Pending Table Base Address",
            "cite": "IHI 0069E 9.11.30 GICR_PENDBASER",
            "width": 64,
            "access_bytes": [4, 8],
            "offset": "0x0078",
            "stride": 0,
            "first": None,
            "count": 1,
            "shares_state": None,
        }
        assert elements == {
            "names": ["GICR_PENDBASER", "GICR_PENDBASER"],
            "count": 1,
            "present": True,
            "why_absent": "",
            "reset": "0x0000000000000580",
            "reset_per_cpu": [],
            "readable": "0x070fffffffff0f80",
            "writable": "0x470fffffffff0f80",
            "sets": "0x0000000000000000",
            "clears": "0x0000000000000000",
            "userspace": None,
            "nonsecure": "",
        }
        assert fields["PTZ"]["values"][1] == {"value": 1, "name": "Yes", "meaning": "Yes"}
        assert fields["Shareability"]["kept"] == [{"written": 2, "kept": 1}]
        assert {key: value for key, value in fields["Shareability"].items() if key not in ("values", "kept")} == {
            "name": "Shareability",
            "msb": 11,
            "lsb": 10,
            "access": "RW",
            "reset": "0x1",
            "meaning": "Shareability of accesses to the table.",
            "cite": "IHI 0069E 9.11.30 GICR_PENDBASER",
        }

    def test_tells_the_userspace_door_and_the_intids(self):
        told = json.loads(giclab("GICD_ISPENDR1", "--on", "kvm", "--format", "json").stdout)
        elements = told["frames"][0]["registers"][0]["elements"][1]
        assert elements["intids"] == [32, 95]
        assert elements["userspace"]["writable"] == "0xffffffff"
        assert "latch" in elements["userspace"]["meaning"]

    def test_tells_the_reset_of_each_cpu(self):
        told = json.loads(giclab("GICR_TYPER", "--format", "json").stdout)
        per_cpu = told["frames"][0]["registers"][0]["elements"][0]["reset_per_cpu"]
        assert per_cpu == ["0x0000000000000021", "0x0000000100000131"]

    def test_says_what_the_fields_of_an_absent_register_would_be(self):
        told = json.loads(giclab("GICR_WAKER", "--on", "kvm", "--format", "json").stdout)
        [elements] = told["frames"][0]["registers"][0]["elements"]
        assert not elements["present"]
        assert elements["readable"] == "0x00000000"
        assert [field["access"] for field in elements["fields"]] == ["RO", "RW"]


class TestSystemRdl:
    @every_implementation
    def test_compiles_by_itself_to_the_same_map(self, name, tmp_path, monkeypatch):
        top = name.replace("-", "_").replace(".", "_")
        written = giclab("--on", name, "--cpus", 3, "--spis", 96, "--format", "rdl", "-o", tmp_path / f"{top}.rdl")
        assert (written.exit_code, written.output) == (0, "")
        monkeypatch.setattr(compiler, "RDL", tmp_path)
        compiler._compiled.cache_clear()
        try:
            frames = compiler.compile_frames(name, Topology(3, 96, True))
        finally:
            compiler._compiled.cache_clear()
        made = RegisterMap(name, Topology(3, 96, True), frames)
        assert document(made) == document(register_map(name, 3, 96))

    def test_takes_the_number_of_security_states(self, tmp_path):
        path = tmp_path / "map.rdl"
        path.write_text(giclab("--security", 2, "--format", "rdl").stdout)
        plain = RDLCompiler()
        plain.compile_file(str(path))
        control = next(node for node in plain.elaborate().top.descendants() if node.inst_name == "GICD_CTLR")
        assert control.get_child_by_name("EnableGrp1NS") is not None

    @every_implementation
    def test_its_top_is_the_implementation_in_the_shape_asked_for(self, name, tmp_path):
        path = tmp_path / "map.rdl"
        path.write_text(giclab("--on", name, "--cpus", 3, "--spis", 96, "--format", "rdl").stdout)
        plain = RDLCompiler()
        plain.compile_file(str(path))
        top = plain.elaborate().top
        redistributors = next(node for node in top.descendants() if node.inst_name == "GICR")
        typer_ = next(node for node in top.descendants() if node.inst_name == "GICD_TYPER")
        lines = typer_.get_child_by_name("ITLinesNumber").get_property("reset")
        assert top.inst_name == name.replace("-", "_").replace(".", "_")
        assert redistributors.array_dimensions == [3]
        assert int(lines) == (2 if name == "qemu" else 3)

    def test_every_source_is_in_it_once(self):
        text = giclab("--on", "kvm-before-5.6", "--format", "rdl").stdout
        sources = {path.name for path in compiler.RDL.glob("*.rdl")} - {"architecture.rdl", "qemu.rdl"}
        headings = [line.removeprefix("// ---- ") for line in text.splitlines() if line.startswith("// ---- ")]
        assert sorted(headings) == sorted(sources)
        assert "`include" not in text
        assert "`ifndef" not in text


class TestHtml:
    def test_writes_a_folder_and_says_where_it_begins(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for _ in range(2):  # a second export takes the place of the first
            result = giclab("--on", "qemu", "--format", "html")
            assert (result.exit_code, result.stdout.strip()) == (0, "registers-qemu/index.html")
        assert "GICv3 registers of qemu" in (tmp_path / "registers-qemu" / "index.html").read_text()
        pages = (page.read_text() for page in (tmp_path / "registers-qemu" / "content").iterdir())
        assert any("GICR_PENDBASER" in page and "9.11.30" in page for page in pages)

    def test_without_the_exporter_it_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "peakrdl_html", None)
        result = giclab("--format", "html", "-o", tmp_path / "pages")
        assert result.exit_code == 2
        assert "pip install 'giclab[html]'" in result.stderr
        assert not (tmp_path / "pages").exists()

    @pytest.mark.parametrize("file", [False, True])
    def test_leaves_what_is_there_alone(self, tmp_path, file):
        place = tmp_path / "notes"
        if file:
            place.write_text("mine")
        else:
            place.mkdir()
            (place / "todo.txt").write_text("mine")
        result = giclab("--format", "html", "-o", place)
        assert result.exit_code == 2
        assert "is no earlier export" in result.stderr
        assert [path.name for path in tmp_path.rglob("*")] == (["notes"] if file else ["notes", "todo.txt"])


class TestRefusals:
    def test_nothing_found(self):
        result = giclab("nonsense", "--on", "qemu")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "no register of qemu has 'nonsense'" in result.stderr

    @pytest.mark.parametrize("form", ["rdl", "html"])
    def test_a_part_of_what_is_written_whole(self, form, tmp_path):
        result = giclab("ptz", "--format", form, "-o", tmp_path / "out")
        assert result.exit_code == 2
        assert "leave 'ptz' out" in result.stderr
        assert not (tmp_path / "out").exists()

    def test_a_place_that_cannot_be_written(self, tmp_path):
        result = giclab("-o", tmp_path / "missing" / "map.txt")
        assert result.exit_code == 2
        assert "No such file or directory" in result.stderr

    def test_two_security_states_where_there_is_one(self):
        result = giclab("--on", "kvm", "--security", 2)
        assert result.exit_code == 2
        assert "security must be 1, or 2 on architecture" in result.stderr

    @pytest.mark.parametrize("option", [("--cpus", 0), ("--cpus", 124), ("--spis", 989), ("--format", "svd")])
    def test_a_machine_or_format_that_there_is_not(self, option):
        assert giclab(*option).exit_code == 2


def test_a_field_has_nothing_that_the_json_does_not_tell():
    """A new attribute of Field belongs in the document too, or a reader of it is misled. `mask` follows from `msb`."""
    told = json.loads(giclab("GICR_PENDBASER", "--format", "json").stdout)
    field = told["frames"][0]["registers"][0]["elements"][0]["fields"][0]
    from app.registers import Field

    assert set(field) == {attribute.name for attribute in dataclasses.fields(Field) if attribute.init}
