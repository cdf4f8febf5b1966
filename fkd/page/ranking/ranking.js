// Draws a ranking; `element`, `props`, `trigger` and `watch` come from Gradio. The template never changes, so Gradio
// never touches what is drawn here.
const board = element.querySelector(".board");
const find = (selector) => board.querySelector(selector);
const [head, body, said] = [find("thead tr"), find("tbody"), find(".said")];
let data = null;
let sort = "";
let wanted = ""; // a sort that the server has not answered yet

function say(text) {
  said.textContent = text;
  said.dataset.shown = "";
  clearTimeout(say.timer);
  say.timer = setTimeout(() => delete said.dataset.shown, 2500);
}

async function copy(text, name) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${name} copied.`);
  } catch {
    say(`${name} not copied: the browser does not allow it.`);
  }
}

/** The heading of a column: a button for each of its values that it can be sorted by. */
function heading(column) {
  const cell = make("th", { role: "columnheader", scope: "col", "data-column": column.key });
  column.sorts.forEach(([key, label], number) => {
    const button = make("button", { type: "button", "data-sort": key }, label, make("span", { "aria-hidden": true }));
    cell.append(...(number ? [make("i", { "aria-hidden": true }, "/")] : []), button);
  });
  if (column.number) cell.dataset.number = "";
  return cell;
}

/** The model's name, a link where it has a page here or on the Hub. */
function nameOf(row) {
  const name = row.texts.model;
  if (row.model) {
    const asked = new URLSearchParams({ tab: "model", model: row.model });
    const theme = new URLSearchParams(location.search).get("__theme");
    if (theme) asked.set("__theme", theme);
    return make("a", { href: `?${asked}` }, name);
  }
  if (row.href.startsWith("https://")) {
    const there = make("span", { class: "there" }, " on the Hub");
    return make("a", { href: row.href, target: "_blank", rel: "noopener nofollow" }, name, there);
  }
  return make("strong", {}, name);
}

/** An interval on the scale of all rows: a line from its low to its high end, a dot at the value. */
function whisker({ interval, colour }) {
  const [low, high] = data.scale;
  const [from, at, to] = interval.map((value) => (100 * (value - low)) / (high - low || 1));
  const range = `${interval[0].toFixed(3)} to ${interval[2].toFixed(3)} px`;
  const line = make("span", { class: "whisker", title: `95% interval: ${range}` }, make("b"), make("i"));
  const inside = (value) => Math.min(100, Math.max(0, value));
  line.firstChild.style.cssText = `left: ${inside(from)}%; right: ${100 - inside(to)}%`;
  line.lastChild.style.left = `${inside(at)}%`;
  if (/^#[0-9a-f]{6}$/.test(colour)) line.style.setProperty("--ink", colour);
  return [line, make("span", { class: "hidden" }, ` (95% interval ${range})`)];
}

function cellOf(row, column) {
  const texts = column.sorts.map(([key]) => row.texts[key]).filter(Boolean);
  const heads = column.sorts.map(([, label]) => label).join(" / ");
  const cell = make("td", { role: "cell", "data-column": column.key, "data-head": heads });
  if (column.number) cell.dataset.number = "";
  if (column.key === "model") {
    cell.append(nameOf(row));
    if (row.note) cell.append(make("small", { title: row.note }, row.note));
  } else {
    cell.append(make("span", {}, texts.join(" / ") || "-"));
    if (column.key === "rank" && row.tied) cell.append(make("small", {}, "tied"));
    if (column.key === "RANKED_BY" && row.interval && data.scale) cell.append(...whisker(row));
  }
  return cell;
}

function order(rows) {
  const [key, sign] = sort.startsWith("-") ? [sort.slice(1), -1] : [sort, 1];
  const value = (row) => row.values[key] ?? "";
  const compare = (a, b) =>
    sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  const known = rows.filter((row) => value(row) !== "");
  return [...known.sort((a, b) => compare(value(a), value(b))), ...rows.filter((row) => value(row) === "")];
}

function drawRows() {
  const [key, isDown] = sort.startsWith("-") ? [sort.slice(1), true] : [sort, false];
  for (const cell of head.children) {
    const button = [...cell.querySelectorAll("button")].find((one) => one.dataset.sort === key);
    for (const one of cell.querySelectorAll("button")) one.lastChild.textContent = "";
    if (button) button.lastChild.textContent = isDown ? " ▼" : " ▲";
    if (button) cell.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  }
  body.replaceChildren(
    ...order(data.rows).map((row) => make("tr", { role: "row" }, ...data.columns.map((column) => cellOf(row, column)))),
  );
}

function show() {
  data = props.value ? JSON.parse(JSON.stringify(props.value)) : null;
  if (!data) return;
  if (wanted && wanted !== data.sort) sort = wanted;
  else [sort, wanted] = [data.sort, ""];
  const keys = JSON.stringify(data.columns);
  if (head.dataset.keys !== keys) {
    head.dataset.keys = keys; // else the headings stay, and with them the focus
    head.replaceChildren(...data.columns.map(heading));
  }
  drawRows();
  find(".scrolls").hidden = !data.rows.length;
  find(".none").hidden = Boolean(data.rows.length) || !data.any;
  find(".note").textContent = data.note;
}

head.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  const key = button.dataset.sort;
  sort = wanted = sort === key ? `-${key}` : key;
  drawRows();
  say(`Sorted by ${button.firstChild.textContent}, ${sort === key ? "smallest" : "largest"} first.`);
  trigger("input"); // of more rows than are here, others may come first
});
// A row is its model's link.
body.addEventListener("click", ({ target }) => {
  if (!target.closest("a") && !String(getSelection())) target.closest("tr")?.querySelector("a")?.click();
});
board.fkdCopy = copy;
board.fkdSort = () => sort;
watch("value", show);
show();
