/** The document around every page. */
import { asset } from "fresh/runtime";
import { Footer } from "../lib/site/components/Footer.tsx";
import { Header } from "../lib/site/components/Header.tsx";
import { define } from "../lib/site/define.ts";

export default define.page(({ Component, state, url }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="theme-color" content="#fcfaf7" media="(prefers-color-scheme: light)" />
      <meta name="theme-color" content="#131010" media="(prefers-color-scheme: dark)" />
      <link rel="icon" href={asset("/icon.svg")} type="image/svg+xml" />
      <link rel="stylesheet" href={asset("/app.css")} />
      <link rel="alternate" type="application/atom+xml" href="/feed.xml" title="Articles" />
      <script src={asset("/theme.js")} />
    </head>
    <body>
      <a class="skip" href="#main">Skip to the content</a>
      {state.demo
        ? (
          <aside class="demo" aria-label="Notice">
            <strong>Demo:</strong> every machine here is simulated. No GPU is involved.
          </aside>
        )
        : null}
      <Header name={state.name} path={url.pathname} />
      <Component />
      <Footer name={state.name} operator={state.operator} version={state.version} />
    </body>
  </html>
));
