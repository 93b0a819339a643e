/** One endpoint of the API reference: what it takes, what it answers, and the call in three languages. */
import { examplesOf, LANGUAGES } from "../api_examples.ts";
import type { Endpoint, FieldRow } from "../openapi_view.ts";
import { Anchored } from "./Anchored.tsx";
import { Code } from "./Code.tsx";
import { Words } from "./Words.tsx";

export type ApiEndpointProps = {
  readonly endpoint: Endpoint;
  readonly origin: string;
  /** Stands in for the id in a path. */
  readonly model: string;
};

export function ApiEndpoint({ endpoint, origin, model }: ApiEndpointProps) {
  const { id, method, path, summary, description, fields, answer, stream, errors } = endpoint;
  const call = { method, path: path.replace("{id}", model), body: endpoint.example };
  const examples = examplesOf(call, origin);
  return (
    <section class="endpoint" aria-labelledby={id}>
      <div class="endpoint-words">
        <Anchored id={id}>
          <span class={`verb ${method.toLowerCase()}`}>{method}</span> {path}
        </Anchored>
        <p>
          {summary} <Words text={description} />
        </p>
        {fields.length === 0 ? null : (
          <Fields
            id={`${id}-body`}
            title={method === "POST" ? "Body" : "Parameters"}
            rows={fields}
          />
        )}
        <Fields id={`${id}-answer`} title="Answer" rows={answer} />
        {stream === null ? null : (
          <>
            <h3 id={`${id}-stream`}>Stream</h3>
            <p>
              <Words text={stream.about} />
            </p>
          </>
        )}
        <p class="small quiet">
          May also answer {errors.map((status, i) => (
            <span key={status}>
              {i === 0 ? "" : ", "}
              <a href={`#status-${status}`}>{status}</a>
            </span>
          ))}.
        </p>
      </div>
      <div class="endpoint-code">
        {LANGUAGES.map(({ id: language, label }) => (
          <figure key={language} data-language={language}>
            <figcaption>{label}</figcaption>
            <pre
              tabindex={0}
              aria-label={`${method} ${path} in ${label}`}
            ><Code text={examples[language]} language={language} /></pre>
          </figure>
        ))}
        {stream === null ? null : (
          <figure>
            <figcaption>
              With <code>"stream": true</code>
            </figcaption>
            <pre
              tabindex={0}
              aria-label={`The stream of ${path}`}
            ><code>{stream.example.trimEnd()}</code></pre>
          </figure>
        )}
      </div>
    </section>
  );
}

/** Above this, the rows are folded: an answer is looked up, not read. */
const OPEN_ROWS_MAX = 24;

function Fields({ id, title, rows }: { id: string; title: string; rows: readonly FieldRow[] }) {
  const list = (
    <dl class="fields">
      {rows.map(({ name, type, required, about }) => (
        <div key={name}>
          <dt>
            <code>{name}</code>
            <span class="type">{type}</span>
            {required && title !== "Answer" ? <span class="required">required</span> : null}
          </dt>
          {about === "" ? null : (
            <dd>
              <Words text={about} />
            </dd>
          )}
        </div>
      ))}
    </dl>
  );
  if (title !== "Answer" && rows.length <= OPEN_ROWS_MAX) {
    return (
      <>
        <h3 id={id}>{title}</h3>
        {list}
      </>
    );
  }
  return (
    <details class="fold">
      <summary id={id}>{title}: {rows.length} fields</summary>
      {list}
    </details>
  );
}
