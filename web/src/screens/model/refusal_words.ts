import type { RefusalReason } from "../../updates/refusals.ts";
import { t, type Key } from "../../words/words.ts";

/** Words for each reason why an update is not taken; the compiler sees to it that none is missing. */
const WORDS: Readonly<Record<RefusalReason, Exclude<Key & `refused.${string}`, "refused.keeps">>> = {
  unreachable: "refused.unreachable",
  not_published: "refused.not_published",
  tampered_metadata: "refused.tampered_metadata",
  expired_metadata: "refused.expired_metadata",
  older_metadata: "refused.older_metadata",
  tampered_file: "refused.tampered_file",
  other_label_set: "refused.other_label_set",
  runtime_too_old: "refused.runtime_too_old",
  app_too_old: "refused.app_too_old",
  model_broken: "refused.model_broken",
  self_test_failed: "refused.self_test_failed",
  crashed: "refused.crashed",
  patch_failed: "refused.patch_failed",
  disk_full: "refused.disk_full",
  storage_failed: "refused.storage_failed",
};

/** Why an update was not taken; what a later version of the app has noted stands as it is. */
export function refusalWords(reason: string): string {
  return isKnown(reason) ? t(WORDS[reason]) : reason;
}

function isKnown(reason: string): reason is RefusalReason {
  return Object.hasOwn(WORDS, reason);
}
