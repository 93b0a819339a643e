/** What one check of a publication found. */
export type Check = {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "not_checked";
  /** What was found, in a sentence. */
  readonly says: string;
  /** Of a failure: the rows, values or files, as many as fit a screen. */
  readonly differences: readonly string[];
};

/** No list of differences is longer. */
export const DIFFERENCES_MAX = 10;

export const passed = (name: string, says: string): Check => (
  { name, outcome: "passed", says, differences: [] }
);
export const failed = (name: string, says: string, differences: readonly string[]): Check => (
  { name, outcome: "failed", says, differences: differences.slice(0, DIFFERENCES_MAX) }
);
export const notChecked = (name: string, says: string): Check => (
  { name, outcome: "not_checked", says, differences: [] }
);
