"""What KVM and QEMU answered in every experiment behind the reference, asked of our machines."""

import re

import pytest

from tests.gic import transcript_kvm, transcript_qemu

# KVM_SIGNAL_MSI takes a doorbell address and flags; Machine.userspace.signal_msi takes neither, so KVM's refusals of a
# wrong doorbell and of a missing KVM_MSI_VALID_DEVID cannot be asked for. Its other four uses in the transcript, which
# KVM accepted, are played as plain MSIs.
KVM_LEFT_OUT = [
    (425, "msi 5 0 0x08070040 -> err EINVAL"),
    (452, "msi 5 0 0x08090040 0 -> err EINVAL"),
]


@pytest.fixture(scope="module")
def kvm():
    return transcript_kvm.play()


@pytest.fixture(scope="module")
def qemu():
    return transcript_qemu.play()


def first(result):
    return "\n".join(map(str, result.mismatches[:20]))


def test_kvm_answers_as_in_the_transcript(kvm):
    print(*transcript_kvm.report(kvm), sep="\n")
    assert not kvm.mismatches, first(kvm)
    assert (kvm.sections, len(kvm.replies)) == (75, 3834)


def test_what_of_the_kvm_transcript_is_not_played(kvm):
    assert kvm.left_out == KVM_LEFT_OUT


def test_kvm_before_5_6_differs_in_reads_of_ptz_alone():
    result = transcript_kvm.play(implementation="kvm-before-5.6")
    ptz = re.compile(r"r (64|32) 0 0x80a007[8c]|uget redist 0 0x7c|pattern GICR_PENDBASER \w+ \d|saved redist.*0x7c")
    assert {reply.op for reply in result.mismatches if not ptz.fullmatch(reply.op)} == set()
    changed = {
        int(reply.got.removeprefix("v "), 0) ^ int(reply.wanted.removeprefix("v "), 0) for reply in result.mismatches
    }
    assert changed == {1 << 62, 1 << 30}


def test_a_wrong_reply_is_seen(tmp_path):
    text = transcript_kvm.TRANSCRIPT.read_text(encoding="utf-8")
    changed = tmp_path / "changed.txt"
    changed.write_text(text.replace("-> v 0x40200780", "-> v 0x40200781", 1), encoding="utf-8")
    found = transcript_kvm.play(changed).mismatches
    assert [(each.wanted, each.got) for each in found] == [("v 0x40200781", "v 0x40200780")]


def test_qemu_answers_as_in_the_transcript(qemu):
    print(*transcript_qemu.report(qemu), sep="\n")
    assert not qemu.mismatches, first(qemu)
    assert (qemu.sections, len(qemu.replies)) == (32, 2424)
    assert qemu.kinds["hppi"] == 128
    assert qemu.kinds["table write"] == 88
    assert qemu.kinds["table fault"] == 12


def test_what_of_the_qemu_transcript_is_not_played(qemu):
    assert qemu.left_out == {"gicv4": 48}
    assert set(transcript_qemu.NOT_PLAYED) == {"gicv4"}


def test_a_wrong_trace_is_seen(tmp_path):
    text = transcript_qemu.TRANSCRIPT.read_text(encoding="utf-8")
    changed = tmp_path / "changed.md"
    changed.write_text(text.replace("HPPI: irq 8194 group 2 prio 48", "HPPI: irq 8194 group 2 prio 40", 1))
    assert {each.kind for each in transcript_qemu.play(changed).mismatches} <= {"hppi", "hppi unchanged"}
    assert transcript_qemu.play(changed).mismatches


@pytest.mark.parametrize("player", [transcript_kvm, transcript_qemu])
def test_a_line_that_nobody_understands_is_an_error(tmp_path, player):
    strange = tmp_path / "strange"
    strange.write_text("=== a\n  jump up\n" if player is transcript_kvm else "## a\n\n```\njump up\n```\n")
    with pytest.raises(ValueError, match="no operation"):
        player.play(strange)
