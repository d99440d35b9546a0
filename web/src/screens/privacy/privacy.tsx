import { ownPhotos } from "../../app_state.ts";
import type { OwnPhoto } from "../../contributions/photos.ts";
import { Card } from "../../parts/card.tsx";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { Screen } from "../../parts/screen.tsx";
import { addressOf } from "../../router.ts";
import { t } from "../../words/words.ts";
import { Export } from "./export.tsx";
import { Forget } from "./forget.tsx";
import { WithdrawAll } from "./withdraw_all.tsx";

/** What is kept where, and the ways to take it along, back or away. */
export function Privacy() {
  const photos = ownPhotos.value ?? [];
  const sent = photos.filter(isSent).length;
  return (
    <Screen title={t("privacy.title")} back={addressOf("settings")} kind="broad">
      <div class="columns">
        <div class="stack">
          <Card title={t("privacy.here")}>
            <ul class="facts">
              <Fact icon="pictures" words={t("privacy.here.photos", { n: photos.filter(isHere).length })}>
                {t("privacy.here.photos.why")}
              </Fact>
              <Fact icon="phone" words={t("privacy.here.rest")} />
            </ul>
          </Card>
          <Card title={t("privacy.sent")}>
            <ul class="facts">
              <Fact icon="send" words={sent === 0 ? t("privacy.sent.none") : t("privacy.sent.photos", { n: sent })}>
                {waitingWords(photos)}
              </Fact>
              <Fact icon="lock" words={t("privacy.sent.number")} />
              <Fact icon="info" words={t("privacy.sent.counts")} />
            </ul>
          </Card>
        </div>
        <div class="stack">
          <Export />
          <WithdrawAll count={photos.filter(canBeWithdrawn).length} />
          <Forget />
        </div>
      </div>
    </Screen>
  );
}

function Fact(props: { readonly icon: IconName; readonly words: string; readonly children?: string | null }) {
  return (
    <li>
      <Icon name={props.icon} size={1.25} />
      <span>
        {props.words}
        {props.children && <span class="hint">{props.children}</span>}
      </span>
    </li>
  );
}

function isHere({ state }: OwnPhoto): boolean {
  return state !== "withdrawn";
}

function isSent({ state, fate }: OwnPhoto): boolean {
  return state !== "withdrawn" && fate !== null;
}

function canBeWithdrawn(photo: OwnPhoto): boolean {
  return isSent(photo) || photo.waiting.submission;
}

function waitingWords(photos: readonly OwnPhoto[]): string | null {
  const waiting = photos.filter((photo) => photo.waiting.submission).length;
  return waiting === 0 ? null : t("privacy.sent.waiting", { n: waiting });
}
