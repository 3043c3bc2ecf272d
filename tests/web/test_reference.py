"""The register reference: the list, what is found in it, and the names that lead to a register."""

import re
from html import unescape
from urllib.parse import quote

import pytest

from app.registers import IMPLEMENTATION_NAMES, register_map
from app.registers.families import families
from app.web.views.reference_index import SHOWS, index
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
FAMILIES = list(families(register_map("architecture")).values())
every_implementation = pytest.mark.parametrize("on", IMPLEMENTATION_NAMES)


class TestList:
    @every_implementation
    async def test_has_every_register_and_array_once(self, client, on):
        page = await shown(client, f"/registers?on={on}")
        names = [unescape(name) for name in re.findall(r'<th scope="row"><a[^>]*>([^<]+)</a>', page)]
        assert names == [family.name for family in FAMILIES]

    @every_implementation
    async def test_says_what_an_implementation_does_not_have_and_why(self, client, on):
        page = words(await shown(client, f"/registers?on={on}&show=absent"))
        absent = [family for family in families(register_map(on)).values() if not family.present]
        assert page.count("Not there ") == len(absent) + 2  # its filter has a long and a short label
        for family in absent:
            assert f"Not there {family.first.why_absent}" in page

    async def test_leads_to_an_element_that_there_is(self, client):
        page = await shown(client, "/registers?on=kvm")
        assert 'href="/registers/GICD_IPRIORITYR8?on=kvm">GICD_IPRIORITYR&lt;n&gt;</a>' in page

    def test_tells_which_elements_there_are_and_a_reset_only_if_there_is_one(self):
        rows = {row.name: row for section in index("kvm", "", "").sections for row in section.rows}
        assert rows["GICD_ISENABLER<n>"].which == "n = 0-31, here 1-2"
        assert rows["ICC_AP0R<n>_EL1"].which == "n = 0-3, here 0"
        assert rows["GICR_IPRIORITYR<n>"].which == "n = 0-7"
        assert (rows["GITS_BASER<n>"].reset, rows["GITS_BASER<n>"].reset_note) == (None, "depends on n")
        assert rows["GICR_PENDBASER"].reset is not None
        assert rows["GICR_PENDBASER"].reset.text == "0x0000000000000580"

    def test_tells_who_has_it_differently(self):
        def differs(on, name):
            rows = {row.name: row for section in index(on, "", "").sections for row in section.rows}
            return rows[name].differs

        assert differs("", "GICR_PENDBASER") == "KVM, KVM before 5.6, QEMU"
        assert differs("kvm", "GICR_PENDBASER") == "Architecture, KVM before 5.6, QEMU"
        assert differs("kvm", "GICR_PROPBASER") == "Architecture, QEMU"
        assert differs("", "ICC_PMR_EL1") == ""

    async def test_filters_are_links_that_keep_the_search(self, client):
        page = await shown(client, "/registers?on=qemu&q=pend&show=here")
        for show in SHOWS:
            address = "/registers?on=qemu&amp;q=pend" + (f"&amp;show={show}" if show else "")
            assert f'href="{address}"' in page
        assert '<input type="hidden" name="on" value="qemu">' in page
        assert 'value="pend"' in page
        assert 'href="/registers?on=kvm&amp;q=pend&amp;show=here"' in page

    @pytest.mark.parametrize("show", SHOWS)
    @every_implementation
    def test_filters_count_what_they_show(self, on, show):
        page = index("" if on == "architecture" else on, "", show)
        rows = [row for section in page.sections for row in section.rows]
        chosen = next(choice for choice in page.shows if choice.current)
        assert chosen.label == f"{SHOWS[show]} {len(rows)}"
        assert {bool(row.absent) for row in rows} <= {"here": {False}, "absent": {True}}.get(show, {True, False})
        assert show != "differs" or all(row.differs for row in rows)


class TestSearch:
    @pytest.mark.parametrize(
        ("query", "hits"),
        [
            ("ptz", ["GICR_PENDBASER.PTZ [62]"]),
            ("0x080c0078", ["GICR_PENDBASER@1"]),
            ("GICR_PENDBASER@1.InnerCache", ["GICR_PENDBASER@1.InnerCache [9:7]"]),
            ("GICD_IROUTER40", ["GICD_IROUTER40"]),
            ("S3_0_C12_C12_0", []),
        ],
    )
    def test_says_what_of_a_register_was_found(self, query, hits):
        [section] = index("kvm", query, "").sections
        [row] = section.rows
        assert [hit.label for hit in row.hits] == hits

    def test_a_hit_leads_to_the_field(self):
        [row] = index("kvm", "ptz", "").sections[0].rows
        assert row.hits[0].href == "/registers/GICR_PENDBASER?on=kvm#f-PTZ"

    def test_many_hits_are_counted(self):
        [row] = [row for row in index("", "IROUTER4", "").sections[0].rows if row.name == "GICD_IROUTER<n>"]
        assert [hit.label for hit in row.hits][:2] == ["GICD_IROUTER40", "GICD_IROUTER41"]
        assert len(row.hits) + row.more == 110

    @pytest.mark.parametrize(
        ("query", "why"),
        [
            ("zzz", "No name, field, encoding or INTID of KVM has zzz in it."),
            ("0x08000014", "0x08000014 is reserved: the frame Distributor has no register there."),
            ("0x080d0014", "0x080d0014 is reserved: the frame Redistributor, SGI_base has no register there."),
            ("0x40000000", "0x40000000 is in no frame and is no offset of a register."),
            ("8195", "INTID 8195 is an LPI: its configuration and pending state are tables in RAM, not registers."),
            ("\u00b2", "No name, field, encoding or INTID of KVM has \u00b2 in it."),
        ],
    )
    async def test_nothing_found_says_why(self, client, query, why):
        assert why in words(await shown(client, f"/registers?on=kvm&q={quote(query)}"))

    async def test_nothing_found_offers_the_nearest(self, client):
        page = await shown(client, "/registers?on=kvm&q=GICR_PENDBASR")
        assert "Did you mean GICR_PENDBASER" in words(page)
        assert 'href="/registers/GICR_PENDBASER?on=kvm"' in page

    async def test_found_but_filtered_says_so(self, client):
        assert "1 register found, but none under this filter." in words(
            await shown(client, "/registers?on=kvm&q=ptz&show=absent")
        )

    async def test_what_was_typed_is_shown_as_text(self, client):
        page = await shown(client, "/registers?q=%3Cscript%3Ealert(1)%3C/script%3E")
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page

    @pytest.mark.parametrize("query", ["x" * 5000, "9" * 5000, "0x" + "f" * 5000, "(" * 60, "%00", "\\", "@.", "<n>"])
    async def test_any_text_is_answered(self, client, query):
        await shown(client, f"/registers?q={query if query == '%00' else quote(query)}")

    async def test_htmx_gets_the_list_alone(self, client):
        part = await shown(client, "/registers?q=ptz", **{"HX-Request": "true", "HX-Target": "div#list"})
        assert '<div id="list">' in part
        assert "<html" not in part
        whole = await client.get("/registers?q=ptz", headers={"HX-Request": "true", "HX-Target": "body"})
        assert "<html" in whole.text
        assert "HX-Target" in whole.headers["vary"]


