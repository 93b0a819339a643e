/** The foot of every page: who runs it, and everything there is. */
import { FOOTER_NAV } from "../navigation.ts";
import { Wordmark } from "./Wordmark.tsx";

export type FooterProps = {
  readonly name: string;
  readonly operator: string;
  readonly version: string;
};

export function Footer({ name, operator, version }: FooterProps) {
  return (
    <footer class="site-footer">
      <div class="frame columns">
        <div class="about">
          <Wordmark name={name} />
          <p>An inference gateway that lets GPUs sleep.</p>
          <p>
            {operator === "" ? null : <>Run by {operator}.{" "}</>}
            Emberlane {version}, open source under the MIT licence.
          </p>
        </div>
        {FOOTER_NAV.map(({ title, links }) => (
          <nav key={title} aria-label={title}>
            <h2>{title}</h2>
            <ul>
              {links.map(({ href, label }) => (
                <li key={href}>
                  <a href={href}>{label}</a>
                </li>
              ))}
            </ul>
          </nav>
        ))}
      </div>
    </footer>
  );
}
