/** A day of one machine as a picture: asleep, woken by a request, serving, idle, asleep again. */

const STAGES = [
  { at: "asleep", label: "Cold", about: "hibernated; costs its disk" },
  { at: "waking", label: "Warming up", about: "a request asked for it" },
  { at: "serving", label: "Active", about: "streams vLLM's answer" },
  { at: "quiet", label: "Quiet", about: "nobody asked for a while" },
  { at: "again", label: "Cold", about: "hibernated again" },
] as const;

/** One line that rises while the machine is awake; the words beside it say the same. */
export function WakePicture() {
  return (
    <figure class="wake-picture">
      <svg viewBox="0 0 420 150" aria-hidden="true">
        <path class="ground" d="M0 126h420" />
        <path
          class="glow"
          d="M0 126H84C112 126 116 34 150 34H276C312 34 314 72 332 72C352 72 352 126 372 126H420V150H0Z"
        />
        <path
          class="line"
          d="M0 126H84C112 126 116 34 150 34H276C312 34 314 72 332 72C352 72 352 126 372 126H420"
        />
        <circle class="request" cx="84" cy="126" r="6" />
        <g class="tokens">
          {Array.from(
            { length: 9 },
            (_, i) => <circle key={i} cx={160 + i * 13} cy={i % 2 === 0 ? 24 : 19} r="2.5" />,
          )}
        </g>
      </svg>
      <figcaption>
        <ol>
          {STAGES.map(({ at, label, about }) => (
            <li key={at}>
              <strong>{label}</strong> <span>{about}</span>
            </li>
          ))}
        </ol>
      </figcaption>
    </figure>
  );
}
