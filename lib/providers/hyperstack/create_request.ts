/** What is asked for when a machine is rented, as documented. Pure. */
import type { HyperstackAccount, HyperstackTier } from "@/lib/kernel/fleet_file_hyperstack.ts";
import type { MachineRef } from "../provider.ts";
import { cloudInit } from "./cloud_init.ts";
import { machineLabels, machineName } from "./machine_name.ts";

/**
 * The body of `POST /core/virtual-machines`. Key pair and environment exist already; rules and address come and go with
 * the machine, so that nothing is left of one that was killed half made.
 */
export function createRequest(
  account: HyperstackAccount,
  tier: HyperstackTier & { readonly engineKey: string },
  { deploymentId, machineId, tier: tierName }: MachineRef,
) {
  return {
    name: machineName(deploymentId, machineId),
    environment_name: account.environment,
    image_name: tier.image ?? account.image,
    flavor_name: tier.flavor,
    key_name: account.key_name,
    count: 1,
    assign_floating_ip: true,
    // By default the provider moves the ports of an address.
    enable_port_randomization: false,
    security_rules: [{
      direction: "ingress",
      ethertype: tier.allow_from.includes(":") ? "IPv6" : "IPv4",
      protocol: "tcp",
      remote_ip_prefix: tier.allow_from,
      port_range_min: tier.port,
      port_range_max: tier.port,
    }],
    labels: machineLabels(deploymentId, machineId, tierName),
    user_data: cloudInit(tier),
  };
}
