/** The name and its flame, which link to the start. */
export function Wordmark({ name }: { name: string }) {
  return (
    <a class="wordmark" href="/">
      <Flame />
      {name}
    </a>
  );
}

/** The mark alone; decoration, so it has no text of its own. */
export function Flame() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#1b1512" />
      <path
        d="M16 5c1 5 7 7.500 7 14a7 7 0 0 1-14 0c0-3 1.500-5 3-6.500 0 2.500 1 3.500 2 4C14.500 12 14 9 16 5z"
        fill="#ff8540"
      />
    </svg>
  );
}
