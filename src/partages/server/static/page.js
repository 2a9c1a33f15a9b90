// The page's behaviour. The document's exact text is kept here as a string and sent as JSON:
// the DOM and form encodings change line ends, and offsets with them. Nothing is stored.
import { codePoints, occurrences, offsetOf, rangeOf, stretches, toUnits } from "./offsets.js";
import { $, alertUser, announce } from "./shared.js";

const htmx = window.htmx;

const state = { text: "", source: "", spans: null, history: [], focus: null, edited: null };
const rapport = $("rapport");

// ---- requests: htmx elements of the extension "etat" send the state as JSON

const bodies = {
  rapport: () => ({ text: state.text, rendering: checked("rendering"), ...(state.spans && { spans: state.spans }) }),
  codes: () => ({ text: state.text }),
  verification: () => ({
    text: state.text,
    ...(state.edited === null ? { engine: checked("engine") } : { conclusion: state.edited }),
  }),
};
htmx.defineExtension("etat", {
  onEvent(name, event) {
    if (name === "htmx:configRequest") event.detail.headers["Content-Type"] = "application/json";
    return true;
  },
  encodeParameters: (xhr, parameters, element) => JSON.stringify(bodies[element.id]()),
});

function checked(name) {
  return document.querySelector(`input[name="${name}"]:checked`).value;
}

function detailOf(body, fallback = "Le serveur n'a pas répondu : vérifiez qu'il est démarré, puis recommencez.") {
  try { return JSON.parse(body).detail || fallback; } catch { return fallback; }
}

const BUSY = { rapport: "identite", codes: "codes", verification: "verification" };
document.body.addEventListener("htmx:beforeRequest", (event) => {
  $(BUSY[event.target.id])?.setAttribute("aria-busy", "true");
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  $(BUSY[event.target.id])?.setAttribute("aria-busy", "false");
});
document.body.addEventListener("htmx:responseError", (event) => {
  alertUser(detailOf(event.detail.xhr.responseText));
});
document.body.addEventListener("htmx:sendError", () => alertUser(detailOf("")));

const scrolled = new Map(); // a correction must not move what is being read
document.body.addEventListener("htmx:beforeSwap", () => {
  for (const id of ["rapport", "panneau-identite", "rendu"]) scrolled.set(id, $(id)?.scrollTop ?? 0);
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.target === rapport && state.history.length) {
    for (const [id, top] of scrolled) if ($(id)) $(id).scrollTop = top;
  }
  if (event.target === rapport) identityArrived();
  if (event.target.id === "codes") codesArrived();
  if (event.target.id === "verification") verdictArrived();
});

// ---- entering a document

function open(text, source, notices = []) {
  if (!/[\p{L}\p{N}]/u.test(text)) {
    alertUser("Le document est vide : fournissez un texte qui contient au moins un mot.");
    return;
  }
  stopWriting();
  Object.assign(state, { text, source, spans: null, history: [], focus: null, edited: null });
  $("alerte").hidden = true;
  $("source").textContent = source;
  $("remarques").replaceChildren(...notices.map((notice) => {
    const item = document.createElement("li");
    item.textContent = notice;
    return item;
  }));
  $("remarques").hidden = !notices.length;
  rapport.textContent = text;
  for (const id of ["identite", "codes", "verification"]) $(id).replaceChildren();
  for (const id of ["compte-identite", "compte-codes", "compte-conclusion", "origine"]) $(id).textContent = "";
  $("conclusion-texte").value = "";
  document.querySelector('input[name="engine"][value="auto"]').checked = true;
  $("annuler").disabled = true;
  $("accueil").hidden = true;
  $("travail").hidden = false;
  document.body.classList.add("au-travail");
  rapport.scrollTop = 0;
  window.scrollTo(0, 0);
  $("titre-rapport").focus({ preventScroll: true });
  announce("Analyse en cours.");
  htmx.trigger(rapport, "partages:identite");
  htmx.trigger($("codes"), "partages:codes");
  htmx.trigger($("verification"), "partages:conclusion");
}

