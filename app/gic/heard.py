"""What somebody who listens hears."""

from __future__ import annotations

from collections.abc import Iterable

from app.gic.effects import Effect, EffectsLeftOut


class Heard(list[Effect]):
    """Effects in order: at most `most` of them, then only how many more there were."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._left_out = 0

    @property
    def full(self) -> bool:
        return len(self) >= self._most

    def append(self, effect: Effect) -> None:
        if len(self) < self._most:
            super().append(effect)
        else:
            self._left_out += 1

    def extend(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self.append(effect)

    def result(self, effect: Effect) -> None:
        """What came of it all: told even after the most was reached."""
        super().append(effect)

    def close(self) -> None:
        if self._left_out:
            super().append(EffectsLeftOut(self._left_out))
