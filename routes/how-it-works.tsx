/** How a request travels, what is kept of it, what is measured, and who runs this deployment. */
import { Anchored } from "../lib/site/components/Anchored.tsx";
import { Figures, type ShownFigure } from "../lib/site/components/Figures.tsx";
import { Page } from "../lib/site/components/Page.tsx";
import { PageHead } from "../lib/site/components/PageHead.tsx";
import { RequestPath } from "../lib/site/components/RequestPath.tsx";
import { Scroll } from "../lib/site/components/Scroll.tsx";
import { Words } from "../lib/site/components/Words.tsx";
import { define, type SiteState } from "../lib/site/define.ts";
import { MEASURED } from "../lib/site/measured.ts";
import { sitePage } from "../lib/site/pages.ts";
import { requestSteps } from "../lib/site/request_steps.ts";
import { SECURITY } from "../lib/site/security_posture.ts";
import { NOT_BUILT } from "../lib/site/what_is_built.ts";

export default define.page(({ state }) => {
  const page = sitePage("/how-it-works");
  const capS = state.wakeCapS;
  return (
    <Page state={state} {...page}>
      <PageHead title={page.title}>
        <p>
          One process stands between your client and GPU machines that are mostly asleep. It answers
          OpenAI's API, wakes a machine when a request needs one, counts what was served, and puts
          the machine back to sleep.
        </p>
      </PageHead>
      <section aria-labelledby="request" class="stack">
        <Anchored id="request">The path of one request</Anchored>
        <RequestPath capS={capS} />
        <ol class="steps">
          {requestSteps({ capS }).map(({ title, about }) => (
            <li key={title}>
              <h3>{title}</h3>
              <p>{about}</p>
            </li>
          ))}
        </ol>
      </section>
      <section aria-labelledby="wake" class="stack">
        <Anchored id="wake">The wake budget</Anchored>
        <div class="prose stack">
          <p>
            A request that finds everything asleep is held for at most{" "}
            <strong>{capS} seconds</strong>. Then it is answered 504{" "}
            <code>wake_timeout</code>, before the official SDKs' own 600 s timer would end it
            without a word. The answer carries <code>x-should-retry: false</code>{" "}
            and an honest Retry-After, and the wake goes on for whoever asks next. A client that
            says how patient it is (<code>Prefer: wait=N</code>, or the timeout its SDK sends) is
            answered sooner.
          </p>
        </div>
        <Figures figures={wakeFigures(state)} />
        <p class="small">
          <a href="/learn/reliability/wake-budget-and-the-honest-504">
            Wake budgets and the honest 504
          </a>{" "}
          · <a href="/learn/reliability/anatomy-of-a-gpu-wake">Anatomy of a GPU wake</a> ·{" "}
          <a href="/docs/api#waiting">How to wait</a>
        </p>
      </section>
      <section aria-labelledby="security" class="stack">
        <Anchored id="security">Security posture</Anchored>
        <dl class="posture">
          {SECURITY.map(({ name, about }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{about}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section aria-labelledby="measured" class="stack">
        <Anchored id="measured">What was measured, and how</Anchored>
        <p class="prose">
          Figures of this code, with the conditions they hold under. Everything below was measured
          against the simulator that ships with it, because no GPU was at hand; what a deployment
          itself has measured stands on <a href="/status">Status</a> and{" "}
          <a href="/economics">Economics</a>.
        </p>
        <Scroll label="Measurements">
          <table class="measured">
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col" class="number">Result</th>
                <th scope="col">Conditions</th>
              </tr>
            </thead>
            <tbody>
              {MEASURED.map(({ name, value, conditions }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="number">{value}</td>
                  <td>
                    <Words text={conditions} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </section>
      <section aria-labelledby="not-built" class="stack">
        <Anchored id="not-built">What it does not do</Anchored>
        <dl class="posture">
          {NOT_BUILT.map(({ name, about }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{about}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section aria-labelledby="who" class="stack">
        <Anchored id="who">Who runs this</Anchored>
        <p class="prose">
          {state.operator === ""
            ? "The operator of this deployment has not given a name in its configuration."
            : `This deployment is run by ${state.operator}.`} It is Emberlane{" "}
          {state.version}, open source under the MIT licence, with its present lineup in force since
          {" "}
          <Day epochS={state.lineupSinceS} />.
          {state.demo ? " It is a demo: every machine is a simulator, and no GPU is involved." : ""}
        </p>
      </section>
    </Page>
  );
});

function Day({ epochS }: { epochS: number }) {
  const day = new Date(epochS * 1_000).toISOString().slice(0, 10);
  return <time dateTime={day}>{day}</time>;
}

/** What this deployment's own wakes took, tier by tier. */
function wakeFigures({ lineup, fleet, wakeCapS }: SiteState): ShownFigure[] {
  return [
    {
      label: "Wake budget",
      value: wakeCapS.toLocaleString("en"),
      unit: "s",
      window: "setting gateway.wake_cap of this deployment",
    },
    ...lineup.tiers.slice(0, TIERS_SHOWN_MAX).map((tier): ShownFigure => {
      const times = fleet.etaFor(tier.name);
      return {
        label: `Wake of ${tier.name}, median and p95`,
        value: times === null ? null : `${times.p50S.toFixed(1)} / ${times.p95S.toFixed(1)}`,
        unit: "s",
        ...(times === null
          ? { why: "no wake from its present place is in its history" }
          : { window: `its last ${times.samples} wakes`, href: "/status" }),
      };
    }),
  ];
}

/** More would be a table, and that is on the status page. */
const TIERS_SHOWN_MAX = 3;