function back(keepText) {
  stopWriting();
  closeCategories();
  $("travail").hidden = true;
  $("accueil").hidden = false;
  document.body.classList.remove("au-travail");
  $("saisie").value = keepText ? state.text : "";
  if (!keepText) {
    Object.assign(state, { text: "", source: "", spans: null, history: [], edited: null });
    for (const id of ["rapport", "identite", "codes", "verification"]) $(id).replaceChildren();
    $("conclusion-texte").value = "";
  }
  $("saisie").focus();
}
$("modifier").addEventListener("click", () => back(true));
$("nouveau").addEventListener("click", () => back(false));

$("depot").addEventListener("submit", (event) => {
  event.preventDefault();
  // a textarea shows LF for CRLF: untouched, the text is still the one received
  const typed = $("saisie").value;
  const same = state.text && typed === state.text.replace(/\r\n?/g, "\n");
  open(same ? state.text : typed, same ? state.source : "Texte collé");
});

async function openFile(file) {
  const form = new FormData();
  form.append("file", file);
  announce("Lecture du fichier.");
  try {
    const response = await fetch("/api/v1/extract", { method: "POST", body: form });
    const body = await response.text();
    if (!response.ok) return alertUser(detailOf(body));
    const { text, notices } = JSON.parse(body);
    open(text, file.name, notices);
  } catch {
    alertUser(detailOf(""));
  }
}
$("fichier").addEventListener("change", (event) => {
  if (event.target.files[0]) openFile(event.target.files[0]);
  event.target.value = "";
});
for (const name of ["dragover", "drop", "dragleave"]) {
  document.addEventListener(name, (event) => {
    const files = event.dataTransfer?.types.includes("Files");
    document.body.classList.toggle("survol", Boolean(files) && name === "dragover");
    if (!files) return;
    event.preventDefault();
    if (name !== "drop") return;
    if (event.dataTransfer.files.length > 1) alertUser("Un seul fichier à la fois : déposez-en un.");
    else openFile(event.dataTransfer.files[0]);
  });
}
for (const button of document.querySelectorAll("[data-exemple]")) {
  button.addEventListener("click", async () => {
    try {
      const response = await fetch(`/exemples/${encodeURIComponent(button.dataset.exemple)}`);
      if (!response.ok) throw new Error();
      open(new TextDecoder().decode(await response.arrayBuffer()), `Exemple fictif : ${button.querySelector("strong").textContent}`);
    } catch {
      alertUser(detailOf(""));
    }
  });
}

// ---- tabs (WAI-ARIA Authoring Practices, tabs with automatic activation)

const tabs = [...document.querySelectorAll('[role="tab"]')];
function choose(tab, focus = true) {
  for (const other of tabs) {
    const selected = other === tab;
    other.setAttribute("aria-selected", String(selected));
    other.tabIndex = selected ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = !selected;
  }
  unlight();
  document.body.dataset.onglet = tab.id;
  if (focus) tab.focus();
}
for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(tabs[to % tabs.length]);
  });
}

// ---- identity: the spans under the marks, corrected by hand

function marks() {
  return [...rapport.querySelectorAll("mark.passage")];
}
function spanOf(mark) {
  return {
    start: Number(mark.dataset.start),
    end: Number(mark.dataset.end),
    label: mark.dataset.label,
    attributes: JSON.parse(mark.dataset.attributes),
  };
}
function identityArrived() {
  const count = $("identite").querySelector("[data-nombre]").dataset.nombre;
  $("compte-identite").textContent = count;
  if (state.focus !== null) {
    const offset = state.focus;
    state.focus = null;
    const target = $(`p${offset}`) || rapport;
    target.focus({ preventScroll: target === rapport });
  }
  announce($("identite").querySelector(".resume").textContent);
}
function correct(spans, focus) {
  state.history.push(state.spans);
  state.spans = spans.sort((a, b) => a.start - b.start);
  state.focus = focus;
  $("annuler").disabled = false;
  htmx.trigger(rapport, "partages:identite");
}
$("annuler").addEventListener("click", () => {
  state.spans = state.history.pop();
  $("annuler").disabled = !state.history.length;
  if ($("annuler").disabled) $("titre-rapport").focus();
  htmx.trigger(rapport, "partages:identite");
});
for (const radio of document.querySelectorAll('input[name="rendering"]')) {
  radio.addEventListener("change", () => {
    htmx.trigger(rapport, "partages:identite");
  });
}

