// What the three pages share: elements, announcements to screen readers, the alert, requests.
export const $ = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function announce(message) {
  $("annonce").textContent = "";
  requestAnimationFrame(() => { $("annonce").textContent = message; });
}

export function alertUser(message) {
  $("alerte-texte").textContent = message;
  $("alerte").hidden = false;
}
$("alerte-fermer").addEventListener("click", () => { $("alerte").hidden = true; });

// The server's answer to a form or to an object sent as JSON; an error that can be read when it refuses.
export async function ask(path, content) {
  const form = content instanceof FormData;
  const response = await fetch(path, {
    method: "POST",
    body: form ? content : JSON.stringify(content),
    headers: form ? {} : { "Content-Type": "application/json" },
  }).catch(() => { throw new Error("Le serveur n'a pas répondu : vérifiez qu'il est démarré, puis recommencez."); });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail || "Le serveur n'a pas pu répondre : recommencez.");
  return answer;
}
