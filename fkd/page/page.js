// Shared by all tabs in the browser: the page's URL, a photo pasted or dropped anywhere, names for screen readers.
window.fkd = (() => {
  const STAY = ["__theme", "__sign"]; // Gradio's own
  let hasLeft = false; // the first tab is also "selected" when the page opens
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
    if (tab !== "live") stopCamera();
    if (tab === "compare" && !hasLeft) return;
    hasLeft = true;
    const before = new URLSearchParams(location.search);
    if (selected && (before.get("tab") ?? "compare") === tab) return;
    const chosen = names.map((name, number) => [name, String(values[number] ?? "")]);
    const params = set(new URLSearchParams(), {
      ...Object.fromEntries(STAY.map((name) => [name, before.get(name)])),
      tab: tab === "compare" ? "" : tab,
      example: tab === "compare" ? example : null,
      ...Object.fromEntries(chosen),
    });
    write(params, before.get("tab") !== params.get("tab"));
  }

  window.addEventListener("popstate", () => location.reload());

  function toAnswer() {
    const status = document.querySelector("#status:has(p)") ?? document.querySelector("#viewer");
    if (status && window.innerWidth < 700) status.scrollIntoView({ behavior: "smooth" });
  }

  // ---- the photo of this browser session, which a reload shows again

  /** photo: Gradio's description of an upload, or null after an example was chosen. */
  function keepPhoto(photo, name = null) {
    example = name;
    if (!photo) say(""); // an example replaces a photo that is being sent
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

  // ---- a photo that is pasted or dropped anywhere

  const inCompare = () => (new URLSearchParams(location.search).get("tab") ?? "compare") === "compare";

  function upload(file, event) {
    const input = document.querySelector("#strip input[type=file]");
    if (!input || !file) return;
    const files = new DataTransfer();
    files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  }

  /** Opens the camera of a phone; returns whether there is one. */
  function phoneCamera() {
    if (!matchMedia("(pointer: coarse)").matches) return false;
    const input = document.createElement("input");
    Object.assign(input, { type: "file", accept: "image/*", capture: "user" });
    input.addEventListener("change", (event) => upload(input.files[0], event));
    input.click();
    return true;
  }

  // ---- what is being sent: a large photo takes half a minute on a slow line

  let sending = "";
  function say(text) {
    sending = text;
    const note = document.querySelector("#sending") ?? document.createElement("p");
    Object.assign(note, { id: "sending", role: "status", textContent: text });
    document.querySelector("#strip").append(note);
  }
  /** Keeps a photo that has arrived, and returns it; null if the visitor has chosen something else since. */
  function keepUpload(photo) {
    if (!sending) return null;
    keepPhoto(photo);
    say("");
    return photo;
  }
  document.addEventListener("change", ({ target }) => {
    if (!target.matches?.("#strip input[type=file]") || !target.files[0]) return;
    say(`Sending ${(target.files[0].size / 1e6).toFixed(1)} MB…`);
  }, true);

  document.addEventListener("paste", (event) => inCompare() && upload(event.clipboardData?.files?.[0], event));
  document.addEventListener("dragover", (event) => inCompare() && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (event.target.closest?.("#truth, #more") || !inCompare()) return;
    event.preventDefault(); // or the browser would leave the page for the file
    upload(event.dataTransfer?.files?.[0], event);
  });

  let searched = false; // by the visitor, in the leaderboard
  document.addEventListener("input", ({ target }) => (searched ||= Boolean(target.closest?.("#search"))), true);

  // ---- the camera of Live: Gradio keeps sending frames while another tab is open, or the page is hidden

  const MAX_RUN = 120_000; // ms
  let end; // the timer that ends a run

  function stopCamera() {
    const video = document.querySelector("#camera video");
    if (!video) return;
    if (video.dataset.sends) document.querySelector("#camera .capture-button").click();
    video.srcObject?.getTracks().forEach((track) => track.stop()); // turns its light off
    video.srcObject = null;
  }

  document.addEventListener("click", async (event) => {
    if (!event.target.closest?.("#camera .capture-button")) return;
    const video = document.querySelector("#camera video");
    video.dataset.sends = video.dataset.sends ? "" : "yes";
    document.body.toggleAttribute("data-camera", Boolean(video.dataset.sends));
    clearTimeout(end);
    if (!video.dataset.sends) return;
    end = setTimeout(stopCamera, MAX_RUN);
    if (video.srcObject) return;
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
    if (video.dataset.sends) video.play();
    else stopCamera(); // the tab was left in the meantime
  }, true);
  document.addEventListener("visibilitychange", () => document.hidden && stopCamera());
  window.addEventListener("pagehide", stopCamera);

  // ---- attributes for screen readers that a few of Gradio's parts lack; they are replaced as the page changes

  const MISSING = [
    [".search-input", "aria-label", () => "Search the table"],
    [".modebar-btn[data-title]", "aria-label", (part) => part.dataset.title],
    [".image-container > button", "aria-label", () => "The photo"],
    ["#examples .gallery-item", "aria-label", (part, number) => `Example photo ${number + 1}`],
    ["#strip input[type=file]", "accept", () => "image/*,.heic,.heif,.avif"], // others get a sentence
    ["#camera .capture-button", "aria-label", () => "Record or stop"],
    ["#status, #added, #batch-status", "role", () => "status"], // where answers and errors appear: they are read out
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

  return { remember, openTab, toAnswer, keepPhoto, keptPhoto, isOwnPhoto, keepUpload, phoneCamera, hasSearched: () => searched };
})();