// the dialog of categories, for a selection, a mark or a typed text
const dialog = $("categories");
let target = null; // { places: [[start, end], ...], others: [[start, end], ...], mark, origin }

function openCategories(places, mark, near, origin) {
  const [start, end] = places[0];
  const units = toUnits(state.text, start);
  const quote = state.text.slice(units, units + toUnits(state.text.slice(units), end - start));
  const others = occurrences(state.text, quote).filter(([s, e]) => !places.some(([a, b]) => s < b && a < e));
  target = { places, others, mark, origin };
  $("categories-titre").textContent = mark ? `${mark.dataset.nom} : corriger` : "Masquer ce passage";
  $("categories-passage").textContent = `« ${quote.length > 90 ? quote.slice(0, 90) + "…" : quote} »`;
  $("categories-partout").hidden = !others.length;
  $("partout").checked = true;
  $("partout-texte").textContent = others.length > 1 ? `Aussi aux ${others.length} autres endroits` : "Aussi à l'autre endroit";
  $("demasquer").hidden = !mark;
  for (const button of dialog.querySelectorAll("[data-categorie]")) {
    button.setAttribute("aria-pressed", String(mark?.dataset.label === button.dataset.categorie));
  }
  dialog.showModal();
  place(near);
  (dialog.querySelector('[aria-pressed="true"]') || dialog.querySelector("[data-categorie]")).focus();
}
function place(near) {
  // on a wide window, beside the passage; elsewhere the style sheet centres it
  dialog.style.left = dialog.style.top = dialog.style.margin = "";
  if (!near || window.innerWidth < 720) return;
  const box = dialog.getBoundingClientRect();
  const below = near.bottom + 8 + box.height < window.innerHeight;
  dialog.style.margin = "0";
  dialog.style.left = `${Math.max(8, Math.min(near.left, window.innerWidth - box.width - 8))}px`;
  dialog.style.top = `${below ? near.bottom + 8 : Math.max(8, near.top - box.height - 8)}px`;
}
function closeCategories() {
  if (dialog.open) dialog.close();
}
dialog.addEventListener("close", () => {
  if (dialog.open) return; // the event of an earlier closing, come after the next opening
  if (target?.origin?.isConnected && state.focus === null) target.origin.focus();
  target = null;
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) closeCategories();
});
$("categories-fermer").addEventListener("click", closeCategories);

function apply(label) {
  const everywhere = !$("categories-partout").hidden && $("partout").checked;
  const places = everywhere ? [...target.places, ...target.others] : target.places;
  const before = marks().map(spanOf);
  const touched = (span) => places.some(([start, end]) => span.start < end && start < span.end);
  let spans;
  if (label === null) {
    // removing: the same value elsewhere, not a longer span that happens to contain it
    spans = before.filter((span) => !places.some(([start, end]) => span.start === start && span.end === end));
  } else {
    const attributes = (start) => before.find((s) => s.start === start && s.label === label)?.attributes || {};
    const added = places.map(([start, end]) => ({ start, end, label, attributes: attributes(start) }));
    spans = [...before.filter((span) => !touched(span)), ...added];
  }
  correct(spans, target.places[0][0]);
  closeCategories();
}
for (const button of dialog.querySelectorAll("[data-categorie]")) {
  button.addEventListener("click", () => apply(button.dataset.categorie));
}
$("demasquer").addEventListener("click", () => apply(null));

