/** Shows what arrived, and whether it arrived as what it was. */
export default function Props(
  { at, big, list, text }: { at: Date; big: bigint; list: Map<string, number[]>; text: string },
) {
  const isWhole = at instanceof Date && typeof big === "bigint" && list instanceof Map;
  return (
    <p class="props">
      {`${isWhole} ${at.toISOString()} ${big} ${list.get("a")?.join("+")} ${text}`}
    </p>
  );
}
