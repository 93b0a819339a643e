/** What a client's connection needs of the front that took it. */
import type { Sockets } from "@/lib/kernel/sockets/wire.ts";
import type { ApiDeps } from "../api.ts";
import type { FrontClient } from "./client.ts";

export type ClientHome = {
  readonly api: ApiDeps;
  /** Where the full server listens on this machine. */
  readonly fullPort: number;
  readonly sockets: Pick<Sockets, "connect">;
  readonly stopping: () => boolean;
  readonly date: () => string;
  readonly gone: (client: FrontClient) => void;
};
