/** Merges what `<Head>` collected into the document's `<head>`, as text: precompiled JSX is text already. Pure. */

export type HeadTag = {
  /** Two tags with one key cannot stand together; the later wins. */
  key: string;
  html: string;
};

const VOID = new Set(["meta", "link", "base"]);
const TAG =
  /<(title|meta|link|script|style|base|noscript|template)\b((?:[^>"']|"[^"]*"|'[^']*')*)>/g;
const ATTRIBUTE = /([^\s=/"'>]+)(?:="([^"]*)"|='([^']*)'|=([^\s"'>]+))?/g;

/** Splits rendered HTML into the head elements it holds; text between them is dropped. */
export function headTags(html: string): HeadTag[] {
  return tagsWithPlaces(html).map(({ key, html }) => ({ key, html }));
}

/** Replaces elements of the head's inner HTML that share a key with a later tag, and adds the rest at its end. */
export function mergeHead(inner: string, tags: HeadTag[]): string {
  const pending = new Map(tags.map(({ key, html }) => [key, html]));
  let merged = "";
  let end = 0;
  for (const tag of tagsWithPlaces(inner)) {
    const html = pending.get(tag.key);
    if (html === undefined) continue;
    merged += inner.slice(end, tag.start) + html;
    end = tag.end;
    pending.delete(tag.key);
  }
  return merged + inner.slice(end) + [...pending.values()].join("");
}

function tagsWithPlaces(html: string): (HeadTag & { start: number; end: number })[] {
  const tags: (HeadTag & { start: number; end: number })[] = [];
  TAG.lastIndex = 0;
  for (let found = TAG.exec(html); found !== null; found = TAG.exec(html)) {
    const [opening, name = "", attributes = ""] = found;
    let end = found.index + opening.length;
    if (!VOID.has(name)) {
      const closing = html.indexOf(`</${name}>`, end);
      end = closing < 0 ? html.length : closing + name.length + 3;
    }
    TAG.lastIndex = end;
    const whole = html.slice(found.index, end);
    tags.push({ key: keyOf(name, attributes, whole), html: whole, start: found.index, end });
  }
  return tags;
}

function keyOf(name: string, text: string, whole: string): string {
  if (name === "title" || name === "base") return name;
  const attributes = new Map<string, string>();
  for (const [, key = "", double, single, bare] of text.matchAll(ATTRIBUTE)) {
    attributes.set(key.toLowerCase(), double ?? single ?? bare ?? "");
  }
  const id = attributes.get("id");
  if (id !== undefined) return `${name}#${id}`;
  if (!VOID.has(name)) return whole;
  if (attributes.get("rel") === "canonical") return "link canonical";
  if (name === "meta") attributes.delete("content");
  return [name, ...[...attributes].map(([key, value]) => `${key}=${value}`).sort()].join(" ");
}
