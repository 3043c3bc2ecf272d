// The ITS command form: shows the operands of the chosen command and its 4 x 64-bit encoding while one types. Where each
// operand goes is written on the options by the server, from the table that the machine itself encodes with.

const MARKS = { device: "f-dev", event: "f-ev", intid: "f-int", collection: "f-col", size: "f-ev", itt: "f-int" };

const form = () => document.getElementById("its");
const parse = (text) => {
  const plain = text.trim().replaceAll("_", "");
  return /^(0x[0-9a-f]+|\d+)$/i.test(plain) ? BigInt(plain) : null;
};

function layout(option) {
  return option.dataset.layout.split(" ").filter(Boolean).map((text) => {
    const [name, word, msb, lsb, shift, bias, label] = text.split(":");
    return { name, label, word: Number(word), msb: Number(msb), lsb: Number(lsb), shift: BigInt(shift), bias: BigInt(bias) };
  });
}

// What is wrong with an operand's value, "" if it fits.
function wrong(operand, value) {
  const largest = (((1n << BigInt(operand.msb - operand.lsb + 1)) - 1n) << operand.shift) + operand.bias;
  if (value === null) return "not a number";
  if (value < operand.bias || value > largest) return `${operand.bias} to 0x${largest.toString(16)}`;
  if ((value - operand.bias) & ((1n << operand.shift) - 1n)) return `a multiple of 0x${(1n << operand.shift).toString(16)}`;
  return "";
}

// The four doublewords; operands that do not fit are left out.
function encode(opcode, operands, values) {
  const words = [BigInt(opcode), 0n, 0n, 0n];
  for (const operand of operands) {
    const value = values.get(operand.name);
    if (wrong(operand, value) === "") words[operand.word] |= ((value - operand.bias) >> operand.shift) << BigInt(operand.lsb);
  }
  return words;
}

// Which mark each of the 16 hex digits of a word carries: a digit belongs to the operand that has its lowest bit.
function marks(word, operands) {
  return Array.from({ length: 16 }, (_, index) => {
    const bit = (15 - index) * 4;
    if (word === 0 && bit < 8) return "f-cmd";
    const operand = operands.find((one) => one.word === word && one.lsb <= bit + 3 && one.msb >= bit);
    return operand ? MARKS[operand.name] ?? "f-cmd2" : "z";
  });
}

function span(css, text) {
  const element = document.createElement("span");
  element.className = css;
  element.textContent = text;
  return element;
}

function drawWord(root, word, value, operands) {
  const digits = value.toString(16).padStart(16, "0");
  const css = marks(word, operands);
  const parts = [span("p", "0x")];
  for (let start = 0; start < 16; ) {
    let end = start + 1;
    while (end < 16 && css[end] === css[start]) end++;
    parts.push(span(css[start], digits.slice(start, end)));
    start = end;
  }
  root.querySelector(`[data-word="${word}"]`).replaceChildren(...parts);
}

function describe(word, operands, values, name) {
  const told = operands
    .filter((operand) => operand.word === word)
    .map((operand) => `[${operand.msb === operand.lsb ? operand.msb : `${operand.msb}:${operand.lsb}`}] ${operand.label} ${values.text.get(operand.name)}`);
  if (word === 0) told.push(`[7:0] ${name}`);
  return told.join(" · ") || "RES0";
}

function refresh() {
  const root = form();
  const select = root?.elements.command;
  if (!select) return;
  const option = select.selectedOptions[0];
  const operands = layout(option);
  const values = new Map();
  values.text = new Map();
  for (const label of root.querySelectorAll("[data-operand]")) {
    const operand = operands.find((one) => one.name === label.dataset.operand);
    const input = label.querySelector("input");
    label.hidden = !operand;
    input.disabled = !operand;
    if (!operand) continue;
    label.querySelector("u").textContent = operand.label;
    const value = parse(input.value);
    const problem = wrong(operand, value);
    input.setAttribute("aria-invalid", String(problem !== ""));
    input.title = problem && `It must be ${problem}.`;
    values.set(operand.name, value);
    values.text.set(operand.name, problem ? `must be ${problem}` : input.value.trim());
  }
  encode(option.dataset.opcode, operands, values).forEach((word, index) => {
    drawWord(root, index, word, operands);
    root.querySelector(`[data-what="${index}"]`).textContent = describe(index, operands, values, option.value);
  });
  const words = operands.map((operand) => `${operand.name}=${root.elements[`operand.${operand.name}`].value.trim()}`);
  document.getElementById("its-line").textContent = ["its", option.value, ...words].join(" ");
  document.getElementById("its-meaning").textContent = option.dataset.meaning;
  document.getElementById("its-enc").hidden = false;
}

document.addEventListener("input", (event) => {
  if (form()?.contains(event.target)) refresh();
});
document.addEventListener("htmx:after:swap", refresh);
refresh();
