// Photos that are chosen, taken by a phone's camera, pasted or dropped anywhere on the page.
/** take: gets the file. isWanted: whether a paste or drop is for it. Returns two ways to open the browser's dialog. */
window.listenForPhotos = (take, isWanted = () => true) => {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", id: "photo", hidden: true, ariaLabel: "Your photo" });
  document.body.append(input);
  input.addEventListener("change", () => {
    const [file] = input.files;
    input.value = ""; // so that the same file can be chosen again
    if (file) take(file);
  });

  function choose(capture = false, accept = "image/*" + (capture ? "" : ",.heic,.heif,.avif")) {
    input.accept = accept; // others get a sentence
    if (capture) input.setAttribute("capture", "user");
    else input.removeAttribute("capture");
    input.click();
  }

  /** Opens the camera of a phone; returns whether there is one. */
  function phoneCamera() {
    const isPhone = matchMedia("(pointer: coarse)").matches;
    if (isPhone) choose(true);
    return isPhone;
  }

  function takeFirst(event, files) {
    if (!isWanted(event)) return;
    if (files?.length || event.type === "drop") event.preventDefault(); // or the browser would leave the page for the file
    if (files?.length) take(files[0]);
  }
  document.addEventListener("paste", (event) => takeFirst(event, event.clipboardData?.files));
  document.addEventListener("drop", (event) => takeFirst(event, event.dataTransfer?.files));
  document.addEventListener("dragover", (event) => isWanted(event) && event.preventDefault());
  return { choose, phoneCamera };
};
