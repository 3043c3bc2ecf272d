"""Random scenarios on our model of QEMU and on a real one, and the shortest that shows a difference."""
