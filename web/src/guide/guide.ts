/** Texts by language (BCP 47). */
export type Texts = Readonly<Record<string, string>>;

/** A bin, or a place that takes things. */
export interface Bin {
  readonly id: string;
  /** `#rrggbb` */
  readonly colour: string;
  /** One of `mobile_models/bin_symbols`. */
  readonly symbol: string;
  readonly names: Texts;
}

/** What to do with a thing, from a day on or for good. */
export interface Rule {
  readonly bin: string;
  readonly preparation: Texts;
  readonly drop_off: Texts;
  readonly hazard: Texts;
  /** First day, as YYYY-MM-DD; null: always so. */
  readonly valid_from: string | null;
  /** Last day; null: until another rule begins. */
  readonly valid_until: string | null;
}

/** A label of the models, which a photo leads to. */
export interface GuideLabel {
  readonly id: string;
  readonly names: Texts;
  readonly rules: readonly Rule[];
}

/** A thing that people look up by its name. The first name of a language is shown, the others are found. */
export interface GuideItem {
  readonly id: string;
  readonly names: Readonly<Record<string, readonly string[]>>;
  readonly rules: readonly Rule[];
}

/** `guides/<city>.json`: which bin a thing goes into (mobile_models/guide.py, docs/published-format.md). */
export interface Guide {
  readonly format_version: number;
  readonly city: string;
  readonly version: number;
  readonly names: Texts;
  readonly languages: readonly string[];
  readonly label_set: { readonly id: string; readonly version: number };
  readonly bins: readonly Bin[];
  readonly labels: readonly GuideLabel[];
  readonly items: readonly GuideItem[];
}
