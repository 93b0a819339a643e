/** A gateway in this process before simulated engines in this process: for tests of what passes between them. */
import { type Instant, systemClock } from "@/lib/kernel/clock.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { createKey, ensureAccount, revokeKey } from "@/lib/accounts/api_keys_store.ts";
import { type Engine, startEngine } from "@/sim/engine.ts";
import { parseFaults } from "@/sim/faults.ts";
import { DEFAULT_LATENCY, type EngineOptions } from "@/sim/options.ts";
import { startGateway, tempDir, until } from "@/tests/e2e/support.ts";

/** Fast enough for many tests, slow enough that each token is a chunk of its own. */
export const FAST = { ...DEFAULT_LATENCY, timeToFirstTokenMs: 2, interTokenLatencyMs: 1 };

/** A `static` tier with one machine: an engine started for it, or a URL where something else answers. */
export type TestTier = {
  readonly engine?: Partial<EngineOptions>;
  readonly url?: string;
  /** Catalogue model → engine's name, as YAML; `{ m: m }` unless given. */
  readonly serves?: string;
  /** More of the tier's YAML, as entries of a flow mapping: `limits: { stall: 1s }`. */
  readonly extra?: string;
  /** Not waited for at the start, and not kept ready. */
  readonly cold?: boolean;
};

export type TestGatewayOptions = {
  /** In order of priority. */
  readonly tiers: Readonly<Record<string, TestTier>>;
  /** YAML of the `gateway` section. */
  readonly gateway?: string;
  /** Ids of the catalogue's models. */
  readonly models?: readonly string[];
};

export type KeyWish = {
  readonly models?: readonly string[];
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly expiresAt?: Instant;
};

/** What a test reads of a usage row. */
export type UsageRow = {
  id: string;
  request_id: string;
  tier: string | null;
  machine_id: string | null;
  attempts: number;
  status: number;
  ended: string;
  error_code: string | null;
  finish_reason: string | null;
  prompt_tokens: number;
  completion_tokens: number;
  tokens_from: string;
  cost_nano_usd: string;
};

export type LogLine = Record<string, unknown> & { event: string };

/** Starts engines, database and gateway, and waits until every tier that is not cold serves. Dispose it. */
export async function startTestGateway(options: TestGatewayOptions) {
  await using undo = new AsyncDisposableStack();
  const database = undo.use(await testDatabase());
  const { path: dataDir } = undo.use(await tempDir());
  const engines = new Map<string, Engine>();
  for (const [name, tier] of Object.entries(options.tiers)) {
    if (tier.engine === undefined) continue;
    const engine = await startEngine({
      port: 0,
      servedModelNames: ["m"],
      latency: FAST,
      logStats: false,
      ...tier.engine,
    });
    undo.defer(() => engine.close());
    engines.set(name, engine);
  }
  const gateway = await startGateway(fleetOf(options, engines), database.target, dataDir);
  undo.defer(() => gateway.stop());
  const { sql } = database;
  const doer = { actor: "test", now: systemClock.now() };
  const account = await ensureAccount(sql, "test", doer);

  async function newKey(wish: KeyWish = {}): Promise<{ id: string; secret: string }> {
    const { key, secret } = await createKey(sql, {
      accountId: account.id,
      name: "test",
      models: wish.models ?? null,
      requestsPerMinute: wish.requestsPerMinute ?? null,
      tokensPerMinute: wish.tokensPerMinute ?? null,
      expiresAt: wish.expiresAt ?? null,
    }, doer);
    return { id: key.id, secret };
  }
  const { secret } = await newKey();
  await until("every tier serves", async () => {
    const response = await fetch(`${gateway.url}/v1/models`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    const text = await response.text();
    const names = Object.entries(options.tiers).filter(([, tier]) => !tier.cold);
    return names.every(([name]) => new RegExp(`"name":"${name}"[^}]*"state":"Active"`).test(text));
  });

  const lines = (): LogLine[] => gateway.lines().map((line) => JSON.parse(line));
  const rows = () =>
    sql<UsageRow[]>`
      select
        id, request_id, tier, machine_id, attempts, status, ended, error_code, finish_reason,
        prompt_tokens, completion_tokens, tokens_from, cost_nano_usd
      from usage where closed_at is not null order by id`;
  const held = undo.move();
  return {
    url: gateway.url,
    secret,
    sql,
    newKey,
    revoke: (keyId: string) => revokeKey(sql, keyId, doer),
    engine(tier: string): Engine {
      const engine = engines.get(tier);
      if (engine === undefined) throw new Error(`no engine was started for tier ${tier}`);
      return engine;
    },
    /** From now on the tier's engine fails so; "" mends it. The grammar is that of `sim/faults.ts`. */
    fail(tier: string, faults: string): void {
      engines.get(tier)?.configure({ faults: parseFaults(faults) });
    },
    lines,
    rows,
    /** The closed row of a request, by the `x-request-id` its client saw. */
    row: (requestId: string): Promise<UsageRow> =>
      until(`the row of ${requestId} is closed`, async () => {
        const found = (await rows()).filter((row) => row.request_id === requestId);
        if (found.length > 1) throw new Error(`${found.length} rows of ${requestId}`);
        return found[0];
      }),
    post(
      path: string,
      body: unknown,
      headers: Record<string, string> = {},
    ): Promise<Response> {
      return fetch(gateway.url + path, {
        method: "POST",
        headers: {
          authorization: `Bearer ${secret}`,
          "content-type": "application/json",
          ...headers,
        },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

export type TestGateway = Awaited<ReturnType<typeof startTestGateway>>;

function fleetOf(options: TestGatewayOptions, engines: ReadonlyMap<string, Engine>): string {
  const models = (options.models ?? ["m"]).map((id) =>
    `  - { id: ${id}, name: M, vendor: V, kind: chat, context_tokens: 8192,` +
    ` prices: { spot: { input: "1", output: "2" } } }`
  );
  const tiers = Object.entries(options.tiers).map(([name, tier]) =>
    `  - { name: ${name}, provider: static, band: spot, serves: ${tier.serves ?? "{ m: m }"},` +
    ` static: { urls: ["${tier.url ?? engines.get(name)?.url}"] },` +
    ` always_ready: ${tier.cold ? 0 : 1}${tier.extra === undefined ? "" : `, ${tier.extra}`} }`
  );
  return `gateway: ${gatewayOf(options.gateway ?? "{}")}\nmodels:\n${models.join("\n")}\nlineup:\n${
    tiers.join("\n")
  }\n`;
}

/** FRONT=web and SOCKETS=node run every test against the other core, or its other sockets; a test that names one keeps it. */
function gatewayOf(section: string): string {
  const named = (["front", "sockets"] as const).flatMap((name) => {
    const value = Deno.env.get(name.toUpperCase());
    return value === undefined || section.includes(`${name}:`) ? [] : [`${name}: ${value}, `];
  });
  return section.replace("{", `{ ${named.join("")}`);
}
