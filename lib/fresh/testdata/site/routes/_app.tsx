import { asset, Partial } from "fresh/runtime";
import { define } from "../define.ts";

export default define.page(({ Component, url }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <title>Site</title>
      <meta name="description" content="The default" />
      <meta id="color" name="theme-color" content="white" />
      <link rel="icon" href={asset("/img/dot.svg")} />
      <link rel="stylesheet" href={asset("/app.css")} />
    </head>
    <body f-client-nav={url.pathname.startsWith("/partials")}>
      {url.pathname.startsWith("/partials")
        ? (
          <Partial name="main">
            <Component />
          </Partial>
        )
        : <Component />}
    </body>
  </html>
));