function openMark(mark) {
  const { start, end } = spanOf(mark);
  openCategories([[start, end]], mark, mark.getBoundingClientRect(), mark);
}

function selected() {
  const selection = window.getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  if (!rapport.contains(range.startContainer) || !rapport.contains(range.endContainer)) return null;
  let start = offsetOf(rapport, range.startContainer, range.startOffset);
  let end = offsetOf(rapport, range.endContainer, range.endOffset);
  const characters = [...state.text.slice(toUnits(state.text, start))].slice(0, end - start);
  while (characters.length && /\s/u.test(characters[0])) { characters.shift(); start++; }
  while (characters.length && /\s/u.test(characters.at(-1))) { characters.pop(); end--; }
  return characters.length ? { start, end, box: range.getBoundingClientRect() } : null;
}
function openSelection() {
  const found = selected();
  if (!found) return false;
  openCategories([[found.start, found.end]], null, found.box, rapport);
  return true;
}
rapport.addEventListener("mouseup", (event) => {
  // after the browser has settled the selection
  setTimeout(() => {
    if (dialog.open || openSelection()) return;
    const mark = event.target.closest?.("mark.passage");
    if (mark && rapport.contains(mark)) openMark(mark);
  });
});
rapport.addEventListener("keydown", (event) => {
  if (event.altKey || event.metaKey || event.ctrlKey) return;
  const mark = event.target.closest("mark.passage");
  if (event.key === "Enter" || (event.key === " " && mark)) {
    if (mark ? (openMark(mark), true) : openSelection()) event.preventDefault();
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    event.preventDefault();
    moveByWord(event.key === "ArrowRight" ? 1 : -1, event.shiftKey, mark);
  }
});

const WORD = /[\p{L}\p{N}\p{M}]+|[^\s\p{L}\p{N}\p{M}]/gu;
let keyboard = null; // { text, words, from, to }: indexes of the words selected by keyboard
function moveByWord(step, extend, mark) {
  if (keyboard?.text !== state.text) {
    const words = [];
    let at = 0, seen = 0;
    for (const match of state.text.matchAll(WORD)) {
      at += codePoints(state.text.slice(seen, match.index));
      const length = codePoints(match[0]);
      words.push([at, at + length]);
      at += length;
      seen = match.index + match[0].length;
    }
    keyboard = { text: state.text, words, from: null, to: null };
  }
  const { words } = keyboard;
  if (!words.length) return;
  const current = selected();
  if (!current || keyboard.to === null || words[keyboard.from][0] > current.end || words[keyboard.to][1] < current.start) {
    // start from the mark in focus, or from the first word in sight
    const origin = mark ? Number(mark.dataset.start) : firstVisible();
    const index = Math.max(0, words.findIndex(([start]) => start >= origin));
    keyboard.from = keyboard.to = index;
  } else {
    keyboard.to = Math.max(0, Math.min(words.length - 1, keyboard.to + step));
    if (!extend) keyboard.from = keyboard.to;
  }
  const [a, b] = [Math.min(keyboard.from, keyboard.to), Math.max(keyboard.from, keyboard.to)];
  const range = rangeOf(rapport, words[a][0], words[b][1]);
  const selection = window.getSelection();
  if (mark) rapport.focus({ preventScroll: true });
  selection.removeAllRanges();
  selection.addRange(range);
  reveal(range);
  announce(range.toString());
}
function firstVisible() {
  const top = rapport.getBoundingClientRect().top;
  let at = 0;
  for (const child of rapport.children) {
    const box = child.getBoundingClientRect();
    if (box.bottom > Math.max(top, 0)) return box.top >= Math.max(top, 0) - 4 || child.matches("mark") ? at : at;
    at += codePoints(child.textContent);
  }
  return 0;
}

$("ajout").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = $("ajout-texte");
  const places = occurrences(state.text, field.value.trim());
  if (!places.length) {
    announce("Ce texte n'est pas dans le compte rendu.");
    field.setCustomValidity("Ce texte n'est pas dans le compte rendu.");
    field.reportValidity();
    return;
  }
  openCategories(places.slice(0, 1), null, field.getBoundingClientRect(), field);
  field.value = "";
});
$("ajout-texte").addEventListener("input", (event) => event.target.setCustomValidity(""));

