/** The refusals of the account, with the vendor's reasons. */

import type { Flavor } from "./catalog.ts";
import type { VmStatus } from "./options.ts";

export type Refusal = {
  readonly kind: "refused";
  readonly status: number;
  readonly reason: string;
  readonly message: string;
};

export function refusal(status: number, reason: string, message: string): Refusal {
  return { kind: "refused", status, reason, message };
}

export function noMachine(id: number): Refusal {
  return refusal(404, "not_found", `Virtual machine ${id} does not exist`);
}

export function wrongStatus(verb: string, status: VmStatus, needs: readonly VmStatus[]): Refusal {
  const message = `Cannot ${verb} a virtual machine in status ${status}: needs ${
    needs.join(" or ")
  }`;
  return refusal(400, "bad_request", message);
}

/** The vendor does not document this text. */
export function noStock(flavor: Flavor): Refusal {
  const message = `Not enough stock for flavor ${flavor.name} in ${flavor.region}`;
  return refusal(400, "bad_request", message);
}

/** Too little money comes as 400 with a message on most calls. */
export function noCredit(): Refusal {
  return refusal(400, "bad_request", "Insufficient credit to complete this operation");
}
