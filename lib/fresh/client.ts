/** Browser side of islands: `<is-land>` fetches its chunk when it is due and hydrates in place. */
import { Component, type ComponentType, h, hydrate, render, type VNode } from "preact";
import { signal } from "@preact/signals";
import { parse } from "devalue";

type Loaders = Record<string, () => Promise<Record<string, unknown>>>;
type Props = Record<string, unknown>;

/** An idle island is loaded after this time even if the page never rests. */
const IDLE_MS_MAX = 2_000;
/** A visible island is loaded this far before it scrolls into view. */
const VISIBLE_MARGIN = "200px";

/** Defines the element; islands already in the page come to life in document order. */
export function boot(loaders: Loaders): void {
  customElements.define(
    "is-land",
    class extends HTMLElement {
      #props: Props | null = null;

      async connectedCallback() {
        // Read at once: the slots are gone as soon as an island around this one renders.
        const props = this.#props ??= { ...sentProps(this), ...slotProps(this) };
        await due(this);
        const [file = "", name = "default"] = (this.getAttribute("n") ?? "").split("#");
        const module = await loaders[file]?.();
        const island = module?.[name];
        if (!this.isConnected || typeof island !== "function") return;
        const element = h(island as ComponentType<Props>, props);
        nameIds(element, (this.getAttribute("i") ?? "").replace(":", "i"));
        hydrate(element, this);
        this.setAttribute("data-live", "");
      }

      disconnectedCallback() {
        render(null, this);
      }
    },
  );
}

const scripts = new Map<string, Props[]>();

function sentProps(island: Element): Props | undefined {
  const [id = "", index = ""] = (island.getAttribute("i") ?? "").split(":");
  let all = scripts.get(id);
  if (all === undefined) {
    const data = document.getElementById(`fresh-props-${id}`)?.textContent;
    // Parsed once per response, so that a signal given to two islands is one signal.
    all = data ? parse(data, { Signal: ([value]: [unknown]) => signal(value) }) as Props[] : [];
    scripts.set(id, all);
  }
  return all[Number(index)];
}

function slotProps(island: Element): Props {
  const props: Props = {};
  for (const slot of island.querySelectorAll("is-slot,template[n]")) {
    const name = slot.getAttribute("n");
    if (name === null || slot.parentElement?.closest("is-land") !== island) continue;
    props[name] = h(Slot, { name, html: slot.innerHTML });
  }
  return props;
}

function nameIds(vnode: VNode<Props>, space: string): void {
  Object.assign(vnode, { __m: [space, 0] }); // the mask of useId(), as on the server
}

/** Markup from the server that Preact takes over and never touches. */
class Slot extends Component<{ name: string; html: string }> {
  override shouldComponentUpdate() {
    return false;
  }
  override render() {
    const { name, html } = this.props;
    return h("is-slot", { n: name, dangerouslySetInnerHTML: { __html: html } } as object);
  }
}

function due(island: Element): Promise<void> | undefined {
  switch (island.getAttribute("when")) {
    case "idle":
      return new Promise((go) => {
        // Safari has no requestIdleCallback.
        if (typeof requestIdleCallback !== "function") setTimeout(go, 1);
        else requestIdleCallback(() => go(), { timeout: IDLE_MS_MAX });
      });
    case "visible": {
      // The wrapper has no box of its own.
      const seen = island.firstElementChild;
      if (seen === null) return undefined;
      return new Promise((go) => {
        const observer = new IntersectionObserver((entries) => {
          if (!entries.some((entry) => entry.isIntersecting)) return;
          observer.disconnect();
          go();
        }, { rootMargin: VISIBLE_MARGIN });
        observer.observe(seen);
      });
    }
    default:
      return undefined;
  }
}