// ---- evidence: lights up in the report, whatever marks are there

let litBy = null;
function unlight() {
  for (const part of rapport.querySelectorAll("span.preuve")) {
    const parent = part.parentNode;
    part.replaceWith(...part.childNodes);
    parent.normalize();
  }
  litBy?.setAttribute("aria-expanded", "false");
  litBy?.closest("li")?.classList.remove("allume");
  litBy = null;
  $("revenir").hidden = true;
}
function reveal(range) {
  const box = range.getBoundingClientRect();
  const frame = rapport.getBoundingClientRect();
  const bottom = Math.min(frame.bottom, window.innerHeight);
  if (box.top >= Math.max(frame.top, 0) && box.bottom <= bottom) return;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const element = range.startContainer.parentElement;
  element.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
}
function light(button) {
  const again = litBy === button;
  unlight();
  if (again) return;
  const places = button.dataset.preuves.trim().split(/\s+/).filter(Boolean).map((p) => p.split("-").map(Number));
  for (const [start, end] of places) {
    for (const [node, from, to] of stretches(rapport, start, end)) {
      if (from === to) continue;
      const middle = from ? node.splitText(from) : node;
      if (to - from < middle.length) middle.splitText(to - from);
      const part = document.createElement("span");
      part.className = "preuve";
      middle.replaceWith(part);
      part.append(middle);
    }
  }
  const first = rapport.querySelector("span.preuve");
  if (!first) return announce("Aucun passage du compte rendu ne correspond.");
  litBy = button;
  button.setAttribute("aria-expanded", "true");
  button.closest("li")?.classList.add("allume");
  $("revenir").hidden = false;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  first.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
  announce(`Passage montré dans le compte rendu : ${[...rapport.querySelectorAll("span.preuve")].map((p) => p.textContent).join(" ").slice(0, 300)}`);
}
$("revenir").addEventListener("click", () => {
  const origin = litBy;
  unlight();
  origin?.focus();
  origin?.scrollIntoView({ block: "center" });
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && litBy && !dialog.open) unlight();
});

// ---- codes: decisions live in the list, and leave with the export

