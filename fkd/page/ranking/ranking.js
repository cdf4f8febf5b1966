// The ranking's events; Python renders it. `element` and `trigger` come from Gradio.
function say(text) {
  const said = element.querySelector(".said");
  said.textContent = text;
  said.dataset.shown = "";
  clearTimeout(say.timer);
  say.timer = setTimeout(() => delete said.dataset.shown, 2500);
}

const root = document.querySelector("#ranking");
root.fkdCopy = async (text, name) => {
  try {
    await navigator.clipboard.writeText(text);
    say(`${name} copied.`);
  } catch {
    say(`${name} not copied: the browser does not allow it.`);
  }
};

element.addEventListener("click", ({ target }) => {
  const button = target.closest("th button");
  const link = target.closest("tbody tr")?.querySelector("a");
  if (button) {
    const { sort, next } = button.dataset;
    root.fkdSort = next;
    button.dataset.next = next === sort ? `-${sort}` : sort; // a second click may come before the answer
    trigger("input");
  } else if (link?.search && !link.target) {
    const theme = new URLSearchParams(location.search).get("__theme");
    if (theme) link.search = `${link.search}&__theme=${encodeURIComponent(theme)}`;
  }
  // A click anywhere on a row follows its link.
  if (link && !target.closest("a") && !String(getSelection())) link.click();
}, true);
