/** The parts of the API reference that hold for every endpoint: waiting, headers, errors, limits. */
import type { OpenApi } from "@/lib/gateway/openapi.ts";
import { typeWords } from "../openapi_view.ts";
import { Anchored } from "./Anchored.tsx";
import { Scroll } from "./Scroll.tsx";
import { Words } from "./Words.tsx";

type Props = { readonly api: OpenApi };

export function ApiWaiting({ api }: Props) {
  return (
    <section aria-labelledby="waiting">
      <Anchored id="waiting">Waiting for a machine</Anchored>
      <p>
        When no machine is awake, the request asks for a wake and waits. It may choose how. The wake
        is shared by all who need the same tier, and goes on when a request stops waiting.{"  "}
        <a href="/learn/integration/choosing-a-wait">Choosing how to wait</a> says which suits whom.
      </p>
      <ul class="grid ways">
        {api["x-emberlane"].waiting.map(({ name, ask, until, answer }) => (
          <li key={name} class="card">
            <h3>{name}</h3>
            <p class="ask">
              {ask === "nothing" ? "Send nothing special." : <code>{ask}</code>}
            </p>
            <p>
              <Words text={answer} />
            </p>
            <p class="small quiet">{until}</p>
          </li>
        ))}
      </ul>
      <p class="note">
        Some HTTP clients give up before the server does: Node's own <code>fetch</code>{" "}
        after 300 s without headers, most proxies after 60 s. Behind those, prefer to be told, or
        watch.
      </p>
    </section>
  );
}

export function ApiHeaders({ api }: Props) {
  const { parameters, headers } = api.components;
  return (
    <section aria-labelledby="headers">
      <Anchored id="headers">Headers</Anchored>
      <h3 id="request-headers">A request may send</h3>
      <dl class="fields">
        {Object.values(parameters).map(({ name, schema, description }) => (
          <div key={name} id={`send-${name.toLowerCase()}`}>
            <dt>
              <code>{name}</code>
              <span class="type">{typeWords(api, schema)}</span>
            </dt>
            <dd>
              <Words text={description} />
            </dd>
          </div>
        ))}
      </dl>
      <h3 id="answer-headers">An answer carries</h3>
      <dl class="fields">
        {Object.entries(headers).map(([name, { schema, description }]) => (
          <div key={name} id={`get-${name}`}>
            <dt>
              <code>{name}</code>
              <span class="type">{typeWords(api, schema)}</span>
            </dt>
            <dd>
              <Words text={description} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

const RETRY_WORDS = {
  never: "No: the same refusal",
  after: "After Retry-After",
  soon: "Yes, backing off",
  by_plan: "Not by the SDK",
  unsent: "Never sent",
} as const;

export function ApiErrors({ api }: Props) {
  const { errors } = api["x-emberlane"];
  const seen = new Set<number>();
  const first = (status: number) => !seen.has(status) && seen.add(status) !== undefined;
  return (
    <section aria-labelledby="errors">
      <Anchored id="errors">Errors</Anchored>
      <p>
        Every failure has this body, 404 and 405 included; <code>/v1/messages</code>{" "}
        answers in Anthropic's shape with the same{" "}
        <code>code</code>. Keys and prompts are never quoted.
      </p>
      <pre tabindex={0} aria-label="An error"><code>{EXAMPLE}</code></pre>
      <Scroll label="Error codes">
        <table class="errors">
          <thead>
            <tr>
              <th scope="col">Status</th>
              <th scope="col">Code</th>
              <th scope="col">Try again?</th>
              <th scope="col">Means</th>
            </tr>
          </thead>
          <tbody>
            {errors.map(({ code, status, type, retry, means }) => (
              <tr key={code} id={`error-${code}`}>
                <td class="number" id={first(status) ? `status-${status}` : undefined}>{status}</td>
                <th scope="row">
                  <code>{code}</code>
                  <span class="type">{type}</span>
                </th>
                <td>{RETRY_WORDS[retry]}</td>
                <td>
                  <Words text={means} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p>
        Before the first content of an answer the gateway itself moves on to another machine, so 502
        means that others were tried. After it, a stream that fails ends with one event that holds
        {" "}
        <code>error</code>: treat an answer without a finish reason as cut short.
      </p>
    </section>
  );
}

const EXAMPLE = `{
  "error": {
    "message": "The model \\"x\\" does not exist: choose one of ember-chat",
    "type": "invalid_request_error",
    "param": "model",
    "code": "model_not_found"
  }
}`;

export function ApiLimits({ api }: Props) {
  return (
    <section aria-labelledby="limits">
      <Anchored id="limits">Limits of this deployment</Anchored>
      <Scroll label="Limits">
        <table>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col" class="number">Limit</th>
              <th scope="col">Beyond it</th>
            </tr>
          </thead>
          <tbody>
            {api["x-emberlane"].limits.map(({ name, value, beyond }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="number">{value}</td>
                <td>
                  <Words text={beyond} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
