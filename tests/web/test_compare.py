"""The comparison as a page: a session's log, a scenario in a link, and a real QEMU beside them where allowed."""

import re

import pytest

from app import limits
from app.engines import qtest
from app.engines.model import LIVE_QEMU
from app.engines.qtest import QemuTimeout
from app.scenario import links, parse
from app.settings import Settings
from app.web.app import create_app
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
PTZ = """title  Is PTZ read back?
machine implementation=kvm cpus=2
note   GICR_PENDBASER with PTZ=1.
write  GICR_PENDBASER@0 0x4000000040210780
read   GICR_PENDBASER@0
expect GICR_PENDBASER@0.PTZ == 0
read   GICD_TYPER2
"""
QUIET = "title  Nothing differs\nread GICD_CTLR\nits MAPC collection=0 target=0\n"


def address(text, query=""):
    return f"/x/{links.pack(parse(text))}/compare{query}"


def row(html, seq):
    return words(re.search(rf'<tr id="s{seq}".*?</tr>', html, re.DOTALL)[0])


async def test_each_step_is_a_row_with_the_answer_of_each(client):
    html = await shown(client, address(PTZ))
    assert "Is PTZ read back?: differs in 2 of 5 steps" in words(html)
    assert "First at step 3, read GICR_PENDBASER@0: KVM before 5.6 and QEMU answer differently." in words(html)
    for title in ("Architecture", "KVM", "KVM before 5.6", "QEMU"):
        assert f'<th scope="col"><b>{title}</b>' in html
    assert "model of IHI 0069" in html
    assert "checked against real KVM 6.1" in html
    assert re.search(r"Architecture 0x ?0000 0000 4021 0780 KVM same", row(html, 3))
    assert "GICD_TYPER2" in row(html, 5)
    assert "same" in row(html, 5)


async def test_a_difference_names_its_behaviour_and_source_and_links_to_its_row(client):
    html = await shown(client, address(PTZ))
    told = row(html, 3)
    assert "With only this changed the answers agree: How GICR_PENDBASER.PTZ reads stored, and read back" in told
    assert "arm_gicv3_redist.c: gicr_writell, observed" in told
    assert 'href="/implementations#ptz"' in html
    assert "For the same reason as step 3" in row(html, 4)


async def test_a_quiet_page_when_all_agree(client):
    html = await shown(client, address(QUIET))
    assert "all agree" in words(html)
    assert "4 implementations answered the same in all 2 steps, interrupts that are signalled included." in words(html)
    assert "≠" not in html
    assert "Only differences" not in html


async def test_only_differences_and_another_reference(client):
    html = await shown(client, address(PTZ, "?rows=differences&with=qemu"))
    assert '<tr id="s3"' in html
    assert '<tr id="s5"' not in html
    assert "1 step in which all agree" in words(html)
    assert "QEMU model, checked against real QEMU 7.2 compared with this" in words(html)


async def test_a_long_log_is_cut_around_its_differences(client):
    text = "read GICD_CTLR\n" * 150 + "read GICR_WAKER@0\n" + "read GICD_CTLR\n" * 100
    html = await shown(client, address(text))
    assert len(re.findall(r'<tr id="s\d+"', html)) == 5
    assert "148 steps in which all agree" in words(html)


async def test_a_session_is_compared_as_far_as_it_got(client):
    made = (await client.post("/api/v1/sessions", json={"scenario": PTZ})).json()
    html = await shown(client, f"/s/{made['id']}/compare?step=3")
    assert "differs in 2 of 5 steps" in words(html)
    assert f'href="/s/{made["id"]}?step=3"' in html
    assert "Back to step 3" in words(html)
    key = {"Authorization": f"Bearer {made['edit_key']}"}
    await client.post(f"/api/v1/sessions/{made['id']}/ops", json={"op": "read GICR_WAKER@0"}, headers=key)
    assert "differs in 3 of 6 steps" in words(await shown(client, f"/s/{made['id']}/compare"))


