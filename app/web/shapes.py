"""What the JSON API takes and gives, as models for the documentation; `answers` fills them.

A register value is a number and, beside it as `hex`, a string: JavaScript's numbers are exact up to 53 bits only.
"""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app import limits

Json = dict[str, Any]


class NewSession(BaseModel):
    """A machine, a scenario to begin with, or both; what is given besides a scenario replaces what its text says."""

    model_config = ConfigDict(extra="forbid")
    implementation: str | None = Field(default=None, examples=["kvm"])
    cpus: int | None = Field(default=None, examples=[2])
    security: int | None = Field(default=None, description="Security states: 1, or 2 on `architecture`.", examples=[1])
    scenario: str = Field(default="", examples=["read GICD_TYPER\n"])
    title: str = ""


class NewSessionAnswer(BaseModel):
    id: str
    edit_key: str = Field(description="Told once. Send it as `Authorization: Bearer` to change the session.")


class NewOperation(BaseModel):
    """One line of the scenario language."""

    model_config = ConfigDict(extra="forbid")
    op: str = Field(examples=["write GICR_CTLR@0 EnableLPIs=1"])
    after: int | None = Field(
        default=None,
        ge=0,
        description="Do it after this step instead of the newest; what came after that step is kept as a branch.",
    )


class NewText(BaseModel):
    """A whole scenario in the place of the session's."""

    model_config = ConfigDict(extra="forbid")
    scenario: str = Field(examples=["machine implementation=kvm cpus=2\nread GICD_TYPER\n"])


class ResetTo(StrEnum):
    """`power-on`: step 0 of the machine on view. `link`: the end of the scenario that the session began with."""

    POWER_ON = "power-on"
    LINK = "link"


class Reset(BaseModel):
    model_config = ConfigDict(extra="forbid")
    to: ResetTo


class BranchAnswer(BaseModel):
    """A branch beside the one that the session is on."""

    id: int
    steps: int = Field(description="How many operations it has, those included that it shares with the current one.")
    shared: int = Field(description="How many of them the current branch has too; -1: it has another machine.")
    ahead: bool = Field(description="Whether it goes on from where the session is: redo leads along it.")
    began: bool = Field(description="Whether it is what the session began with; that one cannot be dropped.")
    operations: list[str] = Field(description="Its own operations, the first BRANCH_LINES_SHOWN of them.")


