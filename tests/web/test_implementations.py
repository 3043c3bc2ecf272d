"""The matrix of implementations as a page: its rows, their scenarios, its filter."""

import re
from html import unescape

import pytest

from app.engines.matrix import rows
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
ADDRESS = "/implementations"


def unspaced(text):
    return "".join(text.split())


def listed(html):
    return re.findall(r'<tr id="(\w+)"', html)


async def test_every_row_is_there_with_each_implementation_and_its_source(client):
    html = await shown(client, ADDRESS)
    assert listed(html) == [row.key for row in rows()]
    told = unspaced(words(html))
    for row in rows():
        assert unspaced(row.title) in told
        for value in row.values.values():
            assert unspaced(value.meaning) in told
            assert unspaced(value.cite) in told


async def test_each_row_leads_to_a_scenario_that_shows_it(client):
    html = await shown(client, ADDRESS)
    for row in (rows()[0], rows()[30], rows()[-1]):
        part = re.search(rf'<tr id="{row.key}".*?</tr>', html, re.DOTALL)[0]
        see, side = re.findall(r'href="(/x/[^"]+)"', part)
        assert row.scenario.title in unescape(await shown(client, see))
        assert "differs in" in words(await shown(client, side))
        assert f'href="#{row.key}"' in part


async def test_an_anchor_of_each_area(client):
    html = await shown(client, ADDRESS)
    anchors = re.findall(r'<nav class="areas".*?</nav>', html, re.DOTALL)[0]
    targets = re.findall(r'href="#([\w-]+)"', anchors)
    assert len(targets) == len({row.area for row in rows()})
    assert all(f'<section id="{target}"' in html for target in targets)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=PTZ&a=kvm&b=kvm-before-5.6", {"ptz"}),
        ("a=kvm&b=kvm-before-5.6", {"ptz"}),
        ("q=sanitised+gicr_propbaser", {"gicr_propbaser_kept"}),
        ("q=vgic_its_invall", {"invall_scope"}),
        ("q=MAPTI+anything", set()),
    ],
)
async def test_the_filter(client, query, expected):
    html = await shown(client, f"{ADDRESS}?{query}")
    assert set(listed(html)) == expected
    assert ("Nothing like this." in html) is not bool(expected)


async def test_what_the_manual_leaves_open(client):
    html = await shown(client, f"{ADDRESS}?show=open")
    assert set(listed(html)) == {row.key for row in rows() if row.status}
    assert "Also allowed: the queue stalls at the command" in words(html)


async def test_a_filter_that_nobody_offers_is_left_out(client):
    everything = len(rows())
    for query in ("a=gem5&b=kvm", "show=none", "q=" + "%20" * 40):
        assert len(listed(await shown(client, f"{ADDRESS}?{query}"))) == everything
    await shown(client, f"{ADDRESS}?a={'x' * 100}", 422)


async def test_htmx_gets_the_matrix_alone(client):
    html = await shown(client, f"{ADDRESS}?q=PTZ", **{"hx-request": "true", "hx-target": "div#matrix"})
    assert "<title>PTZ · Implementations · giclab</title>" in html
    assert "<form" not in html
    assert "ptz" in listed(html)


async def test_words_looked_for_are_text_and_no_markup(client):
    html = await shown(client, f"{ADDRESS}?q=%3Cscript%3Ealert(1)")
    assert "<script>alert" not in html
