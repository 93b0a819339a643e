/** The picture a link preview shows: 1200 by 630, the page's title under the site's flame, as SVG. Pure. */
import { escapeXml } from "./xml.ts";

export type OgCard = {
  /** The site's. */
  readonly name: string;
  /** The part of the site, such as a pillar of the learn hub. */
  readonly group: string;
  readonly title: string;
  /** Where it lives, without a scheme. */
  readonly host: string;
};

const WIDTH = 1_200;
const HEIGHT = 630;
const MARGIN = 84;
/** What text may fill; the rest is air, and room for the estimate to be wrong. */
const TEXT_WIDTH = 960;
const LINES_MAX = 3;
const SIZES = [88, 76, 66, 56, 48] as const;
const LEADING = 1.14;
const BASELINE_Y = 500;
const ELLIPSIS = "…";

/** The SVG of a card; fonts are named, and resolved by who draws it. */
export function ogSvg({ name, group, title, host }: OgCard): string {
  const { size, lines } = layOut(title);
  const firstY = BASELINE_Y - (lines.length - 1) * size * LEADING;
  const rows = lines.map((line, i) =>
    `<text x="${MARGIN - 3}" y="${
      (firstY + i * size * LEADING).toFixed(1)
    }" font-size="${size}" font-weight="600" letter-spacing="${
      (-0.032 * size).toFixed(2)
    }" fill="#f7f1ea">${escapeXml(line)}</text>`
  ).join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="Geist">
<defs>
<radialGradient id="glow" cx="1080" cy="640" r="760" gradientUnits="userSpaceOnUse"><stop offset="0" stop-color="#ff7a33" stop-opacity="0.42"/><stop offset="0.45" stop-color="#c2410c" stop-opacity="0.13"/><stop offset="1" stop-color="#131010" stop-opacity="0"/></radialGradient>
</defs>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#131010"/>
<rect width="${WIDTH}" height="${HEIGHT}" fill="url(#glow)"/>
<g transform="translate(${MARGIN} 76) scale(2)"><path d="M7 0c1 5 7 7.500 7 14a7 7 0 0 1-14 0c0-3 1.500-5 3-6.500 0 2.500 1 3.500 2 4C5.500 7 5 4 7 0z" fill="#ff8540"/></g>
<text x="${
    MARGIN + 46
  }" y="111" font-size="34" font-weight="600" letter-spacing="-0.8" fill="#f7f1ea">${
    escapeXml(name)
  }</text>
<text x="${MARGIN}" y="${
    (firstY - size * 1.06 - 18).toFixed(1)
  }" font-family="Geist Mono" font-size="25" fill="#ff9557">${escapeXml(group)}</text>
${rows}
<text x="${MARGIN}" y="570" font-size="26" fill="#b5a99e">${escapeXml(host)}</text>
</svg>`;
}

/** The largest size at which the title fits, and its lines. A title too long for all is cut. */
export function layOut(title: string): { size: number; lines: string[] } {
  for (const size of SIZES) {
    const lines = wrapped(title, size);
    if (lines.length <= LINES_MAX && lines.every((line) => widthOf(line, size) <= TEXT_WIDTH)) {
      return { size, lines };
    }
  }
  const size = SIZES[SIZES.length - 1] ?? 48;
  const lines = wrapped(title, size).slice(0, LINES_MAX);
  return { size, lines: lines.map((line, i) => i === LINES_MAX - 1 ? line + ELLIPSIS : line) };
}

function wrapped(title: string, size: number): string[] {
  const lines: string[] = [];
  for (const word of title.split(/\s+/)) {
    const last = lines.at(-1);
    const longer = last === undefined ? word : `${last} ${word}`;
    if (last !== undefined && widthOf(longer, size) <= TEXT_WIDTH) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Geist at weight 600, roughly, and rather too wide than too narrow. */
function widthOf(text: string, size: number): number {
  let ems = 0;
  for (const character of text) {
    if (/[iljtfrI.,:;'|!()\- ]/.test(character)) ems += 0.34;
    else if (/[mwMW@—]/.test(character)) ems += 0.9;
    else if (/[A-Z0-9]/.test(character)) ems += 0.66;
    else ems += 0.58;
  }
  return ems * size * 0.97;
}
