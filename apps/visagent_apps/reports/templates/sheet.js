"use strict";
const form = document.querySelector("form");
const key = "visagent-sheet-" + form.dataset.sheet;
const count = document.getElementById("count");
const fields = () => [...form.querySelectorAll("input[type=radio]:checked")];
let store = null;
try { store = window.localStorage; } catch { /* Pages from a file may keep nothing: then the button alone saves. */ }

function tell() {
  const groups = new Set([...form.querySelectorAll("input[type=radio]")].map((field) => field.name));
  count.textContent = fields().length + " of " + groups.size + " rated";
}

function csv() {
  const names = form.dataset.criteria.split(" ");
  const rows = [["code", ...names]];
  for (const item of form.querySelectorAll("[data-code]")) {
    const given = names.map((name) => item.querySelector("input[data-criterion=" + name + "]:checked")?.value ?? "");
    rows.push([item.dataset.code, ...given]);
  }
  return rows.map((row) => row.join(",")).join("\r\n") + "\r\n";
}

form.addEventListener("change", () => {
  tell();
  store?.setItem(key, JSON.stringify(fields().map((field) => field.id)));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = document.getElementById("rater").value.trim().replace(/[^\p{L}\p{N}_-]+/gu, "-") || "rater";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = "ratings-" + name + ".csv";
  link.click();
});
try {
  for (const id of JSON.parse(store?.getItem(key) ?? "[]")) document.getElementById(id).checked = true;
} catch { /* Kept by another sheet: begin anew. */ }
tell();
