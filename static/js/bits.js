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
    this.form = root.querySelector("form.edit");
    this.width = Number(root.dataset.width);
    this.shown = BigInt(root.dataset.value);
    this.base = BigInt(root.dataset.base);
    this.value = this.base;
    this.input = this.form.elements.value;
    this.bits = [...root.querySelectorAll(".bit")];
    this.controls = [...this.form.querySelectorAll("[data-msb]")];
    this.live = this.bits.filter((bit) => !bit.disabled);
  }

  get edited() {
    return this.value !== this.base || this.input.value !== this.spell(this.base, this.width);
  }

  spell(value, width = 0) {
    const { radix } = this.root.dataset;
    return PREFIX[radix] + value.toString(radix).padStart(radix < 10 ? width : radix > 10 ? width / 4 : 0, "0");
  }

  setTabStop(bit) {
    for (const other of this.bits) other.tabIndex = -1;
    if (bit) bit.tabIndex = 0;
  }

  set(value, from) {
    this.value = BigInt.asUintN(this.width, value);
    if (from !== this.input) this.input.value = this.spell(this.value, this.width);
    this.show(from);
  }

  show(from) {
    const differs = this.value ^ this.base;
    for (const bit of this.bits) {
      const place = BigInt(bit.dataset.bit);
      const draft = Boolean((differs >> place) & 1n);
      const on = Boolean(((draft ? this.value : this.shown) >> place) & 1n);
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
    const fits = number !== null && (number >> shift(control)) <= mask(control);
    control.setAttribute("aria-invalid", !fits);
    if (!fits) return;
    const place = BigInt(control.dataset.lsb);
    this.set((this.value & ~(mask(control) << place)) | ((number >> shift(control)) << place), control);
  }

  takeValue() {
    const number = parse(this.input.value);
    const fits = number !== null && BigInt.asUintN(this.width, number) === number;
    this.input.setAttribute("aria-invalid", !fits);
    if (fits) this.set(number, this.input);
    else this.form.querySelector("#undo").hidden = false;
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

// An edit outlives a rendering of the same register that asks for the same, or that shows the same step in another way.
// A page that the server replaced starts without one; what was typed before this module was there is one.
function begin(swapped) {
  const root = document.getElementById("inspector");
  if (!root?.querySelector("form.edit")) {
    draft = null;
    return;
  }
  const { register, base, step } = root.dataset;
  const kept = draft?.edited && draft.name === register && draft.base === BigInt(base);
  if (kept && draft.root === root) {
    draft.shown = BigInt(root.dataset.value);
    draft.show(document.activeElement);
  } else if (draft?.root !== root || draft.step !== step || draft.name !== register) {
    const edit = kept && draft.step === step ? draft.value : null;
    if (swapped) root.querySelector("form.edit").reset();
    draft = new Draft(root);
    const typed = [...draft.controls, draft.input].map((control) => [control, control.value]);
    draft.set(edit ?? draft.base);
    if (!swapped) for (const [control, text] of typed.filter(([control, text]) => control.value !== text)) draft.adopt(control, text);
  }
}

const mine = (target) => draft !== null && draft.root.contains(target);

document.addEventListener("click", (event) => {
  const bit = event.target.closest?.(".bit[data-bit]");
  if (!bit || !mine(bit)) return;
  draft.setTabStop(bit);
  if (!draft.form.querySelector("fieldset").disabled) draft.set(draft.value ^ (1n << BigInt(bit.dataset.bit)));
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
  draft.root.querySelector(".below")?.setAttribute("hidden", "");
  queueMicrotask(() => draft.set(draft.base));
});
document.addEventListener("htmx:after:swap", begin);
document.addEventListener("giclab:edited", (event) => {
  event.detail.edited = Boolean(draft?.edited);
});
begin();
