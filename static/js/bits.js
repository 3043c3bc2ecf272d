// The draft of a register write. Bits, field controls and the value input are three views of one number; what differs
// from the base (what an untouched write would write) is marked as edited. Only Write and Read reach the machine.

const NUMBER = /^(0x[0-9a-f]+|0b[01]+|\d+)$/i;
const PREFIX = { 16: "0x", 10: "", 2: "0b" };

const parse = (text) => {
  const plain = text.trim().replaceAll("_", "");
  return NUMBER.test(plain) ? BigInt(plain) : null;
};
const mask = (control) => (1n << BigInt(control.dataset.msb - control.dataset.lsb + 1)) - 1n;
const shift = (control) => BigInt(control.dataset.shift);

class Draft {
  constructor(root) {
    this.root = root;
    this.name = root.dataset.register;
    this.step = root.dataset.step;
    this.radix = root.dataset.radix;
    this.given = root.dataset.base;
    this.form = root.querySelector("form.edit");
    this.width = Number(root.dataset.width);
    this.shown = BigInt(root.dataset.value);
    this.base = BigInt(root.dataset.base);
    this.value = this.base;
    this.origin = this.base;
    this.typed = null;
    this.waits = this.form.querySelector("fieldset").disabled;
    this.input = this.form.elements.value;
    this.bits = [...root.querySelectorAll(".bit")];
    this.controls = [...this.form.querySelectorAll("[data-msb]")];
    this.live = this.bits.filter((bit) => !bit.disabled);
  }

  get edited() {
    return this.value !== this.base || this.typed !== null;
  }

  spell(value, width = 0) {
    const { radix } = this;
    return PREFIX[radix] + value.toString(radix).padStart(radix < 10 ? width : radix > 10 ? width / 4 : 0, "0");
  }

  setTabStop(bit) {
    for (const other of this.bits) other.tabIndex = -1;
    if (bit) bit.tabIndex = 0;
  }

  set(value, from) {
    this.value = BigInt.asUintN(this.width, value);
    this.typed = null;
    for (const control of [...this.controls, this.input]) control.removeAttribute("aria-invalid");
    if (from !== this.input) this.input.value = this.spell(this.value, this.width);
    this.show(from);
  }

  show(from) {
    const differs = this.value ^ this.base;
    for (const bit of this.bits) {
      const place = BigInt(bit.dataset.bit);
      const draft = Boolean((differs >> place) & 1n);
      const on = Boolean(((draft ? this.value : this.shown) >> place) & 1n);
      // What is left alone needs no new layout.
      if (draft === bit.classList.contains("is-draft") && String(on) === bit.ariaPressed) continue;
      bit.classList.toggle("is-draft", draft);
      bit.setAttribute("aria-pressed", on);
      bit.querySelector(".bv").textContent = Number(on);
      bit.ariaLabel = bit.ariaLabel.replace(/, edited.*$/, "") + (draft ? `, edited to ${Number(on)}, not written` : "");
    }
    for (const control of this.controls) {
      const draft = Boolean((differs >> BigInt(control.dataset.lsb)) & mask(control));
      if (control !== from) this.fill(control);
      control.classList.toggle("is-draft", draft);
      control.closest("tr").classList.toggle("is-edited", draft);
    }
    this.input.classList.toggle("is-draft", differs !== 0n);
    this.form.querySelector("#undo").hidden = !this.edited;
    this.root.querySelector(".below").hidden = !this.edited || this.origin === this.base;
  }

  // What is no number that fits stays as it is typed, beside the last that did.
  refuse(control) {
    control.setAttribute("aria-invalid", "true");
    this.typed = [control.id, control.value];
    this.show(control);
  }

  fill(control) {
    const value = ((this.value >> BigInt(control.dataset.lsb)) & mask(control)) << shift(control);
    const listed = "0x" + value.toString(16);
    if (control.options && ![...control.options].some((option) => option.value === listed)) {
      control.add(new Option(`${this.spell(value)}  not a named value`, listed));
    }
    control.value = control.options ? listed : this.spell(value);
  }

  take(control) {
    const number = parse(control.value);
    if (number === null || number >> shift(control) > mask(control)) return this.refuse(control);
    const place = BigInt(control.dataset.lsb);
    this.set((this.value & ~(mask(control) << place)) | ((number >> shift(control)) << place), control);
  }

  takeValue() {
    const number = parse(this.input.value);
    if (number === null || BigInt.asUintN(this.width, number) !== number) this.refuse(this.input);
    else this.set(number, this.input);
  }

  adopt(control, text) {
    control.value = text;
    if (control === this.input) this.takeValue();
    else this.take(control);
  }

  move(bit, key) {
    const { live } = this;
    const at = Number(bit.dataset.bit);
    const field = live.filter((other) => other.parentElement.dataset.field === bit.parentElement.dataset.field);
    const row = matchMedia("(max-width: 760px)").matches ? 16 : 32;
    const to = {
      ArrowLeft: live[live.indexOf(bit) - 1],
      ArrowRight: live[live.indexOf(bit) + 1],
      ArrowUp: this.nearest(at + row),
      ArrowDown: this.nearest(at - row),
      Home: field[0],
      End: field.at(-1),
    };
    if (to[key]) {
      this.setTabStop(to[key]);
      to[key].focus();
    }
    return key in to;
  }

