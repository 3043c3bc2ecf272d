"""A session in which an LPI is pending and not signalled, for the pages that say why."""

LINES = """\
machine implementation={name}
poke   0x40200003 a0
write  GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write  GICR_PENDBASER@0 Physical_Address=0x40210000
write  GICR_CTLR@0 EnableLPIs=1
its    MAPD device=2 itt=0x40300000 size=5
its    MAPC collection=1 target=0
its    MAPTI device=2 event=20 intid=8195 collection=1
msi    device=2 event=20
"""


async def session(client, text):
    """The address of a new session that begins with a text."""
    answer = await client.post("/sessions", data={"scenario": text})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]
