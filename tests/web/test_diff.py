"""Two machines compared on the page /diff and in the API: which addresses lead to one, and what is shown of both."""

import re
from html import unescape
from urllib.parse import urlencode

import anyio.to_thread
import pytest

from app import limits
from app.diff.json_ import as_dict
from app.diff.side import Origin, Sided, compared
from app.scenario import links, parse
from app.scenario.player import played
from app.web.diff_shapes import DiffAnswer
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
TEXT = """title <b>Moved</b> & back
machine implementation=kvm cpus=2
poke  0x40200003 a1
write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000
write GICR_CTLR@0 EnableLPIs=1
its   MAPC collection=1 target=0
its   MAPD device=2 itt=0x40300000 size=5
its   MAPTI device=2 event=20 intid=8195 collection=1
msi   device=2 event=20
"""
STEPS = 8
HOST = "http://giclab.test"


@pytest.fixture
async def session(client):
    """The path of a session with these steps."""
    return f"/s/{(await client.post('/api/v1/sessions', json={'scenario': TEXT})).json()['id']}"


async def told(client, a, b, status=200):
    answer = await client.get("/api/v1/diff", params={"a": a, "b": b})
    assert answer.status_code == status, answer.text
    return answer.json()


async def page(client, a, b, status=200):
    return await shown(client, f"/diff?{urlencode({'a': a, 'b': b})}", status)


# -- what an address leads to


async def test_the_answer_is_that_of_the_comparison_and_as_it_is_described(client, session):
    answer = await told(client, f"{session}?step=7", session)
    sides = []
    for step in (STEPS - 1, STEPS):
        text = "".join(TEXT.splitlines(keepends=True)[: 2 + step])
        origin = Origin(f"{session}?step={step}", "kvm", 2, step, STEPS)
        sides.append(Sided(origin, played(parse(text)).machine))
    assert answer == as_dict(compared(*sides, limits.DIFFERENCES_TOLD))
    assert [row["intid"] for row in answer["lpis"]["rows"]] == [8195]
    DiffAnswer.model_validate(answer)


async def test_sessions_and_links_are_found_by_path_and_by_whole_address(client, session):
    payload = links.pack(parse(TEXT), step=5)
    short = (await client.post("/api/v1/links", json={"scenario": TEXT, "short": True})).json()["short"]
    same = [
        session,
        session[1:],
        f"{HOST}{session}",
        f"giclab.test{session}",
        f" {session}/ ",
        short,
        f"{session}/compare",
    ]
    for address in same:
        answer = await told(client, session, address)
        assert (answer["same"], answer["b"]["step"]) == (True, STEPS), address
    assert (await told(client, f"/x/{payload}", f"{session}?step=5"))["same"]
    assert (await told(client, f"/x/{payload}?step=8", session))["same"]


async def test_a_step_counts_from_the_first_or_back_from_the_newest(client, session):
    assert (await told(client, f"{session}?step=3", f"{session}?step=-5"))["same"]
    assert (await told(client, f"{session}?step=0", f"{session}?step=-99"))["same"]
    assert (await told(client, f"{session}?step=-1", session))["a"]["step"] == STEPS - 1
    assert (await told(client, f"/x/{links.pack(parse(TEXT))}?step=-1", session))["a"]["step"] == STEPS - 1


async def test_the_same_steps_elsewhere_are_compared(client, session):
    answer = await told(client, session, f"{session}?on=kvm-before-5.6&step=8")
    [change] = answer["machine"]
    assert (change["name"], change["a"], change["b"]) == ("implementation", "kvm", "kvm-before-5.6")
    [row] = answer["registers"]["rows"]
    assert (row["register"], row["fields"][0]["name"]) == ("GICR_PENDBASER@0", "PTZ")
    assert (await told(client, f"{session}?on=qemu", f"/x/{links.pack(parse(TEXT))}?on=qemu"))["same"]


async def test_a_comparison_leaves_a_session_as_it_is(app, client, session):
    before = (await client.get(f"/api/v1/sessions/{session[3:]}/state")).text
    await told(client, f"{session}?step=2", session)
    assert (await client.get(f"/api/v1/sessions/{session[3:]}/state")).text == before
    assert await app.state.sessions._store.count() == 1


async def test_a_machine_that_was_compared_is_not_the_sessions_own(app, client, session):
    from app.web.addresses import copy_of

    opened = await app.state.sessions.open(session[3:])
    machine = await opened.machine()
    copied = copy_of(machine, opened.spec)
    copied.memory.write(0x4020_0003, b"\0")
    copied.write(0x0800_0104, 0x100, 4)
    assert machine.memory.read(0x4020_0003, 1) == b"\xa1"
    assert machine.peek("GICD_ISENABLER1") != copied.peek("GICD_ISENABLER1")


