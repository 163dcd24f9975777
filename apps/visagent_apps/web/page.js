// What the page does by itself: citations light up boxes and move players, pictures zoom and pan. Fetches nothing.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // The part of the page in which a citation counts: one run's pane, or the desk.
  const scopeOf = (element) => element.closest(".va-pane, .va-desk, .tabitem") ?? document;

  function light(from, ids) {
    const scope = scopeOf(from);
    unlight(scope);
    from.classList.add("va-on");
    for (const stage of all(".va-stage", scope)) {
      const lit = all(".va-mark", stage).filter((mark) => ids.has(mark.dataset.node));
      lit.forEach((mark) => mark.classList.add("va-lit"));
      stage.classList.toggle("va-pointing", lit.length > 0);
      stage.closest(".va-thumb")?.classList.toggle("va-lit", lit.length > 0);
    }
    for (const step of all("details.va-step", scope)) {
      step.classList.toggle("va-lit", step.dataset.node === from.dataset.cite);
    }
  }

  function unlight(scope) {
    all(".va-on", scope).forEach((element) => element.classList.remove("va-on"));
    all(".va-lit", scope).forEach((element) => element.classList.remove("va-lit"));
    all(".va-pointing", scope).forEach((element) => element.classList.remove("va-pointing"));
  }

  function jump(from, seconds) {
    const scope = scopeOf(from);
    const { media, digest } = from.dataset;
    const stage = all(".va-stage", scope).find((one) => media ? one.dataset.media === media : one.dataset.digest === digest);
    const player = stage?.querySelector("audio, video");
    if (!player) return;
    const go = () => { player.currentTime = seconds; };
    if (unplayable(player)) still(player, seconds);
    else if (player.readyState >= 1) go();
    else { player.addEventListener("loadedmetadata", go, { once: true }); player.load(); }
    stage.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  // A video that this browser cannot play shows pictures that the server makes of it.
  const unplayable = (player) => player.error !== null || player.networkState === HTMLMediaElement.NETWORK_NO_SOURCE;
  const still = (player, seconds) => {
    if (player.tagName !== "VIDEO") return;
    player.poster = `${player.getAttribute("src")}?at=${seconds}`;
    place(player, seconds);
  };
  document.addEventListener("error", (event) => {
    if (event.target.matches?.(".va-stage video")) still(event.target, 0);
  }, true);

  const idsOf = (element) => new Set((element.dataset.lights || "").split(" ").filter(Boolean));

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    const cite = target.closest("[data-cite]");
    const time = target.closest(".va-time");
    if (time) { event.preventDefault(); jump(time, Number(time.dataset.jump)); }
    if (!cite) return;
    event.preventDefault();
    if (cite.classList.contains("va-on")) { unlight(scopeOf(cite)); return; }
    light(cite, idsOf(cite));
    if (cite.dataset.jump) jump(cite, Number(cite.dataset.jump));
    const step = scopeOf(cite).querySelector(`details.va-step[data-node="${cite.dataset.cite}"]`);
    if (step) step.open = true;
    const lit = scopeOf(cite).querySelector(".va-stage.va-pointing");
    (lit?.closest(".va-thumb") ?? lit)?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") unlight(document);
  });

  // A finger does not hover: what it has touched last would stay lit.
  const hovers = matchMedia("(hover: hover)");

  // A hovered step shows its boxes for as long as the pointer is on it.
  document.addEventListener("mouseover", (event) => {
    if (!hovers.matches) return;
    const summary = event.target instanceof Element && event.target.closest("details.va-step > summary");
    const scope = summary && scopeOf(summary);
    if (!summary || scope.querySelector(".va-on")) return;
    const ids = idsOf(summary.parentElement);
    for (const stage of all(".va-stage", scope)) {
      const lit = all(".va-mark", stage).filter((mark) => ids.has(mark.dataset.node));
      lit.forEach((mark) => mark.classList.add("va-lit"));
      stage.classList.toggle("va-pointing", lit.length > 0);
    }
    summary.addEventListener("mouseleave", () => {
      if (scope.querySelector(".va-on")) return;
      unlight(scope);
    }, { once: true });
  });

  // A line of the list of numbered boxes shows its own box for as long as the pointer is on it.
  document.addEventListener("mouseover", (event) => {
    if (!hovers.matches) return;
    const line = event.target instanceof Element && event.target.closest("li[data-mark]");
    const stage = line && line.closest(".va-stage");
    if (!line || scopeOf(line).querySelector(".va-on")) return;
    all(".va-mark", stage).forEach((mark) => mark.classList.toggle("va-lit", mark.dataset.mark === line.dataset.mark));
    stage.classList.add("va-pointing");
    line.addEventListener("mouseleave", () => { if (!scopeOf(line).querySelector(".va-on")) unlight(stage); }, { once: true });
  });

  // Boxes of a video are there while their frame is.
  function place(video, seconds = video.currentTime) {
    const stage = video.closest(".va-stage");
    for (const mark of stage ? all(".va-mark[data-start]", stage) : []) {
      mark.classList.toggle("va-away", Math.abs(Number(mark.dataset.start) - seconds) > 0.5);
    }
  }
  document.addEventListener("timeupdate", (event) => { if (event.target.matches?.("video")) place(event.target); }, true);
  document.addEventListener("seeked", (event) => { if (event.target.matches?.("video")) place(event.target); }, true);
  window.visagentPlaced = (root) => {
    all(".va-stage video", root).forEach((video) => place(video));
    follow(root);
  };

  // Whoever asks is brought to what comes of it: on a narrow page it is below what they see.
  let asked = false;
  const inView = (element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return top >= 0 && Math.min(bottom, top + 120) <= window.innerHeight;
  };
  function follow(root) {
    const busy = root.querySelector(".va-turning"), answer = root.closest("#va-answer-box")?.querySelector(".va-answer");
    const target = busy && !asked ? busy.parentElement : answer && asked ? answer : null;
    if (busy) asked = true;
    if (answer) asked = false;
    if (target && !inView(target)) target.scrollIntoView({ block: "start", behavior: "smooth" });
  }

  // Which tab this is, for the server to give it back what it held when the page is loaded again.
  window.visagentTab = () => {
    try {
      if (!sessionStorage.visagentTab) {
        sessionStorage.visagentTab = hex(crypto.getRandomValues(new Uint8Array(16)));
      }
      return sessionStorage.visagentTab;
    } catch { return ""; }
  };
  const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  // Gradio's own words, as on its recorders, follow the browser's language: its translator is told the page's.
  const TRANSLATOR = /\/assets\/(runtime|i18n)[^/]*\.js$/;
  const isLocale = (store) => {
    let value;
    if (typeof store?.set === "function" && typeof store.subscribe === "function") store.subscribe((now) => { value = now; })();
    return typeof value === "string" && /^[a-z]{2}(-|$)/i.test(value);
  };
  window.visagentSpeak = async (language) => {
    document.documentElement.lang = language;
    const loaded = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => TRANSLATOR.test(name));
    for (const name of new Set(loaded)) {
      Object.values(await import(name)).filter(isLocale).forEach((store) => store.set({ zh: "zh-CN" }[language] ?? language));
    }
  };

  // Pan and zoom: the canvas is scaled and moved in its view, so that pixels stay those of the original.
  const views = new WeakMap();
  const stateOf = (view) => {
    if (!views.has(view)) views.set(view, { scale: 1, x: 0, y: 0, pointers: new Map(), spread: 0 });
    return views.get(view);
  };

  function draw(view) {
    const state = stateOf(view), { width, height } = view.getBoundingClientRect();
    const canvas = view.querySelector(".va-canvas");
    const content = { width: canvas.offsetWidth * state.scale, height: canvas.offsetHeight * state.scale };
    state.x = Math.min(0, Math.max(width - content.width, state.x));
    state.y = Math.min(0, Math.max(height - content.height, state.y));
    if (content.width <= width) state.x = (width - content.width) / 2;
    if (content.height <= height) state.y = (height - content.height) / 2;
    canvas.style.transform = `translate(${state.x}px, ${state.y}px) scale(${state.scale})`;
    view.classList.toggle("va-zoomed", state.scale > 1.001);
    const image = view.querySelector("img");
    if (image) image.style.imageRendering = state.scale * image.clientWidth > 2 * image.naturalWidth ? "pixelated" : "";
  }

  function zoom(view, factor, at) {
    const state = stateOf(view), box = view.getBoundingClientRect();
    const point = at ?? { x: box.width / 2, y: box.height / 2 };
    const next = Math.min(40, Math.max(1, state.scale * factor));
    state.x = point.x - (point.x - state.x) * (next / state.scale);
    state.y = point.y - (point.y - state.y) * (next / state.scale);
    state.scale = next;
    draw(view);
  }

  function act(view, action) {
    const state = stateOf(view), image = view.querySelector("img");
    if (action === "zoom_in") zoom(view, 1.5);
    if (action === "zoom_out") zoom(view, 1 / 1.5);
    if (action === "fit") { state.scale = 1; draw(view); }
    if (action === "full" && image) zoom(view, image.naturalWidth / image.clientWidth / state.scale);
    if (action === "screen") {
      if (document.fullscreenElement) document.exitFullscreen();
      else view.closest(".va-stage").requestFullscreen?.();
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-zoom], [data-marks], [data-toggle-seen]");
    if (!button) return;
    const stage = button.closest(".va-stage");
    if (button.dataset.zoom) return act(stage.querySelector(".va-view"), button.dataset.zoom);
    const pressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(pressed));
    if ("marks" in button.dataset) stage.classList.toggle("va-hide-marks", !pressed);
    else {
      const image = stage.querySelector("img");
      image.src = pressed ? image.dataset.seen : image.dataset.plain;
      stage.classList.toggle("va-seen", pressed);
    }
  });

  const viewOf = (event) => event.target instanceof Element ? event.target.closest(".va-view") : null;
  const pointIn = (view, event) => {
    const box = view.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  document.addEventListener("wheel", (event) => {
    const view = viewOf(event);
    // A plain wheel scrolls the page, unless the picture is zoomed already or fills the screen.
    if (!view || !view.querySelector("img")) return;
    if (!(event.ctrlKey || view.classList.contains("va-zoomed") || document.fullscreenElement)) return;
    event.preventDefault();
    zoom(view, Math.exp(-event.deltaY / 400), pointIn(view, event));
  }, { passive: false });

  document.addEventListener("dblclick", (event) => {
    const view = viewOf(event);
    if (view?.querySelector("img")) zoom(view, 2.5, pointIn(view, event));
  });

  document.addEventListener("pointerdown", (event) => {
    const view = viewOf(event);
    if (!view?.querySelector("img")) return;
    stateOf(view).pointers.set(event.pointerId, pointIn(view, event));
    stateOf(view).spread = 0;
  });
  document.addEventListener("pointermove", (event) => {
    const view = viewOf(event);
    const state = view && views.get(view);
    if (!state?.pointers.has(event.pointerId)) return;
    const before = state.pointers.get(event.pointerId), now = pointIn(view, event);
    state.pointers.set(event.pointerId, now);
    if (state.pointers.size === 2) {
      const [a, b] = [...state.pointers.values()];
      const spread = Math.hypot(a.x - b.x, a.y - b.y);
      if (state.spread) zoom(view, spread / state.spread, { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
      state.spread = spread;
    } else if (state.scale > 1) {
      state.x += now.x - before.x;
      state.y += now.y - before.y;
      draw(view);
    }
  });
  const lift = (event) => all(".va-view").forEach((view) => views.get(view)?.pointers.delete(event.pointerId));
  document.addEventListener("pointerup", lift);
  document.addEventListener("pointercancel", lift);

  document.addEventListener("keydown", (event) => {
    const view = event.target instanceof Element && event.target.classList.contains("va-view") ? event.target : null;
    if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
    const state = stateOf(view), step = 60;
    const keys = {
      "+": () => act(view, "zoom_in"), "=": () => act(view, "zoom_in"), "-": () => act(view, "zoom_out"),
      "0": () => act(view, "fit"), "1": () => act(view, "full"), "f": () => act(view, "screen"),
      ArrowLeft: () => { state.x += step; draw(view); }, ArrowRight: () => { state.x -= step; draw(view); },
      ArrowUp: () => { state.y += step; draw(view); }, ArrowDown: () => { state.y -= step; draw(view); },
    };
    if (!keys[event.key] || (event.key.startsWith("Arrow") && state.scale <= 1)) return;
    event.preventDefault();
    keys[event.key]();
  });
})();
