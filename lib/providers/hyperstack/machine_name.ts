/** Names and labels of our machines at the provider: they say whose they are and which. Pure. */

/** `ember-<deployment>-<machine>`: 6 + 16 + 1 + 26 characters; the provider takes 50. */
const NAME = /ember-([0-9a-f]{16})-([0-9a-z]{26})(?![0-9a-z])/;
const DEPLOYMENT = /^dep_([0-9a-f]{16})$/;
const MACHINE = /^mac_([0-9a-z]{26})$/;

/** Throws for ids of another form: our own defect. */
export function machineName(deploymentId: string, machineId: string): string {
  const deployment = DEPLOYMENT.exec(deploymentId)?.[1];
  const machine = MACHINE.exec(machineId)?.[1];
  if (deployment === undefined || machine === undefined) {
    throw new TypeError(`Cannot name a machine of ${deploymentId} ${machineId}`);
  }
  return `ember-${deployment}-${machine}`;
}

/** Whose machine a name, or a name made of it (a disk's), says it is; null when it says nothing. */
export function namedMachine(name: string): { deploymentId: string; machineId: string } | null {
  const [, deployment, machine] = NAME.exec(name) ?? [];
  if (deployment === undefined || machine === undefined) return null;
  return { deploymentId: `dep_${deployment}`, machineId: `mac_${machine}` };
}

/** Stands before the ids, so that a stranger's label that looks like one of ours is not taken for it. */
const LABEL = "emberlane";

/** What a machine is labelled with besides its name, which a person may change. */
export function machineLabels(deploymentId: string, machineId: string, tier: string): string[] {
  return [LABEL, deploymentId, machineId, tier];
}

/** Whose machine it is, by its name or else by its labels; null: it carries no tag of ours. */
export function taggedMachine(
  { name, labels }: { readonly name: string; readonly labels: readonly string[] },
): { deploymentId: string; machineId: string } | null {
  const named = namedMachine(name);
  if (named !== null || !labels.includes(LABEL)) return named;
  const deploymentId = labels.find((label) => DEPLOYMENT.test(label));
  const machineId = labels.find((label) => MACHINE.test(label));
  if (deploymentId === undefined || machineId === undefined) return null;
  return { deploymentId, machineId };
}
