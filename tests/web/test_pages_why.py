"""The section that answers why an interrupt is (not) signalled, and what others than the guest read of a register."""

import re
from html import unescape

import pytest

from app.registers import register_map
from tests.web.pending import LINES, session

pytestmark = pytest.mark.anyio
HX = {"HX-Request": "true", "HX-Target": "section#why"}


@pytest.fixture
def kvm_map():
    return register_map("kvm")


@pytest.fixture
async def path(client):
    return await session(client, LINES.format(name="kvm"))


def section(html):
    return re.search(r'<section class="why" id="why".*?</section>', html, re.DOTALL)[0]


def text_of(html):
    html = re.sub(r'<code class="hex">(.*?)</code>', lambda match: re.sub(r"<[^>]+>", "", match[1]), html)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def marks(html):
    """(class, words) of each condition."""
    found = re.findall(r'<li class="((?:ok|no)(?: here)?)">(.*?)</li>', section(html), re.DOTALL)
    return [(css, text_of(inner)) for css, inner in found]


async def test_nothing_is_answered_that_was_not_asked(client, path):
    html = (await client.get(path)).text
    assert "hidden" in section(html).split(">")[0]
    assert marks(html) == []
    assert "data-refresh" not in section(html)


async def test_a_row_s_state_asks_why_and_is_a_plain_link(client, path):
    html = (await client.get(path)).text
    row = re.search(r'<tr[^>]* id="lpi-8195">.*?</tr>', html, re.DOTALL)[0]
    [href] = re.findall(r'<a class="st st--masked" href="([^"]+)"', row)
    answer = await client.get(unescape(href))
    assert answer.status_code == 200
    assert 'id="inspector"' in answer.text
    assert "INTID 8195 is not signalled" in text_of(section(answer.text))
    assert "after step 8" in text_of(section(answer.text))


@pytest.mark.parametrize("name", ["architecture", "kvm", "kvm-before-5.6", "qemu"])
async def test_each_condition_has_its_mark_and_the_first_broken_one_its_mend(client, name):
    html = (await client.get(await session(client, LINES.format(name=name)) + "?why=8195")).text
    found = marks(html)
    first = next(number for number, (css, _) in enumerate(found) if css != "ok")
    assert [css for css, _ in found].count("no here") == 1
    assert found[first][0] == "no here"
    assert "configuration byte its configuration byte says disabled" in found[first][1]
    assert "To mend it Set bit 0 of the byte at 0x40200003 , then issue INV." in found[first][1]
    assert "IHI 0069, LPI Configuration tables" in found[first][1]
    assert all(words.startswith("holds: ") for css, words in found if css == "ok")
    assert all(words.startswith("does not hold: ") for css, words in found if css != "ok")
    assert sum("To mend it" in words for _, words in found) == 1


async def test_it_is_answered_for_the_step_on_view_and_the_implementation_asked_for(client, path):
    before = (await client.get(f"{path}?why=8195&step=6")).text
    assert "after step 6" in text_of(section(before))
    assert marks(before)[[css for css, _ in marks(before)].index("no here")][1].startswith("does not hold: ITS mapping")
    other = (await client.get(f"{path}?why=8195&on=qemu")).text
    assert any("GICR_WAKER@0" in words for _, words in marks(other))
    assert not any("GICR_WAKER@0" in words for _, words in marks(before))


async def test_a_link_and_a_lesson_answer_too(client, path):
    share = await client.get(f"{path}/share")
    address = re.search(r"/x/[A-Za-z0-9_-]+", share.text)[0]
    html = (await client.get(f"{address}?why=8195")).text
    assert "INTID 8195 is not signalled" in text_of(section(html))


