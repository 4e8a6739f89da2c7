// The log of a run that goes on: it grows, and stays at its end unless the person scrolls up.
"use strict";
(() => {
  const MOST = 2_000_000; // characters that are kept in the page; the file has all
  const NEAR = 40; // pixels from the end that still count as the end
  const follow = (log) => {
    const button = log.parentElement.querySelector("[data-follow]");
    const address = new URL(log.dataset.log, location.href);
    let stream = null, over = false, following = true, fresh = true, length = 0;
    const hush = () => { stream?.close(); stream = null; };
    const toEnd = () => { log.scrollTop = log.scrollHeight; };
    const tell = (html) => {
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
    const listen = () => {
      if (!log.isConnected) { over = true; hush(); }
      if (over || stream || document.hidden) return;
      stream = new EventSource(address);
      stream.addEventListener("output", (event) => {
        address.searchParams.set("from", event.lastEventId); // from here on after a pause
        tell(JSON.parse(event.data).text);
      });
      stream.addEventListener("end", (event) => { over = true; hush(); tell(JSON.parse(event.data).text); });
      stream.addEventListener("error", (event) => {
        if (event.data || stream?.readyState === EventSource.CLOSED) { hush(); setTimeout(listen, 5000); }
      });
    };
    document.addEventListener("visibilitychange", () => { document.hidden ? hush() : listen(); });
    log.addEventListener("scroll", () => {
      following = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
      button.hidden = following;
    }, { passive: true });
    button.addEventListener("click", () => { toEnd(); log.focus({ preventScroll: true }); });
    toEnd();
    listen();
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
