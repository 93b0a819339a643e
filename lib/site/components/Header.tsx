/** The head of every page: the name, the parts of the site, and the choice of colours. */
import { isCurrent, MAIN_NAV } from "../navigation.ts";
import { Wordmark } from "./Wordmark.tsx";

export function Header({ name, path }: { name: string; path: string }) {
  return (
    <header class="site-header">
      <div class="frame">
        <Wordmark name={name} />
        <nav class="site-nav" aria-label="Main">
          <NavList path={path} />
        </nav>
        <details class="site-menu">
          <summary>Menu</summary>
          <nav aria-label="Main menu">
            <NavList path={path} />
          </nav>
        </details>
        <button class="theme-toggle" type="button" aria-label="Switch between light and dark">
          <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8">
            <circle cx="12" cy="12" r="8.5" />
            <path d="M12 3.500a8.500 8.500 0 0 1 0 17z" fill="currentColor" />
          </svg>
        </button>
      </div>
    </header>
  );
}

function NavList({ path }: { path: string }) {
  return (
    <ul>
      {MAIN_NAV.map((link) => (
        <li key={link.href}>
          <a href={link.href} aria-current={isCurrent(link, path) ? "page" : undefined}>
            {link.label}
          </a>
        </li>
      ))}
    </ul>
  );
}