async def test_only_the_section_is_sent_where_it_is_asked_for(client, path):
    answer = await client.get(f"{path}?why=8195", headers=HX)
    assert answer.text.strip().startswith('<section class="why" id="why"')
    assert answer.text.strip().endswith("</section>")
    assert answer.text.count("<section") == 1
    again = unescape(re.search(r'data-refresh="([^"]+)"', answer.text)[1])
    assert again == f"{path}?why=8195"
    closed = await client.get(path, headers=HX)
    assert "hidden" in closed.text


async def test_what_is_asked_stays_in_the_links_of_the_page_until_it_is_closed(client, path):
    html = (await client.get(f"{path}?why=8195&register=GICD_CTLR")).text
    steps = re.findall(r'<li class="step [^"]*"><a href="([^"]+)"', html)
    assert steps
    assert all("why=8195" in href for href in steps)
    assert '<input type="hidden" name="why" id="view-why" value="8195">' in html
    close = unescape(re.search(r'<a class="push close" href="([^"]+)"', html)[1])
    assert close == f"{path}?register=GICD_CTLR"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("1023", "INTID 1023 is no interrupt here: 0 to 95, or LPIs 8192 to 65535."),
        ("x", "x is no INTID"),
        ("<b>", "<b> is no INTID"),
        ("8195@7", "no CPU 7: 0 to 1."),
        ("99999999999999999999", "is no interrupt here"),
        ("3", "INTID 3 exists once per CPU: say which CPU."),
        ("3@9", "no CPU 9: 0 to 1."),
    ],
)
async def test_a_question_that_cannot_be_answered_says_why(client, path, asked, said):
    answer = await client.get(path, params={"why": asked})
    assert answer.status_code == 200
    assert said in text_of(section(answer.text))
    assert 'role="alert"' in section(answer.text)
    offered = re.findall(r'<a href="[^"]*why=([^"&#]+)#why"', section(answer.text))
    assert offered == (["3@0", "3@1"] if asked.startswith("3") else [])


async def test_an_sgi_is_asked_for_on_one_cpu(client, path):
    html = (await client.get(f"{path}?why=3@1")).text
    assert "GICR_ISPENDR0@1" in marks(html)[0][1]
    assert "CPU1" in text_of(section(html))


@pytest.mark.parametrize(
    ("find", "asks"),
    [("40", ["40"]), ("8195", ["8195"]), ("3", ["3@0", "3@1"]), ("1023", []), ("96", []), ("PENDBASER", [])],
)
async def test_the_search_offers_the_question(client, path, find, asks):
    html = (await client.get(f"{path}?find={find}")).text
    found = re.search(r'<div id="found">.*?</div>', html, re.DOTALL)[0]
    assert re.findall(r'href="[^"]*why=([^"&#]+)#why"', found) == asks


def doors(html):
    """Who reads what, a row for each."""
    table = re.search(r'<table class="doors"><caption class="vh">Who reads .*?</table>', html, re.DOTALL)
    return [] if table is None else [text_of(row) for row in re.findall(r"<tr>.*?</tr>", table[0], re.DOTALL)]


@pytest.mark.parametrize("name", ["kvm", "kvm-before-5.6"])
async def test_the_inspector_shows_what_the_vmm_reads(client, name):
    path = await session(
        client,
        f"machine implementation={name}\nwrite GICR_ICFGR1@0 0\nirq 23@0 level=1\nread GICR_ISPENDR0@0\n",
    )
    html = (await client.get(f"{path}?register=GICR_ISPENDR0@0")).text
    guest, user = doors(html)
    assert 'data-value="0x00800000"' in html
    assert guest == "A guest reads 0x00800000"
    assert user.startswith("Userspace reads redist + 0x10200 0x00000000 ≠ Reads the latch")
    assert "<mark>0</mark>" in re.search(r'<table class="doors">.*?</table>', html, re.DOTALL)[0]
    alike = (await client.get(f"{path}?register=GICR_ISENABLER0@1")).text
    assert doors(alike) == ["A guest and userspace read redist + 0x10100 0x0000ffff"]


