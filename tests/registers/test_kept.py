"""What is kept of machines of many shapes stays within a weight, whatever shapes a stranger chooses."""

import pytest

from app.gic import Machine
from app.registers import map as maps
from app.registers import register_map
from app.registers.families import families
from app.registers.kept import MAP_BYTES_KEPT, Kept


def test_the_last_used_are_kept_up_to_their_weight():
    made = []
    kept = Kept(10, len)

    def get(key):
        return kept.get(key, lambda: made.append(key) or key * 4)

    assert [get(key) for key in "abac"] == ["aaaa", "bbbb", "aaaa", "cccc"]
    assert made == ["a", "b", "c"]
    assert kept.weight == 8
    assert [kept.has(key) for key in "abc"] == [True, False, True]
    assert get("b") == "bbbb"
    assert made == ["a", "b", "c", "b"]


def test_one_that_is_too_heavy_is_kept_until_the_next():
    kept = Kept(10, len)
    assert kept.get("a", lambda: "a" * 40) == "a" * 40
    assert kept.has("a")
    kept.get("b", lambda: "b")
    assert not kept.has("a")


def test_an_error_is_not_kept():
    kept = Kept(10, len)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 / 0)
    assert kept.get("a", lambda: "a") == "a"


def test_maps_of_many_machines_are_bounded_by_what_they_weigh(monkeypatch):
    monkeypatch.setattr(maps, "_KEPT", Kept(3 * register_map("kvm", 32, 988).weight, lambda chart: chart.weight))
    for cpus in range(27, 33):
        Machine("kvm", cpus=cpus, spis=988)
    assert register_map("kvm", 32, 988).is_kept
    assert len(maps._KEPT._values) == 3
    assert maps._KEPT.weight <= 3 * register_map("kvm", 32, 988).weight


def test_the_largest_machine_is_a_small_part_of_what_is_kept():
    assert 10 * register_map("kvm", 32, 988).weight < MAP_BYTES_KEPT


def test_what_follows_from_a_map_goes_with_it():
    chart = register_map("kvm", 2, 64)
    assert families(chart) is families(chart)
    assert Machine("kvm").layout is Machine("kvm").layout
    assert Machine("kvm").layout.map is chart
