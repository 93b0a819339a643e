/** The bare start page, until the site stands. */
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";

export function announce({ fleet }: { fleet: FleetFile }) {
  const demo = fleet.site.demo
    ? " This is a demo: its machines are simulated, no GPU is involved."
    : "";
  return (_request: Request, path: string): Promise<Response> => {
    if (path !== "/") return Promise.resolve(new Response("Not found\n", { status: 404 }));
    return Promise.resolve(new Response(`${fleet.site.name}.${demo}\n`));
  };
}