function codesArrived() {
  $("compte-codes").textContent = $("codes").querySelector("[data-nombre]").dataset.nombre;
}
function kept() {
  return [...$("codes").querySelectorAll('li.code[data-etat="retenu"]')].map((item) => ({
    code: item.dataset.code,
    label: item.dataset.libelle,
    role: item.querySelector("[data-role]").value,
    evidence: item.querySelector(".intitule").dataset.preuves.trim().split(/\s+/).filter(Boolean)
      .map((p) => { const [start, end] = p.split("-").map(Number); return { start, end }; }),
  })).sort((a, b) => (a.role === "DP" ? 0 : 1) - (b.role === "DP" ? 0 : 1));
}
function decide(item, decision) {
  item.dataset.etat = item.dataset.etat === decision ? "propose" : decision;
  for (const button of item.querySelectorAll("[data-decision]")) {
    button.setAttribute("aria-pressed", String(item.dataset.etat === button.dataset.decision));
  }
  oneMain(item);
  const count = kept().length;
  $("compte-retenus").textContent = count > 1 ? `${count} retenus` : `${count} retenu`;
  const said = { retenu: "retenu", ecarte: "écarté", propose: "à décider" }[item.dataset.etat];
  announce(`${item.dataset.code} ${said}. ${$("compte-retenus").textContent}.`);
}
function replaceCode(button) {
  // the close code takes the place of the one proposed, which becomes one of its close codes
  const item = button.closest("li.code");
  const before = { code: item.dataset.code, label: item.dataset.libelle };
  const dotted = (code) => (/^[A-Z]\d\d[\dA-Z+]+$/.test(code) ? `${code.slice(0, 3)}.${code.slice(3)}` : code);
  item.dataset.code = button.dataset.remplace;
  item.dataset.libelle = button.dataset.libelle;
  item.querySelector(".numero").textContent = dotted(item.dataset.code);
  item.querySelector(".libelle").textContent = item.dataset.libelle;
  item.querySelector(".chemin")?.remove();
  item.querySelector(".score").textContent = "Choisi par vous";
  for (const [selector, verb] of [['[data-decision="retenu"]', "Retenir"], ['[data-decision="ecarte"]', "Écarter"], ["[data-role]", "Rôle de"]]) {
    item.querySelector(selector).setAttribute("aria-label", `${verb} ${dotted(item.dataset.code)}`);
  }
  button.dataset.remplace = before.code;
  button.dataset.libelle = before.label;
  button.textContent = `${dotted(before.code)} ${before.label}`;
  if (item.dataset.etat !== "retenu") decide(item, "retenu");
  announce(`${item.dataset.code} remplace ${before.code}.`);
}
function file(item) {
  // under the heading of its role, focus kept
  const group = $("codes").querySelector(`[data-groupe="${item.querySelector("[data-role]").value}"]`);
  if (item.parentElement === group) return;
  const focused = item.contains(document.activeElement) ? document.activeElement : null;
  group.prepend(item);
  focused?.focus({ preventScroll: true });
}
function oneMain(item) {
  // a stay has one principal diagnosis: the one just chosen
  if (item.dataset.etat === "ecarte" || item.querySelector("[data-role]").value !== "DP") return;
  for (const other of $("codes").querySelectorAll("li.code")) {
    const role = other.querySelector("[data-role]");
    if (other !== item && role.value === "DP" && other.dataset.etat !== "ecarte") {
      role.value = "DAS";
      file(other);
    }
  }
}
$("codes").addEventListener("change", (event) => {
  if (!event.target.matches("[data-role]")) return;
  const item = event.target.closest("li.code");
  oneMain(item);
  file(item);
  item.scrollIntoView({ block: "nearest" });
  announce(`${item.dataset.code} : ${event.target.value}.`);
});
document.body.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.preuves !== undefined) light(button);
  if (button.dataset.decision) decide(button.closest("li.code"), button.dataset.decision);
  if (button.dataset.remplace) replaceCode(button);
  if (button.dataset.vers) {
    const mark = $(`p${button.dataset.vers}`);
    if (!mark) return;
    mark.scrollIntoView({ block: "center" });
    mark.focus({ preventScroll: true });
    openMark(mark);
  }
  if (button.dataset.copie) copy(contents[button.dataset.copie](), button);
  if (button.dataset.telecharger) save(contents[button.dataset.telecharger](), `${button.dataset.telecharger}.txt`, "text/plain");
  if (button.dataset.export) exportCodes(button.dataset.export, button);
});

// ---- conclusion: written, read, corrected, checked

let writing = null; // AbortController of the text being written
let recheck = 0;
const conclusion = $("conclusion-texte");

function verdictArrived() {
  const verdict = $("verification").querySelector(".verdict");
  if (verdict.dataset.conclusion !== undefined) {
    conclusion.value = verdict.dataset.conclusion;
    $("origine").textContent = verdict.dataset.origine;
  } else {
    $("origine").textContent = writtenByModel && conclusion.value === writtenByModel.text ? writtenByModel.origin : "Texte relu par vous";
  }
  const doubtful = Number(verdict.dataset.nombre);
  $("compte-conclusion").textContent = doubtful ? `⚠ ${doubtful}` : "";
  if (document.body.dataset.onglet === "onglet-conclusion") announce($("verification").querySelector(".resume").textContent);
}
let writtenByModel = null;
conclusion.addEventListener("input", () => {
  clearTimeout(recheck);
  recheck = setTimeout(check, 700);
});
function check() {
  clearTimeout(recheck);
  unlight();
  if (!/[\p{L}\p{N}]/u.test(conclusion.value)) {
    $("verification").replaceChildren();
    $("compte-conclusion").textContent = "";
    return;
  }
  state.edited = conclusion.value;
  htmx.trigger($("verification"), "partages:conclusion");
}
for (const radio of document.querySelectorAll('input[name="engine"]')) {
  radio.addEventListener("change", () => {
    stopWriting();
    state.edited = null;
    writtenByModel = null;
    unlight();
    if (radio.value === "generated") write();
    else htmx.trigger($("verification"), "partages:conclusion");
  });
}
function stopWriting() {
  writing?.abort();
  writing = null;
  $("arreter").hidden = true;
  conclusion.readOnly = false;
  conclusion.removeAttribute("aria-busy");
}
$("arreter").addEventListener("click", () => {
  stopWriting();
  conclusion.focus();
  announce("Rédaction arrêtée.");
  check();
});

