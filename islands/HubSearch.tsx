/** Finds articles and terms as you type. The index is fetched at the first focus; without JavaScript the form asks the server. */
import MiniSearch from "minisearch";
import { useRef, useState } from "preact/hooks";
import { type Found, search, SEARCH_OPTIONS } from "../lib/site/search_index.ts";

export type HubSearchProps = {
  readonly query: string;
  readonly found: readonly Found[];
  /** Where the index is; its name changes with its content. */
  readonly indexUrl: string;
};

export default function HubSearch({ query, found, indexUrl }: HubSearchProps) {
  const [text, setText] = useState(query);
  const [hits, setHits] = useState(found);
  const [isLost, setLost] = useState(false);
  const loading = useRef<Promise<MiniSearch | null> | null>(null);

  function load(): Promise<MiniSearch | null> {
    loading.current ??= fetch(indexUrl).then(async (response) => {
      if (!response.ok) throw new Error(String(response.status));
      return MiniSearch.loadJSON(await response.text(), SEARCH_OPTIONS);
    }).catch(() => {
      loading.current = null;
      setLost(true); // the form still works: the server answers it
      return null;
    });
    return loading.current;
  }

  async function find(next: string): Promise<void> {
    setText(next);
    const index = await load();
    if (index === null) return;
    setLost(false);
    setHits(search(index, next));
  }

  return (
    <div class="hub-search">
      <form role="search" action="/learn" method="get">
        <label for="hub-q">Search articles and terms</label>
        <span class="row">
          <input
            id="hub-q"
            name="q"
            type="search"
            autocomplete="off"
            maxlength={200}
            value={text}
            onFocus={() => void load()}
            onInput={({ currentTarget }) => void find(currentTarget.value)}
          />
          <button class="button quiet" type="submit">Search</button>
        </span>
      </form>
      <p class="visually-hidden" role="status">
        {text.trim() === "" ? "" : `${hits.length} found`}
      </p>
      {isLost ? <p class="quiet small">Press Enter: the server will search.</p> : null}
      {text.trim() === ""
        ? null
        : hits.length === 0
        ? <p class="quiet">Nothing found for “{text}”.</p>
        : (
          <ol class="hits">
            {hits.map((hit) => (
              <li key={hit.path}>
                <a href={hit.path}>{hit.title}</a> <span class="tag">{hit.part}</span>
                <p class="quiet small">{hit.summary}</p>
              </li>
            ))}
          </ol>
        )}
    </div>
  );
}
