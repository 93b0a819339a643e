import type { PageProps, RouteConfig } from "fresh";

export const config: RouteConfig = { routeOverride: "/x/:module@:version" };

export default function Override({ params }: PageProps) {
  return <h1>{`${params.module} at ${params.version}`}</h1>;
}
