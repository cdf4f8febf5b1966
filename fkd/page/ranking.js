// The ranking's events; Python renders it. `element` and `trigger` come from Gradio.
element.addEventListener("click", ({ target }) => {
  const button = target.closest("th button");
  const link = target.closest("tbody tr")?.querySelector("a");
  if (button) {
    const { sort, next } = button.dataset;
    button.dataset.next = next === sort ? `-${sort}` : sort; // a second click may come before the answer
    trigger("input", { sort: next });
  } else if (link?.search && !link.target) {
    const theme = new URLSearchParams(location.search).get("__theme");
    if (theme) link.search = `${link.search}&__theme=${encodeURIComponent(theme)}`;
  }
  // A click anywhere on a row follows its link.
  if (link && !target.closest("a") && !String(getSelection())) link.click();
}, true);
