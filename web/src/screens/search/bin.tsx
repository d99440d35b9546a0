import { guide, isGuideRead } from "../../app_state.ts";
import type { Guide } from "../../guide/guide.ts";
import { answerAbout, binName, fallbacks, today } from "../../guide/guide_answer.ts";
import { EmptyState } from "../../parts/empty_state.tsx";
import { Screen } from "../../parts/screen.tsx";
import { addressOf } from "../../router.ts";
import { language, t } from "../../words/words.ts";
import { Things } from "./things.tsx";

/** Everything that goes into one bin. */
export function BinContents({ id }: { readonly id: string }) {
  const bin = guide.value?.bins.find((each) => each.id === id);
  if (guide.value === null || bin === undefined) {
    return (
      <Screen title={t("search.bins")} back={addressOf("search")}>
        {isGuideRead.value && <EmptyState icon="question" title={t("search.no_such_bin")} />}
      </Screen>
    );
  }
  const things = thingsIn(guide.value, id);
  return (
    <Screen title={binName(bin, fallbacks(guide.value, language.value))} back={addressOf("search")} kind="search">
      <p class="hint">{t("search.in_bin", { n: things.length })}</p>
      <Things things={things} isInOneBin />
    </Screen>
  );
}

function thingsIn(known: Guide, bin: string) {
  return [...known.labels, ...known.items]
    .map((thing) => answerAbout(known, thing, language.value, today()))
    .filter((thing) => thing?.bin === bin)
    .filter((thing) => thing !== null);
}
