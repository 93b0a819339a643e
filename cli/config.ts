/** `config check`: every problem of the configuration at once; and the fleet file, for the commands that need it. */
import { isAbsolute, resolve } from "node:path";
import type { Command } from "commander";
import { ConfigError, parseFleet, readConfig } from "@/lib/kernel/config.ts";
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import { type CliIo, type Column, document, type Format, table, withOutput } from "./output.ts";

export function addConfig(program: Command, io: CliIo): void {
  const config = program.command("config").description("check the configuration");
  withOutput(config.command("check"))
    .description(
      "read the environment and the fleet file as the gateway would, and name every problem",
    )
    .argument("[file]", "the fleet file; by default FLEET_FILE, else ./fleet.yaml")
    .action((file: string | undefined, options: { output: Format }) =>
      check(io, file, options.output)
    );
}

/** The fleet file alone. Throws ConfigError; secrets it names need not be in the environment. */
export async function readFleet(io: CliIo): Promise<FleetFile> {
  const path = at(io, io.env["FLEET_FILE"] || "./fleet.yaml");
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    const value = error instanceof Error ? error.name : "";
    const remedy = "create it, or set FLEET_FILE to the file that describes your fleet";
    throw new ConfigError([{ where: path, value, remedy }]);
  }
  return parseFleet(text, path);
}

function check(io: CliIo, file: string | undefined, output: Format): void {
  const env = file === undefined ? io.env : { ...io.env, FLEET_FILE: at(io, file) };
  try {
    const { fleet, fleetPath } = readConfig(env, Deno.readTextFileSync, io.root);
    if (output === "json") {
      return io.out(document({ ok: true, fleet_file: fleetPath, problems: [] }));
    }
    io.out(`${fleetPath} can be used\n\n${table([fleet], COLUMNS)}`);
  } catch (error) {
    // Programs read the problems from the document; people from the error.
    if (error instanceof ConfigError && output === "json") {
      io.out(document({ ok: false, problems: error.problems }));
    }
    throw error;
  }
}

const COLUMNS: Column<FleetFile>[] = [
  { header: "site", cell: ({ site }) => site.name },
  { header: "tiers", right: true, cell: ({ lineup }) => lineup.length },
  {
    header: "machines",
    right: true,
    cell: ({ lineup }) => lineup.reduce((sum, tier) => sum + tier.machines, 0),
  },
  { header: "models", right: true, cell: ({ models }) => models.length },
  { header: "routes", right: true, cell: ({ routes }) => Object.keys(routes).length },
];

function at(io: CliIo, path: string): string {
  return isAbsolute(path) ? path : resolve(io.root, path);
}
