"""GICs to play a scenario on: ours, a real QEMU, and what real ones answered when they were recorded."""
