import { LinkRow } from "../../parts/choices.tsx";
import { Card } from "../../parts/card.tsx";
import { Screen } from "../../parts/screen.tsx";
import { addressOf } from "../../router.ts";
import { t } from "../../words/words.ts";
import { About } from "./about.tsx";
import { Install } from "./install.tsx";
import { Look } from "./look.tsx";
import { Network } from "./network.tsx";
import { Sharing } from "./sharing.tsx";

export function Settings() {
  return (
    <Screen title={t("settings.title")} kind="broad">
      <div class="columns">
        <div class="stack">
          <Look />
          <Network />
          <Card>
            <div class="rows">
              <LinkRow
                href={addressOf("privacy")}
                icon="lock"
                label={t("settings.privacy")}
                hint={t("settings.privacy.why")}
              />
              <LinkRow
                href={addressOf("model")}
                icon="model"
                label={t("settings.model")}
                hint={t("settings.model.why")}
              />
            </div>
          </Card>
        </div>
        <div class="stack">
          <Sharing />
          <Install />
          <About />
        </div>
      </div>
    </Screen>
  );
}
