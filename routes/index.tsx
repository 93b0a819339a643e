/** The start page: what this is, the two fields that change, the machines now, the worst case, the cost. */
import { CodeTabs } from "../lib/site/components/CodeTabs.tsx";
import { Figures, type ShownFigure } from "../lib/site/components/Figures.tsx";
import { LineupNow } from "../lib/site/components/LineupNow.tsx";
import { Page } from "../lib/site/components/Page.tsx";
import { WakePicture } from "../lib/site/components/WakePicture.tsx";
import { WorstCase } from "../lib/site/components/WorstCase.tsx";
import { define } from "../lib/site/define.ts";
import { type FigureName, FIGURES, type Figures as FigureValues } from "../lib/site/figures.ts";
import { sitePage } from "../lib/site/pages.ts";
import { snippetsOf } from "../lib/site/snippets.ts";

const STEPS = [
  {
    title: "A request arrives",
    text:
      "The lineup is walked in order. A ready machine answers at once; when none is, one is woken.",
  },
  {
    title: "A machine wakes",
    text:
      "However many requests wait, the tier has one wake. It restores, boots, loads, and is asked for its health.",
  },
  {
    title: "It answers",
    text:
      "vLLM's stream is passed on. Each request has a usage row before its first byte, closed exactly once.",
  },
  {
    title: "It sleeps again",
    text:
      "Quiet for the tier's idle time, the machine takes nothing new, finishes what it has, and stops.",
  },
] as const;

const READ = [
  {
    href: "/learn/economics",
    title: "Inference economics",
    text: "What a million tokens really costs, and when sleeping pays.",
  },
  {
    href: "/learn/reliability",
    title: "Reliability",
    text: "Cold starts, wake budgets, retries and timeouts.",
  },
  {
    href: "/learn/integration",
    title: "Integration",
    text: "Coming from OpenAI: streaming, tools, structured output.",
  },
] as const;

export default define.page(async ({ state }) => {
  const [{ snapshot }, figures] = await Promise.all([state.status.current(), state.figures()]);
  const model = state.lineup.models.find(({ kind }) => kind === "chat") ?? state.lineup.models[0];
  const snippets = model === undefined ? [] : snippetsOf(model, state.origin);
  const { path, title, description } = sitePage("/");
  return (
    <Page
      state={state}
      path={path}
      title={`${state.name}: ${title.charAt(0).toLowerCase()}${title.slice(1)}`}
      description={description}
    >
      <div class="hero">
        <div class="hero-words">
          <h1>Inference on GPUs that sleep until asked</h1>
          <p class="lead">
            {state.name}{" "}
            puts OpenAI's API in front of a lineup of GPU machines. A request wakes the one it
            needs. A quiet one is put to sleep. Where a provider sends bills, the cost of tokens is
            read from them, with the SQL shown.
          </p>
          <p class="row">
            <a class="button" href="/docs/api">Read the API</a>
            <a class="button quiet" href="/status">Watch the machines</a>
          </p>
        </div>
        <WakePicture />
      </div>
      <section aria-labelledby="use" class="two-columns">
        <div class="stack">
          <h2 id="use">Two fields change</h2>
          <p>
            Keep your SDK. Change the base URL and the key. Chat, completions, responses,
            Anthropic's messages, embeddings and rerank are served under <code>/v1</code>.
          </p>
          <p class="quiet small">
            The first call after a quiet time waits for a machine; how long,{" "}
            <a href="/status">Status</a> tells from history. <a href="/models">All models</a>
          </p>
        </div>
        <CodeTabs snippets={snippets} name="language" label="Two fields change" />
      </section>
      <section aria-labelledby="lineup">
        <h2 id="lineup">The lineup now</h2>
        <LineupNow snapshot={snapshot} />
        <p class="small">
          <a href="/status">Live status and wake times</a>
        </p>
      </section>
      <section aria-labelledby="worst">
        <h2 id="worst">The worst case, plainly</h2>
        <WorstCase tier={state.lineup.tiers[0]?.name ?? ""} wakeCapS={state.wakeCapS} />
      </section>
      <section aria-labelledby="cost">
        <h2 id="cost">This deployment in figures</h2>
        <Figures figures={shownFigures(figures)} />
      </section>
      <section aria-labelledby="how">
        <h2 id="how">How it works</h2>
        <ol class="promises numbered">
          {STEPS.map(({ title, text }) => (
            <li key={title}>
              <strong>{title}</strong>
              {text}
            </li>
          ))}
        </ol>
        <p class="small">
          <a href="/how-it-works">The whole path of a request</a>
        </p>
      </section>
      <section aria-labelledby="read">
        <h2 id="read">Read on</h2>
        <div class="grid">
          {READ.map(({ href, title, text }) => (
            <a key={href} class="card" href={href}>
              <h3>{title}</h3>
              <p class="quiet">{text}</p>
            </a>
          ))}
        </div>
      </section>
    </Page>
  );
});

/** What the start page tells of this deployment, in this order. */
const SHOWN = [
  ["realised-usd-per-mtok-30d", "Realised cost"],
  ["wake-p50-s-30d", "Wake, median"],
  ["wake-timeout-share-30d", "Waits that ended in a 504"],
  ["tokens-24h", "Tokens served"],
] as const satisfies readonly (readonly [FigureName, string])[];

function shownFigures(figures: FigureValues): ShownFigure[] {
  return SHOWN.map(([name, label]) => {
    const { value, why } = figures.get(name) ?? { value: null, why: "" };
    const { unit, window } = FIGURES[name];
    return { label, value, unit, window, why, href: "/economics/method" };
  });
}
