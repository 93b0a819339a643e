/** The two tiers that a GPU owner can write today, as `/suppliers` shows them. */

export const OWN_SERVERS = `lineup:
  - name: our-rack
    provider: static        # servers that are always on
    band: standard
    gpu: 2 × RTX 4090
    machines: 2
    serves: { our-model: Qwen/Qwen3-8B }
    static:
      urls: ["http://10.8.0.11:8000", "http://10.8.0.12:8000"]
      key_env: RACK_KEY     # where their API key is`;

export const OWN_COMPUTER = `lineup:
  - name: workstation
    provider: local         # started when a request needs it
    band: standard
    idle: 15m               # quiet for this long: stopped
    nap: { after: 5m, level: 1 }
    serves: { our-model: Qwen/Qwen3-8B }
    local:
      command: [vllm, serve, Qwen/Qwen3-8B,
        --port, "{port}", --enable-sleep-mode]
      env: { VLLM_SERVER_DEV_MODE: "1" }`;
