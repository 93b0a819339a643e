/** The top of a page: where it stands, its one `h1`, and what it is about. */
import type { ComponentChildren } from "preact";
import { Breadcrumbs, type Crumb } from "./Breadcrumbs.tsx";

export type PageHeadProps = {
  readonly title: string;
  /** A word above the title. */
  readonly eyebrow?: string;
  readonly crumbs?: readonly Crumb[];
  /** The lead: what the reader gets. */
  readonly children?: ComponentChildren;
};

export function PageHead({ title, eyebrow, crumbs = [], children }: PageHeadProps) {
  return (
    <header class="page-head">
      {crumbs.length === 0 ? null : <Breadcrumbs crumbs={crumbs} />}
      {eyebrow === undefined ? null : <p class="eyebrow">{eyebrow}</p>}
      <h1>{title}</h1>
      {children === undefined ? null : <div class="lead">{children}</div>}
    </header>
  );
}
