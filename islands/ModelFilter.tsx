/** The catalogue with its filter. Without JavaScript the form asks the server. */
import { useState } from "preact/hooks";
import {
  type CatalogModel,
  type CatalogQuery,
  catalogSearch,
  filterCatalog,
  kindsOf,
  SEARCH_CHARS_MAX,
} from "../lib/site/catalog.ts";
import { ModelCards } from "../lib/site/components/ModelCards.tsx";

export type ModelFilterProps = {
  readonly models: readonly CatalogModel[];
  readonly query: CatalogQuery;
};

export default function ModelFilter({ models, query: first }: ModelFilterProps) {
  const [query, setQuery] = useState(first);
  const found = filterCatalog(models, query);

  function change(next: CatalogQuery): void {
    setQuery(next);
    // The address follows, so that a link or a reload shows the same.
    history.replaceState(history.state, "", location.pathname + catalogSearch(next));
  }

  return (
    <div class="catalog">
      <form class="filter" method="get" role="search" aria-label="Models">
        <div>
          <label for="model-q">Name, vendor or type</label>
          <input
            id="model-q"
            name="q"
            type="search"
            maxlength={SEARCH_CHARS_MAX}
            value={query.q}
            onInput={({ currentTarget }) => change({ ...query, q: currentTarget.value })}
          />
        </div>
        <div>
          <label for="model-kind">Kind</label>
          <select
            id="model-kind"
            name="kind"
            value={query.kind}
            onChange={({ currentTarget }) => change({ ...query, kind: currentTarget.value })}
          >
            <option value="" selected={query.kind === ""}>all kinds</option>
            {kindsOf(models).map((kind) => (
              <option key={kind} value={kind} selected={query.kind === kind}>{kind}</option>
            ))}
          </select>
        </div>
        <button class="button quiet" type="submit">Filter</button>
      </form>
      <p class="quiet small" role="status">
        {found.length} of {models.length} {models.length === 1 ? "model" : "models"}
      </p>
      <ModelCards models={found} />
    </div>
  );
}
