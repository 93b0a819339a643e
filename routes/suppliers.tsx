/** For GPU owners: what they can do today, and what is planned, said plainly as not built. */
import { Anchored } from "../lib/site/components/Anchored.tsx";
import { Code } from "../lib/site/components/Code.tsx";
import { Page } from "../lib/site/components/Page.tsx";
import { PageHead } from "../lib/site/components/PageHead.tsx";
import { Scroll } from "../lib/site/components/Scroll.tsx";
import { Words } from "../lib/site/components/Words.tsx";
import { define } from "../lib/site/define.ts";
import { sitePage } from "../lib/site/pages.ts";
import { OWN_COMPUTER, OWN_SERVERS } from "../lib/site/supply_examples.ts";
import { EXCHANGE_STEPS } from "../lib/site/what_is_built.ts";

export default define.page(({ state }) => {
  const page = sitePage("/suppliers");
  return (
    <Page state={state} {...page}>
      <PageHead title={page.title} eyebrow="GPU supply">
        <p>
          You have GPUs that stand idle for part of the day. Today you can put your own gateway in
          front of them. Selling their idle hours through somebody else's gateway is planned, and
          not built.
        </p>
      </PageHead>
      <section aria-labelledby="today" class="stack">
        <Anchored id="today">What works today</Anchored>
        <div class="grid wide supply">
          <div class="card">
            <h3>Servers that are always on</h3>
            <p>
              Name their addresses in a <code>static</code>{" "}
              tier. The gateway watches their health, spreads requests over them, keeps a
              conversation on the machine whose cache knows it, and never switches them off.
            </p>
            <pre
              tabindex={0}
              aria-label="A static tier in fleet.yaml"
            ><Code text={OWN_SERVERS} language="yaml" /></pre>
          </div>
          <div class="card">
            <h3>The computer the gateway runs on</h3>
            <p>
              Give a <code>local</code>{" "}
              tier a command that serves the OpenAI API. It is started by the first request that
              needs it, put into vLLM's sleep mode when quiet, and stopped when quiet for longer.
            </p>
            <pre
              tabindex={0}
              aria-label="A local tier in fleet.yaml"
            ><Code text={OWN_COMPUTER} language="yaml" /></pre>
          </div>
        </div>
        <p class="prose">
          The servers need no port that is open to the internet, only one that the gateway can
          reach: a private network, a WireGuard or SSH tunnel that they open outward.{" "}
          <a href="/learn/supply/connect-gpus-without-an-open-port">
            Connecting your GPUs with no open port
          </a>{" "}
          shows how. With that you have one address for your applications, keys with limits, and a
          usage row for every request: enough to know what your GPUs really serve.
        </p>
      </section>
      <section aria-labelledby="planned" class="stack">
        <Anchored id="planned">What is planned: the supplier exchange</Anchored>
        <p class="note ember">
          None of this exists yet. There is no form to fill in, no waiting list, and nothing on this
          page collects anything. It stands here so that you can judge the design.
        </p>
        <Scroll label="What the exchange would do">
          <table class="planned">
            <thead>
              <tr>
                <th scope="col">Step</th>
                <th scope="col">What is meant to happen</th>
                <th scope="col">State</th>
              </tr>
            </thead>
            <tbody>
              {EXCHANGE_STEPS.map(({ name, about }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>
                    <Words text={about} />
                  </td>
                  <td>
                    <span class="tag">not built</span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </section>
      <section aria-labelledby="before" class="stack">
        <Anchored id="before">Worth knowing before you buy a GPU for this</Anchored>
        <ul class="links">
          <li>
            <a href="/learn/supply/tokens-per-dollar">Tokens per dollar</a>{" "}
            – how to compare machines by what they serve at your concurrency.
          </li>
          <li>
            <a href="/learn/economics/scale-to-zero-arithmetic">Scale-to-zero arithmetic</a>{" "}
            – what idle hours cost, and when sleeping pays.
          </li>
          <li>
            <a href="/learn/engines/quantisation">Quantisation</a> – what fits, and what to check.
          </li>
        </ul>
      </section>
    </Page>
  );
});
