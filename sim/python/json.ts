/** JSON as Python reads and writes it, where that shows on the wire. */

/** A number written with a point or an exponent, which Python keeps a float. */
export class PyFloat {
  constructor(readonly value: number) {}
}

export type PyValue = null | boolean | number | string | PyFloat | PyValue[] | {
  [k: string]: PyValue;
};

/** `json.dumps` with its defaults: a space after `:` and `,`, ASCII only. */
export function dumps(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(dumps).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value).map(([k, v]) => `${dumps(k)}: ${dumps(v)}`).join(", ")}}`;
  }
  if (typeof value !== "string") return JSON.stringify(value);
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Parses JSON and keeps floats apart from integers. The text must be valid. */
export function loads(text: string): PyValue {
  const revive = (_key: string, value: PyValue, context?: { source?: string }): PyValue =>
    typeof value === "number" && context?.source !== undefined && /[.eE]/.test(context.source)
      ? new PyFloat(value)
      : value;
  return JSON.parse(text, revive);
}

/** A float as Python prints it. */
export function floatText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return value.toFixed(1);
  const text = String(value);
  const exponent = /^(.*)e([+-])(\d+)$/.exec(text);
  if (exponent === null) return text.replace("Infinity", "inf").replace("NaN", "nan");
  return `${exponent[1]}e${exponent[2]}${(exponent[3] ?? "").padStart(2, "0")}`;
}

/** `repr()` of a value that came from JSON. */
export function repr(value: PyValue): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (value instanceof PyFloat) return floatText(value.value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : floatText(value);
  if (typeof value === "string") return reprString(value);
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  return `{${Object.entries(value).map(([k, v]) => `${reprString(k)}: ${repr(v)}`).join(", ")}}`;
}

function reprString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = quote;
  for (const c of text) {
    const code = c.codePointAt(0) ?? 0;
    if (c === quote || c === "\\") out += `\\${c}`;
    else if (c === "\n") out += "\\n";
    else if (c === "\r") out += "\\r";
    else if (c === "\t") out += "\\t";
    else if (code < 32 || (code >= 127 && code < 161) || code === 173) {
      out += `\\x${code.toString(16).padStart(2, "0")}`;
    } else if (code >= 0xd800 && code <= 0xdfff) out += `\\u${code.toString(16)}`;
    else out += c;
  }
  return out + quote;
}

/** Compact JSON as pydantic and Starlette write it: no spaces, non-ASCII as it is, floats with their point. */
export function compact(value: PyValue): string {
  if (value instanceof PyFloat) return floatText(value.value);
  if (Array.isArray(value)) return `[${value.map(compact).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${
      Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${compact(v)}`).join(",")
    }}`;
  }
  return JSON.stringify(value);
}
