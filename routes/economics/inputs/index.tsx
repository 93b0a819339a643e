/** What the figures are made from, to take away: the files of a window, and how to work them out again. */
import { HttpError, page } from "fresh";
import { AppError } from "../../../lib/kernel/errors.ts";
import { askedWindow } from "../../../lib/ledger/publication/asked_window.ts";
import { INPUTS } from "../../../lib/ledger/publication/inputs.ts";
import type { ManifestJson } from "../../../lib/ledger/publication/manifest.ts";
import { InputFiles } from "../../../lib/site/components/InputFiles.tsx";
import { Page } from "../../../lib/site/components/Page.tsx";
import { PageHead } from "../../../lib/site/components/PageHead.tsx";
import { Scroll } from "../../../lib/site/components/Scroll.tsx";
import { define } from "../../../lib/site/define.ts";
import { sitePage } from "../../../lib/site/pages.ts";

const WINDOWS = [
  { name: "24h", label: "24 hours" },
  { name: "7d", label: "7 days" },
  { name: "30d", label: "30 days" },
];

type Data = { readonly manifest: ManifestJson | null; readonly lastDay: LastDay };
type LastDay = { readonly day: string; readonly digest: string } | null;

export const handler = define.handlers<Data>({
  async GET({ url, state }) {
    const lastDay = await state.publications.lastDay();
    if (url.search === "") return page({ manifest: null, lastDay });
    const asked = askedWindow(url.searchParams, state.now());
    if (typeof asked === "string") throw new HttpError(400, asked);
    try {
      return page({ manifest: await state.publications.publish(asked), lastDay });
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "internal") throw error;
      throw new HttpError(error.status === 429 ? 429 : 400, error.message, { cause: error });
    }
  },
});

export default define.page<typeof handler>(({ data: { manifest, lastDay }, state }) => (
  <Page state={state} {...sitePage("/economics/inputs")}>
    <PageHead
      title="The inputs of the figures"
      crumbs={[
        { href: "/economics", label: "Economics" },
        { href: "/economics/method", label: "Method" },
      ]}
    >
      <p>
        The rows behind every figure, as CSV: what the providers' bills said, what the machines did,
        and how much was served. No account, key, request or prompt is in them.
      </p>
    </PageHead>
    <section aria-labelledby="files">
      <h2 id="files">Files</h2>
      <p>
        {WINDOWS.map(({ name, label }, i) => (
          <>
            {i === 0 ? "" : " · "}
            <a href={`/economics/inputs?window=${name}`}>{label}</a>
          </>
        ))} · whole days: <code>/economics/inputs?from=2026-11-01&amp;to=2026-11-07</code>{" "}
        (UTC, sealed, at most 31)
      </p>
      {manifest === null
        ? (
          <p class="quiet">
            Choose a window: its files are made from one snapshot of the database.
          </p>
        )
        : <InputFiles manifest={manifest} />}
    </section>
    <section aria-labelledby="again" class="prose">
      <h2 id="again">Work them out again</h2>
      <p>
        With the source of this program and <a href="https://deno.com">Deno</a>:
      </p>
      <pre
        tabindex={0}
        role="region"
        aria-label="Command"
      ><code>{`deno task verify --url ${state.origin} --window 7d`}</code></pre>
      <p>
        It fetches the files, starts an empty PostgreSQL, makes the money of every minute again from
        the readings, runs each figure's SQL on the rows, and compares: to the nano-dollar. Where a
        row, a statement or a digest is another one, it names it and fails. What it cannot make
        again it says: whether a machine was busy in a minute comes from single requests, which are
        not handed out.
      </p>
    </section>
    <section aria-labelledby="chain" class="prose">
      <h2 id="chain">Sealed days</h2>
      <p>
        An hour after each day (UTC) its lines are hashed, together with the digest of the day
        before: a row of the past cannot be changed without every later digest changing. Write one
        down, and give it to <code>verify</code> with <code>--digest</code> some day.
      </p>
      {lastDay === null ? <p class="quiet">No day is sealed yet.</p> : (
        <p>
          The last one, {lastDay.day}: <code>{lastDay.digest}</code>
        </p>
      )}
    </section>
    <section aria-labelledby="columns">
      <h2 id="columns">What is in each file</h2>
      <Scroll label="Files and their columns">
        <table>
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">Holds</th>
              <th scope="col">Columns</th>
              <th scope="col">Sealed</th>
            </tr>
          </thead>
          <tbody>
            {INPUTS.map(({ name, says, columns, sealed }) => (
              <tr key={name}>
                <th scope="row">{name}.csv</th>
                <td>{says}</td>
                <td>
                  <code>{columns.join(", ")}</code>
                </td>
                <td>{sealed ? "yes" : "no"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  </Page>
));
