// The coding desk: stays, proposals and decisions live in this page, and leave with the export.
import { stretches } from "./offsets.js";
import { $, alertUser, announce, ask, make } from "./shared.js";

const stays = []; // { id, text, specialty, ccam, codes: null | [{ code, label, role, state, evidence, ... }], flags }
let current = -1;
let exported = true;

const dotted = (code) => (/^[A-Z]\d\d[\dA-Z+]+$/.test(code) ? `${code.slice(0, 3)}.${code.slice(3)}` : code);

// ---- entering stays

async function openFiles(files) {
  const added = [];
  for (const file of files) {
    const form = new FormData();
    form.append("file", file);
    try {
      if (/\.csv$/i.test(file.name)) {
        const table = await ask("/page/sejours", form);
        if (table.notices.length) alertUser(`${file.name} : ${table.notices.join(" ")}`);
        for (const stay of table.stays) added.push({ specialty: "", ccam: [], ...stay });
      } else {
        const { text } = await ask("/api/v1/extract", form);
        added.push({ id: file.name.replace(/\.\w+$/, ""), text, specialty: "", ccam: [] });
      }
    } catch (error) {
      alertUser(`${file.name} : ${error.message}`);
    }
  }
  if (!added.length) return;
  const start = stays.length;
  for (const { id, text, specialty, ccam } of added) stays.push({ id, text, specialty, ccam, codes: null, flags: [] });
  $("accueil").hidden = true;
  $("travail").hidden = false;
  document.body.classList.add("au-travail");
  show(start);
}
$("fichiers").addEventListener("change", (event) => {
  openFiles([...event.target.files]);
  event.target.value = "";
});
for (const name of ["dragover", "drop", "dragleave"]) {
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("survol", name === "dragover");
    if (name === "drop") openFiles([...event.dataTransfer.files]);
  });
}

// ---- one stay

async function propose(stay) {
  const result = await ask("/api/v1/code", { id: stay.id, text: stay.text, ccam: stay.ccam });
  stay.flags = result.flags;
  stay.codes = result.codes.map((code) => ({ ...code, state: "propose" }));
}
async function show(number) {
  current = number;
  const stay = stays[number];
  $("titre-sejour").textContent = `Séjour ${stay.id}`;
  $("position").textContent = `${number + 1} sur ${stays.length}`;
  $("precedent").disabled = number === 0;
  $("suivant").disabled = number === stays.length - 1;
  const about = [stay.specialty, stay.ccam.length ? `actes : ${stay.ccam.join(", ")}` : ""].filter(Boolean).join(" ; ");
  $("infos").textContent = about;
  $("infos").hidden = !about;
  $("rapport").textContent = stay.text;
  $("rapport").scrollTop = 0;
  $("codes").replaceChildren();
  $("signalements").hidden = true;
  $("titre-sejour").focus({ preventScroll: true });
  if (!stay.codes) {
    $("resume").textContent = "Recherche des codes…";
    $("codes").setAttribute("aria-busy", "true");
    try {
      await propose(stay);
    } catch (error) {
      stay.codes = [];
      alertUser(`Séjour ${stay.id} : ${error.message}`);
    }
  }
  if (stays[current] !== stay) return; // another stay was chosen meanwhile
  $("codes").setAttribute("aria-busy", "false");
  draw(stay);
  $("codes").querySelector("li")?.focus({ preventScroll: true });
  const next = stays[number + 1];
  if (next && !next.codes) propose(next).catch(() => { next.codes = null; }); // ready when the coder is
}
$("precedent").addEventListener("click", () => show(current - 1));
$("suivant").addEventListener("click", () => show(current + 1));