class NewTitle(BaseModel):
    """What a session is to be called."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(examples=["PTZ reads as zero"], description='One line of up to 200 characters, or "".')


class TitleAnswer(BaseModel):
    """What a session is called now."""

    id: str
    title: str


class PlaceAnswer(BaseModel):
    """Where a session is among its branches."""

    seq: int = Field(description="How many operations the branch has that the session is on.")
    can_undo: bool
    can_redo: bool
    branches: list[BranchAnswer]


class PlayRequest(BaseModel):
    """A scenario, and the implementations to play it on (none: the one that the scenario names)."""

    model_config = ConfigDict(extra="forbid")
    scenario: str = Field(examples=["write GICR_PENDBASER@0 PTZ=1\nread GICR_PENDBASER@0\n"])
    on: list[str] = Field(default_factory=list, examples=[["kvm", "qemu"]], max_length=limits.IMPLEMENTATIONS_PER_PLAY)


class ExpectationAnswer(BaseModel):
    passed: bool
    asked: bool = Field(description="False where `on=` of the line leaves this implementation out.")
    got: str
    wanted: str


class StepAnswer(BaseModel):
    """What one operation did. Members that would be empty are left out."""

    seq: int
    op: str
    value: int | None = Field(default=None, description="What a read or acknowledge returned.")
    hex: str = Field(default="", description="The value again, exact in JavaScript too.")
    refused: str = Field(default="", description="What the machine would not do, as an errno or in words.")
    expectation: ExpectationAnswer | None = None
    effects: list[Json] = Field(description="Each with `kind`, `role`, `words`, `cite` and what it is about.")
    effects_omitted: int = Field(default=0, description="How many more effects there were.")


class FieldAnswer(BaseModel):
    name: str
    msb: int
    lsb: int
    access: str
    value: int
    value_name: str = ""
    meaning: str
    cite: str


class RegisterAnswer(BaseModel):
    name: str
    cpu: int | None
    frame: str
    address: int | None
    width: int
    value: int = Field(description="What a guest's read returns, without the read's side effects.")
    hex: str
    present: bool
    why_absent: str
    meaning: str
    cite: str
    fields: list[FieldAnswer]


class LpisAnswer(BaseModel):
    counts: dict[str, int]
    lpis: list[Json]
    next: int | None = Field(description="`from` of the next page, null on the last.")


class TableAnswer(BaseModel):
    """A device table, collection table or ITT."""

    table: str
    rows: list[Json]
    omitted: int = Field(description="How many more rows there are.")


class QueueAnswer(BaseModel):
    """The command queue; `base`, `creadr` and `cwriter` in bytes, `slots` commands."""

    table: str
    base: int
    slots: int
    creadr: int
    cwriter: int
    stalled: bool
    enabled: bool
    commands: list[Json] = Field(description="The last ones run, then those that wait.")


class LaneAnswer(BaseModel):
    """A lane: software, or a block of the GIC, or a CPU."""

    lane: str = Field(examples=["redistributor"])
    cpu: int | None = Field(description="Whose it is, null where there is one for all.")


class MarkAnswer(BaseModel):
    """Something that a step did in a lane; alike things are one mark."""

    lane: str
    cpu: int | None
    mark: str = Field(description="What it is at a glance; in the software's lane first the operation's verb.")
    about: str = Field(description="The first register, INTID or command that it concerns, empty if none.")
    kind: str = Field(description="The kind of effect, or `operation`.")
    words: list[str] = Field(description="The first LANE_WORDS of them as sentences.")
    count: int = Field(description="How many alike there were.")


class LaneStepAnswer(BaseModel):
    seq: int
    op: str
    marks: list[MarkAnswer] = Field(description="From cause to result.")


class LanesAnswer(BaseModel):
    """What steps caused where."""

    lanes: list[LaneAnswer] = Field(description="The lanes that these steps need, from cause to result.")
    quiet_cpus: int = Field(description="CPUs without a lane: nothing happened there in these steps.")
    steps: list[LaneStepAnswer]
    next: int | None = Field(description="`from` of the steps after these, null at the end of the log.")


class LinkAnswer(BaseModel):
    """One condition on the way from an interrupt to the PE."""

    name: str
    holds: bool
    says: str
    mend: str = Field(description="What would make it hold, empty if it does.")
    cite: str


class WhyAnswer(BaseModel):
    """Why an interrupt is signalled or not: every condition, in the order in which it meets them."""

    intid: int
    cpu: int | None = Field(description="The CPU that it goes to, null if to none.")
    signalled: bool
    words: str
    broken: str | None = Field(description="The first link that does not hold, by name.")
    links: list[LinkAnswer]


class MemoryAnswer(BaseModel):
    address: int
    length: int
    hex: str = Field(description="Two digits a byte, lowest address first.")


class OperationAnswer(BaseModel):
    seq: int
    text: str


class ChoiceAnswer(BaseModel):
    """What the manual leaves open, as this implementation took it."""

    behaviour: str
    rule: str
    taken: str
    alternatives: list[str]
    cite: str
    steps: list[int] = Field(description=f"The first {limits.CHOICE_STEPS_SHOWN} steps that took it.")
    count: int = Field(description="How many steps took it.")


class NewLink(BaseModel):
    """A scenario to be put into a link, and what to show of it."""

    model_config = ConfigDict(extra="forbid")
    scenario: str = Field(examples=["read GICR_PENDBASER@0\n"])
    step: int | None = Field(default=None, ge=0, description="The step to open at; without it the last.")
    register_: str = Field(default="", alias="register", max_length=64, description="The register to show.")
    short: bool = Field(default=False, description="Whether to keep it on this server, for good, under a short link.")


class NewLinkAnswer(BaseModel):
    link: str = Field(description="The path `/x/…`: the scenario itself, nothing is stored for it.")
    characters: int = Field(description="The length of that path.")
    short: str = Field(default="", description="The path `/l/…`, if asked for. The same scenario has the same.")
    operations: int


class ScenarioAnswer(BaseModel):
    """A scenario as data, as `giclab export --to json` writes it."""

    format: str = Field(examples=["giclab scenario 1"])
    title: str
    machine: Json
    lines: list[Json] = Field(
        description="Each with `line`, `text`, `comment`, `operation`, and the `accesses` that it makes, in the words "
        "of the recorded corpora; `got` is what our model returned."
    )


class LogAnswer(BaseModel):
    id: str
    title: str
    machine: Json
    seq: int
    model: str = Field(description="The version of giclab that made the session.")
    damaged: str = Field(description="Why the session is read-only, empty if it is not.")
    scenario: str
    operations: list[OperationAnswer]
    choices: list[ChoiceAnswer] = Field(description="What the manual leaves open, in the order it was first met.")


class BehaviourAnswer(BaseModel):
    key: str = Field(description="A row of /implementations.")
    title: str
    meaning: str = Field(description="What this implementation does.")
    cite: str


class ReasonAnswer(BaseModel):
    """Why an implementation did not answer as the first one."""

    words: str
    shown: bool = Field(description="Whether playing again with only that changed made the answers agree.")
    behaviours: list[BehaviourAnswer]


class PlayStep(BaseModel):
    seq: int
    op: str
    differs: bool = Field(
        description="Whether the implementations disagree in value, refusal, expectation or signalled interrupt."
    )
    on: dict[str, StepAnswer]
    reasons: dict[str, ReasonAnswer] = Field(default_factory=dict, description="Only where the step differs.")


class PlayAnswer(BaseModel):
    title: str
    implementations: list[str]
    passed: bool = Field(description="Whether every expectation held on every implementation that it asks.")
    first_difference: int | None = Field(description="The first step in which they disagree.")
    steps: list[PlayStep]
    choices: dict[str, list[ChoiceAnswer]]
