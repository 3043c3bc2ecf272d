"""The register map of GICv3 and ITS: every register and field, per implementation, from the SystemRDL in `rdl/`."""

from app.registers.map import (
    IMPLEMENTATION_NAMES,
    MAX_CPUS,
    MAX_SPIS,
    TWO_STATE_IMPLEMENTATIONS,
    Place,
    RegisterMap,
    UnknownName,
    register_map,
)
from app.registers.view import Access, Enumeration, Field, Frame, Register, UnknownField, UserView

__all__ = [
    "IMPLEMENTATION_NAMES",
    "MAX_CPUS",
    "MAX_SPIS",
    "TWO_STATE_IMPLEMENTATIONS",
    "Access",
    "Enumeration",
    "Field",
    "Frame",
    "Place",
    "Register",
    "RegisterMap",
    "UnknownField",
    "UnknownName",
    "UserView",
    "register_map",
]
