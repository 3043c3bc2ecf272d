"""What a machine tells of what happens inside, while somebody listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.gic import effects
from app.gic.behaviours import Behaviour
from app.gic.bounds import EFFECTS_PER_STEP
from app.gic.cpu_interface import CpuInterface
from app.gic.effects import Effect
from app.gic.heard import Heard
from app.gic.implementations import Implementation


class Telling:
    """The part of a Machine that tells."""

    impl: Implementation
    cpu_interfaces: list[CpuInterface]

    def __init__(self, cpus: int) -> None:
        self.cpus = cpus
        self.sink: Heard | None = None
        self.notes_choices = False  # also where nobody listens
        self.choices: dict[effects.Choice, None] = {}  # noted since somebody last looked here and cleared it
        self._told: list[tuple[int, int] | None] = [None] * cpus
        self._choices: dict[Behaviour, effects.Choice] = {}

    def tell(self, effect: Effect) -> None:
        if self.sink is not None:
            self.sink.append(effect)

    @property
    def watched(self) -> bool:
        """Whether it is worth the time to find out that something is left open by the manual."""
        return self.notes_choices or self.sink is not None

    def chose(self, behaviour: Behaviour) -> None:
        """Something happened that the manual leaves open, and `behaviour` decided it: tell what was taken."""
        if not behaviour.status or not self.watched:
            return
        choice = self._choices.get(behaviour)
        if choice is None:
            choice = self._choices[behaviour] = self._choice(behaviour)
        self.choices[choice] = None
        self.tell(choice)

    def _choice(self, behaviour: Behaviour) -> effects.Choice:
        rule = f"{behaviour.title()} ({behaviour.status})"
        name = next(name for name, value in self.impl.behaviours().items() if value is behaviour)
        return effects.Choice(rule, behaviour.meaning, behaviour.allowed, behaviour.cite, name)

    @contextmanager
    def listen(self) -> Iterator[list[Effect]]:
        """The effects of what happens inside the block, in order."""
        outer = self.sink
        heard = Heard(EFFECTS_PER_STEP)
        self.sink = heard
        self._told = [self._signalled(cpu) for cpu in range(self.cpus)]
        try:
            yield heard
        finally:
            self.sink = outer
            heard.close()
            if outer is not None:
                outer.extend(heard)

    def _signalled(self, cpu: int) -> tuple[int, int] | None:
        found = self.cpu_interfaces[cpu].signalled()
        return None if found is None else (found.intid, found.priority)

    def settle(self) -> None:
        """At the end of an operation: tell which CPU interface signals something else now."""
        if self.sink is None:
            return
        for cpu in range(self.cpus):
            now = self._signalled(cpu)
            if now != self._told[cpu]:
                self._told[cpu] = now
                self.sink.result(effects.Signalled(cpu, *now) if now else effects.Signalled(cpu, None))
