"""LANGUAGE.md names what the language has, and its example is a scenario."""

import re
from pathlib import Path

from app import scenario
from app.gic.commands import COMMANDS
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import format_scenario, parse
from app.scenario.restore_steps import ORDERS, STEP_NAMES
from app.scenario.terms import FUNCTIONS, PLAIN
from app.scenario.verbs import ACCESS_OPTIONS, VERBS

TEXT = (Path(scenario.__file__).parent / "LANGUAGE.md").read_text(encoding="utf-8")


def test_everything_a_line_may_hold_is_described():
    coded = " ".join(re.findall(r"`([^`\n]+)`", TEXT.replace("```", "")))
    words = {
        *VERBS,
        *COMMANDS,
        *FUNCTIONS,
        *PLAIN,
        *ORDERS,
        *STEP_NAMES,
        *ACCESS_OPTIONS,
        "title",
        "machine",
        "irq@CPU",
    }
    words |= {operand.name for spec in COMMANDS.values() for operand in spec.operands}
    assert not [word for word in words if word not in coded]
    assert not [name for name in IMPLEMENTATION_NAMES if name not in TEXT]
    assert all(
        f"{key}=" in TEXT
        for key in ("implementation", "cpus", "spis", "its", "ram_mib", "lpi_id_bits", "security", "on")
    )


def test_the_documented_order_is_the_order():
    listed = re.search(r"The documented order is\n\n(.*)\n", TEXT)
    assert tuple(listed[1].replace("`", "").split()) == ORDERS["documented"]


def test_the_example_is_canonical():
    example = re.search(r"```\n(.*?)```", TEXT, re.DOTALL)[1]
    assert format_scenario(parse(example)) == example
