/** Plays seeds on the copies of the tree named on its command line, and writes what each one broke as lines of JSON. */
export type MutantReport = {
  readonly dir: string;
  /** The first seed that broke a law; null when none did. */
  readonly seed: number | null;
  readonly broke: string | null;
};

if (import.meta.main) {
  const [root = ".", seeds = "0", ...dirs] = Deno.args;
  for (const dir of dirs) {
    const { play }: typeof import("./world.ts") = await import(
      `${root}/${dir}/tests/keeper/world.ts`
    );
    let report: MutantReport = { dir, seed: null, broke: null };
    for (let seed = 1; seed <= Number(seeds) && report.seed === null; seed++) {
      try {
        await play(seed);
      } catch (error) {
        report = { dir, seed, broke: String(error) };
      }
    }
    console.log(JSON.stringify(report));
  }
}
