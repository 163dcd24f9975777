// How a person points: a box drawn over a picture or a video by mouse, finger, keys or numbers becomes a named region.
(() => {
  "use strict";
  const SIDES = ["x1", "y1", "x2", "y2"];
  const TAP = 5;
  let drawing = null;

  const barOf = (stage) => stage.querySelector(".va-draw");
  const fields = (bar) => SIDES.map((side) => bar.querySelector(`[data-side=${side}]`));
  const clamp = (value, most) => Math.min(most, Math.max(0, value));

  // The next name that no region on the page has.
  function freeName() {
    const taken = new Set([...document.querySelectorAll("[data-region-name]")].map((one) => one.dataset.regionName));
    let number = 1;
    while (taken.has(`r${number}`)) number += 1;
    return `r${number}`;
  }

  function begin(stage) {
    if (open()) end();
    const bar = barOf(stage), view = stage.querySelector(".va-view");
    const width = Number(bar.dataset.width), height = Number(bar.dataset.height);
    const frame = document.createElement("div");
    frame.className = "va-draft";
    view.querySelector(".va-canvas").append(frame);
    drawing = { stage, bar, view, frame, width, height, box: [0, 0, 0, 0], from: null, corner: null };
    bar.hidden = false;
    bar.querySelector("[data-side=name]").value = freeName();
    stage.classList.add("va-drawing");
    stage.querySelector("[data-draw=begin]").setAttribute("aria-pressed", "true");
    show([width / 4, height / 4, (3 * width) / 4, (3 * height) / 4]);
    view.focus({ preventScroll: true });
  }

  function end() {
    const { stage, bar, frame } = drawing;
    frame.remove();
    bar.hidden = true;
    stage.classList.remove("va-drawing");
    stage.querySelector("[data-draw=begin]").setAttribute("aria-pressed", "false");
    drawing = null;
  }

  // Whether something is being drawn: a new version of the page's media, which Gradio makes out of the old one, ends it.
  function open() {
    if (drawing && !(drawing.frame.isConnected && !drawing.bar.hidden)) drawing = null;
    return drawing !== null;
  }

  // A box in whole pixels of the picture, shown over it and in the fields, and carried by the button that adds it.
  function show([x1, y1, x2, y2], write = true) {
    const { bar, frame, width, height } = drawing;
    const across = [clamp(Math.round(Math.min(x1, x2)), width), clamp(Math.round(Math.max(x1, x2)), width)];
    const down = [clamp(Math.round(Math.min(y1, y2)), height), clamp(Math.round(Math.max(y1, y2)), height)];
    drawing.box = [across[0], down[0], across[1], down[1]];
    if (write) fields(bar).forEach((field, at) => { field.value = drawing.box[at]; });
    frame.style.left = `${(100 * across[0]) / width}%`;
    frame.style.top = `${(100 * down[0]) / height}%`;
    frame.style.width = `${(100 * (across[1] - across[0])) / width}%`;
    frame.style.height = `${(100 * (down[1] - down[0])) / height}%`;
    carry();
  }

  function carry() {
    const { bar, box } = drawing, add = bar.querySelector("[data-event=point]");
    const name = bar.querySelector("[data-side=name]").value.trim();
    add.dataset.region = `${bar.dataset.picture}#${name}=${box.join(",")}`;
    add.disabled = !name || box[0] === box[2] || box[1] === box[3];
  }

  function at(event) {
    const place = drawing.view.querySelector(".va-canvas").getBoundingClientRect();
    return [
      clamp(((event.clientX - place.left) / place.width) * drawing.width, drawing.width),
      clamp(((event.clientY - place.top) / place.height) * drawing.height, drawing.height),
    ];
  }

  // While a box is drawn, the picture is not moved: these come before the handlers that do.
  const on = (name, handle) => document.addEventListener(name, (event) => {
    if (!open() || !(event.target instanceof Element) || !drawing.view.contains(event.target)) return;
    event.stopPropagation();
    handle(event);
  }, true);

  on("pointerdown", (event) => {
    event.preventDefault();
    drawing.view.focus({ preventScroll: true });
    try { drawing.view.setPointerCapture(event.pointerId); } catch { /* A pointer that is gone already. */ }
    drawing.from = { point: at(event), x: event.clientX, y: event.clientY, moved: false };
  });
  on("pointermove", (event) => {
    const { from } = drawing;
    if (!from) return;
    from.moved ||= Math.hypot(event.clientX - from.x, event.clientY - from.y) > TAP;
    if (from.moved) show([...from.point, ...at(event)]);
  });
  on("pointerup", () => {
    const { from, corner, width, height } = drawing;
    drawing.from = null;
    if (!from) return;
    if (from.moved) { drawing.corner = null; return; }
    const [x, y] = from.point, reach = Math.max(width, height) / 20;
    // The second of two taps is the opposite corner; a single one stands for what is around it.
    show(corner ? [...corner, x, y] : [x - reach, y - reach, x + reach, y + reach]);
    drawing.corner = corner ? null : [x, y];
  });
  on("pointercancel", () => { drawing.from = null; });
  on("dblclick", () => {});
  // A video is neither started nor stopped by drawing on it.
  on("click", (event) => event.preventDefault());

  document.addEventListener("keydown", (event) => {
    if (!open()) return;
    const inside = drawing.stage.contains(event.target);
    if (event.key === "Escape" && inside) {
      event.stopPropagation();
      const button = drawing.stage.querySelector("[data-draw=begin]");
      end();
      button.focus();
      return;
    }
    if (event.key === "Enter" && inside && event.target.closest(".va-view, .va-draw input")) {
      event.preventDefault();
      drawing.bar.querySelector("[data-event=point]").click();
      return;
    }
    if (event.target !== drawing.view || event.ctrlKey || event.metaKey || event.altKey) return;
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!ways) return;
    event.preventDefault();
    event.stopPropagation();
    const { width, height, box } = drawing, [x1, y1, x2, y2] = box;
    const step = Math.max(1, Math.round(Math.max(width, height) / 100));
    if (event.shiftKey) {
      show([x1, y1, Math.max(x1 + 1, x2 + ways[0] * step), Math.max(y1 + 1, y2 + ways[1] * step)]);
    } else {
      const dx = Math.min(width - x2, Math.max(-x1, ways[0] * step));
      const dy = Math.min(height - y2, Math.max(-y1, ways[1] * step));
      show([x1 + dx, y1 + dy, x2 + dx, y2 + dy]);
    }
  }, true);

  document.addEventListener("input", (event) => {
    if (!open() || !drawing.bar.contains(event.target)) return;
    // What is being typed stays as it is typed.
    if (event.target.dataset.side === "name") carry();
    else show(fields(drawing.bar).map((field) => Number(field.value) || 0), false);
  });

  // Where a region's name goes: the field of questions that was written in last.
  let written = null;
  const QUESTIONS = "#va-question-box textarea, #va-follow input, #va-follow textarea";
  document.addEventListener("focusin", (event) => { if (event.target.matches?.(QUESTIONS)) written = event.target; });

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const draw = target?.closest("[data-draw]"), name = target?.closest("[data-insert]")?.dataset.insert;
    if (draw) {
      const stage = draw.closest(".va-stage");
      if (draw.dataset.draw === "begin" && !(open() && drawing.stage === stage)) begin(stage);
      else { if (open()) end(); stage.querySelector("[data-draw=begin]").focus(); }
    }
    if (name) {
      const field = written?.offsetParent ? written : document.querySelector("#va-question-box textarea");
      const before = field.value.slice(0, field.selectionStart), after = field.value.slice(field.selectionEnd);
      const gap = before && !/\s$/.test(before) ? " " : "";
      field.value = `${before}${gap}${name}${after}`;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.focus();
    }
  });
})();
