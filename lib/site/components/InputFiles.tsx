/** The files of a publication, each to be fetched. */
import type { ManifestJson } from "@/lib/ledger/publication/manifest.ts";
import { utcText } from "../shown_time.ts";
import { Scroll } from "./Scroll.tsx";

export function InputFiles({ manifest: { publication, made_at, window, files } }: {
  readonly manifest: ManifestJson;
}) {
  return (
    <Scroll label="Files of this publication">
      <table>
        <caption>
          Figures of {utcText(Date.parse(window.from))} to {utcText(Date.parse(window.to))}{" "}
          UTC, made {utcText(Date.parse(made_at))}, kept for some hours.{" "}
          <a href={`/economics/inputs.json?${query(window.name)}`}>As JSON</a>
        </caption>
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col">Holds</th>
            <th scope="col" class="number">Lines</th>
            <th scope="col" class="number">Bytes</th>
          </tr>
        </thead>
        <tbody>
          {files.map(({ name, says, lines, bytes }) => (
            <tr key={name}>
              <th scope="row">
                <a href={`/economics/inputs/${publication}/${name}`}>{name}</a>
              </th>
              <td>{says}</td>
              <td class="number">{lines.toLocaleString("en")}</td>
              <td class="number">{bytes.toLocaleString("en")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** What asks for the same window again. */
function query(name: string): string {
  const [from, to] = name.split("..");
  return to === undefined ? `window=${name}` : `from=${from}&to=${to}`;
}
