/** What Hyperstack's words for a machine's state come to. Pure. */
import type { Power } from "../provider.ts";
import type { Instance } from "./answers.ts";

export const isOnOrRising = (power: Power) => power === "on" || power === "rising";
export const isOffOrFalling = (power: Power) =>
  power === "off" || power === "falling" || power === "broken";

/** ACTIVE counts as on once it has an address: before, nothing can reach it. A machine in ERROR does not run, is not billed, and is not gone. */
export function powerOf({ status, floating_ip }: Pick<Instance, "status" | "floating_ip">): Power {
  switch (status) {
    case "ACTIVE":
      return floating_ip === null || floating_ip === "" ? "rising" : "on";
    case "CREATING":
    case "BUILD":
    case "STARTING":
    case "REBOOTING":
    case "RESTORING":
      return "rising";
    case "STOPPING":
    case "HIBERNATING":
    case "DELETING":
      return "falling";
    case "SHUTOFF":
    case "HIBERNATED":
      return "off";
    case "ERROR":
      return "broken";
    case "DELETED":
      return "gone";
    default:
      return "unknown";
  }
}

/**
 * As `powerOf`, but a machine that is merely shut off where it should hibernate counts as on: it is billed in full, so the
 * keeper must bring it to rest.
 */
export function billedPower(instance: Instance, rest: "hibernate" | "stop"): Power {
  return rest === "hibernate" && instance.status === "SHUTOFF" ? "on" : powerOf(instance);
}
