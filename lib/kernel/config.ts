/** Configuration: `fleet.yaml` and the environment, parsed once at the door, every problem named at once. */
import { isAbsolute, resolve } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { type FleetFile, fleetFile } from "./fleet_file.ts";

/** The exit status of a program that was configured wrongly (EX_CONFIG of sysexits.h). */
export const EXIT_CONFIG = 78;

const FILE_BYTES_MAX = 1_000_000;
const ALIASES_MAX = 100;
const REPLICAS_MAX = 64;

const environment = z.object({
  HOST: z.string().min(1).default("127.0.0.1"),
  PORT: z.string().default("8000").transform((text, ctx) => {
    const port = Number(text);
    if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
    ctx.addIssue({ code: "custom", message: "write a port from 0 to 65535", input: text });
    return z.NEVER;
  }),
  DATA_DIR: z.string().min(1).default("./data"),
  DATABASE_URL: z.string().regex(
    /^postgres(ql)?:\/\//,
    "write postgres://user:password@host:port/database",
  )
    .optional(),
  FLEET_FILE: z.string().min(1).default("./fleet.yaml"),
  DEMO_KEY: z.string().min(20, "write at least 20 characters").max(200).optional(),
  METRICS_TOKEN: z.string().min(16, "write at least 16 characters").optional(),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
  REPLICAS: z.string().transform((text, ctx) => {
    const count = Number(text);
    if (/^\d{1,2}$/.test(text) && count >= 1 && count <= REPLICAS_MAX) return count;
    ctx.addIssue({ code: "custom", message: `write 1 to ${REPLICAS_MAX}`, input: text });
    return z.NEVER;
  }).optional(),
});

export type Config = {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** Null: the embedded server under `dataDir`. */
  readonly databaseUrl: string | null;
  readonly fleetPath: string;
  readonly fleet: FleetFile;
  readonly demoKey: string | null;
  readonly metricsToken: string | null;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** How many processes share the port; null when nobody said. */
  readonly replicas: number | null;
};

/** One thing wrong with the configuration: where, what stands there, and what would do. */
export type ConfigProblem = { where: string; value: string; remedy: string };

/** Thrown with every problem at once; its message is what the operator reads. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(
      `The configuration cannot be used:\n` +
        problems.map((p) => `  ${p.where}: ${p.value === "" ? "" : `${p.value} — `}${p.remedy}`)
          .join("\n"),
    );
  }
}

/**
 * Reads the environment and the fleet file. `root` is where relative paths start.
 * Throws ConfigError with all problems of both.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  readText: (path: string) => string,
  root: string,
): Config {
  const problems: ConfigProblem[] = [];
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = environment.safeParse(set);
  if (!parsed.success) problems.push(...problemsOf(parsed.error, set, "environment "));

  const at = (path: string) => isAbsolute(path) ? path : resolve(root, path);
  const fleetPath = at(parsed.data?.FLEET_FILE ?? set["FLEET_FILE"] ?? "./fleet.yaml");
  const fleet = readFleet(fleetPath, readText, problems);
  if (!parsed.success || fleet === null || problems.length > 0) throw new ConfigError(problems);

  problems.push(...missingSecrets(fleet, set));
  if (problems.length > 0) throw new ConfigError(problems);
  const e = parsed.data;
  return {
    host: e.HOST,
    port: e.PORT,
    dataDir: at(e.DATA_DIR),
    databaseUrl: e.DATABASE_URL ?? null,
    fleetPath,
    fleet,
    demoKey: e.DEMO_KEY ?? null,
    metricsToken: e.METRICS_TOKEN ?? null,
    logLevel: e.LOG_LEVEL,
    replicas: e.REPLICAS ?? null,
  };
}

/** Parses the text of a fleet file. Throws ConfigError. Exposed for tests and `cli`. */
export function parseFleet(text: string, path = "fleet.yaml"): FleetFile {
  const problems: ConfigProblem[] = [];
  const fleet = readFleet(path, () => text, problems);
  if (fleet === null) throw new ConfigError(problems);
  return fleet;
}

