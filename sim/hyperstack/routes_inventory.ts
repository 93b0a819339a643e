/** The routes of what may be rented, and of environments and keypairs. */

import {
  type Answer,
  badRequest,
  flavorGroups,
  keypair,
  notFound,
  ok,
  paged,
  refused,
  stocks,
} from "./answers.ts";
import { dollars } from "./bill.ts";
import { FLAVORS, IMAGES, REGIONS } from "./catalog.ts";
import { DEFAULT_PRICES, type Prices } from "./options.ts";
import { createEnvironment, createKeypair } from "./requests.ts";
import { type Call, type Route, route, wholeOf, withBody } from "./route.ts";

const PAGE_SIZE = 20;
const PAGE_SIZE_MAX = 100;

export const INVENTORY_ROUTES: readonly Route[] = [
  route("GET", "/core/flavors", "flavors", ({ account, query }) => {
    const data = flavorGroups(account, query.get("region"));
    return ok("Flavors retrieved successfully", { data });
  }),
  route("GET", "/core/stocks", "stocks", ({ account }) => {
    return ok("Stocks retrieved successfully", { stocks: stocks(account) });
  }),
  route("GET", "/pricebook", "pricebook", pricebook),
  route("GET", "/core/regions", "regions", () => {
    const regions = REGIONS.map((name, at) => ({ id: at + 1, name, description: name }));
    return ok("Regions retrieved successfully", { regions });
  }),
  route("GET", "/core/images", "images", ({ query }) => {
    const regions = REGIONS.filter((region) => region === (query.get("region") ?? region));
    const images = regions.map((region_name) => ({
      region_name,
      type: "Ubuntu",
      images: IMAGES.map((name, at) => ({ id: at + 1, name, region_name, is_public: true })),
    }));
    return ok("Images retrieved successfully", { images });
  }),
  route("GET", "/core/environments", "environments", ({ account, query }) => {
    const { shown, counts } = page(query, account.environments);
    return ok("Environments retrieved successfully", { ...counts, environments: shown });
  }),
  route(
    "POST",
    "/core/environments",
    "environments",
    (call) =>
      withBody(call, createEnvironment, ({ name, region }) => {
        const { account } = call;
        if (!REGIONS.some((known) => known === region)) return notFound(`Region ${region}`);
        if (account.environments.some((each) => each.name === name)) {
          return exists("Environment", name);
        }
        const environment = { id: account.nextId(), name, region };
        account.environments.push(environment);
        return ok("Environment created successfully", { environment });
      }),
  ),
  route("GET", "/core/keypairs", "keypairs", ({ account, query }) => {
    const search = query.get("search") ?? "";
    const found = account.keypairs.filter(({ name }) => name.includes(search));
    const { shown, counts } = page(query, found);
    return ok("Keypairs retrieved successfully", { ...counts, keypairs: shown.map(keypair) });
  }),
  route(
    "POST",
    "/core/keypairs",
    "keypairs",
    (call) =>
      withBody(call, createKeypair, ({ name, environment_name: environment, public_key }) => {
        const { account, nowMs } = call;
        if (!account.environments.some((each) => each.name === environment)) {
          return notFound(`Environment ${environment}`);
        }
        const same = account.keypairs.some((each) =>
          each.name === name && each.environment === environment
        );
        if (same) return exists("Keypair", name);
        const made = {
          id: account.nextId(),
          name,
          environment,
          publicKey: public_key,
          createdMs: nowMs,
        };
        account.keypairs.push(made);
        return ok("Keypair imported successfully", { keypair: keypair(made) });
      }),
  ),
  // singular, as the vendor has it
  route("DELETE", "/core/keypair/:id", "keypairs", ({ account, params }) => {
    const id = Number(params["id"]);
    if (!Number.isInteger(id)) return badRequest("Keypair id is not a number");
    if (!account.keypairs.some((each) => each.id === id)) return notFound(`Keypair ${id}`);
    account.keypairs = account.keypairs.filter((each) => each.id !== id);
    return ok("Keypair deleted successfully");
  }),
];

/** A bare array, by flavor name. Prices are by the hour. */
function pricebook({ account }: Call): Answer {
  const prices: Prices = { ...DEFAULT_PRICES, ...account.options.prices };
  const named = new Map<string, bigint>();
  for (const flavor of FLAVORS) {
    named.set(flavor.name, prices.flavorNanoUsdPerHour[flavor.name] ?? flavor.nanoUsdPerHour);
  }
  named.set("Public IP", prices.addressNanoUsdPerHour);
  named.set("Cloud-SSD", prices.diskNanoUsdPerGbHour);
  const body = [...named].map(([name, nanoUsd], at) => ({
    id: at + 1,
    name,
    value: dollars(nanoUsd, 9),
    original_value: dollars(nanoUsd, 9),
    discount_applied: false,
    start_time: null,
    end_time: null,
  }));
  return { status: 200, body };
}

function page<T>(query: URLSearchParams, all: readonly T[]) {
  const at = wholeOf(query, "page", 1);
  const size = Math.min(wholeOf(query, "pageSize", PAGE_SIZE), PAGE_SIZE_MAX);
  return { shown: paged(all, at, size), counts: { count: all.length, page: at, page_size: size } };
}

const exists = (what: string, name: string): Answer =>
  refused({ status: 409, reason: "already_exist", message: `${what} ${name} already exists` });
