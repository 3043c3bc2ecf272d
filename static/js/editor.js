// A scenario as text: colours and line numbers behind the textarea, and the lines that cannot be read marked there.
// The server checks the text (htmx asks it); without this module the textarea is plain.

const area = document.getElementById("text");
const back = document.getElementById("back");
const VERBS = new Set(area.dataset.verbs.split(" "));
const WORDS = /(?<rem>(?<=^|\s)#.*)|(?<reg>\b(?:GIC[DR]|GITS|ICC)_\w+(?:@\d+)?(?:\.\w+)?)|(?<key>\b\w+(?==[^=]))/g;
let shown = [];

function piece(kind, text) {
  const span = document.createElement("span");
  span.className = `t-${kind}`;
  span.textContent = text;
  return span;
}

function painted(text) {
  const row = document.createElement("div");
  const [, blank, verb] = text.match(/^(\s*)([^\s#]*)/);
  row.append(blank);
  if (verb) row.append(VERBS.has(verb) ? piece("verb", verb) : verb);
  let end = blank.length + verb.length;
  const plain = verb === "note" || verb === "title";
  for (const found of plain ? [] : text.matchAll(WORDS)) {
    if (found.index < end) continue;
    const kind = Object.keys(found.groups).find((name) => found.groups[name] !== undefined);
    row.append(text.slice(end, found.index), piece(kind, found[0]));
    end = found.index + found[0].length;
  }
  row.append(text.slice(end));
  return row;
}

// Only the lines that differ are painted anew.
function paint() {
  const lines = area.value.split("\n");
  let first = 0;
  while (first < lines.length && first < shown.length && lines[first] === shown[first]) first++;
  let same = 0;
  while (same < Math.min(lines.length, shown.length) - first && lines.at(-1 - same) === shown.at(-1 - same)) same++;
  for (let count = shown.length - first - same; count > 0; count--) back.children[first].remove();
  const before = back.children[first] ?? null;
  for (const line of lines.slice(first, lines.length - same)) back.insertBefore(painted(line), before);
  shown = lines;
  scroll();
}

function scroll() {
  back.scrollTop = area.scrollTop;
  back.scrollLeft = area.scrollLeft;
}

const problems = () => [...document.querySelectorAll("#problems [data-line]")];

function mark() {
  for (const row of back.querySelectorAll(".bad")) row.classList.remove("bad");
  for (const problem of problems()) back.children[problem.dataset.line - 1]?.classList.add("bad");
}

document.getElementById("problems").addEventListener("click", (event) => {
  const problem = event.target.closest("[data-line]");
  if (!problem) return;
  event.preventDefault();
  const lines = area.value.split("\n").slice(0, problem.dataset.line - 1);
  const at = lines.reduce((sum, line) => sum + line.length + 1, 0) + Number(problem.dataset.column) - 1;
  area.focus();
  area.setSelectionRange(at, at);
});

area.addEventListener("input", paint);
area.addEventListener("scroll", scroll);
document.addEventListener("htmx:after:swap", mark);
area.parentElement.classList.add("is-live");
paint();
mark();