async function write() {
  const controller = new AbortController();
  writing = controller;
  conclusion.value = "";
  conclusion.readOnly = true;
  conclusion.setAttribute("aria-busy", "true");
  $("verification").replaceChildren();
  $("compte-conclusion").textContent = "";
  $("origine").textContent = "Rédaction en cours…";
  $("arreter").hidden = false;
  announce("Le modèle rédige.");
  try {
    const response = await fetch("/api/v1/conclude", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
      body: JSON.stringify({ text: state.text, engine: "generated" }),
      signal: controller.signal,
    });
    if (!response.ok) throw new Error(detailOf(await response.text()));
    let result = null;
    for await (const [name, data] of events(response.body)) {
      if (writing !== controller) return;
      if (name === "text") {
        conclusion.value += data.text;
        conclusion.scrollTop = conclusion.scrollHeight;
      }
      if (name === "error") throw new Error(data.detail);
      if (name === "result") result = data;
    }
    if (!result) throw new Error("La rédaction s'est interrompue : recommencez.");
    stopWriting();
    conclusion.value = result.conclusion;
    writtenByModel = { text: conclusion.value, origin: "Ébauche rédigée par un modèle : relisez chaque phrase" };
    announce("Rédaction terminée, vérification en cours.");
    check();
  } catch (error) {
    if (writing !== controller || error.name === "AbortError") return;
    stopWriting();
    $("origine").textContent = "";
    alertUser(error.message);
  }
}
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block), data = /^data: (.*)$/m.exec(block);
      if (name && data) yield [name[1], JSON.parse(data[1])];
    }
  }
}

// ---- taking the result away

const contents = {
  pseudonymise: () => $("rendu").textContent,
  conclusion: () => conclusion.value,
};
async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // outside a secure context (another machine over HTTP) the clipboard has only the old way
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hors-vue";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const label = button.dataset.libelle ??= button.textContent;
  button.textContent = "Copié";
  announce("Copié dans le presse-papiers.");
  setTimeout(() => { button.textContent = label; }, 2000);
}
function save(text, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  announce(`Fichier ${name} téléchargé.`);
}
function exportCodes(kind, button) {
  const codes = kept();
  if (!codes.length) {
    alertUser("Aucun code n'est retenu : retenez-en au moins un avant d'exporter.");
    return;
  }
  const cell = (value) => `"${String(value).replaceAll('"', '""')}"`;
  if (kind === "json") return save(JSON.stringify(codes, null, 2), "codes.json", "application/json");
  if (kind === "copie") return copy(codes.map((c) => `${c.role}\t${c.code}\t${c.label}`).join("\n"), button);
  const rows = codes.map((c) => [c.role, c.code, c.label].map(cell).join(";"));
  // a byte order mark, for the spreadsheet of hospitals to read UTF-8
  save("\ufeff" + ["role;code;libelle", ...rows].join("\r\n") + "\r\n", "codes.csv", "text/csv");
}

window.addEventListener("beforeunload", (event) => {
  if (state.history.length || kept().length) event.preventDefault();
});
document.body.classList.add("pret");
