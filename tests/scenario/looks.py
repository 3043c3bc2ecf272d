"""All of a machine that can be seen from outside, comparable by content."""


def look(machine):
    """Registers, RAM, LPIs, tables, queue and what each CPU would take."""
    snapshot = machine.snapshot()
    return (
        snapshot.values,
        {number: bytes(page) for number, page in snapshot.memory.items() if any(page)},
        machine.lpis(),
        machine.devices(),
        machine.collections(),
        machine.queue(),
        [machine.irq(cpu) for cpu in range(machine.cpus)],
        [machine.peek("ICC_HPPIR1_EL1", cpu) for cpu in range(machine.cpus)],
    )
