import assert from "node:assert/strict";
import { parseDocument } from "yaml";
import { cloudInit, quoted } from "./cloud_init.ts";

Deno.test("cloud-init is YAML, its scripts are shell, and a key or an argument cannot break out of them", async () => {
  const nasty = `a"b$c\`d\\e'f`;
  const text = cloudInit({
    engine_package: "vllm==0.16.0",
    port: 8_000,
    vllm: ["org/model", "--api", nasty, "--x", "two words"],
    engineKey: nasty,
  });
  const document = parseDocument(text);
  assert.deepEqual(document.errors, []);
  const { write_files: files } = document.toJS() as {
    write_files: { path: string; content: string }[];
  };
  const content = (end: string) =>
    files.find(({ path }) => path.endsWith(end))?.content ?? assert.fail(end);
  for (const script of ["serve.sh", "install.sh"]) {
    const check = new Deno.Command("bash", { args: ["-n"], stdin: "piped", stderr: "piped" })
      .spawn();
    const writer = check.stdin.getWriter();
    await writer.write(new TextEncoder().encode(content(script)));
    await writer.close();
    const { success, stderr } = await check.output();
    assert.ok(success, new TextDecoder().decode(stderr));
  }
  const words = await new Deno.Command("bash", { args: ["-c", `printf '%s\\n' ${quoted(nasty)}`] })
    .output();
  assert.equal(new TextDecoder().decode(words.stdout), `${nasty}\n`);
  assert.match(content("engine.env"), /^VLLM_API_KEY="a\\"b\\\$c\\`d\\\\e'f"\n$/);
  assert.match(content("serve.sh"), /--host 0\.0\.0\.0 --port 8000/);
});
