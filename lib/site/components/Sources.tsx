/** The references of an article or term, in the order they are cited by. */
import type { Source } from "../front_matter.ts";

export function Sources({ sources }: { sources: readonly Source[] }) {
  if (sources.length === 0) return null;
  return (
    <section class="sources" aria-labelledby="sources">
      <h2 id="sources">Sources</h2>
      <ol>
        {sources.map(({ title, url, note, date }, i) => (
          <li key={i} id={`source-${i + 1}`}>
            {url === undefined ? title : <a href={url}>{title}</a>}
            {note === undefined ? "" : `. ${note}`}
            {date === undefined ? "" : `, ${date}`}
          </li>
        ))}
      </ol>
    </section>
  );
}
