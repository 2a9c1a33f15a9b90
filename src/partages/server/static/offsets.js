// Offsets: the server counts Unicode code points, JavaScript counts UTF-16 units.
// The text nodes of the report, joined, are the document's text, code point for code point.

/** Number of code points of a string. */
export function codePoints(string) {
  let count = string.length;
  for (let i = 0; i < string.length - 1; i++) {
    const unit = string.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff && (string.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--;
      i++;
    }
  }
  return count;
}

/** UTF-16 index of a code point offset in a string. */
export function toUnits(string, offset) {
  let index = 0;
  while (offset > 0 && index < string.length) {
    index += string.codePointAt(index) > 0xffff ? 2 : 1;
    offset--;
  }
  return index;
}

function* textNodes(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) yield walker.currentNode;
}

/** Code point offset, in the text of root, of a DOM position. */
export function offsetOf(root, node, offset) {
  const range = document.createRange();
  range.setStart(root, 0);
  range.setEnd(node, offset);
  return codePoints(rawText(range.cloneContents()));
}

/** Text of a node exactly as it is (Range.toString would do, Selection.toString would not). */
export function rawText(root) {
  return root.textContent;
}

/** The stretches [node, from, to] (UTF-16) under code points start to end of root's text. */
export function stretches(root, start, end) {
  const found = [];
  let at = 0;
  for (const node of textNodes(root)) {
    const length = codePoints(node.data);
    if (at + length > start && at < end) {
      const from = toUnits(node.data, Math.max(0, start - at));
      const to = toUnits(node.data, Math.min(length, end - at));
      found.push([node, from, to]);
    }
    at += length;
    if (at >= end) break;
  }
  return found;
}

/** A Range over code points start to end of root's text, or null. */
export function rangeOf(root, start, end) {
  const found = stretches(root, start, end);
  if (!found.length) return null;
  const range = document.createRange();
  range.setStart(found[0][0], found[0][1]);
  range.setEnd(found.at(-1)[0], found.at(-1)[2]);
  return range;
}

/** Places [start, end] (code points) where a value stands as whole words, case aside. */
export function occurrences(text, value) {
  if (!value.trim()) return [];
  const escaped = value.replace(/[.*+?^${}()|[\]\\/]/gu, "\\$&").replace(/\s+/gu, "\\s+");
  const word = (c) => /[\p{L}\p{N}\p{M}]/u.test(c);
  const before = word([...value][0]) ? "(?<![\\p{L}\\p{N}\\p{M}])" : "";
  const after = word([...value].at(-1)) ? "(?![\\p{L}\\p{N}\\p{M}])" : "";
  const found = [];
  let at = 0, seen = 0;
  for (const match of text.matchAll(new RegExp(before + escaped + after, "giu"))) {
    at += codePoints(text.slice(seen, match.index));
    const length = codePoints(match[0]);
    found.push([at, at + length]);
    at += length;
    seen = match.index + match[0].length;
  }
  return found;
}
