import type { ComponentChildren, JSX } from "preact";
import { useId, useState } from "preact/hooks";

export const when = "idle";

/** JSX in two props: one shown later, one at once. */
export default function Fold(
  { title, children }: { title: JSX.Element; children: ComponentChildren },
) {
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  return (
    <section class="fold" data-open={isOpen}>
      <button type="button" onClick={() => setOpen(!isOpen)}>{title}</button>
      {isOpen ? <div class="inside" id={id}>{children}</div> : null}
    </section>
  );
}
