/** The site in this process, so that its CPU time can be taken; served on a port too, for a browser. */
import type { Clock } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { SITE_FLEET } from "../tests/site/support.ts";
import { startGateway, tempDir } from "../tests/e2e/support.ts";

export type TestSite = AsyncDisposable & {
  readonly url: string;
  readonly sql: Sql;
  /** Asks without a network in between. */
  readonly ask: (path: string) => Promise<Response>;
};

export async function testSite(clock?: Clock): Promise<TestSite> {
  const database = await testDatabase();
  const dir = await tempDir();
  const gateway = await startGateway(SITE_FLEET, database.target, dir.path, clock);
  return {
    url: gateway.url,
    sql: database.sql,
    ask: (path) => gateway.replica.site(new Request(gateway.url + path)),
    async [Symbol.asyncDispose]() {
      await gateway.stop();
      await dir[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
