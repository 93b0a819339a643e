/** Tests of user_data.ts: what a machine would run. */
import assert from "node:assert/strict";
import { engineOf } from "./user_data.ts";

const FALLBACK = { port: 9_000, servedModelNames: ["fallback"] };

Deno.test("engineOf() reads a script with quotes and lines that go on", () => {
  const script = `#!/bin/bash
export VLLM_API_KEY="a\\"b"
exec vllm serve org/model --host 0.0.0.0 \\
  --served-model-name one 'two words' \\
  --max-model-len=4096 --port 8123 > /var/log/vllm.log
`;
  assert.deepEqual(engineOf(script, null), {
    port: 8_123,
    model: "org/model",
    servedModelNames: ["one", "two words"],
    apiKeys: ['a"b'],
    maxModelLen: 4_096,
  });
});

Deno.test("engineOf() reads cloud-config: word lists, JSON, and files in base64", () => {
  const list = '#cloud-config\nruncmd:\n  - [vllm, serve, a/b, --port, "81"]\n';
  assert.equal(engineOf(list, null)?.port, 81);
  const json = `#cloud-config\n${
    JSON.stringify({ write_files: [{ content: "#!/bin/sh\nexec vllm serve c/d --port 82\n" }] })
  }`;
  assert.deepEqual(engineOf(json, null)?.servedModelNames, ["c/d"]);
  const content = btoa("vllm serve e/f --api-key k\n");
  const coded = `#cloud-config\nwrite_files:\n  - encoding: b64\n    content: ${content}\n`;
  assert.deepEqual(engineOf(coded, FALLBACK)?.apiKeys, ["k"]);
});

Deno.test("engineOf() falls back without a vllm serve line, and only then", () => {
  assert.equal(engineOf("#!/bin/sh\necho vllm", FALLBACK)?.port, 9_000);
  assert.equal(engineOf("#!/bin/sh\necho vllm", null), null);
  assert.equal(engineOf("vllm serve x", FALLBACK)?.port, 8_000);
});
