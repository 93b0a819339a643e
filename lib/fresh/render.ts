/** From JSX to a document: renders content, then the app around it, and adds head elements and island scripts. */
import { Fragment, h, options, type VNode } from "preact";
import { jsxTemplate } from "preact/jsx-runtime";
import { renderToString } from "preact-render-to-string";
import type { ComponentChildren, ComponentType } from "preact";
import type { Build } from "./build.ts";
import type { Context, RenderDocument } from "./context.ts";
import { type HeadTag, headTags, mergeHead } from "./head.ts";
import {
  collectingIslands,
  dataScript,
  type Island,
  islandBoundary,
  type IslandUse,
  nameIds,
} from "./islands.ts";
import { useAssetHashes } from "./asset_url.ts";
import { Head, Partial, type PartialProps } from "./runtime.ts";

/** The request header by which the partials script names the data it will receive. */
export const PARTIAL_ID_HEADER = "x-fresh-partial-id";

type Page = {
  islands: Map<unknown, Island>;
  use: IslandUse;
  head: HeadTag[];
  partials: Set<string>;
};

/** The page that renders now; rendering is synchronous, so there is one at most. */
let page: Page | null = null;

/** A renderer for the pages of one app. `scripts` go to every page (the reload script in development). */
export function createRenderer(
  build: () => Build,
  islands: () => Map<unknown, Island>,
  scripts: string[],
): RenderDocument {
  return (content, around, ctx) => {
    const { manifest } = build();
    useAssetHashes(manifest.assets);
    const use: IslandUse = { id: dataIdOf(ctx), props: [], used: new Set() };
    const current: Page = { islands: islands(), use, head: [], partials: new Set() };
    const html = rendering(current, () => {
      if (content !== null) nameIds(content, use.id);
      const inner = content === null ? "" : renderToString(content);
      if (around === null) return inner;
      // The app comes last, so that it stands around what the content put in the head.
      const outer = around(jsxTemplate([inner]));
      nameIds(outer, `${use.id}a`);
      return renderToString(outer);
    });
    return assemble(html, current, manifest, scripts);
  };
}

function rendering<T>(current: Page, render: () => T): T {
  if (page !== null) throw new Error("Cannot render a page while another one renders");
  page = current;
  try {
    return collectingIslands(current.use, render);
  } finally {
    page = null;
  }
}

function dataIdOf(ctx: Context<unknown>): string {
  const asked = ctx.isPartial ? ctx.req.headers.get(PARTIAL_ID_HEADER) : null;
  return asked !== null && /^\d{1,6}$/.test(asked) ? `p${asked}` : "0";
}

function assemble(
  html: string,
  { use, head, partials }: Page,
  manifest: Build["manifest"],
  extraScripts: string[],
): string {
  const modules = new Set<string>();
  const scripts = [...extraScripts];
  let tail = "";
  if (use.used.size > 0) {
    for (const url of manifest.boot) modules.add(url);
    for (const { file, when } of use.used) {
      // An island that waits is not fetched before its time.
      if (when === "load") { for (const url of manifest.islands[file] ?? []) modules.add(url); }
    }
    tail += dataScript(use);
    scripts.push(...manifest.boot.slice(0, 1));
  }
  if (partials.size > 0) scripts.push(...manifest.partials.slice(0, 1));
  for (const url of modules) {
    head.push({ key: url, html: `<link rel="modulepreload" href="${url}">` });
  }
  for (const url of scripts) tail += `<script type="module" src="${url}"></script>`;

  const headStart = /<head(?:\s[^>]*)?>/.exec(html);
  const headEnd = headStart === null ? -1 : html.indexOf("</head>", headStart.index);
  const bodyEnd = html.lastIndexOf("</body>");
  if (headStart === null || headEnd < 0 || bodyEnd < headEnd) {
    const inner = mergeHead('<meta charset="utf-8">', head);
    return `<!DOCTYPE html><html><head>${inner}</head><body>${html}${tail}</body></html>`;
  }
  const innerStart = headStart.index + headStart[0].length;
  const inner = html.slice(innerStart, headEnd);
  return "<!DOCTYPE html>" + html.slice(0, innerStart) +
    (head.length === 0 ? inner : mergeHead(inner, head)) +
    html.slice(headEnd, bodyEnd) + tail + html.slice(bodyEnd);
}

// Preact calls this hook for each element just before rendering it; `__b` is its published name (mangle.json).
const hooks = options as { __b?: (vnode: VNode) => void };
const diffBefore = hooks.__b;
hooks.__b = (vnode) => {
  if (page !== null) takeOver(page, vnode);
  diffBefore?.(vnode);
};

function takeOver(current: Page, vnode: VNode): void {
  if (typeof vnode.type === "string") return;
  const island = current.islands.get(vnode.type);
  if (island !== undefined) {
    const boundary = islandBoundary(vnode, island);
    if (boundary !== null) replace(vnode, boundary.type, boundary.props);
  } else if (vnode.type === Head) {
    replace(vnode, CollectedHead, vnode.props);
  } else if (vnode.type === Partial) {
    replace(vnode, MarkedPartial, vnode.props);
  }
}

function replace(vnode: VNode, type: unknown, props: unknown): void {
  vnode.type = type as ComponentType;
  vnode.props = props as VNode["props"];
}

/** Renders apart from the page: what it makes belongs in the head, not where it stands. */
function CollectedHead({ children }: { children?: ComponentChildren }) {
  page?.head.push(...headTags(renderToString(h(Fragment, null, children))));
  return null;
}

/** Comments mark where a partial begins and ends, so that no element is added to the page. */
function MarkedPartial({ name, mode = "replace", children }: PartialProps) {
  if (page?.partials.has(name)) {
    throw new Error(`Cannot render partial "${name}" twice in one page: give each its own name`);
  }
  page?.partials.add(name);
  return [comment(`fresh:partial:${mode}:${name}`), children, comment("/fresh:partial")];
}

function comment(text: string): VNode {
  return h(Fragment, { UNSTABLE_comment: text } as Record<string, unknown>);
}
