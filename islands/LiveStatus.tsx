/** The status board, kept up to date by server-sent events; without JavaScript it is what the server drew. */
import { useEffect, useRef, useState } from "preact/hooks";
import { StatusBoard } from "../lib/site/components/StatusBoard.tsx";
import { utcText } from "../lib/site/shown_time.ts";
import { spokenChanges, type StatusSnapshot } from "../lib/site/status_snapshot.ts";

type Link = "page" | "live" | "lost";

/** Waits before each new try, growing to the last; each is stretched by chance so that viewers do not come at once. */
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 30_000] as const;
const RETRY_STRETCH = 0.5;
const TICK_MS = 1_000;
const TICK_WAKING_MS = 200;

export default function LiveStatus({ initial }: { initial: StatusSnapshot }) {
  const [snapshot, setSnapshot] = useState(initial);
  const [nowMs, setNowMs] = useState(initial.atMs);
  const [link, setLink] = useState<Link>("page");
  const [spoken, setSpoken] = useState("");
  const known = useRef({ snapshot: initial, heardAtMs: 0 });

  useEffect(() => {
    known.current.heardAtMs = performance.now();
    return follow((next) => {
      const changes = spokenChanges(known.current.snapshot, next);
      known.current = { snapshot: next, heardAtMs: performance.now() };
      setSnapshot(next);
      setNowMs(next.atMs);
      if (changes.length > 0) setSpoken(changes.join(". "));
    }, setLink);
  }, []);

  // Counted from the server's time, so that a visitor's clock may be wrong.
  const isWaking = snapshot.tiers.some((tier) => tier.wake?.isOpen);
  useEffect(() => {
    const timer = setInterval(() => {
      const { snapshot, heardAtMs } = known.current;
      setNowMs(snapshot.atMs + performance.now() - heardAtMs);
    }, isWaking ? TICK_WAKING_MS : TICK_MS);
    return () => clearInterval(timer);
  }, [isWaking]);

  return (
    <div class="live-status" data-link={link}>
      <p class={`link ${link}`}>{linkText(link, snapshot.atMs)}</p>
      <p class="visually-hidden" role="status">{spoken}</p>
      <StatusBoard snapshot={snapshot} nowMs={nowMs} />
    </div>
  );
}

function linkText(link: Link, atMs: number): string {
  switch (link) {
    case "page":
      return `As of ${utcText(atMs)} UTC`;
    case "live":
      return "Live";
    case "lost":
      return `Connection lost; shown as of ${utcText(atMs)} UTC, trying again`;
  }
}

/** Hears every snapshot until the answered function is called; comes back by itself when the stream ends. */
function follow(heard: (next: StatusSnapshot) => void, tell: (link: Link) => void): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;
  const open = () => {
    source = new EventSource("/api/status/stream");
    source.onmessage = ({ data }) => {
      tries = 0;
      tell("live");
      heard(JSON.parse(data)); // our own server's, of the version that made this page
    };
    source.onerror = () => {
      source?.close();
      tell("lost");
      const waitMs = RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)] ?? TICK_MS;
      timer = setTimeout(open, waitMs * (1 + Math.random() * RETRY_STRETCH));
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
