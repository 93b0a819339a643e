/** The API's description for this deployment: its address, its models in the examples, its own limits. */
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import { HEADER_BYTES_MAX } from "@/lib/gateway/api.ts";
import { type Limit, type OpenApi, openApi } from "@/lib/gateway/openapi.ts";

const BYTES_PER_KIB = 1_024;

export function apiDocument(file: FleetFile, version: string): OpenApi {
  const first = file.models[0]?.id ?? "your-model";
  return openApi({
    name: file.site.name,
    version,
    origin: file.site.origin,
    demo: file.site.demo,
    models: {
      chat: file.models.find((model) => model.kind === "chat")?.id ?? first,
      embedding: file.models.find((model) => model.kind === "embedding")?.id ?? first,
    },
    limits: limitsOf(file),
  });
}

function limitsOf({ gateway, lineup }: FleetFile): Limit[] {
  const held = lineup.map((tier) => tier.held_max);
  const totalsS = lineup.map((tier) => tier.limits.total / 1_000);
  return [
    {
      name: "Wake budget",
      value: `${gateway.wake_cap / 1_000} s`,
      beyond: "504 `wake_timeout`; sooner if the client's own timeout is shorter",
    },
    {
      name: "Requests held while a tier wakes",
      value: range(held),
      beyond: "429 `queue_full`",
    },
    { name: "Body", value: `${gateway.body_max_mb} MB`, beyond: "413 `request_too_large`" },
    {
      name: "Header fields together",
      value: `${HEADER_BYTES_MAX / BYTES_PER_KIB} KiB`,
      beyond: "431 `headers_too_large`",
    },
    {
      name: "Machines tried before the first content",
      value: String(gateway.attempts),
      beyond: "the last failure, as 502, 503 or 504",
    },
    {
      name: "One request, first byte to last",
      value: `${range(totalsS)} s`,
      beyond: "504 `upstream_timeout`, or an error event in a stream that has begun",
    },
    {
      name: "Between comments of a streamed wake",
      value: `${gateway.heartbeat / 1_000} s`,
      beyond: "nothing: it is how long silence lasts at most",
    },
    {
      name: "Requests and tokens a minute",
      value: "by key",
      beyond: "429 `rate_limit_exceeded`; `x-ratelimit-…` headers count down",
    },
  ];
}

function range(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const shown = (value: number) => value.toLocaleString("en");
  return values.length === 0
    ? "0"
    : least === most
    ? shown(least)
    : `${shown(least)} to ${shown(most)}`;
}
