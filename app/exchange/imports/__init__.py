"""What engineers already have, read into a machine: logs, register dumps and memory images, one module per format."""
