"""Short links: named after what they hold, kept for good, and only so many."""

import asyncio

import pytest

from app import limits
from app.scenario import links, parse
from app.scenario.record import record
from app.sessions import LimitReached, UnknownShortLink, shortlinks
from app.sessions.store import Store

pytestmark = pytest.mark.anyio
TEXT = "title PTZ reads as zero, “always” / on KVM\nread GICR_PENDBASER@0\n"


@pytest.fixture
async def store(database_url):
    made = Store(database_url)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def short(store):
    return shortlinks.ShortLinks(store)


def packed(text, model="1"):
    return links.pack(parse(text), record=record(parse(text), model))


async def test_a_scenario_is_found_again_under_its_slug(short):
    kept = await short.keep(parse(TEXT), packed(TEXT))
    assert kept.slug.startswith("ptz-reads-as-zero-always-")
    assert await short.get(kept.slug) == kept
    assert links.unpack(kept.payload).scenario() == parse(TEXT)
    assert await short.find(parse(TEXT)) == kept
    assert await short.find(parse("read GICD_CTLR\n")) is None


async def test_the_same_scenario_has_the_same_slug_and_what_is_kept_never_changes(short):
    first = await short.keep(parse(TEXT), packed(TEXT, "1"))
    spelled = TEXT.replace("read ", "read      ")
    assert await short.keep(parse(spelled), packed(spelled, "2")) == first
    other = TEXT.replace("@0", "@1")
    assert (await short.keep(parse(other), packed(other))).slug != first.slug
    assert (await short.get(first.slug)).payload == first.payload


async def test_at_once_from_several_sides_it_is_kept_once(short):
    kept = await asyncio.gather(*(short.keep(parse(TEXT), packed(TEXT, str(n))) for n in range(8)))
    assert len({link.slug for link in kept}) == 1
    assert {link.payload for link in kept} == {(await short.get(kept[0].slug)).payload}


async def test_a_slug_that_another_scenario_has_taken_is_passed_over(short, monkeypatch):
    others = parse("read GICD_CTLR\n")
    taken = shortlinks.slugs(parse(TEXT))
    monkeypatch.setattr(shortlinks, "slugs", lambda _: taken)
    one = await short.keep(others, packed("read GICD_CTLR\n"))
    two = await short.keep(parse(TEXT), packed(TEXT))
    assert (one.slug, two.slug) == (taken[0], taken[1])
    assert await short.keep(parse(TEXT), packed(TEXT)) == two
    assert await short.find(parse(TEXT)) == two


@pytest.mark.parametrize("slug", ["", "nope", "a" * 65, "../../etc/passwd", "ptz-reads-as-zero-aaaaaaaaaa", "É" * 10])
async def test_a_slug_that_is_none(short, slug):
    with pytest.raises(UnknownShortLink):
        await short.get(slug)


@pytest.mark.parametrize("title", ["", "日本語", "a", "x" * 200, "-- a -- b --"])
async def test_every_title_makes_a_slug_that_is_one(short, title):
    scenario = parse(f"title {title}\nread GICD_CTLR\n" if title else "read GICD_CTLR\n")
    kept = await short.keep(scenario, links.pack(scenario))
    assert shortlinks.SLUG.match(kept.slug)
    assert len(kept.slug) <= 40
    assert await short.get(kept.slug) == kept


async def test_only_so_many_and_only_so_long(short, monkeypatch):
    monkeypatch.setattr(limits, "SHORT_LINKS_PER_HOUR", 1)
    await short.keep(parse(TEXT), packed(TEXT))
    with pytest.raises(LimitReached, match="Too many new short links"):
        await short.keep(parse("read GICD_CTLR\n"), packed("read GICD_CTLR\n"))
    await short.keep(parse(TEXT), packed(TEXT))
    monkeypatch.setattr(shortlinks.time, "time", lambda: 4_000_000_000.0)
    await short.keep(parse("read GICD_CTLR\n"), packed("read GICD_CTLR\n"))
    monkeypatch.setattr(limits, "SHORT_LINK_CHARACTERS", 10)
    with pytest.raises(LimitReached, match="too long"):
        await short.keep(parse("read GICD_TYPER\n"), packed("read GICD_TYPER\n"))
    assert await short.find(parse("read GICD_TYPER\n")) is None
