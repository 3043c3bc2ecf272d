"""giclab: an interactive explorer of the Arm GICv3, its ITS and its LPIs."""

__version__ = "0.1.0"
