/** Names of our machines at the provider: they say whose they are and which, since nothing else is sure to come back. Pure. */

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
