/**
 * What pages and islands import as `"fresh/runtime"`, on the server and in the browser.
 * On the server the renderer (`render.ts`) recognises `Head` and `Partial` by identity and takes over.
 */
import type { ComponentChildren, VNode } from "preact";
import { toChildArray } from "preact";
import { useEffect } from "preact/hooks";

export { asset, assetSrcSet } from "./asset_url.ts";

/** True in the browser, false while rendering on the server. */
export const IS_BROWSER: boolean = typeof document !== "undefined";

export type HeadProps = { children?: ComponentChildren };

/**
 * Puts title, meta, link and script elements in the document's head. An element replaces an earlier one with the
 * same `id` or, for meta, the same attributes but `content`; there is one title and one canonical link.
 */
export function Head({ children }: HeadProps): VNode | null {
  // Effects run in the browser only: there, an island changes the head in place.
  useEffect(() => {
    for (const child of toChildArray(children)) {
      if (typeof child === "object") applyToHead(child);
    }
  });
  return null;
}

export type PartialProps = {
  children?: ComponentChildren;
  /** Unique in the page. */
  name: string;
  /** What happens to the content that is there: it is replaced (default), or added to. */
  mode?: "replace" | "prepend" | "append";
};

/** A region that navigation below an element with `f-client-nav` replaces without a page load. */
export function Partial({ children }: PartialProps): ComponentChildren {
  return children;
}

function applyToHead({ type, props }: VNode): void {
  if (typeof type !== "string") return;
  const { children, ...attributes } = props as Record<string, unknown>;
  const text = toChildArray(children as ComponentChildren).join("");
  if (type === "title") {
    document.title = text;
    return;
  }
  const identity = ["id", "name", "property"].find((name) => name in attributes);
  const found = identity === undefined ? null : document.head.querySelector(
    `${type}[${identity}=${CSS.escape(String(attributes[identity]))}]`,
  );
  const element = found ?? document.createElement(type);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  if (text !== "" && element.textContent !== text) element.textContent = text;
  if (found === null) document.head.append(element);
}
