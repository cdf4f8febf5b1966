// Shared by all tabs in the browser: the page's URL, a photo pasted or dropped anywhere, names for screen readers.
window.fkd = (() => {
  const STAY = ["__theme", "__sign"]; // Gradio's own
  let hasLeft = false; // the first tab is also "selected" when the page opens
  const tabNow = () => new URLSearchParams(location.search).get("tab") ?? "compare";
  const inCompare = () => tabNow() === "compare";
  let example = new URLSearchParams(location.search).get("example"); // the one that Compare shows

  function write(params, push) {
    const query = params.toString().replaceAll("%2C", ",");
    if (query === location.search.slice(1)) return;
    history[push ? "pushState" : "replaceState"](null, "", query ? "?" + query : location.pathname);
    // Inside a Space the visitor sees the URL of the frame's parent.
    if (window.parent !== window) window.parent.postMessage({ queryString: query }, "https://huggingface.co");
  }

  function set(params, values) {
    for (const [name, value] of Object.entries(values)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    return params;
  }

  /** Writes some values to the URL; null removes one. push: Back returns to the URL of before. */
  const remember = (values, push = false) => write(set(new URLSearchParams(location.search), values), push);

  function openTab([tab, names], values, selected) {
    if (tab === "compare" && !hasLeft) return;
    hasLeft = true;
    const before = new URLSearchParams(location.search);
    if (selected && (before.get("tab") ?? "compare") === tab) return;
    const chosen = names.map((name, number) => [name, String(values[number] || "")]);
    const params = set(new URLSearchParams(), {
      ...Object.fromEntries(STAY.map((name) => [name, before.get(name)])),
      tab: tab === "compare" ? "" : tab,
      example: tab === "compare" ? example : null,
      sort: tab === "leaderboard" ? before.get("sort") : null, // which ranking.js writes
      ...Object.fromEntries(chosen),
    });
    write(params, before.get("tab") !== params.get("tab"));
  }

  // Gradio shows the first tab until the one in the URL is opened, and its parts from the lightest to the heaviest.
  document.body.dataset.opening = inCompare() ? "compare" : "other";
  const opened = () => delete document.body.dataset.opening;

  window.addEventListener("popstate", () => location.reload());

  function toAnswer() {
    const status = document.querySelector("#status:has(p)") ?? document.querySelector("#viewer");
    if (status && window.innerWidth < 700) status.scrollIntoView({ behavior: "smooth" });
  }

  // ---- the photo of this browser session, which a reload shows again

  /** photo: Gradio's description of an upload, or null after an example was chosen. */
  function keepPhoto(photo, name = null) {
    example = name;
    if (!photo) cancel(); // an example replaces a photo that is being sent
    try {
      sessionStorage.setItem("fkd-photo", JSON.stringify(photo));
    } catch { /* storage is off */ }
    remember({ example }, true);
  }

  async function keptPhoto() {
    try {
      const photo = JSON.parse(sessionStorage.getItem("fkd-photo"));
      if (photo && !new URLSearchParams(location.search).has("example")) {
        return (await fetch(photo.url, { method: "HEAD" })).ok ? photo : null;
      }
    } catch { /* storage is off, or the page offline */ }
    return null;
  }

  /** Whether the photo on the page is the visitor's, and not an example. */
  function isOwnPhoto() {
    try {
      return sessionStorage.getItem("fkd-photo")?.startsWith("{") ?? false;
    } catch {
      return true; // storage is off
    }
  }

  // ---- what is being sent: a large photo takes half a minute on a slow line

  const MOST = 100e6; // bytes of a file, as MAX_FILE_BYTES of guard.py
  // Where a tab takes files: the name of one, the place for sentences, the button that has it answered.
  const TAKES = { compare: ["photo", "#strip", "#sent"], clip: ["clip", "#clip-strip", "#clip-sent"] };
  const sent = {}; // Gradio's description of the last file sent in each tab
  let request = null; // of the upload in progress

  /** Shows a sentence next to the photos or clips, or above another tab, with a button or without. */
  function say(text, label = "", act = null) {
    const note = document.querySelector("#sending") ?? document.createElement("p");
    Object.assign(note, { id: "sending", role: "status", textContent: text });
    document.querySelector(TAKES[tabNow()]?.[1] ?? "#title")?.append(note);
    if (!act) return;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.addEventListener("click", act);
    note.append(" ", button);
  }

  function cancel() {
    if (!request) return;
    request.abort();
    request = null;
    say("");
  }

  /** Sends a file in place of the one that is being sent, and has it answered in a tab. */
  function send(file, tab = "compare") {
    cancel();
    const [noun, , button] = TAKES[tab];
    const size = `${(file.size / 1e6).toFixed(1)} MB`;
    if (file.size > MOST) return say(`The ${noun} has ${size}, expected at most ${MOST / 1e6} MB: make it smaller first.`);
    const form = new FormData();
    form.append("files", file, file.name || noun);
    const upload = (request = new XMLHttpRequest());
    upload.upload.addEventListener("progress", ({ loaded, total }) => {
      say(`Sending ${size}: ${Math.floor((100 * loaded) / total)}%`, "Cancel", cancel);
    });
    upload.addEventListener("error", () => {
      request = null;
      say(`The ${noun} could not be sent: check your connection.`, "Try again", () => send(file, tab));
    });
    upload.addEventListener("load", () => {
      say("");
      request = null;
      if (upload.status !== 200) return say(`The ${noun} could not be sent: ${problemOf(upload.responseText)}`);
      const [path] = JSON.parse(upload.responseText);
      const url = new URL(`gradio_api/file=${path}`, document.baseURI).href;
      sent[tab] = { path, url, orig_name: file.name, meta: { _type: "gradio.FileData" } };
      if (tab === "compare") keepPhoto(sent[tab]);
      document.querySelector(button).click();
    });
    say(`Sending ${size}`, "Cancel", cancel);
    upload.open("POST", "gradio_api/upload");
    upload.send(form);
  }

  function problemOf(answer) {
    try {
      return JSON.parse(answer).detail;
    } catch {
      return "the server did not say why.";
    }
  }

  // ---- without a connection

  async function reload() {
    try {
      await fetch(location.href, { method: "HEAD", cache: "no-store" });
      location.reload(); // which shows the photo of this session again
    } catch {
      offline("There is still no connection.");
    }
  }
  const offline = (text) => say(text, "Try again", reload);
  addEventListener("offline", () => offline("There is no connection to the server."));
  addEventListener("online", () => say(""));

  const { choose, phoneCamera } = listenForPhotos(
    (file) => send(file, tabNow()),
    ({ target }) => TAKES[tabNow()] && !target.closest?.("#truth, #more") && !document.querySelector("#clip-choose:disabled"),
  );

  // ---- attributes for screen readers that a few of Gradio's parts lack; they are replaced as the page changes

  const MISSING = [
    [".search-input", "aria-label", () => "Search the table"],
    [".modebar-btn[data-title]", "aria-label", (part) => part.dataset.title],
    [".image-container > button", "aria-label", () => "The photo"],
    ["#examples .gallery-item", "aria-label", (part, number) => `Example photo ${number + 1}`],
    ["#status, #batch-status, #clip-status", "role", () => "status"], // where answers and errors appear: they are read out
    ["pre", "tabindex", () => 0],
    ["div.empty[aria-label]", "role", () => "img"],
  ];
  new MutationObserver(() => {
    for (const [selector, name, value] of MISSING) {
      document.querySelectorAll(selector).forEach((part, number) => {
        if (!part.hasAttribute(name)) part.setAttribute(name, value(part, number));
      });
    }
  }).observe(document, { childList: true, subtree: true });

  return {
    remember, openTab, opened, toAnswer, keepPhoto, keptPhoto, isOwnPhoto, choosePhoto: choose, phoneCamera, take: send,
    sent: (tab) => sent[tab] ?? null, tabNow,
  };
})();
