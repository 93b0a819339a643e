/** The bodies the API takes, as documented. What is not read is let through, as the vendor does. */

import { z } from "zod";
import type { SecurityRule } from "./vm.ts";

const NAME_CHARS_MAX = 50;
const CALLBACK_CHARS_MAX = 250;
const MACHINES_MAX = 20;

const name = z.string().min(1).max(NAME_CHARS_MAX);
const port = z.int().min(1).max(65_535).nullish().transform((value) => value ?? null);

export const securityRule = z.object({
  direction: z.enum(["ingress", "egress"]),
  ethertype: z.enum(["IPv4", "IPv6"]).default("IPv4"),
  protocol: z.string().min(1),
  remote_ip_prefix: z.string().min(1),
  port_range_min: port,
  port_range_max: port,
}).transform((rule): SecurityRule => ({
  direction: rule.direction,
  ethertype: rule.ethertype,
  protocol: rule.protocol,
  remoteIpPrefix: rule.remote_ip_prefix,
  portMin: rule.port_range_min,
  portMax: rule.port_range_max,
}));

const labels = z.array(z.string());

export const createVms = z.object({
  name,
  environment_name: z.string(),
  flavor_name: z.string(),
  key_name: z.string(),
  count: z.int().min(1).max(MACHINES_MAX),
  image_name: z.string().optional(),
  user_data: z.string().default(""),
  assign_floating_ip: z.boolean().default(false),
  enable_port_randomization: z.boolean().default(true),
  security_rules: z.array(securityRule).default([]),
  labels: labels.default([]),
  callback_url: z.string().max(CALLBACK_CHARS_MAX).optional(),
  create_bootable_volume: z.boolean().default(false),
});
export type CreateVms = z.infer<typeof createVms>;

export const putLabels = z.object({ labels });
export const createEnvironment = z.object({ name, region: z.string() });
export const createKeypair = z.object({
  name,
  environment_name: z.string(),
  public_key: z.string().min(1),
});
