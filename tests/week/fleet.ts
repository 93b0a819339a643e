/** The lineup of the simulated week: a spot machine first, a standard one of another kind behind it. */

export const MODEL = "m";
export const ENGINE_KEY = "engine-secret-0123456789";
/** The GPUs that the two tiers run on, as the provider's stock names them. */
export const GPUS = ["H100-80G-PCIe", "L40"] as const;
export const REGION = "CANADA-1";
export const ENVIRONMENT = `default-${REGION}`;
export const KEY_NAME = "ops";

export const fleetYaml = (apiUrl: string): string => `
providers:
  hyperstack:
    base_url: "${apiUrl}"
    environment: ${ENVIRONMENT}
    key_name: ${KEY_NAME}
    image: "Ubuntu Server 24.04 LTS R570 CUDA 12.8 with Docker"
models: [{ id: ${MODEL}, name: M, vendor: V, kind: chat, context_tokens: 8192, prices: { spot: { input: "1", output: "2" }, standard: { input: "2", output: "4" } } }]
lineup:
${tier("h100-spot", "spot", "n3-H100x1-spot")}
${tier("l40", "standard", "n3-L40x1")}
`;

const tier = (name: string, band: string, flavor: string) => `
  - name: ${name}
    provider: hyperstack
    band: ${band}
    serves: { ${MODEL}: org/model }
    idle: 10m
    wake: { power: 8m, load: 10m, stop: 10m, reask: 60s, sick: 30s, retry: 60s }
    hyperstack:
      flavor: ${flavor}
      port: 8000
      engine_key_env: ENGINE_KEY
      vllm: [org/model, --served-model-name, org/model]`;
