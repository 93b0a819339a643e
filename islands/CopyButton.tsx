/** Copies the code block it stands in. Where the browser gives no clipboard it selects the code instead. */
import { useState } from "preact/hooks";

const LABELS = { idle: "Copy", done: "Copied", selected: "Selected" } as const;
/** How long the answer stands before the button offers to copy again. */
const ANSWER_MS = 2_000;

export default function CopyButton() {
  const [state, setState] = useState<keyof typeof LABELS>("idle");

  async function copy(button: HTMLElement): Promise<void> {
    const code = button.closest(".code")?.querySelector("code");
    if (code === null || code === undefined) return;
    try {
      await navigator.clipboard.writeText(code.textContent ?? "");
      setState("done");
    } catch {
      getSelection()?.selectAllChildren(code);
      setState("selected");
    }
    setTimeout(() => setState("idle"), ANSWER_MS);
  }

  return (
    <button class="copy" type="button" onClick={(event) => copy(event.currentTarget)}>
      <span aria-live="polite">{LABELS[state]}</span>
    </button>
  );
}
