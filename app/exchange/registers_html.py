"""The register map as a folder of HTML pages, by PeakRDL-html: an optional extra of the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.exchange.registers_rdl import SOURCES, top_name
from app.registers import RegisterMap

if TYPE_CHECKING:
    from peakrdl_html import HTMLExporter
    from systemrdl.node import RootNode

INSTALL = "pip install 'giclab[html]'"
# Our own properties that a reader of the pages wants to see; PeakRDL shows those that are set.
TOLD = [
    "cite", "absent", "user_meaning", "user", "implemented", "takes", "kept", "res0", "res1", "storage", "ones",
    "state", "sizes", "intid_bits", "first_intid", "first_index", "topology",
]  # fmt: skip


class NoExporter(Exception):
    """PeakRDL-html is not installed; the message says how to get it."""

    def __init__(self) -> None:
        super().__init__(f"--format html needs PeakRDL-html, which is not installed: {INSTALL}")


class FolderInUse(Exception):
    """The folder holds something else than an earlier export."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} is there already and is no earlier export: name another folder with --output")
        self.folder = folder


def write_html(map_: RegisterMap, folder: Path) -> Path:
    """Write the pages into `folder` and give the first one. Raises NoExporter, FolderInUse, OSError."""
    exporter = _exporter()
    if folder.exists() and not _is_ours(folder):
        raise FolderInUse(folder)
    exporter.export(_compiled(map_), str(folder), title=f"GICv3 registers of {map_.implementation}")
    return folder / "index.html"


def _is_ours(folder: Path) -> bool:
    """An empty folder, or one that an export was written into."""
    if not folder.is_dir():
        return False
    return not any(folder.iterdir()) or ((folder / "index.html").is_file() and (folder / "data").is_dir())


def _exporter() -> HTMLExporter:
    try:
        from peakrdl_html import HTMLExporter
    except ImportError:
        raise NoExporter from None
    # Source links would run git on wherever the package is installed.
    return HTMLExporter(extra_doc_properties=TOLD, generate_source_links=False)


def _compiled(map_: RegisterMap) -> RootNode:
    from systemrdl.compiler import RDLCompiler

    top = top_name(map_.implementation)
    compiler = RDLCompiler()
    compiler.compile_file(str(SOURCES / f"{top}.rdl"))
    parameters: dict[str, Any] = {"CPUS": map_.cpus, "SPIS": map_.spis, "ITS": map_.its}
    if map_.security == 2:
        parameters["TWO"] = True
    return compiler.elaborate(top_def_name=top, parameters=parameters)
