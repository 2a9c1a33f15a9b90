// Writing fictitious reports: the case lives in this page, and leaves with « Enregistrer » or the export.
import { $, alertUser, announce, ask, make } from "./shared.js";

let current = null; // what the server last said: { case, facts, kinds, accepted, human }
let saved = true;
let busy = false;

const area = (kind) => $(`texte-${kind}`);
const words = (text) => (text.match(/[\p{L}\p{N}_]+(?:['’-][\p{L}\p{N}_]+)*/gu) || []).length;
const ORIGINS = { human: "écrit par un médecin", generated: "ébauche d'un modèle", assisted: "repris d'une ébauche de modèle", "": "à écrire" };

function count(kind) {
  const written = words(area(kind).value);
  const { words: least } = current.kinds[kind];
  $(`mots-${kind}`).textContent = `${written} mots sur ${least} au moins`;
}

function state() {
  const document_ = (one) => $(`origine-${one.type}`).replaceChildren(ORIGINS[one.origin] + (one.model ? ` (${one.model})` : ""));
  current.case.documents.forEach(document_);
  $("exporter").disabled = !current.accepted;
  $("etat").textContent = current.accepted
    ? `Accepté par ${current.accepted}.${current.human ? "" : " Un modèle y a eu part : le fichier le dit."}`
    : "Pas encore accepté en relecture.";
  $("relectures").replaceChildren(...current.case.reviews.map((one) => make("li", { className: `phrase${one.decision === "accepted" ? "" : " douteuse"}` },
    make("p", { className: "etat", textContent: `${one.reviewer}, le ${one.day.split("-").reverse().join("/")} : ${one.decision === "accepted" ? "accepté" : "à reprendre"}` }),
    make("p", { className: "texte", textContent: [one.comments, one.despite && `Malgré un contrôle : ${one.despite}`].filter(Boolean).join(" ") }))));
}

function show(answer, message) {
  current = answer;
  const { case: one, facts, kinds } = answer;
  $("accueil").hidden = true;
  $("travail").hidden = false;
  document.body.classList.add("au-travail");
  $("titre-cas").textContent = `Cas ${one.local_id}`;
  $("auteur").value = one.author;
  $("controles").replaceChildren();
  $("scenario").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
  $("documents").replaceChildren(...one.documents.map((written) => {
    const kind = written.type;
    const text = make("textarea", { id: `texte-${kind}`, rows: 16, value: written.text });
    text.setAttribute("aria-describedby", `entete-${kind} mots-${kind}`);
    text.addEventListener("input", () => { saved = false; count(kind); });
    const plan = make("button", { type: "button", textContent: "Insérer le plan" });
    plan.addEventListener("click", () => {
      const outline = kinds[kind].sections.map(([title]) => `${title}\n\n`).join("\n");
      text.setRangeText(outline, text.selectionStart, text.selectionEnd, "start");
      text.dispatchEvent(new Event("input"));
      text.focus();
    });
    const sketch = make("button", { type: "button", textContent: "Ébauche par le modèle" });
    sketch.addEventListener("click", () => act("draft", { kind }, (answer_) => {
      text.value = answer_.case.documents.find((other) => other.type === kind).text;
      count(kind);
      announce("Ébauche reçue : elle reste marquée comme telle.");
    }, sketch));
    return make("section", { className: "carte depot" },
      make("h2", {}, make("label", { htmlFor: `texte-${kind}`, textContent: kinds[kind].title }), " ", make("span", { id: `origine-${kind}`, className: "origine" })),
      make("p", { id: `entete-${kind}`, className: "rendu", textContent: written.header }),
      make("div", { className: "rangee serree" }, plan, sketch),
      text,
      make("p", { id: `mots-${kind}`, className: "aide" }));
  }));
  one.documents.forEach(({ type }) => count(type));
  state();
  $("titre-cas").focus();
  announce(message);
}

async function act(action, more = {}, then = () => {}, button = null) {
  if (busy) return;
  busy = true;
  if (button) button.disabled = true;
  document.body.setAttribute("aria-busy", "true");
  const texts = Object.fromEntries(current.case.documents.map(({ type }) => [type, area(type).value]));
  try {
    const answer = await ask("/page/fiction/cas", { case: current.case, texts, author: $("auteur").value, action, ...more });
    current = answer;
    state();
    then(answer);
  } catch (error) {
    alertUser(error.message);
  } finally {
    busy = false;
    if (button) button.disabled = false;
    state();
    document.body.removeAttribute("aria-busy");
  }
}

$("tirage").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0];
    show(await ask("/page/fiction/scenario", { specialty: $("specialite").value, seed }), "Scénario tiré.");
    saved = false;
  } catch (error) {
    alertUser(error.message);
  }
});
$("ouvrir").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  try {
    const content = JSON.parse(await file.text().catch(() => "null"));
    show(await ask("/page/fiction/cas", { case: content, author: content?.author || "" }), "Cas ouvert.");
  } catch (error) {
    alertUser(error instanceof SyntaxError ? `${file.name} n'est pas un cas enregistré ici.` : error.message);
  }
});

function save(content, name, type) {
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  announce(`Fichier ${name} téléchargé.`);
}
$("enregistrer").addEventListener("click", () => act("save", {}, ({ case: one }) => {
  save(JSON.stringify(one, null, 2), `${one.local_id}.json`, "application/json");
  saved = true;
}));
$("fiche").addEventListener("click", () => act("sheet", {}, ({ case: one, docx }) => {
  const bytes = Uint8Array.from(atob(docx), (letter) => letter.charCodeAt(0));
  save(bytes, `${one.local_id}.docx`, "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
}));
$("verifier").addEventListener("click", () => act("check", {}, ({ findings }) => {
  const wrong = findings.filter((one) => one.level === "error").length;
  const verdict = wrong ? `${wrong} point${wrong > 1 ? "s" : ""} à reprendre.` : "Tous les contrôles sont passés.";
  $("controles").replaceChildren(make("p", { className: "resume", textContent: verdict }),
    ...findings.map((one) => make("div", { className: `phrase${one.level === "error" ? " douteuse" : ""}` },
      make("p", { className: "etat", textContent: `${one.place}, ${one.check}` }), make("p", { className: "texte", textContent: one.message }))));
}, $("verifier")));
for (const [button, decision] of [["accepter", "accepted"], ["reprendre", "changes"]]) {
  $(button).addEventListener("click", () => act("review", {
    decision, reviewer: $("relecteur").value, comments: $("remarques").value, despite: $("malgre").value,
  }, () => { saved = false; announce("Relecture notée."); }, $(button)));
}
$("exporter").addEventListener("click", () => act("export", {}, ({ case: one, row, human }) => {
  save(`${JSON.stringify(row)}\n`, `${one.local_id}${human ? "" : ".avec-modele"}.jsonl`, "application/jsonl");
}));
window.addEventListener("beforeunload", (event) => {
  if (!saved) event.preventDefault();
});
document.body.classList.add("pret");
