/** The routes of virtual machines. The lifecycle actions are GETs with side effects, as the vendor has them. */

import {
  type Answer,
  badRequest,
  instance,
  notFound,
  ok,
  paged,
  refused,
  rule,
} from "./answers.ts";
import { flavorOf, IMAGES } from "./catalog.ts";
import { noCredit, noStock } from "./refusals.ts";
import { type CreateVms, createVms, putLabels, securityRule } from "./requests.ts";
import { type Call, type Route, route, wholeOf, withBody } from "./route.ts";
import type { Vm } from "./vm.ts";
import type { Outcome } from "./world.ts";

const PAGE_SIZE = 10;
const PAGE_SIZE_MAX = 100;
const VM = "/core/virtual-machines/:id";

const act = (
  method: string,
  path: string,
  operation: Route["operation"],
  said: string,
  effect: (call: Call, id: number) => Outcome,
): Route =>
  route(method, path, operation, (call) => {
    const outcome = effect(call, idOf(call));
    if (outcome.kind === "refused") return refused(outcome);
    return ok(said);
  });

export const MACHINE_ROUTES: readonly Route[] = [
  route("POST", "/core/virtual-machines", "create", create),
  route("GET", "/core/virtual-machines", "list", list),
  route("GET", "/core/virtual-machines/name-availability/:name", "name_availability", (call) => {
    const name = decodeURIComponent(call.params["name"] ?? "");
    const available = !taken(call, name);
    return ok(`Name is ${available ? "" : "not "}available`, { available, name });
  }),
  route(
    "GET",
    VM,
    "read",
    (call) =>
      withVm(call, (vm) =>
        ok("Virtual machine retrieved successfully", {
          instance: instance(vm, call.hit("lying_status")),
        })),
  ),
  route(
    "PUT",
    `${VM}/label`,
    "label",
    (call) =>
      withVm(call, (vm) =>
        withBody(call, putLabels, ({ labels }) => {
          vm.labels = labels;
          return ok("Labels updated successfully", { labels });
        })),
  ),
  route(
    "POST",
    `${VM}/sg-rules`,
    "sg_rules",
    (call) =>
      withVm(call, (vm) =>
        withBody(call, securityRule, (added) => {
          vm.rules = [...vm.rules, added];
          const security_rule = rule(added, vm.rules.length - 1);
          return ok("Security rule added successfully", { security_rule });
        })),
  ),
  route(
    "GET",
    `${VM}/events`,
    "read",
    (call) =>
      withVm(call, (vm) =>
        ok("Events retrieved successfully", {
          instance_events: vm.notes.map((note) => ({
            message: note.message,
            object: "instance",
            org_id: 1,
            reason: note.type,
            time: new Date(note.atMs).toISOString(),
            type: "Normal",
            user_id: 1,
          })),
        })),
  ),
  act(
    "DELETE",
    VM,
    "delete",
    "Virtual machine is being deleted",
    ({ account, nowMs }, id) => account.world.delete(id, nowMs),
  ),
  act(
    "GET",
    `${VM}/stop`,
    "stop",
    "Virtual machine is being stopped",
    ({ account, nowMs }, id) => account.world.stop(id, nowMs),
  ),
  act(
    "GET",
    `${VM}/start`,
    "start",
    "Virtual machine is being started",
    (call, id) =>
      poor(call) ? noCredit() : call.account.world.start(id, call.nowMs, call.hit("fails_later")),
  ),
  act(
    "GET",
    `${VM}/hard-reboot`,
    "reboot",
    "Virtual machine is being rebooted",
    (call, id) => call.account.world.reboot(id, call.nowMs),
  ),
  act("GET", `${VM}/hibernate`, "hibernate", "Virtual machine is being hibernated", (call, id) => {
    const retain = call.query.get("retain_ip") === "true";
    return call.account.world.hibernate(id, retain, call.nowMs, call.hit("fails_later"));
  }),
  act(
    "GET",
    `${VM}/hibernate-restore`,
    "restore",
    "Virtual machine is being restored",
    (call, id) =>
      poor(call) ? noCredit() : call.account.world.restore(
        id,
        call.nowMs,
        call.hit("fails_later"),
        call.hit("stock_out"),
      ),
  ),
];

