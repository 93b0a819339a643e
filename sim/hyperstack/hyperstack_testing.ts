/** For tests: calls to a simulated account, and a create that suffices. */

import type { Hyperstack } from "./start_hyperstack.ts";

export type Said = { readonly status: number; readonly body: Record<string, unknown> };

/** No connection is kept: on one that was, `fetch` would send a cut request again by itself. */
const connections = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });

/** Calls a path below `/v1`. Rejects when the connection is cut. */
export async function call(
  { url, apiKey }: Pick<Hyperstack, "url" | "apiKey">,
  method: string,
  path: string,
  body?: unknown,
): Promise<Said> {
  const init: RequestInit & { client: Deno.HttpClient } = {
    method,
    headers: { api_key: apiKey },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    client: connections,
  };
  const response = await fetch(`${url}${path}`, init);
  return { status: response.status, body: await response.json() };
}

export const MACHINES = "/core/virtual-machines";
export const CREATE = {
  name: "one",
  environment_name: "default-CANADA-1",
  flavor_name: "n3-H100x1",
  key_name: "k",
  count: 1,
  assign_floating_ip: true,
  security_rules: [{
    direction: "ingress",
    ethertype: "IPv4",
    protocol: "tcp",
    remote_ip_prefix: "0.0.0.0/0",
    port_range_min: 8_123,
    port_range_max: 8_123,
  }],
  user_data: `#cloud-config
runcmd:
  - [vllm, serve, org/model, --served-model-name, "m", --port, "8123"]
`,
};

/** The key that {@link CREATE} names. */
export async function withKey(hyperstack: Hyperstack): Promise<void> {
  await call(hyperstack, "POST", "/core/keypairs", {
    name: "k",
    environment_name: CREATE.environment_name,
    public_key: "ssh-ed25519 AAAA test",
  });
}
