/** What every page tells machines about itself, and the frame of its main part. */
import type { ComponentChildren } from "preact";
import { Head } from "fresh/runtime";
import type { SiteState } from "../define.ts";
import { ogImagePath } from "../og_path.ts";

export type PageProps = {
  readonly state: Pick<SiteState, "name" | "origin">;
  /** Without the site's name, which is added; the start page gives its own whole title. */
  readonly title: string;
  /** One or two sentences; for search results and link previews. */
  readonly description: string;
  /** The page's canonical path. */
  readonly path: string;
  readonly type?: "website" | "article";
  /** Schema.org objects. */
  readonly jsonLd?: readonly Record<string, unknown>[];
  /** Where else this page is, for machines: its Markdown, its feed. */
  readonly alternates?: readonly { type: string; href: string; title: string }[];
  readonly children: ComponentChildren;
};

export function Page(
  { state, title, description, path, type = "website", jsonLd = [], alternates = [], children }:
    PageProps,
) {
  const whole = path === "/" ? title : `${title} · ${state.name}`;
  const url = `${state.origin}${path}`;
  return (
    <>
      <Head>
        <title>{whole}</title>
        <meta name="description" content={description} />
        <link rel="canonical" href={url} />
        <meta property="og:title" content={title} />
        <meta property="og:description" content={description} />
        <meta property="og:type" content={type} />
        <meta property="og:url" content={url} />
        <meta property="og:site_name" content={state.name} />
        <meta property="og:image" content={`${state.origin}${ogImagePath(path)}`} />
        <meta property="og:image:width" content="1200" />
        <meta property="og:image:height" content="630" />
        <meta name="twitter:card" content="summary_large_image" />
        {alternates.map(({ type, href, title }) => (
          <link key={href} rel="alternate" type={type} href={href} title={title} />
        ))}
        {jsonLd.map((object, i) => (
          <script
            key={i}
            type="application/ld+json"
            // `<` would end the element; JSON may write it as an escape.
            dangerouslySetInnerHTML={{
              __html: JSON.stringify(object).replaceAll("<", "\\u003c"),
            }}
          />
        ))}
      </Head>
      <main id="main">
        <div class="frame">{children}</div>
      </main>
    </>
  );
}
