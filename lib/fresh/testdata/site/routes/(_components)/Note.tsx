import type { ComponentChildren } from "preact";

export function Note({ children }: { children: ComponentChildren }) {
  return <aside>{children}</aside>;
}
