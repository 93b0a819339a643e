/** Browser side of partials: below `f-client-nav`, links and forms swap regions of the page instead of loading one. */

const PARAM = "fresh-partial";
let requests = 0;
let inFlight: AbortController | null = null;

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (link === null || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target !== "" && link.target !== "_self" || link.hasAttribute("download")) return;
  const url = new URL(link.href, location.href);
  const isSamePage = url.pathname === location.pathname && url.search === location.search;
  if (url.origin !== location.origin || !isEnabled(link) || isSamePage && url.hash !== "") return;
  event.preventDefault();
  void navigate(url, link.getAttribute("f-partial"), {}, true);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
  const { submitter } = event;
  if (!isEnabled(form) || submitter !== null && !isEnabled(submitter)) return;
  const action = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  const partial = submitter?.getAttribute("f-partial") ?? form.getAttribute("f-partial");
  if (action === null && partial === null) return;
  const method = (submitter?.getAttribute("formmethod") ?? form.method).toLowerCase();
  if (method !== "get" && method !== "post") return;
  const url = new URL(action ?? location.href, location.href);
  if (url.origin !== location.origin) return;
  event.preventDefault();
  const body = new FormData(form, submitter);
  if (method === "post") return void navigate(url, partial, { method, body }, true);
  url.search = new URLSearchParams([...body].map(([k, v]) => [k, String(v)])).toString();
  void navigate(url, partial, {}, true);
});

addEventListener("popstate", () => void navigate(new URL(location.href), null, {}, false));

function isEnabled(element: Element): boolean {
  const setting = element.closest("[f-client-nav]")?.getAttribute("f-client-nav");
  return setting !== undefined && setting !== null && setting !== "false";
}

async function navigate(
  url: URL,
  partial: string | null,
  init: RequestInit,
  isNew: boolean,
): Promise<void> {
  inFlight?.abort();
  inFlight = new AbortController();
  const { signal } = inFlight;
  const fetched = new URL(partial ?? url, location.href);
  fetched.searchParams.set(PARAM, "true");
  const headers = { "x-fresh-partial-id": String(++requests) };
  try {
    const response = await fetch(fetched, { ...init, headers, signal });
    if (response.redirected) {
      url = new URL(response.url);
      url.searchParams.delete(PARAM);
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (signal.aborted) return;
    if (!swapPartials(page)) throw new Error("the answer holds no partial of this page");
    if (isNew && url.href !== location.href) history.pushState(null, "", url);
    if (isNew) scrollTo(0, 0);
    mergeHead(page);
    await bootIslands(page);
  } catch {
    // Whatever went wrong, the browser itself can still load the page. A form is not sent twice.
    if (!signal.aborted && init.method === undefined) location.assign(url);
    else if (!signal.aborted) location.reload();
  }
}

/** Each partial: its name, its mode and the nodes between its comments. */
function partialsOf(page: Document): Map<string, { mode: string; end: Comment; nodes: Node[] }> {
  const found = new Map<string, { mode: string; end: Comment; nodes: Node[] }>();
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_COMMENT);
  while (walker.nextNode()) {
    const [, mode = "", name = ""] = /^fresh:partial:(\w+):(.*)$/s.exec(
      walker.currentNode.textContent ?? "",
    ) ?? [];
    if (mode === "") continue;
    const nodes: Node[] = [];
    let depth = 1;
    let next = walker.currentNode.nextSibling;
    for (; next !== null; next = next.nextSibling) {
      if (next instanceof Comment && next.data.startsWith("fresh:partial:")) depth++;
      if (next instanceof Comment && next.data === "/fresh:partial" && --depth === 0) break;
      nodes.push(next);
    }
    if (next instanceof Comment) found.set(name, { mode, end: next, nodes });
  }
  return found;
}

function swapPartials(page: Document): boolean {
  const data = page.querySelector('script[id^="fresh-props-"]');
  if (data !== null) document.body.append(document.adoptNode(data));
  let isSwapped = false;
  for (const [name, { mode, nodes }] of partialsOf(page)) {
    // Looked up anew: an outer partial may have brought this one.
    const here = partialsOf(document).get(name);
    if (here === undefined) continue;
    isSwapped = true;
    const fragment = document.createDocumentFragment();
    fragment.append(...nodes.filter((node) => node.ownerDocument === page));
    const { end } = here;
    if (mode === "prepend") end.parentNode?.insertBefore(fragment, here.nodes[0] ?? end);
    else {
      if (mode === "replace") { for (const node of here.nodes) node.parentNode?.removeChild(node); }
      end.parentNode?.insertBefore(fragment, end);
    }
  }
  return isSwapped;
}

function mergeHead(page: Document): void {
  if (page.title !== "") document.title = page.title;
  for (const meta of page.head.querySelectorAll("meta[name],meta[property]")) {
    const by = meta.hasAttribute("name") ? "name" : "property";
    const name = CSS.escape(meta.getAttribute(by) ?? "");
    const here = document.head.querySelector(`meta[${by}=${name}]`);
    if (here === null) document.head.append(document.adoptNode(meta));
    else here.setAttribute("content", meta.getAttribute("content") ?? "");
  }
  for (const link of page.head.querySelectorAll<HTMLLinkElement>('link[rel="stylesheet"]')) {
    const href = link.getAttribute("href") ?? "";
    const here = document.head.querySelector(`link[href=${CSS.escape(href)}]`);
    if (here === null) document.head.append(document.adoptNode(link));
  }
}

/** Scripts of a parsed page do not run; the boot script is imported, which does nothing the second time. */
async function bootIslands(page: Document): Promise<void> {
  for (const script of page.querySelectorAll<HTMLScriptElement>('script[type="module"][src]')) {
    await import(new URL(script.getAttribute("src") ?? "", location.href).href);
  }
}
