/** Server side of islands: each is wrapped in `<is-land>`, its props collected, its JSX props kept as slots. */
import {
  type ComponentChildren,
  type ComponentType,
  createContext,
  h,
  isValidElement,
  type VNode,
} from "preact";
import { useContext } from "preact/hooks";
import { Signal } from "@preact/signals";
import { stringify } from "devalue";

/** When the browser loads an island: at once, when it is idle, or when the island comes near the viewport. */
export type When = "load" | "idle" | "visible";

export type Island = {
  /** File, and `#export` unless it is the default one; the key of the bundle's table. */
  name: string;
  /** The file's part of the name. */
  file: string;
  when: When;
  component: ComponentType<Record<string, unknown>>;
};

/** What one page has used so far. */
export type IslandUse = {
  /** Names the data script, so that partials can bring their own. */
  id: string;
  props: Record<string, unknown>[];
  used: Set<Island>;
};

/** Set while a page renders, which is synchronous. */
let use: IslandUse | null = null;
const InsideIsland = createContext(false);
const bare = new WeakSet<VNode>();

/** Renders with `next` as the page whose islands are collected. */
export function collectingIslands<T>(next: IslandUse, render: () => T): T {
  const previous = use;
  use = next;
  try {
    return render();
  } finally {
    use = previous;
  }
}

/** The element to render in place of an island's own, or null when it already stands inside its boundary. */
export function islandBoundary(vnode: VNode, island: Island): VNode | null {
  if (bare.has(vnode)) return null;
  return element(IslandBoundary, { island, props: { ...vnode.props } });
}

function IslandBoundary({ island, props }: { island: Island; props: Record<string, unknown> }) {
  const isInside = useContext(InsideIsland);
  if (isInside) return bareElement(island, props);
  if (use === null) throw new Error(`Cannot render island ${island.name}: no page is rendering`);

  const sent: Record<string, unknown> = {};
  const shown: Record<string, unknown> = {};
  const spare: VNode[] = [];
  for (const [name, value] of Object.entries(props)) {
    if (!holdsJsx(value)) {
      sent[name] = shown[name] = value;
      continue;
    }
    const slot = { name, children: value as ComponentChildren, state: { isShown: false } };
    shown[name] = element(Slot, slot);
    spare.push(element(SpareSlot, slot));
  }
  use.used.add(island);
  const index = use.props.push(sent) - 1;
  const inner = bareElement(island, shown);
  nameIds(inner, `${use.id}i${index}`);
  return h(
    "is-land",
    // These names are this element's own; Preact's JSX types do not know them.
    { n: island.name, i: `${use.id}:${index}`, when: island.when } as Record<string, string>,
    h(InsideIsland.Provider, { value: true }, inner),
    spare,
  );
}

function bareElement(island: Island, props: Record<string, unknown>): VNode {
  const made = element(island.component, props);
  bare.add(made);
  return made;
}

/** `h` without the type of the props, in which Preact's element type is invariant. */
function element<Props>(type: ComponentType<Props>, props: Props): VNode {
  return h(type as ComponentType<unknown>, props as object) as VNode;
}

/** Gives `useId()` below `vnode` a space of its own; the browser's copy of the island uses the same. */
export function nameIds(vnode: VNode, space: string): void {
  // `__m` is Preact's published name (mangle.json) for the id mask that useId() looks for.
  Object.assign(vnode, { __m: [space, 0] });
}

type SlotProps = { name: string; children?: ComponentChildren; state: { isShown: boolean } };

/** JSX given to an island: rendered here, never in the browser. */
function Slot({ name, children, state }: SlotProps) {
  state.isShown = true;
  return h(
    "is-slot",
    { n: name } as Record<string, string>,
    h(InsideIsland.Provider, { value: false }, children),
  );
}

/** Keeps the markup of a slot that the island's first render does not show. */
function SpareSlot({ name, children, state }: SlotProps) {
  if (state.isShown) return null;
  return h(
    "template",
    { n: name } as Record<string, string>,
    h(InsideIsland.Provider, { value: false }, children),
  );
}

function holdsJsx(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsJsx);
  return isValidElement(value) && !(value instanceof Signal);
}

/**
 * The data script with the props of all islands of a page. It is inert to the browser and to a CSP, and holds no "<".
 * Throws when a prop cannot be sent, such as a function.
 */
export function dataScript({ id, props, used }: IslandUse): string {
  try {
    const data = stringify(props, {
      Signal: (value) => value instanceof Signal && [value.peek()],
    });
    return `<script type="application/json" id="fresh-props-${id}">${data}</script>`;
  } catch (cause) {
    const names = [...used].map(({ name }) => name).join(", ");
    const where = cause instanceof Error && "path" in cause ? ` at ${cause.path}` : "";
    throw new Error(
      `Cannot send the props of ${names} to the browser${where}: ` +
        "give plain values, dates, signals or JSX",
      { cause },
    );
  }
}
