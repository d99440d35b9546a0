import { extendsLabelSet, type ReleaseManifest } from "./manifest.ts";
import type { Offer } from "./offer.ts";
import { UpdateRefused } from "./refusals.ts";

/** Throws `UpdateRefused` unless this app, made for the labels of `known`, can run `offer`. */
export function checkFits(offer: Offer, known: ReleaseManifest, runtimeVersion: string, appVersion: string): void {
  const { label_set: offered, minimum_runtime_version, minimum_app_version } = offer.manifest;
  const own = known.label_set;
  if (!extendsLabelSet(offered, own) && !extendsLabelSet(own, offered)) {
    const [theirs, ours] = [offered, own].map((each) => each.labels.map((label) => label.id).join(", "));
    throw new UpdateRefused("other_label_set", `it answers with ${theirs}, and this app knows ${ours}`);
  }
  if (isOlder(runtimeVersion, minimum_runtime_version)) {
    const detail = `it needs LiteRT ${minimum_runtime_version}, here is ${runtimeVersion}`;
    throw new UpdateRefused("runtime_too_old", detail);
  }
  if (isOlder(appVersion, minimum_app_version)) {
    throw new UpdateRefused("app_too_old", `it needs app ${minimum_app_version}, this is ${appVersion}`);
  }
}

/** Compares versions part by part as numbers; `2.10.0rc1` is 2.10. */
function isOlder(version: string, wanted: string): boolean {
  const [own, least] = [numbers(version), numbers(wanted)];
  for (let place = 0; place < Math.max(own.length, least.length); place += 1) {
    const difference = (own[place] ?? 0) - (least[place] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function numbers(version: string): readonly number[] {
  return version.split(".").map((part) => Number(/^\d*/.exec(part)?.[0] ?? 0));
}
