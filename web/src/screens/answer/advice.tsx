import type { GuideAnswer } from "../../guide/guide_answer.ts";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { Notice } from "../../parts/notice.tsx";
import { t } from "../../words/words.ts";

/** What could hurt somebody; it stands before everything else. */
export function Hazard({ about }: { readonly about: GuideAnswer }) {
  if (about.hazard === null) return null;
  return (
    <Notice kind="problem" title={t("answer.warning")}>
      {about.hazard}
    </Notice>
  );
}

/** What to do before, and where to bring it. */
export function Advice({ about }: { readonly about: GuideAnswer }) {
  if (about.preparation === null && about.dropOff === null) return null;
  return (
    <dl class="advice">
      {about.preparation !== null && <Line icon="info" name={t("answer.preparation")} text={about.preparation} />}
      {about.dropOff !== null && <Line icon="place" name={t("answer.drop_off")} text={about.dropOff} />}
    </dl>
  );
}

function Line({ icon, name, text }: { readonly icon: IconName; readonly name: string; readonly text: string }) {
  return (
    <div>
      <Icon name={icon} />
      <dt>{name}</dt>
      <dd>{text}</dd>
    </div>
  );
}