class TestNames:
    @pytest.mark.parametrize(
        ("name", "location"),
        [
            ("gicr_pendbaser", "GICR_PENDBASER"),
            ("GICR_PENDBASER@1", "GICR_PENDBASER"),
            ("GICR_PENDBASER@1.PTZ", "GICR_PENDBASER#f-PTZ"),
            ("ICC_IAR1", "ICC_IAR1_EL1"),
            ("GICD_IPRIORITYR", "GICD_IPRIORITYR8"),
            ("GICD_IPRIORITYR<n>", "GICD_IPRIORITYR8"),
            ("GICD_IPRIORITYRn", "GICD_IPRIORITYR8"),
            ("GICD_IROUTER<n>E", "GICD_IROUTER0E"),
            ("GICD_IROUTERnE", "GICD_IROUTER0E"),
            ("ICC_AP0R<n>_EL1", "ICC_AP0R0_EL1"),
            ("ICC_AP0Rn_EL1", "ICC_AP0R0_EL1"),
            ("GITS_BASERn", "GITS_BASER0"),
        ],
    )
    async def test_other_spellings_lead_to_the_page(self, client, name, location):
        answer = await client.get(f"/registers/{quote(name)}")
        assert (answer.status_code, answer.headers["location"]) == (307, f"/registers/{location}")

    async def test_the_implementation_is_kept_on_the_way(self, client):
        answer = await client.get("/registers/icc_pmr_el1?on=kvm")
        assert answer.headers["location"] == "/registers/ICC_PMR_EL1?on=kvm"

    @pytest.mark.parametrize(
        ("name", "reason", "nearest"),
        [
            ("PENDBASER", "No register PENDBASER.", "GICR_PENDBASER"),
            ("GICR_PENDBASR", "No register GICR_PENDBASR.", "GICR_PENDBASER"),
            ("GICD_IPRIORITYR999", "No register GICD_IPRIORITYR999.", "GICD_IPRIORITYR254"),
            ("GICR_PENDBASER.PZT", "GICR_PENDBASER has no field PZT.", ""),
            ("GICR_CTLR@7", "No CPU 7: this machine has CPUs 0-1.", ""),
            ("GICR%20CTLR", "is not a register name", ""),
        ],
    )
    async def test_an_unknown_name_is_404_with_the_nearest(self, client, name, reason, nearest):
        page = await shown(client, f"/registers/{name}?on=kvm", 404)
        assert reason in words(page)
        assert 'action="/registers"' in page
        assert not nearest or f'href="/registers/{nearest}?on=kvm"' in page

    @pytest.mark.parametrize("name", ["x" * 3000, "%00", "..", "@", "%E2%80%AE"])
    async def test_any_name_is_answered(self, client, name):
        assert (await client.get(f"/registers/{name}")).status_code in (404, 307, 200)

    @pytest.mark.parametrize("address", ["/registers?on=kvn", "/registers/GICD_CTLR?on=kvn"])
    async def test_an_implementation_that_there_is_not_is_404(self, client, address):
        page = await shown(client, address, 404)
        assert "Known: architecture, kvm" in words(page)

    async def test_an_element_that_there_is_not_is_404_with_the_ends(self, client):
        page = await shown(client, "/registers/GICD_IPRIORITYR8?n=255", 404)
        assert "GICD_IPRIORITYR<n> has no element 255: n = 0-254." in words(page)
        assert 'href="/registers/GICD_IPRIORITYR254"' in page

    @pytest.mark.parametrize("number", ["-1", "x", "99999"])
    async def test_a_number_that_is_none_is_refused(self, client, number):
        await shown(client, f"/registers/GICD_IPRIORITYR8?n={number}", 422)


@pytest.mark.parametrize(
    "address", ["/registers", "/registers?q=ptz", "/registers/GICR_PENDBASER?on=kvm", "/registers/NOSUCH"]
)
async def test_pages_keep_the_content_policy(client, address):
    answer = await client.get(address)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", answer.text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", answer.text))


async def test_the_first_page_leads_to_the_reference(client):
    assert 'href="/registers"' in await shown(client, "/")
