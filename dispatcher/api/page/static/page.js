// What the page does beyond links and forms: it stays up to date, counts times on, and has keys. Without it all works.
"use strict";
(() => {
  const main = () => document.getElementById("main");
  document.documentElement.classList.add("scripted");

  // ---- Times. Elements have data-since or data-until (seconds since 1970 on the server's clock).
  let ahead = 0; // our clock minus the server's
  const noteClock = () => { ahead = Date.now() / 1000 - Number(main().dataset.now); };
  const stopwatch = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    if (!parts[0]) parts.shift();
    return parts.map((part, at) => (at ? String(part).padStart(2, "0") : part)).join(":");
  };
  const tick = () => {
    const now = Date.now() / 1000 - ahead;
    for (const one of document.querySelectorAll("[data-since]")) one.textContent = stopwatch(now - one.dataset.since);
    for (const one of document.querySelectorAll("[data-until]")) one.textContent = stopwatch(one.dataset.until - now);
  };

  // ---- Staying up to date: the stream says that something changed, and the page is fetched again and morphed.
  const MOST_OFTEN = 250; // milliseconds
  let last = 0, timer = null, fetching = false, stale = false;
  const touched = (input) =>
    input === document.activeElement && input.matches("input:not([type=checkbox]), textarea, select") ||
    (input.matches("[type=checkbox], [type=radio]") ? input.checked !== input.defaultChecked
      : input.matches("select") ? [...input.options].some((one) => one.selected !== one.defaultSelected)
        : input.type !== "hidden" && input.value !== input.defaultValue);
  const callbacks = {
    beforeNodeMorphed(old, fresh) {
      if (old.nodeType !== Node.ELEMENT_NODE) return true;
      if (old.matches("[data-keep]")) return false; // a script fills it
      if (old.matches("details")) fresh.toggleAttribute("open", old.open);
      return !(old.matches("input, textarea, select") && touched(old)); // what the person typed or ticked stays
    },
  };
  const morph = (fresh) => {
    const row = document.activeElement?.closest("[data-row]")?.id;
    Idiomorph.morph(main(), fresh, { morphStyle: "outerHTML", callbacks });
    htmx.process(main()); // the buttons of new rows
    noteClock(); tick();
    if (row && document.activeElement === document.body) document.getElementById(row)?.querySelector("a")?.focus();
  };
  const refresh = async () => {
    timer = null;
    if (fetching || document.hidden) { stale = fetching; return; }
    fetching = true; stale = false; last = Date.now();
    try {
      const response = await fetch(location.href, { headers: { "HX-Request": "true" } });
      if (response.headers.has("HX-Redirect")) { location.href = response.headers.get("HX-Redirect"); return; }
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById("main");
      if (!response.ok || !fresh) return;
      morph(fresh);
      say("inbox-count", page.getElementById("inbox-count").textContent);
    } catch { /* the server is away: the stream tells when it is back */ } finally {
      fetching = false; if (stale) changed();
    }
  };
  const changed = () => { timer ??= setTimeout(refresh, Math.max(0, last + MOST_OFTEN - Date.now())); };
  const say = (id, text) => { const where = document.getElementById(id); if (where) where.textContent = text; };
  let stream = null; // of a page that is seen: a browser has six connections for all pages of a server
  const hush = () => { stream?.close(); stream = null; };
  const listen = () => {
    const address = main().dataset.events;
    if (!address || document.hidden || stream) return;
    stream = new EventSource(address);
    stream.addEventListener("state", () => { say("connection", ""); changed(); });
    stream.addEventListener("away", () => say("connection", "the database is away"));
    stream.addEventListener("error", (event) => {
      say("connection", "not connected, trying again");
      if (event.data) changed(); // the server ended it: the token has expired, for instance
      if (event.data || stream?.readyState === EventSource.CLOSED) { hush(); setTimeout(listen, 5000); }
    });
  };
  document.addEventListener("visibilitychange", () => { document.hidden ? hush() : listen(); });
  document.addEventListener("submit", ({ target }) => { if (target.getAttribute("action") === "/ui/logout") hush(); });

  // ---- Buttons that act in place: forms with hx-boost. What went wrong is said above the page, which stays as it is.
  htmx.defineExtension("morph", {
    isInlineSwap: (style) => style === "morph",
    handleSwap: (style, _, fragment) => { morph(fragment.firstElementChild); return []; },
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const failed = detail.xhr.status >= 400;
    const page = failed && new DOMParser().parseFromString(detail.xhr.responseText, "text/html");
    say("notice", failed ? page.querySelector("main .problem")?.textContent.trim() ?? "This did not work." : "");
    if (failed) detail.shouldSwap = false;
  });
  document.addEventListener("htmx:sendError", () => say("notice", "The server does not answer. Nothing was done."));

  // ---- Rows and keys.
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const row = () => document.activeElement?.closest("[data-row]") ?? document.querySelector("[data-only-row]");
  const step = (by) => {
    const all = rows(), at = all.indexOf(row());
    all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))]?.querySelector("a")?.focus();
  };
  const press = (key) => row()?.querySelector(`[data-key="${key}"]`)?.click();
  const keys = {
    "/": () => document.querySelector("[data-filter]")?.focus(),
    j: () => step(1), k: () => step(-1), x: () => press("x"), c: () => press("c"), r: () => press("r"),
    "?": () => document.getElementById("keys").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  document.addEventListener("click", (event) => {
    const question = event.target.closest("[data-confirm]")?.dataset.confirm;
    if (question && !confirm(question)) { event.preventDefault(); event.stopImmediatePropagation(); }
  }, true);
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) for (const one of document.querySelectorAll("[data-row] [data-key=x]")) one.checked = event.target.checked;
  });

  document.addEventListener("DOMContentLoaded", () => {
    noteClock(); tick(); setInterval(tick, 1000);
    listen();
  });
})();
