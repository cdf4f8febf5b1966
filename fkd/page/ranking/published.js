// Lists published scores; `element`, `props` and `watch` come from Gradio.
/** An element; children that are strings become text, never HTML: names come from strangers. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const scores = element.querySelector(".scores");
const WIDE = 700; // px of the window from which the list is open at first
scores.open = window.innerWidth >= WIDE;

function itemOf({ best, scores, what, href, host }) {
  const source = make("a", { href, target: "_blank", rel: "noopener nofollow" }, host);
  return make("li", {}, make("b", {}, best), make("span", {}, what, make("small", {}, `${scores}, `, source)));
}

function show() {
  const { title = "", published = [] } = props.value ?? {};
  scores.hidden = !published.length;
  scores.querySelector("summary").textContent = title;
  scores.querySelector("ol").replaceChildren(...published.map(itemOf));
}

watch("value", show);
show();
