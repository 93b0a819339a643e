/** `keys`: make, list and revoke API keys. */
import type { Command } from "commander";
import { type ApiKey, judgeKey } from "@/lib/accounts/api_key.ts";
import {
  type Account,
  createKey,
  ensureAccount,
  findKeyByHash,
  listAccounts,
  listKeys,
  matchKeys,
  revokeKey,
} from "@/lib/accounts/api_keys_store.ts";
import { lineupOf } from "@/lib/fleet/lineup.ts";
import { type Instant, later, type Millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { sha256Hex } from "@/lib/kernel/ids.ts";
import { parseCount, parseList, parseSpan } from "./arguments.ts";
import { readFleet } from "./config.ts";
import { withDatabase } from "./connect.ts";
import {
  CliError,
  type CliIo,
  type Column,
  document,
  EXIT,
  type Format,
  type Json,
  table,
  utc,
  utcExact,
  withOutput,
} from "./output.ts";

const LIMIT_MAX = 2_147_483_647;
/** A shorter beginning names a key by accident. */
const PREFIX_CHARS_MIN = 8;

type CreateOptions = {
  name: string;
  account: string;
  models?: string[];
  rpm?: number;
  tpm?: number;
  expires?: Millis;
  output: Format;
};

export function addKeys(program: Command, io: CliIo): void {
  const keys = program.command("keys").description("make, list and revoke API keys");

  withOutput(keys.command("create"))
    .description("make a key and print its secret, once")
    .requiredOption("--name <name>", "what the key is for")
    .option("--account <name>", "whose key it is; the account is made if there is none", "default")
    .option("--models <names>", "only these models, with commas between them", parseList)
    .option("--rpm <count>", "at most this many requests a minute", parseCount(1, LIMIT_MAX))
    .option(
      "--tpm <count>",
      "at most this many tokens a minute",
      parseCount(1, Number.MAX_SAFE_INTEGER),
    )
    .option("--expires <span>", "refuse it after this long, such as 30d", parseSpan)
    .action((options: CreateOptions) => create(io, options));

  withOutput(keys.command("list"))
    .description("list the newest 1,000 keys; never their secrets")
    .option("--account <name>", "only this account's")
    .action((options: { account?: string; output: Format }) => list(io, options));

  withOutput(keys.command("revoke"))
    .description("refuse a key from now on, for good")
    .argument(
      "<key>",
      `its id, at least ${PREFIX_CHARS_MIN} characters of its beginning, or its secret`,
    )
    .action((text: string, options: { output: Format }) => revoke(io, text, options.output));
}

async function create(io: CliIo, options: CreateOptions): Promise<void> {
  const now = io.clock.now();
  const doer = { actor: io.actor, now };
  const models = options.models === undefined ? null : await catalogueModels(io, options.models);
  const made = await withDatabase(io, { create: true }, async (sql) => {
    const account = await ensureAccount(sql, options.account, doer);
    const wanted = {
      accountId: account.id,
      name: options.name,
      models,
      requestsPerMinute: options.rpm ?? null,
      tokensPerMinute: options.tpm ?? null,
      expiresAt: options.expires === undefined ? null : later(now, options.expires),
    };
    return { account, ...await createKey(sql, wanted, doer) };
  });
  const { key, secret, account } = made;
  if (options.output === "json") {
    return io.out(document({ key: keyJson(key, account.name, now), secret }));
  }
  io.out(table([{ key, account: account.name }], COLUMNS(now)));
  io.out(`\n${secret}\n`);
  io.err("\nThis secret is shown this once; keep it where the program that uses it finds it.\n");
}

async function list(io: CliIo, options: { account?: string; output: Format }): Promise<void> {
  const now = io.clock.now();
  const rows = await withDatabase(io, {}, async (sql) => {
    const accounts = await listAccounts(sql);
    const account = accounts.find((each) => each.name === options.account);
    if (options.account !== undefined && account === undefined) {
      throw new CliError(EXIT.failed, `Cannot list keys: no account "${options.account}"`);
    }
    const keys = await listKeys(sql, account === undefined ? {} : { accountId: account.id });
    return keys.map((key) => ({ key, account: nameOf(accounts, key.accountId) }));
  });
  if (options.output === "table") return io.out(table(rows, COLUMNS(now)));
  io.out(document({ keys: rows.map(({ key, account }) => keyJson(key, account, now)) }));
}

async function revoke(io: CliIo, text: string, output: Format): Promise<void> {
  const now = io.clock.now();
  const row = await withDatabase(io, {}, async (sql) => {
    const { id } = await keyNamed(sql, text);
    const key = await revokeKey(sql, id, { actor: io.actor, now });
    return { key, account: nameOf(await listAccounts(sql), key.accountId) };
  });
  if (output === "table") return io.out(table([row], COLUMNS(now)));
  io.out(document({ key: keyJson(row.key, row.account, now) }));
}

/** The one key a person means. A secret is never repeated in an error. */
async function keyNamed(sql: Sql, text: string): Promise<ApiKey> {
  const bySecret = await findKeyByHash(sql, sha256Hex(text));
  if (bySecret !== null) return bySecret;
  if (text.length < PREFIX_CHARS_MIN) {
    throw new CliError(
      EXIT.usage,
      `Cannot tell which key: write at least ${PREFIX_CHARS_MIN} characters`,
    );
  }
  const matches = await matchKeys(sql, text);
  const standing = matches.filter((key) => key.revokedAt === null);
  const [only, ...more] = standing.length > 0 ? standing : matches;
  if (only === undefined) {
    const what = text.startsWith("key_") ? ` "${text}"` : "";
    throw new CliError(EXIT.failed, `Cannot find API key${what}: see "keys list"`);
  }
  if (more.length === 0) return only;
  const ids = [only, ...more].map((key) => key.id).join(", ");
  throw new CliError(EXIT.failed, `Cannot tell which key: several begin so; write the id: ${ids}`);
}

/** Names of models as clients know them → the catalogue's own, which is what a key is checked against. */
async function catalogueModels(io: CliIo, names: readonly string[]): Promise<string[]> {
  const lineup = lineupOf(await readFleet(io));
  const ids = names.flatMap((name) => {
    const models = lineup.names.get(name);
    if (models !== undefined) return models.map((model) => model.id);
    const known = lineup.models.map((model) => model.id).join(", ");
    throw new CliError(EXIT.failed, `Cannot allow model "${name}": the fleet file has ${known}`);
  });
  return [...new Set(ids)];
}

type Row = { key: ApiKey; account: string };

const COLUMNS = (now: Instant): Column<Row>[] => [
  { header: "id", cell: ({ key }) => key.id },
  { header: "begins", cell: ({ key }) => key.shownPrefix },
  { header: "name", cell: ({ key }) => key.name },
  { header: "account", cell: ({ account }) => account },
  { header: "state", cell: ({ key }) => stateOf(key, now) },
  { header: "models", cell: ({ key }) => key.models?.join(",") ?? "all" },
  { header: "requests", unit: "/min", right: true, cell: ({ key }) => key.requestsPerMinute },
  { header: "tokens", unit: "/min", right: true, cell: ({ key }) => key.tokensPerMinute },
  { header: "created", unit: "UTC", cell: ({ key }) => utc(key.createdAt) },
  { header: "expires", unit: "UTC", cell: ({ key }) => utc(key.expiresAt) },
];

function keyJson(key: ApiKey, account: string, now: Instant): Json {
  return {
    id: key.id,
    name: key.name,
    account_id: key.accountId,
    account,
    shown_prefix: key.shownPrefix,
    state: stateOf(key, now),
    models: key.models,
    requests_per_minute: key.requestsPerMinute,
    tokens_per_minute: key.tokensPerMinute,
    created_at: utcExact(key.createdAt),
    expires_at: utcExact(key.expiresAt),
    revoked_at: utcExact(key.revokedAt),
  };
}

function stateOf(key: ApiKey, now: Instant): "active" | "revoked" | "expired" {
  if (key.revokedAt !== null) return "revoked";
  return judgeKey(key, now).kind === "ok" ? "active" : "expired";
}

function nameOf(accounts: readonly Account[], id: string): string {
  return accounts.find((account) => account.id === id)?.name ?? id;
}
