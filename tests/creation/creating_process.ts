/** A gateway's keeper to be killed by tests: it makes one machine at the provider, through the real path, and leaves. */
import { instant, systemClock } from "@/lib/kernel/clock.ts";
import { openDatabase } from "@/lib/kernel/database.ts";
import { keeperOf } from "./creating.ts";

const [databaseUrl = "", apiUrl = "", deploymentId = "", machineId = "", nowMs = ""] = Deno.args;
/** The machine is asked for, found running, and loads. */
const LOOKS = 3;

// The time of the tests: the provider beside them keeps it, too.
const offsetMs = Number(nowMs) - systemClock.now();
const clock = { ...systemClock, now: () => instant(systemClock.now() + offsetMs) };
const sql = openDatabase({ kind: "url", url: databaseUrl }, { applicationName: "creating" });
const { keeper, close } = keeperOf({
  ...{ apiUrl, deploymentId, clock, sql, holder: "rep_killed" },
});
// Modules are loaded; what follows is what is killed.
await Deno.stdin.read(new Uint8Array(1));
for (let look = 0; look < LOOKS; look++) await keeper.look(machineId);
await close();
await sql.end({ timeout: 1 });
Deno.stdout.writeSync(new TextEncoder().encode("made\n"));
