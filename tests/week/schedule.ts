/** Cron's five fields, as far as our schedules use them. Pure. */

/** Whether a schedule such as "7 * * * *" is due in the minute that begins at `minuteMs` (UTC). */
export function isDue(schedule: string, minuteMs: number): boolean {
  const at = new Date(minuteMs);
  const values = [
    at.getUTCMinutes(),
    at.getUTCHours(),
    at.getUTCDate(),
    at.getUTCMonth() + 1,
    at.getUTCDay(),
  ];
  const fields = schedule.split(" ");
  if (fields.length !== values.length) throw new RangeError(`Cannot read the schedule ${schedule}`);
  return fields.every((field, i) => matches(field, values[i] ?? 0, schedule));
}

function matches(field: string, value: number, schedule: string): boolean {
  if (field === "*") return true;
  if (/^\d+$/.test(field)) return value === Number(field);
  throw new RangeError(`Cannot read ${field} in the schedule ${schedule}`);
}
