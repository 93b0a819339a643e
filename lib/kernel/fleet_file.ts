/** The schema of `fleet.yaml`: site, providers, models, prices, routes and the lineup. */
import { z } from "zod";
import { type Millis, millis } from "./clock.ts";
import {
  hyperstackAccount,
  hyperstackTier,
  hyperstackTierProblems,
} from "./fleet_file_hyperstack.ts";
import { type NanoUsd, parseUsd } from "./money.ts";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const DURATION_MS_MAX = 365 * UNIT_MS.d;

/** A duration such as `15m`, `1.5s`, `250ms`, in whole milliseconds; at most a year. */
const duration = z.string().transform((text, ctx): Millis => {
  const parts = DURATION.exec(text);
  const unit = UNIT_MS[parts?.[2] as keyof typeof UNIT_MS];
  const spanMs = Math.round(Number(parts?.[1]) * unit);
  if (spanMs <= DURATION_MS_MAX) return millis(spanMs); // not so when it is not a number
  ctx.addIssue({
    code: "custom",
    message: "write a duration such as 500ms, 60s, 15m or 2h, at most 365d",
    input: text,
  });
  return z.NEVER;
});

/** US dollars per million tokens, exact: `"0.30"` or 0.3. */
const usdPerMtok = z.union([z.string(), z.number()]).transform((value, ctx): NanoUsd => {
  const amount = parseUsd(String(value));
  if (amount === null || amount < 0n) {
    ctx.addIssue({
      code: "custom",
      message: 'write dollars per million tokens such as "0.30", at most 9 decimals, not below 0',
      input: value,
    });
    return z.NEVER;
  }
  return amount;
});

const name = z.string().regex(
  /^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/,
  "use lower-case letters, digits, dot, dash and underscore, at most 64, starting and ending with a letter or digit",
);
const modelId = z.string().min(1).max(128).regex(
  /^[\w][\w./:@-]*$/,
  "use letters, digits and ./:@_-",
);
const atLeast = (least: number, most: number) => z.int().min(least).max(most);
const baseUrl = z.url({ protocol: /^https?$/, error: "write an http or https URL" })
  .transform((url) => url.replace(/\/+$/, ""));

/** Who machines may come from. */
const PROVIDERS = ["local", "static", "hyperstack"] as const;

export const BANDS = ["spot", "standard"] as const;
export const MODEL_KINDS = ["chat", "code", "embedding", "rerank", "video"] as const;

const price = z.strictObject({ input: usdPerMtok, output: usdPerMtok });

const model = z.strictObject({
  id: modelId,
  name: z.string().min(1).max(100),
  vendor: z.string().min(1).max(100),
  kind: z.enum(MODEL_KINDS),
  description: z.string().max(500).default(""),
  context_tokens: atLeast(1, 100_000_000),
  /** Other names clients may send; answers name `id`. */
  aliases: z.array(modelId).max(50).default([]),
  /** $/Mtok by band. A band without a price is served at no charge and says so. */
  prices: z.partialRecord(z.enum(BANDS), price).default({}),
});

/** How a `local` machine is run: any command; `{port}`, `{host}`, `{machine}` are filled in. */
const localMachine = z.strictObject({
  command: z.array(z.string().min(1)).min(1),
  env: z.record(z.string(), z.string()).default({}),
  /** Signalled to stop; killed this much later. */
  stop_grace: duration.default(millis(20_000)),
});

/** A `static` machine: a server that is always on. */
const staticMachine = z.strictObject({
  urls: z.array(baseUrl).min(1),
  /** The environment variable that holds the key sent upstream. */
  key_env: z.string().regex(/^[A-Z][A-Z0-9_]*$/).optional(),
});

const nap = z.strictObject({
  after: duration,
  level: z.union([z.literal(1), z.literal(2)]).default(1),
});