function draw(stay) {
  $("signalements").textContent = stay.flags.join(" ");
  $("signalements").hidden = !stay.flags.length;
  $("codes").replaceChildren(...stay.codes.map((code) => item(code)));
  count(stay);
}
function count(stay) {
  const kept = stay.codes.filter((code) => code.state === "retenu").length;
  $("resume").textContent = stay.codes.length
    ? `${stay.codes.length} code${stay.codes.length > 1 ? "s proposés" : " proposé"}, ${kept} retenu${kept > 1 ? "s" : ""}.`
    : "Aucun code n'est proposé : le texte ne décrit pas de diagnostic reconnu. Cherchez un code ci-dessus.";
}
function item(code) {
  const name = dotted(code.code);
  const quote = code.evidence.map(({ start, end }) => [...stays[current].text].slice(start, end).join("").replace(/\s+/g, " "));
  const decide = (state, label) => make("button", {
    type: "button", textContent: label, ariaPressed: String(code.state === state), ariaLabel: `${label} ${name}`,
    onclick: () => set(code, state),
  });
  const role = make("select", { ariaLabel: `Rôle de ${name}`, onchange: (event) => setRole(code, event.target.value) },
    make("option", { value: "DP", textContent: "DP", selected: code.role === "DP" }),
    make("option", { value: "DAS", textContent: "DAS", selected: code.role !== "DP" }));
  const element = make("li", { className: "code", tabIndex: -1, onfocus: () => light(code) },
    make("p", { className: "intitule" },
      make("span", { className: "numero", textContent: name }), " ",
      make("span", { className: "libelle", textContent: code.label })),
    make("p", { className: "chemin", textContent: (code.hierarchy || []).filter((step) => step.code !== code.code).map((step) => `${dotted(step.code)} ${step.label}`).join(" › ") }),
    make("p", { className: "preuves" }, ...[...new Set(quote)].slice(0, 3).flatMap((text) => [make("q", { textContent: text }), " "])),
    ...(code.reasons?.length ? [make("p", { className: "aide", textContent: `Mène : ${code.reasons.join(", ")}.` })] : []),
    ...(code.alternatives?.length ? [make("details", { className: "aide" },
      make("summary", { textContent: `Codes proches (${code.alternatives.length})` }),
      ...code.alternatives.map((other) => make("p", {}, // no list in a list: its items are the codes
        make("button", { type: "button", className: "texte", textContent: `${dotted(other.code)} ${other.label}`, onclick: () => replace(code, other) }))))] : []),
    make("div", { className: "rangee serree decisions" }, decide("retenu", "Retenir"), decide("ecarte", "Écarter"), role,
      make("span", { className: "score", textContent: code.score === null ? "Ajouté par vous" : `Confiance ${Math.round(100 * code.score)} %` })));
  element.dataset.code = code.code;
  element.dataset.etat = code.state;
  return element;
}
function redraw(code) {
  const inside = document.activeElement;
  const label = inside?.getAttribute("aria-label");
  draw(stays[current]);
  const element = $("codes").querySelector(`li[data-code="${CSS.escape(code.code)}"]`);
  const same = label && inside.tagName !== "LI" && element?.querySelector(`[aria-label="${CSS.escape(label)}"]`);
  (same || element)?.focus({ preventScroll: true });
  exported = false;
}
function set(code, state) {
  code.state = code.state === state ? "propose" : state;
  redraw(code);
  announce(`${dotted(code.code)} ${{ retenu: "retenu", ecarte: "écarté", propose: "à décider" }[code.state]}.`);
}
function replace(code, other) {
  // the runner-up is retained in its place, with the same words as evidence
  const stay = stays[current];
  code.state = "ecarte";
  let instead = stay.codes.find((one) => one.code === other.code);
  if (!instead) {
    instead = { ...other, score: null, evidence: code.evidence, hierarchy: [], alternatives: [], reasons: [] };
    stay.codes.splice(stay.codes.indexOf(code) + 1, 0, instead);
  }
  instead.state = "retenu";
  if (code.role === "DP" || !instead.role) [instead.role, code.role] = [code.role, "DAS"];
  stay.codes.sort((a, b) => (a.role === "DP" ? 0 : 1) - (b.role === "DP" ? 0 : 1));
  redraw(instead);
  announce(`${dotted(other.code)} retenu à la place de ${dotted(code.code)}.`);
}
function setRole(code, role) {
  // a stay has one principal diagnosis
  if (role === "DP") for (const other of stays[current].codes) if (other.role === "DP") other.role = "DAS";
  code.role = role;
  stays[current].codes.sort((a, b) => (a.role === "DP" ? 0 : 1) - (b.role === "DP" ? 0 : 1));
  redraw(code);
  announce(`${dotted(code.code)} : ${role}.`);
}

