/** Where to read on. */
import type { Linked } from "../library.ts";

export function SeeAlso({ links }: { links: readonly Linked[] }) {
  if (links.length === 0) return null;
  return (
    <section class="see-also" aria-labelledby="see-also">
      <h2 id="see-also">See also</h2>
      <ul>
        {links.map(({ path, title, summary }) => (
          <li key={path}>
            <a href={path}>{title}</a>
            <p class="quiet small">{summary}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}