# -- what leads nowhere


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.example/s/ID", "//elsewhere.example/s/ID", "http://giclab.test.elsewhere.example/s/ID",
     "http://giclab.test@elsewhere.example/s/ID", "http://169.254.169.254/s/ID"],
)  # fmt: skip
async def test_an_address_of_another_site_is_refused_and_nothing_is_fetched(client, session, monkeypatch, address):
    import socket

    def nothing(*_):
        raise AssertionError("somebody asked for an address")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    address = address.replace("/s/ID", session)
    problem = await told(client, session, address, 422)
    assert problem["type"] == "/docs#problem-bad-address"
    assert "another site" in problem["detail"]
    html = await page(client, session, address, 422)
    assert "another site" in words(html)
    assert f'value="{unescape(session)}"' in html, "what was typed is kept"


@pytest.mark.parametrize(
    ("address", "status", "kind", "says"),
    [
        ("/s/nothing", 404, "unknown-session", "no session 'nothing'"),
        ("/l/nothing", 404, "unknown-link", "no short link 'nothing'"),
        ("/x/AAAA", 400, "bad-link", "cut off"),
        (f"/x/{links.pack('machine implementation=vax')}", 422, "scenario-error", "vax"),
        ("/registers/GICD_CTLR", 422, "bad-address", "names no session and no link"),
        ("/s/", 422, "bad-address", "names no session"),
        ("javascript:alert(1)", 422, "bad-address", "no address of a page"),
        ("file:///etc/passwd", 422, "bad-address", "no address of a page"),
        ("http://[::1/s/x", 422, "bad-address", "is no address"),
        ("SESSION?step=9", 404, "unknown-step", "no step 9"),
        ("SESSION?step=two", 422, "bad-address", "'two'"),
        ("SESSION?on=vax", 422, "invalid-request", "no implementation 'vax'"),
        ("<script>alert(1)</script>", 422, "bad-address", "names no session"),
        ("x" * 5000, 422, "bad-address", "names no session"),
    ],
)
async def test_what_leads_to_no_machine_is_told_by_which_it_is(client, session, address, status, kind, says):
    address = address.replace("SESSION", session)
    for place in ("a", "b"):
        two = {"a": session, "b": session, place: address}
        problem = await told(client, two["a"], two["b"], status)
        assert (problem["type"], says in problem["detail"]) == (f"/docs#problem-{kind}", True), problem
        assert problem["errors"][0]["pointer"] == f"query {place}"
        html = await page(client, two["a"], two["b"], status)
        assert f'id="err-{place}"' in html
        assert f'id="err-{"b" if place == "a" else "a"}"' not in html
        assert says in words(html)
        assert "<script>alert" not in html


async def test_both_are_told_of_where_both_are_wrong(client):
    html = await page(client, "/s/one", "/l/two", 404)
    assert "no session 'one'" in words(html)
    assert "no short link 'two'" in words(html)


async def test_the_api_needs_both(client, session):
    answer = await client.get("/api/v1/diff", params={"a": session})
    assert (answer.status_code, answer.json()["type"]) == (422, "/docs#problem-invalid-request")


# -- the page


async def test_without_addresses_there_is_a_form_that_says_what_may_stand_there(client, session):
    html = await shown(client, "/diff")
    assert re.search(r'<form[^>]* method="post" action="/diff"', html)
    assert '<label for="in-a">' in html
    assert '<label for="in-b">' in html
    assert "A session as it is now" in words(html)
    assert f'name="a" value="{session}"' in await shown(client, f"/diff?a={session}")


async def test_registers_are_a_table_of_old_and_new_values(client, session):
    html = await page(client, f"{session}?step=2", f"{session}?step=3")
    table = html.partition('<section id="registers"')[2].partition("</section>")[0]
    assert f'href="{session}?step=3&amp;register=GICR_PENDBASER@0"' in table
    assert words(table).startswith("aria-labelledby") or "Registers 1" in words(f"<p {table}")
    assert "PTZ no read shows it A 0 (No) B 1 (Yes)" in words(f"<p {table}")
    assert "Physical_Address A 0x0 B 0x40210000" in words(f"<p {table}")
    assert "A step 2 of 8 B step 3 of 8" in words(f"<p {table}")


async def test_every_kind_of_difference_is_shown_and_leads_to_the_explorer(client, session):
    html = await page(client, f"{session}?step=0", session)
    told = words(html)
    assert "INTID 8195 state A not mapped B " in told
    assert "DeviceID 0x2 EventID 0x14 INTID A none B 8195" in told
    assert "0x40200003 1 byte the configuration table A 00 B a1" in told
    assert "ITS translation cache A none B DeviceID 0x2 EventID 0x14: INTID 8195" in told
    hrefs = {unescape(each) for each in re.findall(r'href="([^"]+)"', html)}
    here = f"{session}?step=8"
    assert {f"{here}&from=8195", f"{here}&tab=memory&address=0x40200003", f"{here}&tab=collections&icid=1"} <= hrefs
    assert f"{here}&tab=devices&device=0x2&devices=0x2&event=0x14" in hrefs
    for href in hrefs:
        if href.startswith("/s/"):
            assert (await client.get(href)).status_code == 200, href


