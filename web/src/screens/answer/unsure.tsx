import { LinkButton } from "../../parts/button.tsx";
import { addressOf } from "../../router.ts";
import { t } from "../../words/words.ts";
import { NoBinField } from "./bin_field.tsx";
import { LabelChoices } from "./label_choices.tsx";
import { byLikelihood, isNovel, type Shown } from "./shown.ts";

const OFFERED = 3;

/** The model does not know: what helps, and how to get an answer all the same. */
export function Unsure(props: {
  readonly shown: Shown;
  /** Null where nothing can be said about this photo. */
  readonly onChoose: ((label: string) => void) | null;
}) {
  const likely = byLikelihood(props.shown.answer).slice(0, OFFERED);
  return (
    <>
      <NoBinField title={t("answer.unsure.title")}>
        {t(isNovel(props.shown.answer) ? "answer.unsure.novel" : "answer.unsure.why")}
      </NoBinField>
      {props.onChoose !== null && (
        <LabelChoices
          title={t("answer.unsure.likely")}
          labels={likely.map((each) => each.label)}
          onChoose={props.onChoose}
        />
      )}
      <LinkButton href={addressOf("search")} icon="search" isWide>
        {t("answer.search")}
      </LinkButton>
      <p class="hint">{t("answer.unsure.tips")}</p>
    </>
  );
}
