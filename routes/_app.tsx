/** The document around every page. */
import { asset } from "fresh/runtime";
import { define } from "../lib/site/define.ts";

export default define.page(({ Component, state }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <link rel="icon" href={asset("/icon.svg")} type="image/svg+xml" />
      <link rel="stylesheet" href={asset("/app.css")} />
    </head>
    <body>
      {state.demo
        ? <aside class="demo">Demo: every machine here is simulated. No GPU is involved.</aside>
        : null}
      <Component />
    </body>
  </html>
));
