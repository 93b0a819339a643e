/** The text of an article or term: HTML made at start-up, with figures filled in and islands between. */
import CrossoverCalculator from "../../../islands/CrossoverCalculator.tsx";
import IdleCalculator from "../../../islands/IdleCalculator.tsx";
import type { Figures } from "../figures.ts";
import { type Block, htmlOf, type IslandName } from "../markdown.ts";

export function ArticleBody({ blocks, figures }: { blocks: readonly Block[]; figures: Figures }) {
  return (
    <>
      {blocks.map((block, i) =>
        block.kind === "island" ? <Island key={i} name={block.name} /> : (
          <div
            key={i}
            class="prose"
            dangerouslySetInnerHTML={{ __html: htmlOf(block, figures) }}
          />
        )
      )}
    </>
  );
}

function Island({ name }: { name: IslandName }) {
  return name === "CrossoverCalculator" ? <CrossoverCalculator /> : <IdleCalculator />;
}
