"""The register map as text."""

import json

import pytest

from app.exchange.register_map import FORMS, write_map
from app.registers import IMPLEMENTATION_NAMES, register_map


@pytest.mark.parametrize("name", IMPLEMENTATION_NAMES)
def test_the_table_names_every_register_and_how_ptz_is_accessed(name):
    text = write_map(name, 2, "table")
    for register in register_map(name).registers:
        assert f" {register} " in text
    row = next(row for row in text.splitlines() if " PTZ " in row)
    assert row.split() == ["62", "RW" if name in ("kvm-before-5.6", "qemu") else "WO", "PTZ", "=", "0x0"]


def test_json_holds_the_masks():
    document = json.loads(write_map("kvm", 2, "json"))
    registers = {item["name"]: item for frame in document["frames"] for item in frame["registers"]}
    pendbaser = registers["GICR_PENDBASER"]
    assert (pendbaser["offset"], pendbaser["width"], pendbaser["per_cpu"]) == (0x78, 64, True)
    assert not pendbaser["readable"] >> 62 & 1
    assert pendbaser["writable"] >> 62 & 1
    assert {field["name"] for field in pendbaser["fields"]} >= {"PTZ", "Physical_Address"}


@pytest.mark.parametrize("name", IMPLEMENTATION_NAMES)
def test_the_systemrdl_compiles_on_its_own(name, tmp_path):
    from systemrdl.compiler import RDLCompiler

    path = tmp_path / "map.rdl"
    path.write_text(write_map(name, 2, "rdl"))
    compiler = RDLCompiler()
    compiler.compile_file(str(path))
    top = compiler.elaborate(top_def_name=name.replace("-", "_").replace(".", "_"))
    names = {node.inst_name for node in top.descendants(unroll=True)}
    assert {"GICR_PENDBASER", "GITS_CBASER"} <= names


def test_html_escapes_and_links():
    text = write_map("qemu", 1, "html")
    assert '<h3 id="GICR_PENDBASER">' in text
    assert "&lt;" in text
    assert "<n>" not in text


def test_an_unknown_format_is_a_value_error():
    with pytest.raises(ValueError, match=", ".join(FORMS)):
        write_map("kvm", 2, "svd")
