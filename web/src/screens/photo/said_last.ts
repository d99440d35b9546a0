import type { Uses } from "../may_use.tsx";

/**
 * What to go on showing of what was said on this screen, now that `kept` was read: all of it until the whole is kept,
 * since what is read while somebody changes one thing after the other is older than their last word. Nothing after that,
 * so that what another tab changes is seen.
 */
export function stillAhead(said: Partial<Uses>, kept: Uses): Partial<Uses> {
  const { allowsReview = kept.allowsReview, allowsTraining = kept.allowsTraining } = said;
  return allowsReview === kept.allowsReview && allowsTraining === kept.allowsTraining ? {} : said;
}
