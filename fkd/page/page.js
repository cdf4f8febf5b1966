// Shared by all tabs in the browser: the page's URL, names for screen readers, a photo pasted or dropped anywhere.
window.fkd = (() => {
  const STAY = ["__theme", "__sign"]; // Gradio's own
  let hasLeft = false; // the first tab is also "selected" when the page opens

  function write(asked, push) {
    const query = asked.toString().replaceAll("%2C", ",");
    if ("?" + query === location.search || (!query && !location.search)) return;
    history[push ? "pushState" : "replaceState"](null, "", query ? "?" + query : location.pathname);
    // Inside a Space the address that a visitor sees is that of the frame's parent.
    if (window.parent !== window) window.parent.postMessage({ queryString: query }, "https://huggingface.co");
  }

  /** Keeps some values in the address; null removes one. push: Back returns to the address of before. */
  function remember(values, push = false) {
    const asked = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === "") asked.delete(name);
      else asked.set(name, value);
    }
    write(asked, push);
  }

  function openTab([tab, names], values, selected) {
    if (tab !== "live") stopCamera();
    if (tab === "compare" && !hasLeft) return;
    hasLeft = true;
    const before = new URLSearchParams(location.search);
    if (selected && (before.get("tab") ?? "compare") === tab) return;
    const asked = new URLSearchParams();
    for (const name of STAY) if (before.has(name)) asked.set(name, before.get(name));
    if (tab !== "compare") asked.set("tab", tab);
    names.forEach((name, number) => {
      const value = String(values[number] ?? "");
      if (value) asked.set(name, value);
    });
    write(asked, before.get("tab") !== asked.get("tab"));
  }

  function toAnswer() {
    const status = document.querySelector("#status");
    if (status && window.innerWidth < 700) status.scrollIntoView({ behavior: "smooth" });
  }

  // ---- the photo of this browser session: a reload answers for it again

  /** photo: Gradio's description of an upload, or null after an example was chosen. */
  function keepPhoto(photo, example = null) {
    try {
      if (photo) sessionStorage.setItem("fkd-photo", JSON.stringify(photo));
      else sessionStorage.removeItem("fkd-photo");
    } catch { /* a browser that keeps nothing */ }
    remember({ example }, true);
  }

  async function keptPhoto() {
    try {
      const photo = JSON.parse(sessionStorage.getItem("fkd-photo"));
      if (!photo || new URLSearchParams(location.search).has("example")) return null;
      if ((await fetch(photo.url, { method: "HEAD" })).ok) return photo;
      sessionStorage.removeItem("fkd-photo");
    } catch { /* it is gone, or the browser keeps nothing */ }
    return null;
  }

  const PHOTO = /\.(jpe?g|png|webp|hei[cf]|avif|gif|bmp|tiff?)$/i;

  function give(file) {
    const input = document.querySelector("#strip input[type=file]");
    // Browsers know no type of some photos, a HEIC among them.
    if (!input || !file || !(file.type.startsWith("image/") || PHOTO.test(file.name))) return false;
    const files = new DataTransfer();
    files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  }

  const ofCompare = () => (new URLSearchParams(location.search).get("tab") ?? "compare") === "compare";
  document.addEventListener("paste", (event) => {
    if (ofCompare() && give(event.clipboardData?.files?.[0])) event.preventDefault();
  });
  document.addEventListener("dragover", (event) => ofCompare() && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (event.target.closest?.("#truth, #more") || !ofCompare()) return;
    event.preventDefault(); // or the browser would leave the page for the file
    give(event.dataTransfer?.files?.[0]);
  });

  // ---- the camera of Live: Gradio keeps sending frames while another tab is open, or the page is hidden

  const LONGEST_RUN = 120_000; // ms
  let lastClick; // the timer that ends a run

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
    clearTimeout(lastClick);
    if (!video.dataset.sends) return;
    lastClick = setTimeout(stopCamera, LONGEST_RUN);
    if (video.srcObject) return;
    const stream = await navigator.mediaDevices.getUserMedia({ video: true });
    video.srcObject = stream;
    if (video.dataset.sends) video.play();
    else stopCamera(); // the tab was left meanwhile
  }, true);
  document.addEventListener("visibilitychange", () => document.hidden && stopCamera());
  window.addEventListener("pagehide", stopCamera);

  window.addEventListener("popstate", () => location.reload());

  // A few of Gradio's parts have no name for screen readers; they are replaced as the page changes.
  const UNNAMED = {
    ".search-input": () => "Search the table",
    ".modebar-btn[data-title]": (part) => part.dataset.title,
    ".image-container > button": () => "The photo",
    "#examples .gallery-item": (part, number) => `Example photo ${number + 1}`,
  };
  function name() {
    for (const [selector, text] of Object.entries(UNNAMED)) {
      document.querySelectorAll(selector).forEach((part, number) => {
        if (!part.hasAttribute("aria-label")) part.setAttribute("aria-label", text(part, number));
      });
    }
    document.querySelectorAll("#camera .capture-button").forEach((part) => part.setAttribute("aria-label", "Record or stop"));
    // Where answers and errors appear: they are read out.
    document.querySelectorAll("#status, #added, #batch-status").forEach((part) => part.setAttribute("role", "status"));
    document.querySelectorAll("pre:not([tabindex])").forEach((part) => part.setAttribute("tabindex", 0));
    document.querySelectorAll("div.empty[aria-label]:not([role])").forEach((part) => part.setAttribute("role", "img"));
  }
  function watchNames() {
    name();
    new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  }
  if (document.body) watchNames();
  else addEventListener("DOMContentLoaded", watchNames);

  return { remember, openTab, toAnswer, keepPhoto, keptPhoto };
})();