function create(call: Call): Answer {
  return withBody(call, createVms, (asked) => {
    const { account, nowMs } = call;
    const environment = account.environments.find(({ name }) => name === asked.environment_name);
    if (environment === undefined) return notFound(`Environment ${asked.environment_name}`);
    const flavor = flavorOf(asked.flavor_name, environment.region);
    if (flavor === null) return notFound(`Flavor ${asked.flavor_name} in ${environment.region}`);
    const key = account.keypairs.find(({ name, environment: of }) =>
      name === asked.key_name && of === environment.name
    );
    if (key === undefined) return notFound(`Keypair ${asked.key_name} in ${environment.name}`);
    const image = asked.image_name ?? IMAGES[0];
    if (!IMAGES.some((known) => known === image)) return notFound(`Image ${image}`);
    const names = namesOf(asked);
    if (names.some((name) => taken(call, name))) {
      const message = `Virtual machine ${asked.name} already exists`;
      return refused({ status: 409, reason: "already_exist", message });
    }
    if (poor(call)) return refused(noCredit());
    const gpus = account.world.stock(`${flavor.region}/${flavor.gpu}`);
    if (call.hit("stock_out") || gpus < flavor.gpuCount * asked.count) {
      return refused(noStock(flavor));
    }
    const fails = call.hit("fails_later");
    const made: Vm[] = [];
    for (const name of names) {
      const vm = account.world.create(
        {
          name,
          environment,
          flavor,
          keyName: key.name,
          image,
          userData: asked.user_data,
          assignFloatingIp: asked.assign_floating_ip,
          portRandomization: asked.enable_port_randomization,
          rules: asked.security_rules,
          labels: asked.labels,
          callbackUrl: asked.callback_url ?? null,
          bootableVolume: asked.create_bootable_volume,
        },
        nowMs,
        fails,
      );
      // stock was counted for all of them above
      if ("kind" in vm) return refused(vm);
      made.push(vm);
    }
    return ok("Created virtual machine successfully", {
      instances: made.map((vm) => instance(vm, false)),
    });
  });
}

function list(call: Call): Answer {
  const { query, account } = call;
  const search = query.get("search") ?? "";
  const environment = query.get("environment");
  const exact = query.get("exact_environment_match") === "true";
  const found = account.world.all().filter((vm) =>
    vm.status !== "DELETED" && vm.spec.name.includes(search) &&
    (environment === null ||
      (exact
        ? vm.spec.environment.name === environment
        : vm.spec.environment.name.includes(environment)))
  );
  const page = wholeOf(query, "page", 1);
  const size = Math.min(wholeOf(query, "pageSize", PAGE_SIZE), PAGE_SIZE_MAX);
  const lying = call.hit("lying_status");
  return ok("Virtual machines retrieved successfully", {
    count: found.length,
    page,
    page_size: size,
    instances: paged(found, page, size).map((vm) => instance(vm, lying)),
  });
}

/** More than one machine get their number behind the name. */
const namesOf = ({ name, count }: CreateVms): string[] =>
  count === 1 ? [name] : Array.from({ length: count }, (_, at) => `${name}-${at + 1}`);

const taken = ({ account }: Call, name: string): boolean =>
  account.world.all().some((vm) => vm.spec.name === name && vm.status !== "DELETED");

const poor = ({ account, hit }: Call): boolean =>
  hit("insufficient_credit") || account.creditNanoUsd() <= 0n;

function idOf({ params }: Call): number {
  return Number(params["id"]);
}

function withVm(call: Call, answer: (vm: Vm) => Answer): Answer {
  const text = call.params["id"] ?? "";
  if (!/^\d+$/.test(text)) return badRequest(`Virtual machine id ${text} is not a number`);
  const vm = call.account.world.living(Number(text));
  return vm === null ? notFound(`Virtual machine ${text}`) : answer(vm);
}