const tier = z.strictObject({
  name,
  provider: name,
  band: z.enum(BANDS),
  /** Shown to people: what computer this is. */
  gpu: z.string().max(100).default(""),
  machines: atLeast(1, 100).default(1),
  /** What one machine draws while it is powered, with all its GPUs: declared, for the published energy. */
  watts: z.number().positive().max(100_000).optional(),
  /** Machines kept ready without being asked for. */
  always_ready: atLeast(0, 100).default(0),
  /** Catalogue model → the name its engine serves it under. */
  serves: z.record(modelId, z.string().min(1)),
  local: localMachine.optional(),
  static: staticMachine.optional(),
  hyperstack: hyperstackTier.optional(),
  /** While this tier wakes: `spill` lets a warm tier further down serve; `wait` waits for this one. */
  when_cold: z.enum(["spill", "wait"]).default("spill"),
  /** Quiet for this long: drained, then stopped. */
  idle: duration.default(millis(900_000)),
  nap: nap.optional(),
  /** A rented computer this old is drained, destroyed and rented anew; 30 days when nothing is said. */
  age_max: duration.refine((ms) => ms >= 1_800_000, "write at least 30m: loading takes its time")
    .optional(),
  /** Requests one machine runs at a time before another of the tier is woken. */
  concurrency: atLeast(1, 100_000).default(256),
  /** Requests held while the tier wakes; one more is answered 429 queue_full. */
  held_max: atLeast(0, 1_000_000).default(512),
  wake: z.strictObject({
    power: duration.default(millis(300_000)),
    load: duration.default(millis(600_000)),
    stop: duration.default(millis(300_000)),
    reask: duration.default(millis(30_000)),
    sick: duration.default(millis(15_000)),
    attempts: atLeast(1, 10).default(2),
    retry: duration.default(millis(10_000)),
    retry_max: duration.default(millis(300_000)),
    /** Walked past for this long after its provider had no stock, or took a spot machine back. */
    no_stock: duration.default(millis(120_000)),
  }).prefault({}),
  limits: z.strictObject({
    /** No response header, or no first token, for this long: the attempt failed. */
    first_token: duration.default(millis(120_000)),
    /** No payload for this long inside a stream: it stalled. */
    stall: duration.default(millis(60_000)),
    /** One request, first byte to last. */
    total: duration.default(millis(3_600_000)),
  }).prefault({}),
});

