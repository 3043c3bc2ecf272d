"""Guest RAM: sparse, zero until written, bounded, cheap to snapshot; and anybody's memory object in its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gic import GuestMemory, Memory
from app.gic.memory import PAGE, RAM_BASE, ForeignMemory

SMALL = 1  # MiB
END = RAM_BASE + SMALL * 2**20
inside = st.integers(0, 4 * PAGE)
chunks = st.binary(min_size=0, max_size=3 * PAGE)


def test_ram_starts_at_1_gib_and_is_zero():
    memory = GuestMemory(512)
    assert memory.base == RAM_BASE == 0x4000_0000
    assert memory.end == 0x6000_0000
    assert memory.read(0x5FFF_FFF0, 16) == bytes(16)
    assert memory.written_pages() == []


def test_only_written_pages_cost_anything():
    memory = GuestMemory(512)
    memory.write(RAM_BASE + 5 * PAGE - 1, b"\x01\x02")
    assert memory.written_pages() == [RAM_BASE + 4 * PAGE, RAM_BASE + 5 * PAGE]


@pytest.mark.parametrize(
    ("address", "length"),
    [
        (RAM_BASE - 1, 1),
        (RAM_BASE - 1, 2),
        (END, 1),
        (END - 1, 2),
        (0, 1),
        (-1, 1),
        (1 << 64, 1),
        (END - PAGE, PAGE + 1),
    ],
)
def test_outside_there_is_no_ram(address, length):
    memory = GuestMemory(SMALL)
    memory.write(END - 1, b"\x07")
    with pytest.raises(IndexError, match="no RAM at"):
        memory.read(address, length)
    with pytest.raises(IndexError):
        memory.write(address, b"\xff" * length)
    assert memory.read(END - 1, 1) == b"\x07", "a write that does not fit writes nothing"
    for look in (memory.u8, memory.u64):
        with pytest.raises(IndexError):
            look(address if length == 1 else END - 4 if look == memory.u64 else END)
    with pytest.raises(IndexError):
        memory.put_bit(END, 0, True)


def test_a_negative_length_is_no_read():
    memory = GuestMemory(SMALL)
    memory.write(RAM_BASE, b"\x01")
    for address in (RAM_BASE, RAM_BASE + 8 * PAGE):
        with pytest.raises(IndexError):
            memory.read(address, -1)


@pytest.mark.parametrize("mib", [0, -1])
def test_a_size_that_cannot_be(mib):
    with pytest.raises(ValueError, match="ram_mib"):
        GuestMemory(mib)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(inside, chunks), max_size=8), inside, st.integers(0, 3 * PAGE))
def test_it_reads_what_was_written(writes, start, length):
    memory, plain = GuestMemory(SMALL), bytearray(8 * PAGE)
    for at, data in writes:
        memory.write(RAM_BASE + at, data)
        plain[at : at + len(data)] = data
    assert memory.read(RAM_BASE + start, length) == bytes(plain[start : start + length])
    assert memory.u8(RAM_BASE + start) == plain[start]
    assert memory.u64(RAM_BASE + start) == int.from_bytes(plain[start : start + 8], "little")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.tuples(inside, st.binary(max_size=PAGE)), st.sampled_from(["snapshot", "restore"])), max_size=16
    )
)
def test_snapshots_are_exact_and_independent(steps):
    memory, plain = GuestMemory(SMALL), bytearray(8 * PAGE)
    kept = [(memory.snapshot(), bytes(plain))]
    for step in steps:
        if step == "snapshot":
            kept.append((memory.snapshot(), bytes(plain)))
        elif step == "restore":
            state, held = kept[len(kept) // 2]
            memory.restore(state)
            plain[:] = held
        else:
            memory.write(RAM_BASE + step[0], step[1])
            plain[step[0] : step[0] + len(step[1])] = step[1]
        assert memory.read(RAM_BASE, len(plain)) == bytes(plain)
    for state, held in kept:
        memory.restore(state)
        assert memory.read(RAM_BASE, len(plain)) == held


def test_a_page_written_after_a_snapshot_is_a_copy():
    memory = GuestMemory(SMALL)
    memory.write(RAM_BASE, b"\x01")
    state = memory.snapshot()
    memory.put_bit(RAM_BASE, 0, False)
    memory.put_bit(RAM_BASE, 3, True)
    assert memory.u8(RAM_BASE) == 8
    memory.restore(state)
    assert memory.u8(RAM_BASE) == 1
    memory.put_bit(RAM_BASE, 2, True)
    memory.restore(state)
    assert memory.u8(RAM_BASE) == 1


def test_writes_are_counted():
    memory = GuestMemory(SMALL)
    seen = {memory.writes}
    for action in (
        lambda: memory.write(RAM_BASE, b"\x01"),
        lambda: memory.put_bit(RAM_BASE, 1, True),
        lambda: memory.restore(memory.snapshot()),
    ):
        action()
        assert memory.writes not in seen
        seen.add(memory.writes)
    memory.read(RAM_BASE, 8)
    assert memory.writes in seen


class Bytes:
    """256 bytes at 0x1000, of somebody's own making."""

    def __init__(self):
        self.data = bytearray(256)

    def read(self, address, length):
        if not 0x1000 <= address <= 0x1100 - length:
            raise IndexError
        return bytes(self.data[address - 0x1000 : address - 0x1000 + length])

    def write(self, address, data):
        if not 0x1000 <= address <= 0x1100 - len(data):
            raise IndexError
        self.data[address - 0x1000 : address - 0x1000 + len(data)] = data


def test_somebody_elses_memory():
    theirs = Bytes()
    assert isinstance(theirs, Memory)
    ours = ForeignMemory(theirs)
    for bit in range(3):
        assert ours.put_bit(0x1001, bit, True) is not None
    assert ours.put_bit(0x1001, 2, True) is None
    assert (ours.u8(0x1001), ours.u64(0x1000), theirs.data[1]) == (7, 0x0700, 7)
    theirs.data[0] = 1
    assert ours.read(0x1000, 2) == b"\x01\x07"
    assert ours.writes != ours.writes, "nobody can say that nothing was written"
    for address in (0xFFF, 0x1100):
        with pytest.raises(IndexError):
            ours.u8(address)
    with pytest.raises(IndexError):
        ours.u64(0x10F9)
