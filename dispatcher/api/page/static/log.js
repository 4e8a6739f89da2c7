// The log of a run that goes on: it grows, and stays at its end unless the person scrolls up.
"use strict";
(() => {
  const MOST = 2_000_000; // characters that are kept in the page; the file has all
  const NEAR = 40; // pixels from the end that still count as the end
  const follow = (log) => {
    const button = log.parentElement.querySelector("[data-follow]");
    const stream = new EventSource(log.dataset.log);
    const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
    const toEnd = () => { log.scrollTop = log.scrollHeight; };
    let following = true, fresh = true, length = 0;
    const close = () => { stream.close(); button.hidden = true; };
    stream.addEventListener("begin", () => { fresh = true; }); // everything comes again
    stream.addEventListener("message", (event) => {
      if (!log.isConnected) { close(); return; }
      if (fresh) { log.replaceChildren(); fresh = false; length = 0; }
      const piece = document.createElement("span");
      piece.innerHTML = event.data; // escaped by the server: text and the classes of its colours
      log.append(piece);
      length += piece.textContent.length;
      while (length > MOST && log.firstChild !== piece) {
        length -= log.firstChild.textContent.length;
        log.firstChild.remove();
      }
      if (following) toEnd();
    });
    stream.addEventListener("end", close);
    log.addEventListener("scroll", () => { following = atEnd(); button.hidden = following; }, { passive: true });
    button.addEventListener("click", () => { following = true; button.hidden = true; toEnd(); log.focus({ preventScroll: true }); });
    toEnd();
  };
  const start = () => {
    for (const log of document.querySelectorAll("[data-log]:not([data-follows])")) {
      log.dataset.follows = "";
      follow(log);
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    start();
    new MutationObserver(start).observe(document.body, { childList: true, subtree: true });
  });
})();