async def test_choices_are_listed_for_each_implementation(client):
    html = await shown(client, address("machine implementation=kvm\nits INT device=9 event=0\n"))
    told = words(html)
    assert "Choices taken" in told
    assert "the queue stalls at the command; the operand is taken as another, valid value step 1" in told


async def test_bad_input_is_answered(client, monkeypatch):
    assert "There is no 'gem5'." in words(await shown(client, address(PTZ, "?with=gem5"), 404))
    await shown(client, address(PTZ, f"?with={'x' * 100}"), 422)
    await shown(client, "/x/nonsense!/compare", 400)
    await shown(client, "/s/none/compare", 404)
    monkeypatch.setattr(limits, "OPERATIONS_PER_PLAY", 4)
    assert "the limit is 4" in await shown(client, address(PTZ), 422)


async def test_a_title_is_text_and_no_markup(client):
    html = await shown(client, address(PTZ.replace("Is PTZ", "<script>alert(1)</script>")))
    assert "<script>alert" not in html


async def test_by_default_no_real_qemu_is_started(app, client, monkeypatch):
    started = []
    monkeypatch.setattr(app.state.comparisons, "beside_qemu", started.append)
    html = await shown(client, address(PTZ, "?live=1"))
    assert "Real QEMU" not in html
    assert "real QEMU, live" not in html
    answer = await client.post("/api/v1/play", json={"scenario": PTZ, "on": ["kvm", LIVE_QEMU]})
    assert (answer.status_code, answer.json()["title"]) == (422, "No real QEMU here")
    assert answer.json()["errors"][0]["pointer"] == "#/on/1"
    assert started == []


def test_a_server_without_qemu_offers_none(database_url, monkeypatch):
    monkeypatch.setattr(qtest, "PROGRAM", "qemu-system-none")
    made = create_app(Settings(database_url=database_url, live_qemu=True))
    assert made.state.comparisons.may_be_live is False


@pytest.fixture
async def live_client(app, client):
    app.state.comparisons.may_be_live = True
    return client


async def test_a_real_qemu_is_offered_and_started_only_when_asked_for(live_client, monkeypatch):
    html = await shown(live_client, address(PTZ))
    assert "Add a real QEMU, live" in words(html)
    assert "Real QEMU, live" not in words(html)
    monkeypatch.setattr(limits, "LIVE_OPERATIONS", 4)
    assert "the limit is 4" in await shown(live_client, address(PTZ, "?live=1"), 422)


async def test_a_qemu_that_does_not_answer_leaves_the_models(live_client, monkeypatch):
    def fails(*_arguments, **_settings):
        raise QemuTimeout("QEMU did not answer in 10 s, and was ended")

    monkeypatch.setattr("app.engines.model.QemuMachine", fails)
    html = await shown(live_client, address(PTZ, "?live=1"))
    assert "The real QEMU did not play along. QEMU did not answer in 10 s, and was ended" in words(html)
    assert "differs in 2 of 5 steps" in words(html)
    answer = await live_client.post("/api/v1/play", json={"scenario": PTZ, "on": ["qemu", LIVE_QEMU]})
    assert (answer.status_code, answer.json()["type"]) == (503, "/docs#problem-live-qemu")


@pytest.mark.live
async def test_a_real_qemu_beside_the_models(live_client):
    html = await shown(live_client, address(PTZ + "ack @0\n", "?live=1"))
    assert "a real QEMU, just now" in words(html)
    assert "Our model of QEMU answers otherwise" not in words(html)
    assert "not available: no CPU runs" in row(html, 6)
    assert "it could not do step 6" in words(html)
    answer = await live_client.post("/api/v1/play", json={"scenario": PTZ, "on": ["qemu", LIVE_QEMU]})
    told = answer.json()
    assert told["implementations"] == ["qemu", LIVE_QEMU]
    assert told["first_difference"] is None
    assert told["steps"][2]["on"][LIVE_QEMU]["value"] == 0x4000_0000_4021_0780
