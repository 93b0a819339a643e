/** A heading with an address of its own. */
import type { ComponentChildren } from "preact";

export function Anchored({ id, children }: { id: string; children: ComponentChildren }) {
  return (
    <h2 id={id} class="anchored">
      <a href={`#${id}`}>{children}</a>
    </h2>
  );
}
