"""What was worked out from guest RAM, and whether it still holds."""

from __future__ import annotations

from app.gic.memory import PAGE, Ram


class Looked:
    """The pages of guest RAM that something was worked out from, each with its last write at the time."""

    def __init__(self, ram: Ram) -> None:
        self._ram = ram
        self._pages: dict[int, int] = {}
        self._checked = ram.writes

    def at(self, address: int, length: int) -> None:
        """`length` bytes from `address` are read; nothing was written since this was made."""
        for page in range(address // PAGE, (address + length - 1) // PAGE + 1):
            self._pages[page] = self._ram.last_write(page)

    def stands(self) -> bool:
        """Whether nobody has written to any of the pages."""
        writes = self._ram.writes
        if writes != self._checked:
            if any(self._ram.last_write(page) != seen for page, seen in self._pages.items()):
                return False
            self._checked = writes
        return True
