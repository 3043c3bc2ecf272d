"""`python -m bench.differential [--count N] [--seed S] [--shape NAME]`: random scenarios on our `qemu` and a real one.

The first difference is shrunk and printed in the scenario language, for `giclab diff FILE --on qemu --on qemu:live`.
Ends with 0 when there is none, 1 when there is one, 2 when there is no QEMU.
"""

from __future__ import annotations

import argparse
import sys
import time

from app.engines.qtest import QemuError
from app.scenario.scenario import Scenario
from bench.differential.draws import SHAPES
from bench.differential.find import found_in, written
from bench.differential.generator import generate
from bench.differential.pair import Pair

EVERY = 100  # scenarios between two words on how far it is


def main(arguments: list[str]) -> int:
    asked = _asked(arguments)
    started = time.monotonic()
    operations = 0
    try:
        with Pair() as pair:
            for number in range(asked.count):
                scenario = generate(asked.seed + number, asked.shape)
                operations += len(scenario.operations)
                if pair.difference(scenario.machine, scenario.operations) is not None:
                    _report(pair, scenario)
                    return 1
                if (number + 1) % EVERY == 0:
                    print(f"{number + 1} of {asked.count}: no difference", flush=True)
    except QemuError as error:
        print(error, file=sys.stderr)
        return 2
    seconds = time.monotonic() - started
    seeds = f"seeds {asked.seed} to {asked.seed + asked.count - 1}"
    print(f"no difference in {asked.count} scenarios ({seeds}), {operations} operations, {seconds:.0f} s")
    return 0


def _report(pair: Pair, scenario: Scenario) -> None:
    print(f"{scenario.title}: a difference; looking for the shortest scenario that shows one", flush=True)
    print(written(found_in(pair, scenario)))


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.differential", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="scenarios to play")
    parser.add_argument("--seed", type=int, default=1, help="of the first one; the others count up from it")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="", help="what they are about (drawn unless given)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