async def test_titles_are_text_and_both_sides_lead_to_their_step(client, session):
    html = await page(client, f"{session}?step=-3", f"{session}?on=qemu")
    assert "<b>Moved</b>" not in html
    assert "&lt;b&gt;Moved&lt;/b&gt; &amp; back" in html
    assert f'href="{session}?step=5"' in html
    assert f'href="{session}?step=8&amp;on=qemu"' in html
    swap = unescape(re.search(r'href="(/diff[^"]+)">Swap', html)[1])
    turned = words(await shown(client, swap))
    assert "step 8 of 8, on qemu" in turned.partition("B ")[0]


async def test_two_that_are_alike_are_said_to_be(client, session):
    told = words(await page(client, session, session))
    assert "Nothing differs" in told
    assert "Registers 1" not in told


async def test_registers_that_only_one_has_are_listed(client, session):
    told = words(await page(client, session, "/x/" + links.pack(parse("machine implementation=kvm cpus=1\n"))))
    assert re.search(r"A all registers of CPU 1 \(\d+\)", told)
    assert "CPUs A 2 B 1" in told


async def test_the_rest_is_counted(client, monkeypatch):
    monkeypatch.setattr(limits, "DIFFERENCES_TOLD", 2)
    one, other = (
        f"/x/{links.pack(parse(f'machine cpus=1{chr(10)}{lines}'))}"
        for lines in ("", "".join(f"poke {0x4800_0000 + 64 * n:#x} 01\n" for n in range(5)))
    )
    html = await page(client, one, other)
    assert "RAM 5" in words(html)
    assert "and 3 more, which are not listed" in words(html)
    assert (await told(client, one, other))["memory"]["left_out"] == 3


async def test_the_explorer_leads_to_what_a_step_changed(client, session):
    for query, changed in (("", "8"), ("?step=3", "3"), ("?step=5&on=qemu", "5")):
        html = await shown(client, f"{session}{query}")
        address = unescape(re.search(r'href="(/diff[^"]+)"', html)[1])
        assert f"step {changed} of 8" in words(await shown(client, address))
    first = await shown(client, f"{session}?step=0")
    assert "Nothing differs" in words(await shown(client, unescape(re.search(r'href="(/diff[^"]+)"', first)[1])))
    link = await shown(client, f"/x/{links.pack(parse(TEXT))}")
    assert "step 7 of 8" in words(await shown(client, unescape(re.search(r'href="(/diff[^"]+)"', link)[1])))


async def test_the_comparison_of_implementations_leads_on_to_the_form(client, session):
    html = await shown(client, f"{session}/compare?step=3")
    address = unescape(re.search(r'href="(/diff[^"]+)"', html)[1])
    assert f'value="{session}?step=3"' in await shown(client, address)


@pytest.mark.parametrize(
    ("query", "shown_as"), [("", ""), ("?step=3", "?step=3"), ("?step=3&on=qemu", "?step=3&on=qemu")]
)
async def test_the_explorer_leads_to_the_form_with_its_machine_in_it(client, session, query, shown_as):
    html = await shown(client, f"{session}{query}")
    form = await shown(client, unescape(re.search(r'href="(/diff[^"]+)"[^>]*>Compare with', html)[1]))
    assert f'name="a" value="{session}{shown_as}"' in unescape(form)


async def test_sharing_leads_to_the_form_with_the_step_on_view(client, session):
    link = f"/x/{links.pack(parse(TEXT))}"
    short = (await client.post("/api/v1/links", json={"scenario": TEXT, "short": True})).json()["short"]
    for base in (session, link, short.removeprefix(HOST)):
        for query, asked in (("", f"?step={STEPS}"), ("?step=3", "?step=3"), ("?step=3&on=qemu", "?step=3&on=qemu")):
            html = await shown(client, f"{base}/share{query}")
            form = await shown(client, unescape(re.search(r'href="(/diff[^"]+)"', html)[1]))
            assert f'name="a" value="{base}{asked}"' in unescape(form)


# -- bounds


async def test_the_work_is_done_beside_the_event_loop(client, session, monkeypatch):
    asked = []
    run_sync = anyio.to_thread.run_sync

    async def noted(work, *arguments, **options):
        asked.append(getattr(work, "func", work))
        return await run_sync(work, *arguments, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", noted)
    await told(client, session, session)
    assert compared in asked


async def test_the_work_counts_against_the_request_and_its_address(client, session, monkeypatch):
    monkeypatch.setattr(limits, "WORK_PER_REQUEST", 0)
    problem = await told(client, session, session, 422)
    assert (problem["type"], problem["limit"]) == ("/docs#problem-limit-reached", "WORK_PER_REQUEST")
    assert (await client.get(f"/diff?a={session}&b={session}")).status_code == 422
