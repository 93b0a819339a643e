/** Code in several languages, one shown at a time. Radio buttons choose, so it works without JavaScript. */
import CopyButton from "../../../islands/CopyButton.tsx";
import type { Snippet } from "../snippets.ts";

export type CodeTabsProps = {
  readonly snippets: readonly Snippet[];
  /** Names the group in its page. */
  readonly name: string;
  /** What the code is for. */
  readonly label: string;
};

export function CodeTabs({ snippets, name, label }: CodeTabsProps) {
  return (
    <fieldset class="code-tabs">
      <legend class="visually-hidden">{label}: language</legend>
      <div class="tab-row">
        {snippets.map(({ language }, i) => (
          <label key={language} class="tab">
            <input
              class="visually-hidden"
              type="radio"
              name={name}
              value={language}
              checked={i === 0}
            />
            <span>{language}</span>
          </label>
        ))}
      </div>
      {snippets.map((snippet) => (
        <div key={snippet.language} class="code tab-panel">
          <pre
            tabindex={0}
            role="region"
            aria-label={`${label}, ${snippet.language}`}
          ><code><Lines snippet={snippet} /></code></pre>
          <CopyButton />
        </div>
      ))}
    </fieldset>
  );
}

function Lines({ snippet }: { snippet: Snippet }) {
  return (
    <>
      {snippet.lines.map(({ text, isChanged }, i) => (
        <span key={i} class={isChanged ? "line changed" : "line"}>{`${text}\n`}</span>
      ))}
    </>
  );
}
