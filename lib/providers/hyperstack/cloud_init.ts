/** What a new machine is told at its first start: install vLLM, keep everything on the root disk, serve after every boot. Pure. */
import type { HyperstackTier } from "@/lib/kernel/fleet_file_hyperstack.ts";

/** A hibernated machine keeps its root disk and loses its memory: the service starts the engine again. */
export const SERVICE = "emberlane-engine";
const HOME = "/opt/emberlane";

export type CloudInit = Pick<HyperstackTier, "port" | "vllm" | "engine_package"> & {
  readonly engineKey: string;
};

/** Cloud-init text (YAML). The engine's key stands in it, so whoever may read the machine's user data may read the key. */
export function cloudInit(
  { port, vllm, engine_package: enginePackage, engineKey }: CloudInit,
): string {
  const command = ["vllm", "serve", ...vllm, "--host", "0.0.0.0", "--port", String(port)];
  const unit = `[Unit]
Description=vLLM for Emberlane
After=network-online.target
Wants=network-online.target

[Service]
# The first start installs; a failed one is tried again from where it was.
TimeoutStartSec=infinity
ExecStartPre=${HOME}/install.sh
EnvironmentFile=${HOME}/engine.env
ExecStart=${HOME}/serve.sh
Restart=always
RestartSec=5
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`;
  const serve = `#!/bin/bash
set -euo pipefail
export HF_HOME=${HOME}/huggingface
export VLLM_CACHE_ROOT=${HOME}/vllm-cache
export PATH=${HOME}/venv/bin:$PATH
exec ${command.map(quoted).join(" ")}
`;
  const install = `#!/bin/bash
set -euo pipefail
if [ -x ${HOME}/venv/bin/vllm ]; then exit 0; fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=600 update
apt-get -o DPkg::Lock::Timeout=600 install -y python3-venv python3-dev build-essential
python3 -m venv ${HOME}/venv
${HOME}/venv/bin/pip install --upgrade pip
${HOME}/venv/bin/pip install ${quoted(enginePackage)}
`;
  return `#cloud-config
# JSON is YAML, and escapes what a shell or a key may hold.
${
    JSON.stringify(
      {
        write_files: [
          file(`/etc/systemd/system/${SERVICE}.service`, "0644", unit),
          file(`${HOME}/serve.sh`, "0755", serve),
          file(`${HOME}/install.sh`, "0755", install),
          file(`${HOME}/engine.env`, "0600", `VLLM_API_KEY=${envQuoted(engineKey)}\n`),
        ],
        runcmd: [
          ["systemctl", "daemon-reload"],
          // Not waited for: it installs for minutes, and must also begin after every later boot.
          ["systemctl", "enable", "--now", "--no-block", `${SERVICE}.service`],
        ],
      },
      null,
      1,
    )
  }
`;
}

const file = (path: string, permissions: string, content: string) => ({
  path,
  permissions,
  content,
});

/** One word of a shell command, whatever it holds. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A value in systemd's environment file. */
function envQuoted(value: string): string {
  return `"${value.replace(/["\\$\`]/g, "\\$&")}"`;
}
