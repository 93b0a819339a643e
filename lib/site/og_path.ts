/** Where the preview image of a page is. */
export function ogImagePath(path: string): string {
  return `/og${path === "/" ? "/index" : path}.png`;
}
