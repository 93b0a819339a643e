/** Which files of a project are islands and which are static: paths from its root, sorted. */
import { resolve } from "node:path";
import { readDirOrNothing } from "./file_routes.ts";

export type Sources = { islands: string[]; statics: string[] };

/** Islands stand in `islands/` and in folders named `(_islands)` below `routes/`; static files in `static/`. */
export async function listSources(root: string): Promise<Sources> {
  const [islands, routes, statics] = await Promise.all(
    ["islands", "routes", "static"].map((dir) => listFiles(root, dir)),
  );
  const isIsland = (file: string) => /\.[jt]sx$/.test(file) && !/[._]test\.[jt]sx$/.test(file);
  return {
    islands: [
      ...(islands ?? []),
      ...(routes ?? []).filter((file) => file.includes("/(_islands)/")),
    ].filter(isIsland),
    statics: (statics ?? []).filter((file) => !/\/\./.test(file)),
  };
}

/** The name of an island's file in pages and in the bundle: `islands/chart/Bars.tsx` is `chart/Bars`. */
export function islandName(file: string): string {
  return file.replace(/^islands\//, "").replace(/\.[jt]sx$/, "");
}

async function listFiles(root: string, dir: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of readDirOrNothing(resolve(root, dir))) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory) files.push(...await listFiles(root, path));
    else if (entry.isFile) files.push(path);
  }
  return files.sort();
}
