// The log of a run that goes on: it grows, and stays at its end unless the person scrolls up.
"use strict";
(() => {
  const MOST = 2_000_000; // characters that are kept in the page; the file has all
  const NEAR = 40; // pixels from the end that still count as the end
  const follow = (log) => {
    const button = log.parentElement.querySelector("[data-follow]");
    const stream = new EventSource(log.dataset.log);
    let following = true, fresh = true, length = 0;
    const toEnd = () => { log.scrollTop = log.scrollHeight; };
    const tell = (html) => {
      if (!log.isConnected) { stream.close(); return; }
      if (fresh) { log.replaceChildren(); fresh = false; } // what the page came with is in the stream, too
      const piece = document.createElement("span");
      piece.innerHTML = html; // the server made it of escaped text and the classes of colours
      log.append(piece);
      length += piece.textContent.length;
      while (length > MOST && log.firstChild !== piece) {
        length -= log.firstChild.textContent.length;
        log.firstChild.remove();
      }
      if (following) toEnd();
    };
    stream.addEventListener("output", (event) => tell(JSON.parse(event.data).text));
    stream.addEventListener("end", (event) => {
      stream.close();
      tell(JSON.parse(event.data).text);
    });
    stream.addEventListener("error", (event) => { if (event.data) stream.close(); }); // one of the server, with a problem
    log.addEventListener("scroll", () => {
      following = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
      button.hidden = following;
    }, { passive: true });
    button.addEventListener("click", () => { toEnd(); log.focus({ preventScroll: true }); });
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
