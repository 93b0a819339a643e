/** The start page: what this is, how to use it, and what its machines are doing now. */
import { Page } from "../lib/site/components/Page.tsx";
import { define, type SiteState } from "../lib/site/define.ts";
import { SHOWN_STATE } from "../lib/fleet/place.ts";

export default define.page(({ state }) => {
  const model = state.lineup.models[0]?.id ?? "";
  return (
    <Page
      state={state}
      title={`${state.name}: an inference gateway that lets GPUs sleep`}
      description="An OpenAI-compatible gateway that wakes a sleeping GPU machine when a request needs it."
      path="/"
    >
      <h1>{state.name}</h1>
      <p class="lead">
        An inference gateway that lets GPUs sleep: OpenAI's API in front of a lineup of GPU machines
        that are woken when a request needs one, and put to sleep when they fall quiet.
      </p>
      <section aria-labelledby="use">
        <h2 id="use">Two fields change</h2>
        <pre tabindex={0}><code>{snippet(state.origin, model)}</code></pre>
        <p>
          When no machine is awake, the first request waits for one. It is answered 504 after{" "}
          {state.wakeCapS}{" "}
          seconds at the latest, never left hanging; the wake goes on, so a later request may find
          it done.
        </p>
      </section>
      <section aria-labelledby="lineup">
        <h2 id="lineup">The lineup now</h2>
        <Machines state={state} />
      </section>
      <section aria-labelledby="models">
        <h2 id="models">Models</h2>
        <Models state={state} />
      </section>
    </Page>
  );
});

function snippet(origin: string, model: string): string {
  return `from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key="sk-ember-…")
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello"}],
)`;
}

function Machines({ state }: { state: SiteState }) {
  const rank = new Map(state.lineup.tiers.map((tier, i) => [tier.name, i]));
  const machines = state.fleet.machines().filter((machine) => !machine.retired)
    .toSorted((a, b) => (rank.get(a.tier) ?? 0) - (rank.get(b.tier) ?? 0) || a.slot - b.slot);
  return (
    <div class="wide" role="region" aria-label="Machines and their states" tabindex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Tier</th>
            <th scope="col">Band</th>
            <th scope="col">State</th>
            <th scope="col">Median wake (s)</th>
          </tr>
        </thead>
        <tbody>
          {machines.map((machine) => {
            const times = state.fleet.etaFor(machine.tier);
            const shown = SHOWN_STATE[machine.place.at];
            return (
              <tr key={machine.id}>
                <th scope="row">{machine.tier} {machine.slot}</th>
                <td>{state.lineup.tiers.find((tier) => tier.name === machine.tier)?.band ?? ""}</td>
                <td>
                  <span class={`state ${shown.toLowerCase().replace(" ", "-")}`}>{shown}</span>
                </td>
                <td class="number">{times === null ? "no data yet" : times.p50S.toFixed(1)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Models({ state }: { state: SiteState }) {
  return (
    <ul>
      {state.lineup.models.map((model) => (
        <li key={model.id}>
          <code>{model.id}</code> {model.name}, {model.kind},{" "}
          {model.context_tokens.toLocaleString("en")} tokens of context
        </li>
      ))}
    </ul>
  );
}
