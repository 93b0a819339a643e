/** What a person who just started the gateway wants to know, on standard error beside the JSON log. */
import type { Config } from "@/lib/kernel/config.ts";
import type { ReadyNotice } from "./supervisor.ts";

/** Says where it answers and, in the demo, how to make the first request. */
export function welcome(config: Config, replica: ReadyNotice): void {
  const { fleet } = config;
  const lines = [`${fleet.site.name} answers on ${replica.url}`];
  if (fleet.site.demo) {
    const model = fleet.models[0]?.id ?? "";
    lines.push(
      "This is a demo: its machines are simulated by child processes, no GPU is involved.",
      replica.demoKey === null
        ? "The demo key was shown at the first start; make another: deno task cli keys create --name mine"
        : config.demoKey === null
        ? `The demo key, shown only now: ${replica.demoKey}`
        : "The demo key is the one in DEMO_KEY.",
      "The first request wakes a machine, which takes a few seconds:",
      `  curl -N ${replica.url}/v1/chat/completions -H "authorization: Bearer ${
        replica.demoKey ?? "$KEY"
      }" \\`,
      `    -H "content-type: application/json" \\`,
      `    -d '{"model":"${model}","stream":true,"messages":[{"role":"user","content":"Hello"}]}'`,
    );
  }
  console.error(lines.join("\n"));
}
