/** A model as schema.org's Product with one offer for each band and direction. Pure. */
import { type CatalogModel, modelPath } from "./catalog.ts";

export function modelJsonLd(model: CatalogModel, origin: string): Record<string, unknown> {
  const offer = (price: string, unitText: string) => ({
    "@type": "Offer",
    priceCurrency: "USD",
    price,
    priceSpecification: {
      "@type": "UnitPriceSpecification",
      priceCurrency: "USD",
      price,
      unitText,
    },
  });
  return {
    "@context": "https://schema.org",
    "@type": "Product",
    name: model.name,
    sku: model.id,
    category: `${model.kind} model`,
    url: `${origin}${modelPath(model.id)}`,
    brand: { "@type": "Brand", name: model.vendor },
    ...(model.description === "" ? {} : { description: model.description }),
    offers: model.prices.flatMap(({ band, price }) =>
      price === null ? [] : [
        offer(price.input, `1,000,000 input tokens, ${band} band`),
        offer(price.output, `1,000,000 output tokens, ${band} band`),
      ]
    ),
  };
}
