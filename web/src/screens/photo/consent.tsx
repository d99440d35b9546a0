import { useEffect, useState } from "preact/hooks";
import { changeConsent, type OwnPhoto } from "../../contributions/photos.ts";
import { Card } from "../../parts/card.tsx";
import { Notice } from "../../parts/notice.tsx";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";
import { MayUse, type Uses } from "../may_use.tsx";
import { stillAhead } from "./said_last.ts";

/** Who may use a photo that was sent. It can be taken back at any time, also without a network. */
export function Consent({ photo }: { readonly photo: OwnPhoto }) {
  const changing = useAct();
  const [said, setSaid] = useState<Partial<Uses>>({});
  const chosen = { ...photo.choice, ...said };
  useEffect(() => {
    setSaid((last) => stillAhead(last, photo.choice));
  }, [photo]);
  useEffect(() => {
    if (changing.hasFailed) setSaid({});
  }, [changing.hasFailed]);
  const learned = photo.fate?.inReleases ?? [];
  return (
    <Card title={t("photo.consent")}>
      <MayUse
        choice={chosen}
        onChange={(change) => {
          setSaid((last) => ({ ...last, ...change })); // Shown before it is kept, so that nothing jumps back under a finger.
          changing.run(() => changeConsent(photo.id, change));
        }}
      />
      {!chosen.allowsTraining && learned.length > 0 && (
        <Notice kind="info">{t("photo.consent.learned", { releases: learned.join(", ") })}</Notice>
      )}
      {photo.waiting.consent && <p class="hint">{t("photo.consent.waits")}</p>}
      <Failed act={changing} />
    </Card>
  );
}
