// The rankings that Python rendered: sorted by a heading, or as ?sort= says, the largest first after a minus.
(() => {
  /** Unknown values come last. */
  function sort(board, by) {
    const body = board.querySelector("tbody");
    const asked = board.querySelector(`th button[data-sort="${CSS.escape(by.replace("-", ""))}"]`);
    const button = asked ?? board.querySelector("th button");
    const isDown = Boolean(asked) && by.startsWith("-");
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
    const rows = [...body.rows].map((row) => [JSON.parse(row.dataset.values)[button.dataset.sort] ?? "", row]);
    rows.sort(([a], [b]) => (a === "") - (b === "") || (isDown ? -1 : 1) * compare(a, b));
    body.append(...rows.map(([, row]) => row));
    for (const arrow of board.querySelectorAll("th button span")) arrow.textContent = "";
    for (const head of board.querySelectorAll("th")) head.removeAttribute("aria-sort");
    button.closest("th").setAttribute("aria-sort", isDown ? "descending" : "ascending");
    button.querySelector("span").textContent = isDown ? " ▼" : " ▲";
    const order = `${button.firstChild.textContent}, ${isDown ? "largest" : "smallest"} first`;
    board.querySelector("[role=status]").textContent = `Sorted by ${order}.`;
    board.dataset.sort = isDown ? `-${button.dataset.sort}` : button.dataset.sort;
  }

  function sortNew() {
    const by = new URLSearchParams(location.search).get("sort") ?? "rank";
    for (const board of document.querySelectorAll(".board:not([data-sort])")) sort(board, by);
  }

  document.addEventListener("click", ({ target }) => {
    const board = target.closest(".board");
    const button = board && target.closest("th button");
    const link = board && target.closest("tbody tr")?.querySelector("a");
    if (button) {
      const { sort: by } = button.dataset;
      sort(board, board.dataset.sort === by ? `-${by}` : by); // the other way round at a second click
      window.fkd.remember?.({ sort: board.dataset.sort === "rank" ? null : board.dataset.sort });
    } else if (link?.search && !link.target) {
      const theme = new URLSearchParams(location.search).get("__theme");
      if (theme) link.search = `${link.search}&__theme=${encodeURIComponent(theme)}`;
    }
    // A click anywhere on a row follows its link.
    if (link && !target.closest("a") && !String(getSelection())) link.click();
  }, true);
  new MutationObserver(sortNew).observe(document, { childList: true, subtree: true });
  sortNew();
})();
