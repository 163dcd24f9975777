// How media come to the page: chosen, dropped, pasted and photographed. All go through the one hidden file input.
(() => {
  "use strict";
  const zone = () => document.querySelector(".va-drop");
  const input = () => document.querySelector("#va-files input[type=file]");
  const words = (key) => zone().querySelector(".va-drop-note").dataset[key];

  function note(text) {
    const place = zone()?.querySelector(".va-drop-note");
    if (place) place.textContent = text;
  }

  // Whether the server has taken the files that were sent last: Gradio tells nobody.
  let refused = false;
  const send = window.fetch;
  window.fetch = async (...given) => {
    const reply = send(...given);
    if (String(given[0]?.url ?? given[0]).match(/\/gradio_api\/upload(\?|$)/)) {
      reply.then((got) => { refused = !got.ok; }, () => { refused = true; });
    }
    return reply;
  };

  let watched = 0;
  // Gradio takes its input away while a file is sent and read, and brings it back when the next one can come.
  function watch(said) {
    clearInterval(watched);
    note([words("opening") + " …", said].filter(Boolean).join(" "));
    zone().classList.add("va-opening");
    refused = false;
    let gone = false, ticks = 0;
    watched = setInterval(() => {
      gone ||= !input();
      ticks += 1;
      if (refused) said = words("failed");
      else if (!input() || (!gone && ticks < 20)) return;
      clearInterval(watched);
      note(said);
      zone()?.classList.remove("va-opening");
    }, 150);
  }

  function feed(given) {
    const target = input(), { most, bytes } = zone().dataset;
    const files = [...given], large = files.filter((file) => file.size > Number(bytes));
    const fitting = files.filter((file) => file.size <= Number(bytes)), said = [];
    if (large.length) said.push(words("large").replace("{names}", large.map((file) => file.name).join(", ")));
    if (fitting.length > Number(most)) {
      said.push(words("many").replace("{all}", fitting.length).replaceAll("{most}", most));
    }
    if (!fitting.length || !target) { note(said.join(" ")); return; }
    const kept = new DataTransfer();
    fitting.slice(0, Number(most)).forEach((file) => kept.items.add(file));
    target.files = kept.files;
    fed = true;
    target.dispatchEvent(new Event("change", { bubbles: true }));
    watch(said.join(" "));
  }

  // What a person chose in the browser's own window is looked through as well, before Gradio sends it.
  let fed = false;
  document.addEventListener("change", (event) => {
    if (event.target !== input()) return;
    if (fed) { fed = false; return; }
    event.stopImmediatePropagation();
    feed(event.target.files);
  }, true);

  let stream = null;
  function close() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    const box = zone()?.querySelector(".va-camera");
    if (box) box.hidden = true;
    zone()?.querySelector("[data-way=camera]").setAttribute("aria-expanded", "false");
  }

  const ways = {
    files: () => input()?.click(),
    camera: async () => {
      if (stream) return close();
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      } catch { return note(words("camera")); }
      const box = zone().querySelector(".va-camera");
      box.hidden = false;
      box.querySelector("video").srcObject = stream;
      zone().querySelector("[data-way=camera]").setAttribute("aria-expanded", "true");
      note("");
    },
    shoot: () => {
      const video = zone().querySelector(".va-camera video");
      if (!video.videoWidth) return;
      const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob((blob) => {
        close();
        feed([new File([blob], `${words("shot")}.jpg`, { type: "image/jpeg" })]);
      }, "image/jpeg", 0.92);
    },
    unshoot: close,
    paste: async () => {
      const found = [];
      try {
        for (const item of await navigator.clipboard.read()) {
          const kind = item.types.find((type) => type.startsWith("image/"));
          if (kind) found.push(new File([await item.getType(kind)], `${words("shot")}.png`, { type: kind }));
        }
      } catch { /* A browser that does not let pages read the clipboard still pastes with its keys. */ }
      if (found.length) feed(found); else note(words("nothing"));
    },
  };

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-way]");
    if (button) ways[button.dataset.way]();
  });
  const shown = () => zone()?.offsetParent;
  document.addEventListener("paste", (event) => {
    if (!shown() || !event.clipboardData?.files.length) return;
    event.preventDefault();
    feed(event.clipboardData.files);
  });
  document.addEventListener("dragover", (event) => {
    if (!shown() || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    zone().classList.add("va-over");
  });
  const leave = () => zone()?.classList.remove("va-over");
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) leave(); });
  document.addEventListener("drop", (event) => {
    leave();
    if (!shown() || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    feed(event.dataTransfer.files);
  });
})();