export const fleetFile = z.strictObject({
  site: z.strictObject({
    name: z.string().min(1).max(60).default("Emberlane"),
    origin: baseUrl.default("http://localhost:8000"),
    operator: z.string().max(200).default(""),
    /** Said plainly on every page and in the API. */
    demo: z.boolean().default(false),
  }).prefault({}),
  gateway: z.strictObject({
    /** A held request is answered 504 wake_timeout by then; at most 590 s, before the SDKs' own 600 s timer. */
    wake_cap: duration.refine((ms) => ms <= 590_000, "write at most 590s").default(millis(590_000)),
    body_max_mb: atLeast(1, 256).default(32),
    /** What reads requests off the socket: our own core for the inference routes, or the runtime's server for all. */
    front: z.enum(["raw", "web"]).default("raw"),
    /** The way to the system's sockets, see `lib/kernel/sockets`. */
    sockets: z.enum(["auto", "epoll", "node"]).default("auto"),
    attempts: atLeast(1, 10).default(3),
    heartbeat: duration.refine((ms) => ms >= 100 && ms <= 10_000, "write 100ms to 10s").default(
      millis(5_000),
    ),
    /** A stopping gateway lets running streams finish for this long. */
    shutdown_grace: duration.default(millis(30_000)),
  }).prefault({}),
  providers: z.strictObject({
    local: z.strictObject({
      /** Ends a machine that no gateway looked after for this long. */
      orphan_after: duration.default(millis(600_000)),
      /** What becomes of machines when the last gateway stops in order. */
      on_shutdown: z.enum(["stop", "keep"]).default("stop"),
    }).prefault({}),
    static: z.strictObject({}).prefault({}),
    hyperstack: hyperstackAccount.optional(),
  }).prefault({}),
  billing: z.strictObject({
    /** Older bills than this close what costs money. */
    stale_after: duration.refine(
      (ms) => ms >= 120_000,
      "write at least 2m: bills are read once a minute",
    )
      .default(millis(300_000)),
  }).prefault({}),
  models: z.array(model).min(1),
  /** A name clients may send → ordered targets; the first that can serve does. */
  routes: z.record(modelId, z.array(modelId).min(1)).default({}),
  lineup: z.array(tier).min(1),
}).superRefine((file, ctx) => {
  const problem = (path: (string | number)[], message: string, input: unknown) =>
    ctx.addIssue({ code: "custom", path, message, input });
  const ids = new Set(file.models.map((m) => m.id));
  const taken = new Map<string, string>();
  file.models.forEach((m, i) => {
    [m.id, ...m.aliases].forEach((id) => {
      const holder = taken.get(id);
      if (holder !== undefined) {
        problem(["models", i], `give each model its own names: "${id}" is also ${holder}`, id);
      }
      taken.set(id, `a name of models.${i}`);
    });
  });
  for (const [route, targets] of Object.entries(file.routes)) {
    const holder = taken.get(route);
    if (holder !== undefined) {
      problem(["routes", route], `choose another name: it is also ${holder}`, route);
    }
    targets.forEach((target, i) => {
      if (!ids.has(target)) {
        problem(["routes", route, i], `name a model of models: ${[...ids].join(", ")}`, target);
      }
    });
  }
  const tiers = new Set<string>();
  file.lineup.forEach((t, i) => {
    if (tiers.has(t.name)) problem(["lineup", i, "name"], "give each tier its own name", t.name);
    tiers.add(t.name);
    if (!PROVIDERS.some((known) => known === t.provider)) {
      problem(
        ["lineup", i, "provider"],
        `choose ${PROVIDERS.join(", ")}; others are not built yet`,
        t.provider,
      );
    }
    if (t.provider === "hyperstack") {
      if (t.hyperstack === undefined) {
        problem(
          ["lineup", i, "hyperstack"],
          "add hyperstack.flavor: the kind of computer",
          undefined,
        );
      }
      for (
        const { path, message, input } of t.hyperstack === undefined
          ? []
          : hyperstackTierProblems(t.hyperstack, t.band)
      ) {
        problem(["lineup", i, ...path], message, input);
      }
      if (file.providers.hyperstack === undefined) {
        problem(
          ["providers", "hyperstack"],
          "add the account: environment and key_name",
          undefined,
        );
      }
    }
    if (t.provider === "local" && t.local === undefined) {
      problem(
        ["lineup", i, "local"],
        "add local.command: the program that serves the model",
        t.local,
      );
    }
    if (t.provider === "static" && t.static === undefined) {
      problem(["lineup", i, "static"], "add static.urls: where the servers answer", t.static);
    }
    if (t.static !== undefined && t.provider === "static" && t.static.urls.length !== t.machines) {
      problem(
        ["lineup", i, "machines"],
        `write one machine per URL: ${t.static.urls.length}`,
        t.machines,
      );
    }
    if (t.always_ready > t.machines) {
      problem(
        ["lineup", i, "always_ready"],
        `write at most machines, ${t.machines}`,
        t.always_ready,
      );
    }
    if (t.nap !== undefined && t.nap.after >= t.idle) {
      problem(
        ["lineup", i, "nap", "after"],
        "write less than idle: a machine naps before it stops",
        t.nap.after,
      );
    }
    for (const served of Object.keys(t.serves)) {
      if (!ids.has(served)) {
        problem(
          ["lineup", i, "serves", served],
          `name a model of models: ${[...ids].join(", ")}`,
          served,
        );
      }
    }
    if (Object.keys(t.serves).length === 0) {
      problem(["lineup", i, "serves"], "name at least one model it serves", t.serves);
    }
  });
});

/** A validated `fleet.yaml`. */
export type FleetFile = z.infer<typeof fleetFile>;
export type TierSpec = FleetFile["lineup"][number];
export type ModelSpec = FleetFile["models"][number];
export type Band = (typeof BANDS)[number];
