/** The API reference, drawn from the OpenAPI document and nothing else. */
import {
  ApiErrors,
  ApiHeaders,
  ApiLimits,
  ApiWaiting,
} from "../../lib/site/components/ApiContract.tsx";
import { ApiEndpoint } from "../../lib/site/components/ApiEndpoint.tsx";
import { Anchored } from "../../lib/site/components/Anchored.tsx";
import { Page } from "../../lib/site/components/Page.tsx";
import { PageHead } from "../../lib/site/components/PageHead.tsx";
import { LANGUAGES } from "../../lib/site/api_examples.ts";
import { define } from "../../lib/site/define.ts";
import { sitePage } from "../../lib/site/pages.ts";
import { endpointsOf } from "../../lib/site/openapi_view.ts";

const EVERYWHERE = [
  { id: "waiting", label: "Waiting" },
  { id: "headers", label: "Headers" },
  { id: "errors", label: "Errors" },
  { id: "limits", label: "Limits" },
];

export default define.page(({ state }) => {
  const { openApi: api, origin } = state;
  const page = sitePage("/docs/api");
  const endpoints = endpointsOf(api);
  const model = state.lineup.models[0]?.id ?? "model";
  return (
    <Page
      state={state}
      {...page}
      alternates={[{ type: "application/json", href: "/api/openapi.json", title: "OpenAPI 3.1" }]}
    >
      <PageHead title={page.title} eyebrow={`version ${state.version}`}>
        <p>
          OpenAI's API, so OpenAI's packages work: change the base URL and the key. This page and
          {" "}
          <a href="/api/openapi.json">the OpenAPI 3.1 document</a>{" "}
          are made from the schemas that check your requests.
        </p>
      </PageHead>
      <div class="docs">
        <nav class="docs-nav" aria-label="On this page">
          <fieldset class="languages">
            <legend>Examples in</legend>
            <div>
              {LANGUAGES.map(({ id, label }, i) => (
                <label key={id}>
                  <input type="radio" name="language" value={id} checked={i === 0} />
                  <span>{label}</span>
                </label>
              ))}
            </div>
          </fieldset>
          <p class="docs-nav-title">Start</p>
          <ul>
            <li>
              <a href="#start">Base URL and key</a>
            </li>
          </ul>
          <p class="docs-nav-title">Endpoints</p>
          <ul>
            {endpoints.map(({ id, path }) => (
              <li key={id}>
                <a href={`#${id}`}>{path.replace(/^\/v1/, "")}</a>
              </li>
            ))}
          </ul>
          <p class="docs-nav-title">For all of them</p>
          <ul>
            {EVERYWHERE.map(({ id, label }) => (
              <li key={id}>
                <a href={`#${id}`}>{label}</a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="docs-body">
          <section aria-labelledby="start">
            <Anchored id="start">Base URL and key</Anchored>
            <dl class="facts">
              <div>
                <dt>Base URL</dt>
                <dd>
                  <code>{origin}/v1</code>
                </dd>
              </div>
              <div>
                <dt>Key</dt>
                <dd>
                  <code>Authorization: Bearer sk-ember-…</code> or <code>x-api-key</code>
                </dd>
              </div>
              <div>
                <dt>Bodies</dt>
                <dd>
                  JSON in UTF-8. Fields not listed here pass through to the engine untouched.
                </dd>
              </div>
            </dl>
          </section>
          {endpoints.map((endpoint) => (
            <ApiEndpoint key={endpoint.id} endpoint={endpoint} origin={origin} model={model} />
          ))}
          <ApiWaiting api={api} />
          <ApiHeaders api={api} />
          <ApiErrors api={api} />
          <ApiLimits api={api} />
        </div>
      </div>
    </Page>
  );
});
