/** Models as cards, for the catalogue; drawn alike on the server and in the browser. */
import { type CatalogModel, modelPath } from "../catalog.ts";
import { spanText } from "../shown_time.ts";
import { StateBadge } from "./StateBadge.tsx";

export function ModelCards({ models }: { models: readonly CatalogModel[] }) {
  if (models.length === 0) return <p class="quiet">No model of the catalogue fits.</p>;
  return (
    <ul class="grid models">
      {models.map((model) => (
        <li key={model.id}>
          <a class="card model" href={modelPath(model.id)}>
            <span class="row model-top">
              <StateBadge state={model.state} />
              <span class="tag">{model.kind}</span>
            </span>
            <h2>{model.name}</h2>
            <p class="quiet small">
              <code>{model.id}</code> by {model.vendor}
            </p>
            <dl class="model-facts">
              <div>
                <dt>Context</dt>
                <dd>{model.contextTokens.toLocaleString("en")} tokens</dd>
              </div>
              {model.prices.map(({ band, price }) => (
                <div key={band}>
                  <dt>{band}</dt>
                  <dd>
                    {price === null
                      ? "no charge set"
                      : `$${price.input} in, $${price.output} out per Mtok`}
                  </dd>
                </div>
              ))}
              <div>
                <dt>Ready in</dt>
                <dd>{readyText(model)}</dd>
              </div>
            </dl>
          </a>
        </li>
      ))}
    </ul>
  );
}

function readyText({ etaS, prices }: CatalogModel): string {
  if (prices.length === 0) return "not served: no tier has it";
  if (etaS === null) return "no data yet";
  return etaS === 0 ? "at once" : `about ${spanText(etaS * 1_000)}`;
}
