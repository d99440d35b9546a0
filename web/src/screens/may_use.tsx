import { Toggle } from "../parts/choices.tsx";
import type { Choice } from "../storage/tables.ts";
import { t } from "../words/words.ts";

export type Uses = Pick<Choice, "allowsReview" | "allowsTraining">;

/**
 * What others may do with photos that are sent, in plain words. `onChange` tells only what was changed: what is shown
 * may be older than what was said last of the other.
 */
export function MayUse(props: { readonly choice: Uses; readonly onChange: (change: Partial<Uses>) => void }) {
  const { allowsReview, allowsTraining } = props.choice;
  return (
    <div class="rows">
      <Toggle
        label={t("share.review")}
        hint={t("share.review.why")}
        isOn={allowsReview}
        onChange={(isOn) => {
          props.onChange({ allowsReview: isOn });
        }}
      />
      <Toggle
        label={t("share.training")}
        hint={t("share.training.why")}
        isOn={allowsTraining}
        onChange={(isOn) => {
          props.onChange({ allowsTraining: isOn });
        }}
      />
    </div>
  );
}
