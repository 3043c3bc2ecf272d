"""Bounds on what one access may cost in time and memory, each with the sum behind it.

Work is counted in `Machine.work`: about a microsecond each. What is counted follows from the machine's state and the
access alone, never from what happens to be remembered or from who listens: a log that is played again stops its command
queue at the same commands.
"""

from typing import Final

COMMAND_WORK: Final = 8
"""An ITS command reads at most four table entries and writes two: 3 to 8 microseconds. Each LPI, event or block of a
table that it goes through besides is 1."""

MOVE_WORK: Final = 16
"""A pending LPI that MOVI takes along is looked up and kept in order on two CPUs, among up to 57,344 on each."""

SCAN_WORK: Final = 16
"""Reading a pending table of 8 KiB that is empty, in blocks of 512 bytes."""

WORK_PER_ACCESS: Final = 500_000
"""After this much the ITS is not through its queue, as GITS_CREADR says, and goes on at the next access: about half a
second. The largest queue of plain commands (32,767 x 8 = 262,136) is run by one access, as QEMU and KVM do; of
commands that go through all LPIs (MOVALL, INVALL on KVM: 57,344 each) 9 are."""

EFFECTS_PER_STEP: Final = 2_048
"""Effects told one by one, at some 200 bytes each 400 kB; an INV tells 6, so 300 commands are told of in full."""

TOLD_LPIS: Final = 16
"""LPIs that one scan or MOVALL tells of one by one; it tells the number of all. It can meet 57,344."""
