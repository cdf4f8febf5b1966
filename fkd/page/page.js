() => {
  // Gradio leaves a few of its parts without a name for screen readers; they come and go with what is shown.
  const name = () => {
    document.querySelectorAll('.gallery-item:not([aria-label])').forEach(
      (part, number) => part.setAttribute('aria-label', 'Example photo ' + (number + 1)));
    document.querySelectorAll('.search-input:not([aria-label])').forEach(
      part => part.setAttribute('aria-label', 'Search the table'));
    document.querySelectorAll('.image-container > button:not([aria-label])').forEach(
      part => part.setAttribute('aria-label', 'The photo'));
    document.querySelectorAll('pre:not([tabindex])').forEach(part => part.setAttribute('tabindex', 0));
    document.querySelectorAll('div.empty[aria-label]:not([role])').forEach(
      part => part.setAttribute('role', 'img'));
  };
  name();
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
}