  nearest(wanted) {
    if (wanted < 0 || wanted >= this.width) return undefined;
    const far = (bit) => Math.abs(bit.dataset.bit - wanted);
    return [...this.live].sort((a, b) => far(a) - far(b))[0];
  }
}

let draft = null;
// What is edited and not written, by register: it outlives other registers, other steps and other renderings.
const kept = new Map();
// The write that is on its way, and the bits that it writes: what is edited otherwise stays.
let sent = null;

const CHOICES = ["width", "device"];
const chosen = (form) => CHOICES.map((name) => form?.elements[name]?.value);

// A page that the server replaced starts without an edit; what was typed before this module was there is one.
function begin(swapped) {
  const root = document.getElementById("inspector");
  const before = draft;
  if (before?.edited) kept.set(before.name, before);
  else if (before && !before.waits) kept.delete(before.name);
  if (!root?.querySelector("form.edit")) {
    draft = null;
    return;
  }
  const { register, base, step, radix, value } = root.dataset;
  if (before?.root === root && [before.name, before.given, before.step, before.radix].join() === [register, base, step, radix].join()) {
    before.shown = BigInt(value);
    if (before.edited) before.show(document.activeElement);
    return;
  }
  const written = sent !== null && sent.ctx === swapped?.detail.ctx && before?.name === register;
  const choices = before?.name === register && !written ? chosen(before.form) : [];
  draft = null;
  if (swapped) root.querySelector("form.edit").reset();
  draft = new Draft(root);
  const typed = [...draft.controls, draft.input].map((control) => [control, control.value]);
  draft.set(draft.base);
  if (!swapped) for (const [control, text] of typed.filter(([control, text]) => control.value !== text)) draft.adopt(control, text);
  choices.forEach((choice, at) => choice && draft.form.elements[CHOICES[at]] && (draft.form.elements[CHOICES[at]].value = choice));
  resume(kept.get(register), written ? sent : null);
  if (written) sent = null;
}

// Where nothing can be written now, the edit waits.
function resume(edit, write) {
  if (!edit || draft.waits) return;
  const left = write ? (edit.value ^ write.value) | ((edit.value ^ edit.base) & ~write.mask) : -1n;
  draft.origin = write ? draft.base : edit.origin;
  draft.set((draft.base & ~left) | (edit.value & left));
  const control = edit.typed && document.getElementById(edit.typed[0]);
  if (control) draft.adopt(control, edit.typed[1]);
}

const mine = (target) => draft !== null && draft.root.contains(target);

document.addEventListener("click", (event) => {
  const bit = event.target.closest?.(".bit[data-bit]");
  if (!bit || !mine(bit)) return;
  draft.setTabStop(bit);
  if (!draft.waits) draft.set(draft.value ^ (1n << BigInt(bit.dataset.bit)));
});
document.addEventListener("keydown", (event) => {
  const bit = event.target.closest?.(".bit[data-bit]");
  if (!mine(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && draft.edited) draft.form.reset();
  else if (bit && draft.move(bit, event.key)) event.preventDefault();
});
document.addEventListener("input", (event) => {
  if (!mine(event.target)) return;
  if (event.target === draft.input) draft.takeValue();
  else if (event.target.dataset.msb) draft.take(event.target);
});
document.addEventListener("reset", (event) => {
  if (!mine(event.target)) return;
  if (draft.origin === null) {
    // It was left as it was while it was edited.
    const { root, name } = draft;
    window.htmx.ajax("GET", `${location.pathname}?register=${name}`, { source: root, target: root, swap: "outerHTML show:none" });
  }
  draft.origin = draft.base;
  queueMicrotask(() => draft.set(draft.base));
});
// A browser that submits a form lays the page out first, for its autofill: 2 ms that each Write and Read would wait.
document.addEventListener("click", (event) => {
  const submitter = event.target.closest?.("button[type=submit]");
  if (!submitter || !mine(submitter) || event.defaultPrevented) return;
  event.preventDefault();
  submitter.form.dispatchEvent(new SubmitEvent("submit", { bubbles: true, cancelable: true, submitter }));
});
document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.sourceElement !== draft?.form || ctx.request.submitter?.value === "read") return;
  const half = draft.form.elements.width?.value;
  sent = { ctx, value: draft.value, mask: half === "hi" ? 0xffffffffn << 32n : half === "lo" ? 0xffffffffn : (1n << 64n) - 1n };
});
document.addEventListener("htmx:after:swap", begin);
document.addEventListener("giclab:edited", (event) => {
  if (!draft?.edited) return;
  event.detail.edited = true;
  draft.origin = null;
  draft.show(document.activeElement);
});
begin();
