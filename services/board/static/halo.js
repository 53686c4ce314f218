// Live pages: follows the event stream, fetches what changed as HTML, and never lets an old screen look fresh.
// A page says what it wants in data attributes of <body>: data-live, data-ward, data-mode, data-follow="notice".
"use strict";
(() => {
  const body = document.body, data = body.dataset;
  const LOST_AFTER = 8000, CARD_PAGE_SECONDS = 15;
  const grid = () => document.getElementById("grid");
  const byId = (id) => document.getElementById(id);

  // ---- the server's clock, never this machine's: an offset, corrected by every ping
  let offset = Date.parse(data.now) - Date.now();
  const now = () => Date.now() + offset;
  const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: data.zone });
  const age = (ms) => {
    const minutes = Math.max(0, Math.floor(ms / 60000)), hours = Math.floor(minutes / 60);
    return minutes < 60 ? `${minutes} min` : hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
  };

  function tick() {
    byId("clock").textContent = time.format(now());
    for (const cell of document.querySelectorAll(".cell[data-at]")) {
      cell.querySelector(".age").textContent = age(now() - Date.parse(cell.dataset.at));
      cell.classList.toggle("stale", now() > Date.parse(cell.dataset.until));
    }
  }

  // ---- forms that submit themselves, the entrance, the way back after logging in
  for (const field of document.querySelectorAll("[data-submit]")) field.addEventListener("change", () => field.form.submit());

  if ("enter" in data && location.hash.length > 1) {
    const given = new URLSearchParams(location.hash.slice(1)), form = document.querySelector("form.answer");
    history.replaceState(null, "", "/enter"); // the secret leaves the address at once
    for (const name of ["once", "device"]) if (given.has(name)) form.elements[name].value = given.get(name);
    form.submit();
  }
  if ("login" in data) { // a link from a mail arrives without the strict cookie; a request from here carries it
    fetch("/api/v1/alerts?limit=1", { credentials: "same-origin" }).then((r) => { if (r.ok) location.replace(data.login); }).catch(() => {});
  }

  // ---- pages of cards on a screen: as many as fit, the worst always on the first
  let page = 0, turned = Date.now(), paused = false;
  const pager = byId("pager");
  function layOut() {
    const cards = grid() ? [...grid().querySelectorAll(".card")] : [];
    if (!body.classList.contains("screen") || !cards.length) return;
    cards.forEach((card) => { card.hidden = false; });
    const room = innerHeight - grid().getBoundingClientRect().top - document.querySelector(".foot").offsetHeight - 8;
    const columns = getComputedStyle(grid()).gridTemplateColumns.split(" ").length;
    const high = Math.max(...cards.map((card) => card.offsetHeight)) + parseFloat(getComputedStyle(grid()).rowGap || 0);
    const fits = Math.max(1, Math.floor((room + 12) / high)) * columns, pages = Math.ceil(cards.length / fits);
    page %= pages;
    cards.forEach((card, index) => { card.hidden = Math.floor(index / fits) !== page; });
    pager.hidden = pages < 2;
    pager.textContent = `${paused ? "‖ " : ""}${page + 1}/${pages}`;
  }
  function turn() {
    if (paused || Date.now() - turned < CARD_PAGE_SECONDS * 1000) return;
    turned = Date.now(); page += 1; layOut();
  }
  if (pager) pager.addEventListener("click", () => { paused = !paused; layOut(); });
  addEventListener("resize", layOut);

  // ---- fetching what changed
  const asked = () => new URLSearchParams({ ward: data.ward || "", mode: data.mode === "public" ? "public" : "" });
  async function html(address) {
    const answer = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" } });
    if (answer.redirected || answer.status === 401) { location.reload(); return null; }
    return answer.ok ? answer.text() : answer.status === 404 ? "" : null;
  }
  function element(text) {
    const holder = document.createElement("template");
    holder.innerHTML = text; // our own server's escaped fragment; scripts in a template do not run
    return holder.content.firstElementChild;
  }
  const pending = new Set();
  let fetching = false;
  async function fetchCards() {
    if (fetching) return;
    fetching = true;
    try {
      while (pending.size) {
        const [id] = pending;
        pending.delete(id);
        const text = await html(`/cards/${encodeURIComponent(id)}?${asked()}`);
        if (text === null) { pending.add(id); break; }
        place(id, text ? element(text) : null);
      }
    } catch { /* away: the stream notices too, and everything is fetched again when it is back */ } finally { fetching = false; }
    tick(); layOut();
  }
  function place(id, card) {
    const old = byId(`p-${id}`);
    if (old) old.remove();
    grid().querySelector(".empty")?.remove();
    if (!card) return;
    const next = [...grid().querySelectorAll(".card")].find((other) => other.dataset.order > card.dataset.order);
    grid().insertBefore(card, next || null);
    if (card.classList.contains("unanswered") && !(old && old.classList.contains("unanswered"))) { page = 0; turned = Date.now(); }
  }
  async function refreshAll() {
    if (!grid()) { notice(); return true; }
    const query = asked();
    query.set("part", "grid");
    if (body.classList.contains("screen")) query.set("screen", "true");
    const text = await html(`/?${query}`);
    if (!text) return false;
    grid().replaceWith(element(text));
    tick(); layOut();
    return true;
  }
  function notice() { const fresh = byId("fresh"); if (fresh) fresh.hidden = false; }

  // ---- the stream
  let stream = null, heard = Date.now(), heardAt = now(), last = Number((grid() || body).dataset.last) || 0;
  let lost = false, wait = 0, mustRefresh = false;
  function connect() {
    stream = new EventSource(`/api/v1/events${last ? `?after=${last}` : ""}`);
    stream.addEventListener("ping", (event) => {
      const said = JSON.parse(event.data);
      offset = Date.parse(said.now) - Date.now();
      wait = 0;
      if (!said.live) { show(true); return; } // the board answers, but does not hear the database itself
      if (said.build !== data.build) { location.reload(); return; }
      alive();
    });
    stream.addEventListener("reload", (event) => { last = Number(event.lastEventId) || last; mustRefresh = true; alive(); });
    for (const kind of ["alert", "series"]) stream.addEventListener(kind, (event) => changed(event));
    stream.addEventListener("operations", (event) => { last = Number(event.lastEventId) || last; });
    stream.onerror = () => { // also at the server's orderly end; back after a while that differs from screen to screen
      stream.close();
      wait = Math.min(15000, Math.max(1000, wait * 2));
      setTimeout(connect, wait * (0.5 + Math.random()));
    };
  }
  function changed(event) {
    last = Number(event.lastEventId) || last;
    const what = JSON.parse(event.data);
    if (grid()) {
      if (byId(`p-${what.patient}`) || (what.here && (!data.ward || !what.ward || what.ward === data.ward))) { pending.add(what.patient); fetchCards(); }
    } else if (data.patient ? what.patient === data.patient : data.alert ? what.alert === data.alert : true) notice();
  }
  async function alive() {
    heard = Date.now();
    if (lost || mustRefresh) {
      try { if (!(await refreshAll())) return; } catch { return; } // still old: the banner stays
      mustRefresh = false;
    }
    heardAt = now();
    show(false);
    if (pending.size) fetchCards();
  }
  function show(isLost) {
    lost = isLost;
    const banner = byId("lost");
    body.classList.toggle("notlive", isLost);
    banner.hidden = !isLost;
    if (isLost) banner.textContent = banner.dataset.text.replace("{time}", time.format(heardAt));
  }

  if ("live" in data) {
    connect();
    setInterval(() => { if (!lost && Date.now() - heard > LOST_AFTER) show(true); turn(); }, 500);
    addEventListener("pagehide", () => stream.close());
  }
  tick(); layOut();
  setInterval(tick, 1000);
})();