async def test_every_register_with_another_door_shows_it(client, kvm_map):
    path = await session(client, "machine implementation=kvm\nnote a\n")
    for register in kvm_map.registers.values():
        if register.user is None or register.reference:
            continue
        name = f"{register.name}@1" if register.per_cpu else register.name
        guest, door = doors(
            (await client.get(f"{path}?register={name}", headers={**HX, "HX-Target": "section#inspector"})).text
        )
        assert guest.startswith("A guest reads 0x"), name
        assert door.startswith("Userspace "), name
        assert register.user.meaning in door
        assert door.startswith(("Userspace reads", "Userspace is refused"))
        assert ("≠" in door) != ("The same now." in door)


async def test_implementations_without_a_vmm_have_no_such_door(client):
    path = await session(client, "machine implementation=qemu\nread GICD_IIDR\n")
    assert doors((await client.get(f"{path}?register=GICD_IIDR")).text) == []


@pytest.mark.parametrize("name", ["GICM_TYPER", "GITS_SGIR", "ICH_LR3_EL2", "GICR_VPENDBASER_4_1"])
async def test_a_register_that_no_machine_has_is_shown_with_the_reason(client, name):
    path = await session(client, "machine implementation=kvm\nread GICD_CTLR\n")
    html = (await client.get(f"{path}?register={name}")).text
    assert "no implementation here has it" in html or "have no EL2" in html
    assert f'href="/registers/{name}?on=kvm"' in html
    register = (
        await client.get(
            f"/api/v1/sessions/{path.removeprefix('/s/')}/registers/{name + '@0' * name.startswith('ICH')}"
        )
    ).json()
    assert (register["present"], register["address"], register["value"]) == (False, None, 0)


async def test_the_register_of_one_interrupt_names_its_fields(client):
    path = await session(client, "machine implementation=qemu\nread GICD_IROUTER40\n")
    html = (await client.get(f"{path}?register=GICD_IROUTER40")).text
    labels = re.findall(r'fld__name" aria-hidden="true">(?:<span>)?(\w+)', html)
    assert [each for each in labels if each != "RES0"] == ["Aff3", "IRM", "Aff2", "Aff1", "Aff0"]
    assert "INTID 40" in html


async def test_two_security_states_show_both_views(client):
    path = await session(
        client, "machine implementation=architecture security=2\nwrite GICD_CTLR EnableGrp1S=1 secure=1\n"
    )
    html = (await client.get(f"{path}?register=GICD_CTLR")).text
    assert 'data-value="0x00000010"' in html
    guest, door = doors(html)
    assert guest == "Non-secure software reads 0x00000010"
    assert door.startswith("Secure software reads 0x00000034 ≠ Non-secure software has EnableGrp1A")
    assert "You wrote, Secure" in html
    assert "wr__why" not in html, "Secure software reads what it wrote"
    rows = re.findall(r'<tr data-field="(\w+)">.*?<td class="n">([\d:]+)</td>', html)
    assert rows == [("RWP", "31"), ("ARE_NS", "4"), ("EnableGrp1NS", "1")], "where Non-secure software finds them"
    typer = (await client.get(f"{path}?register=GICD_TYPER")).text
    assert doors(typer) == []
    one = await session(client, "machine implementation=architecture\nread GICD_CTLR\n")
    assert doors((await client.get(f"{one}?register=GICD_CTLR")).text) == []


async def test_a_copy_for_another_implementation_has_its_security_states(client):
    path = await session(client, "machine implementation=architecture security=2\nread GICD_CTLR\n")
    assert (await client.get(f"{path}?on=kvm")).status_code == 200
    made = await client.post("/sessions", data={"session": path.removeprefix("/s/"), "on": "kvm"})
    log = (await client.get(f"/api/v1/sessions/{made.headers['location'].removeprefix('/s/')}/log")).json()
    assert (log["machine"]["implementation"], log["machine"]["security"]) == ("kvm", 1)
