/**
 * Reads what engine a machine's user data starts: the first `vllm serve MODEL …` command in a script, or in any text of a
 * cloud-config (files in base64 are decoded, commands given as word lists are joined). A command may go over lines that
 * end in a backslash and may hold shell quotes; variables are not expanded. Read are MODEL, `--served-model-name A B`,
 * `--port`, `--api-key`, `--max-model-len`, and `VLLM_API_KEY=…` anywhere. Compressed text is not looked into, and user
 * data without such a command gets the fall-back.
 */

import { Buffer } from "node:buffer";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import type { FallbackEngine } from "./options.ts";

/** vLLM's own port when its command names none. */
const VLLM_PORT = 8_000;

export type MachineEngine = {
  readonly port: number;
  readonly model: string;
  readonly servedModelNames: readonly string[];
  readonly apiKeys: readonly string[];
  readonly maxModelLen: number | null;
};

/** The engine of a machine; null for a machine that starts none. */
export function engineOf(userData: string, fallback: FallbackEngine | null): MachineEngine | null {
  const joined = textsOf(userData).join("\n").replace(/\\\r?\n\s*/g, " ");
  const found = /(?:^|[\s"'/;&=])vllm['"]?\s+['"]?serve['"]?\s+([^\n]*)/.exec(joined);
  if (found === null) {
    if (fallback === null) return null;
    const [first = ""] = fallback.servedModelNames;
    return { ...fallback, model: first, apiKeys: [], maxModelLen: null };
  }
  const { model, flags } = readFlags(shellWords(found[1] ?? ""));
  const named = flags.get("served-model-name") ?? [];
  const keys = flags.get("api-key") ?? environmentKey(joined);
  return {
    port: whole(flags.get("port")?.[0]) ?? VLLM_PORT,
    model,
    servedModelNames: named.length > 0 ? named : [model],
    apiKeys: keys,
    maxModelLen: whole(flags.get("max-model-len")?.[0]),
  };
}

function readFlags(words: readonly string[]): { model: string; flags: Map<string, string[]> } {
  const flags = new Map<string, string[]>();
  let model: string | null = null;
  let open: string[] | null = null;
  for (const word of words) {
    if (/^(;|&&|\|\|?|&|>.*|2>.*)$/.test(word)) break;
    if (word.startsWith("--")) {
      const [name = "", ...value] = word.slice(2).split("=");
      open = value.length > 0 ? [value.join("=")] : [];
      flags.set(name.replaceAll("_", "-"), open);
    } else if (open === null && model === null) model = word;
    else open?.push(word);
  }
  return { model: model ?? flags.get("model")?.[0] ?? "", flags };
}

function environmentKey(text: string): string[] {
  const found = /\bVLLM_API_KEY=((?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+)/.exec(text);
  const [key = ""] = shellWords(found?.[1] ?? "");
  return key === "" ? [] : [key];
}

const words = z.array(z.string());
const coded = z.object({ encoding: z.enum(["b64", "base64"]), content: z.string() });

/** Every text of a cloud-config; of anything else the text itself. */
function textsOf(userData: string): string[] {
  if (!userData.startsWith("#cloud-config")) return [userData];
  let config: unknown;
  try {
    config = parseYaml(userData);
  } catch {
    // cloud-init would refuse it too; what stands in it still says what was meant
    return [userData];
  }
  const texts: string[] = [];
  const walk = (node: unknown): void => {
    if (typeof node === "string") texts.push(node);
    else if (Array.isArray(node)) {
      const command = words.safeParse(node);
      if (command.success) texts.push(command.data.map(quoted).join(" "));
      else node.forEach(walk);
    } else if (typeof node === "object" && node !== null) {
      const file = coded.safeParse(node);
      if (file.success) texts.push(Buffer.from(file.data.content, "base64").toString("utf8"));
      else Object.values(node).forEach(walk);
    }
  };
  walk(config);
  return texts;
}

/** A word list of one is a command line, not a word. */
function quoted(word: string, _at: number, all: readonly string[]): string {
  return all.length === 1 || /^[\w@%+=:,./-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Words as a POSIX shell splits them, without expansions. */
function shellWords(line: string): string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g)) {
    words.push(
      match[0].replace(
        /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
        (_, double?: string, single?: string, escaped?: string) =>
          double?.replace(/\\(.)/g, "$1") ?? single ?? escaped ?? "",
      ),
    );
  }
  return words;
}

function whole(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}
