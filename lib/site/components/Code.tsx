/** A program with its colours, as classes; highlighted once, since the programs of a deployment do not change. */
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import javascript from "highlight.js/lib/languages/javascript";
import python from "highlight.js/lib/languages/python";
import yaml from "highlight.js/lib/languages/yaml";

const LANGUAGES = { curl: bash, javascript, python, yaml } as const;
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

export type CodeProps = {
  readonly text: string;
  readonly language: keyof typeof LANGUAGES;
};

/** More than any deployment shows; past it, the memory starts anew. */
const KEPT_MAX = 500;
const kept = new Map<string, string>();

export function Code({ text, language }: CodeProps) {
  const key = `${language}\n${text}`;
  let html = kept.get(key);
  if (html === undefined) {
    html = hljs.highlight(text, { language }).value;
    if (kept.size >= KEPT_MAX) kept.clear();
    kept.set(key, html);
  }
  // What highlight.js answers is escaped, with spans of its own around it.
  return <code dangerouslySetInnerHTML={{ __html: html }} />;
}
