/** Tests of config.ts. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { type Config, ConfigError, parseFleet, readConfig } from "./config.ts";

const FLEET = `
models:
  - { id: m, name: M, vendor: V, kind: chat, context_tokens: 1000 }
lineup:
  - name: box
    provider: static
    band: standard
    serves: { m: served-m }
    static: { urls: ["http://127.0.0.1:9000/"], key_env: BOX_KEY }
`;

function configOf(env: Record<string, string>, fleet = FLEET): Config {
  return readConfig({ BOX_KEY: "secret", ...env }, () => fleet, "/srv/app");
}

function problemsOf(act: () => unknown): string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.problems.map((each) => `${each.where} | ${each.value} | ${each.remedy}`);
    }
    throw error;
  }
  return [];
}

Deno.test("readConfig() needs nothing but the fleet file", () => {
  const config = configOf({});
  equal(config.host, "127.0.0.1");
  equal(config.port, 8000);
  equal(config.dataDir, "/srv/app/data");
  equal(config.fleetPath, "/srv/app/fleet.yaml");
  equal(config.databaseUrl, null);
  equal(config.demoKey, null);
  equal(config.fleet.lineup[0]?.static?.urls[0], "http://127.0.0.1:9000");
});

Deno.test("readConfig() treats an empty variable as one that is not set", () => {
  equal(configOf({ PORT: "", DATABASE_URL: "", DEMO_KEY: "" }).port, 8000);
});

Deno.test("readConfig() takes a port from 0 to 65535 and nothing beside it", () => {
  equal(configOf({ PORT: "0" }).port, 0);
  equal(configOf({ PORT: "65535" }).port, 65_535);
  for (const port of ["65536", "-1", "80a", "1e3", " 80", "8000.0"]) {
    deepEqual(problemsOf(() => configOf({ PORT: port })), [
      `environment PORT | ${JSON.stringify(port)} | write a port from 0 to 65535`,
    ]);
  }
});

Deno.test("readConfig() names every problem of both the environment and the file at once", () => {
  const problems = problemsOf(() =>
    configOf({ PORT: "x", LOG_LEVEL: "loud" }, FLEET.replace("kind: chat", "kind: chatty"))
  );
  deepEqual(problems.map((line) => line.split(" | ")[0]), [
    "environment PORT",
    "environment LOG_LEVEL",
    "fleet.yaml models.0.kind",
  ]);
});

Deno.test("readConfig() never shows a secret, not even a wrong one", () => {
  const env = {
    DATABASE_URL: "mysql://u:hunter2@h/d",
    DEMO_KEY: "hunter2",
    METRICS_TOKEN: "hunter2",
  };
  throws(() => configOf(env), (error: Error) => {
    ok(!error.message.includes("hunter2"));
    equal(error.message.match(/\(not shown\)/g)?.length, 3);
    return true;
  });
});

Deno.test("readConfig() names a secret the fleet file asks for and the environment lacks", () => {
  deepEqual(problemsOf(() => configOf({ BOX_KEY: "" })), [
    "fleet.yaml lineup.0.static.key_env | BOX_KEY | set BOX_KEY in the environment",
  ]);
});

Deno.test("readConfig() says what to do when the file is missing or too big", () => {
  const missing = () =>
    readConfig({}, () => {
      throw new Deno.errors.NotFound("no such file");
    }, "/srv/app");
  deepEqual(problemsOf(missing), [
    "/srv/app/fleet.yaml | NotFound | create it, or set FLEET_FILE to the file that describes your fleet",
  ]);
  deepEqual(problemsOf(() => configOf({}, "#".repeat(1_000_001))), [
    "/srv/app/fleet.yaml | 1000001 bytes | keep it under 1000000 bytes",
  ]);
});

Deno.test("parseFleet() points at the line of broken YAML", () => {
  const [problem] = problemsOf(() => parseFleet("models: [\nlineup: }"));
  ok(problem?.startsWith("fleet.yaml:2 |"), problem);
});

Deno.test("parseFleet() refuses aliases that lead nowhere or swell the file", () => {
  const [nowhere] = problemsOf(() => parseFleet("models: *gone"));
  ok(nowhere?.includes("alias"), nowhere);
  const swelling = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    .concat([
      "b: &b [*a, *a, *a, *a, *a, *a]",
      "c: &c [*b, *b, *b, *b, *b, *b]",
      "d: [*c, *c, *c]",
    ]);
  const [bomb] = problemsOf(() => parseFleet(swelling.join("\n")));
  ok(bomb?.includes("alias"), bomb);
});

Deno.test("parseFleet() tells an unknown setting, a missing one and a wrong one apart", () => {
  const text = FLEET.replace("vendor: V, ", "").replace("kind: chat", "kind: chat, colour: red")
    .replace("context_tokens: 1000", "context_tokens: many");
  const problems = problemsOf(() => parseFleet(text));
  ok(problems.some((line) => line.startsWith("fleet.yaml models.0.vendor | missing |")));
  ok(problems.includes("fleet.yaml models.0.colour |  | remove it: no such setting"));
  ok(problems.some((line) => line.startsWith('fleet.yaml models.0.context_tokens | "many" |')));
});

Deno.test("parseFleet() says of an empty file that it is empty of everything", () => {
  equal(problemsOf(() => parseFleet("")).length, 1);
});

Deno.test("readConfig() says what would do in place of what the parser found", () => {
  const text =
    "models: 5\nlineup:\n  - { name: a, provider: local, band: gold, serves: {}, machines: 0, local: { command: [] } }\n";
  throws(() => readConfig({ DEMO_KEY: "short" }, () => text, "/"), (error: unknown) => {
    ok(error instanceof ConfigError);
    const remedies = Object.fromEntries(error.problems.map(({ where, remedy }) => [where, remedy]));
    equal(remedies["environment DEMO_KEY"], "write at least 20 characters");
    equal(remedies["fleet.yaml models"], "write a list");
    equal(remedies["fleet.yaml lineup.0.band"], "choose spot or standard");
    equal(remedies["fleet.yaml lineup.0.machines"], "write at least 1");
    equal(remedies["fleet.yaml lineup.0.local.command"], "write at least 1 entries");
    ok(!error.message.includes("short"), "a secret is not shown");
    return true;
  });
});