$("codes").addEventListener("keydown", (event) => {
  const element = event.target.closest("li.code");
  if (!element || event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const code = stays[current].codes.find((one) => one.code === element.dataset.code);
  const act = {
    ArrowDown: () => element.nextElementSibling?.focus(),
    ArrowUp: () => element.previousElementSibling?.focus(),
    r: () => set(code, "retenu"),
    e: () => set(code, "ecarte"),
    p: () => setRole(code, "DP"),
    s: () => { if (!$("suivant").disabled) show(current + 1); },
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

function light(code) {
  for (const part of $("rapport").querySelectorAll("mark")) part.replaceWith(...part.childNodes);
  $("rapport").normalize();
  for (const { start, end } of code.evidence) {
    for (const [node, from, to] of stretches($("rapport"), start, end)) {
      const middle = from ? node.splitText(from) : node;
      if (to - from < middle.length) middle.splitText(to - from);
      const part = make("mark", { className: "preuve" });
      middle.replaceWith(part);
      part.append(middle);
    }
  }
  $("rapport").querySelector("mark")?.scrollIntoView({ block: "nearest" });
}

// ---- the nomenclature, as you type (WAI-ARIA Authoring Practices, combobox with list)

let asked = 0;
let chosen = -1;
$("mots").addEventListener("input", async () => {
  const number = ++asked;
  const query = $("mots").value.trim().slice(0, 200);
  if (query.length < 2) return close();
  try {
    const found = await ask("/page/nomenclature", { query });
    if (number === asked) list(found);
  } catch (error) {
    alertUser(error.message);
  }
});
function list(found) {
  chosen = -1;
  $("trouves").replaceChildren(...found.map((code, number) => {
    const option = make("li", { id: `trouve-${number}`, role: "option", onmousedown: (event) => { event.preventDefault(); add(code); } },
      make("span", { className: "numero", textContent: code.dotted }), " ", code.label,
      make("span", { className: "chemin", textContent: [...code.path, code.note].filter(Boolean).join(" › ") }));
    option.setAttribute("aria-selected", "false");
    option.found = code;
    return option;
  }));
  $("trouves").hidden = !found.length;
  $("mots").setAttribute("aria-expanded", String(Boolean(found.length)));
  announce(found.length ? `${found.length} codes trouvés.` : "Aucun code trouvé.");
}
function close() {
  $("trouves").hidden = true;
  $("trouves").replaceChildren();
  $("mots").setAttribute("aria-expanded", "false");
  $("mots").removeAttribute("aria-activedescendant");
}
$("mots").addEventListener("keydown", (event) => {
  const options = [...$("trouves").children];
  if (event.key === "Escape") return close();
  if ((event.key !== "ArrowDown" && event.key !== "ArrowUp") || !options.length) return;
  event.preventDefault();
  options[chosen]?.setAttribute("aria-selected", "false");
  chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
  options[chosen].setAttribute("aria-selected", "true");
  options[chosen].scrollIntoView({ block: "nearest" });
  $("mots").setAttribute("aria-activedescendant", options[chosen].id);
});
$("mots").addEventListener("blur", close);
$("recherche").addEventListener("submit", (event) => {
  event.preventDefault();
  const option = $("trouves").children[Math.max(0, chosen)];
  if (option) add(option.found);
});
function add(found) {
  if (!found.usable) return alertUser(`${found.dotted} : ${found.note}.`);
  const stay = stays[current];
  let code = stay.codes.find((one) => one.code === found.code);
  if (!code) {
    const role = found.note || stay.codes.some((one) => one.role === "DP" && one.state !== "ecarte") ? "DAS" : "DP";
    code = { code: found.code, label: found.label, role, score: null, evidence: [], hierarchy: [], state: "propose" };
    stay.codes.push(code);
  }
  $("mots").value = "";
  close();
  code.state = "propose";
  set(code, "retenu");
}

// ---- decisions leave

function save(text, name, type) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  exported = true;
  announce(`Fichier ${name} téléchargé.`);
}
for (const button of document.querySelectorAll("[data-export]")) {
  button.addEventListener("click", () => {
    const decided = stays.map((stay) => ({ stay, kept: (stay.codes || []).filter((c) => c.state === "retenu"), refused: (stay.codes || []).filter((c) => c.state === "ecarte") }));
    if (!decided.some(({ kept, refused }) => kept.length || refused.length)) {
      return alertUser("Aucune décision à exporter : retenez ou écartez au moins un code.");
    }
    if (button.dataset.export === "json") {
      const plain = (code) => ({ code: code.code, label: code.label, role: code.role, score: code.score, evidence: code.evidence });
      const content = decided.map(({ stay, kept, refused }) => ({ id: stay.id, ccam: stay.ccam, codes: kept.map(plain), refused: refused.map(plain) }));
      return save(JSON.stringify(content, null, 2), "decisions.json", "application/json");
    }
    const cell = (value) => `"${String(value).replaceAll('"', '""')}"`;
    const names = (codes) => codes.map((code) => code.code).join(" ");
    const rows = decided.map(({ stay, kept, refused }) => [
      stay.id, stay.specialty, stay.ccam.join(" "),
      names(kept.filter((c) => c.role === "DP")), names(kept.filter((c) => c.role !== "DP")), names(refused),
    ].map(cell).join(";"));
    // a byte order mark, for the spreadsheet of hospitals to read UTF-8
    save("\ufeff" + ["ID;Spécialité;Codes CCAM;CIM-10 DP;CIM-10 DAS;Écartés", ...rows].join("\r\n") + "\r\n", "decisions.csv", "text/csv");
  });
}
window.addEventListener("beforeunload", (event) => {
  if (!exported) event.preventDefault();
});
document.body.classList.add("pret");
