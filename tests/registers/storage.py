"""A register file that knows nothing but the masks of the map: what a register is without its side effects."""

from app.registers import Register, UserView


class Storage:
    """One register of one CPU, or the word that its set and clear registers share, behind the guest's or KVM's door."""

    def __init__(self, register: Register, cpu: int = 0, door: Register | UserView | None = None) -> None:
        self.register = register
        self.door = door or register
        self.stored = register.reset_for(cpu)

    def read(self) -> int:
        return self.stored & self.door.readable

    def write(self, value: int) -> int:
        """Write, and read back."""
        kept = self.register.kept_value(self.stored & ~self.door.writable | value & self.door.writable)
        self.stored = (kept | value & self.door.sets) & ~(value & self.door.clears)
        return self.read()

    def write_halves(self, value: int) -> int:
        """The same in two 32-bit accesses, low half first."""
        self.write(self.stored & ~0xFFFF_FFFF | value & 0xFFFF_FFFF)
        return self.write(self.stored & 0xFFFF_FFFF | value & ~0xFFFF_FFFF)