function readFleet(
  path: string,
  readText: (path: string) => string,
  problems: ConfigProblem[],
): FleetFile | null {
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    const remedy = "create it, or set FLEET_FILE to the file that describes your fleet";
    problems.push({ where: path, value: error instanceof Error ? error.name : "", remedy });
    return null;
  }
  if (text.length > FILE_BYTES_MAX) {
    problems.push({
      where: path,
      value: `${text.length} bytes`,
      remedy: `keep it under ${FILE_BYTES_MAX} bytes`,
    });
    return null;
  }
  const document = parseDocument(text, { uniqueKeys: true });
  if (document.errors.length > 0) {
    for (const error of document.errors) {
      const line = error.linePos?.[0].line ?? 0;
      problems.push({
        where: `${path}:${line}`,
        value: "",
        remedy: `mend the YAML: ${error.message.split("\n")[0]}`,
      });
    }
    return null;
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    // An alias without an anchor, or so many of them that the file would swell.
    const because = error instanceof Error ? error.message : String(error);
    problems.push({ where: path, value: "", remedy: `mend the aliases of the YAML: ${because}` });
    return null;
  }
  const parsed = fleetFile.safeParse(value);
  if (parsed.success) return parsed.data;
  problems.push(...problemsOf(parsed.error, value, "fleet.yaml "));
  return null;
}

/** Secrets are named in the file and held in the environment; a name without a value is a problem now, not at the first request. */
function missingSecrets(
  fleet: FleetFile,
  env: Readonly<Record<string, string | undefined>>,
): ConfigProblem[] {
  return secretNames(fleet).flatMap(({ where, name }) =>
    env[name] !== undefined
      ? []
      : [{ where: `fleet.yaml ${where}`, value: name, remedy: `set ${name} in the environment` }]
  );
}

/** Every environment variable a fleet file names as a secret, and where it does. */
export function secretNames(
  fleet: Pick<FleetFile, "lineup" | "providers">,
): { where: string; name: string }[] {
  const uses = fleet.lineup.some((tier) => tier.provider === "hyperstack");
  const account = uses ? fleet.providers.hyperstack?.key_env : undefined;
  const named = [
    { where: "providers.hyperstack.key_env", name: account },
    ...fleet.lineup.flatMap((tier, i) => [
      { where: `lineup.${i}.static.key_env`, name: tier.static?.key_env },
      { where: `lineup.${i}.hyperstack.engine_key_env`, name: tier.hyperstack?.engine_key_env },
    ]),
  ];
  return named.flatMap(({ where, name }) => name === undefined ? [] : [{ where, name }]);
}

function problemsOf(error: z.ZodError, root: unknown, prefix: string): ConfigProblem[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        where: prefix + [...path, key].join("."),
        value: "",
        remedy: "remove it: no such setting",
      }));
    }
    const missing = valueAt(root, issue.path) === undefined;
    return [{
      where: prefix + path.join("."),
      value: missing ? "missing" : shown(valueAt(root, issue.path), path.at(-1) ?? ""),
      remedy: (missing ? "add it: " : "") + remedyOf(issue),
    }];
  });
}

/** zod tells what is wrong; an operator wants to be told what would do. Messages of our own already do. */
function remedyOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `write ${SHAPES[issue.expected] ?? `a ${issue.expected}`}`;
    case "invalid_value":
      return `choose ${issue.values.map(String).join(" or ")}`;
    case "too_small":
      return `write at least ${issue.minimum}${UNITS[issue.origin] ?? ""}`;
    case "too_big":
      return `write at most ${issue.maximum}${UNITS[issue.origin] ?? ""}`;
    default:
      return issue.message;
  }
}

const UNITS: Readonly<Record<string, string>> = { string: " characters", array: " entries" };

const SHAPES: Readonly<Record<string, string>> = {
  array: "a list",
  object: "settings, one `name: value` a line",
  record: "settings, one `name: value` a line",
  string: "text",
  boolean: "true or false",
  int: "a whole number",
};

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

/** The value as the operator wrote it, short; secrets are not shown. */
function shown(value: unknown, key: string): string {
  // In the environment, in capitals, tokens are secrets; in the fleet file they are what models read.
  if (/key|secret|password/i.test(key) || /TOKEN|DATABASE_URL/.test(key)) return "(not shown)";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
