import { useState } from "preact/hooks";
import { choose, settings } from "../../app_state.ts";
import { Button } from "../../parts/button.tsx";
import { Card } from "../../parts/card.tsx";
import { RadioRows } from "../../parts/choices.tsx";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { Screen } from "../../parts/screen.tsx";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";
import { LanguageChoice } from "../language_choice.tsx";
import { MayUse, type Uses } from "../may_use.tsx";
import { ModelProgress } from "../model_progress.tsx";

/** The first visit: what the app does, in which language, and what may leave the phone. Whoever only starts sends nothing. */
export function Welcome() {
  const keeping = useAct();
  const [sends, setSends] = useState(settings.value.sends);
  const [uses, setUses] = useState<Uses>(settings.value); // Nothing is ticked that nobody has ticked.
  const { allowsReview, allowsTraining } = uses;
  const start = () => choose({ isWelcomed: true, sends, ...(sends ? { allowsReview, allowsTraining } : {}) });
  return (
    <Screen
      title={t("welcome.title")}
      kind="broad"
      actions={
        <Button
          kind="main"
          isBusy={keeping.isBusy}
          onClick={() => {
            keeping.run(start);
          }}
        >
          {t("welcome.start")}
        </Button>
      }
    >
      <div class="columns">
        <div class="stack">
          <LanguageChoice />
          <ul class="promises">
            <Point icon="camera" words={t("welcome.ask")} />
            <Point icon="offline" words={t("welcome.offline")} />
            <Point icon="lock" words={t("welcome.private")} />
          </ul>
          <div class="welcome-model">
            <ModelProgress />
          </div>
        </div>
        <Card title={t("welcome.help")}>
          <p class="hint">{t("welcome.help.why")}</p>
          <RadioRows
            legend={t("welcome.help.choice")}
            options={[
              { value: "keep", label: t("welcome.keep"), hint: t("welcome.keep.why") },
              { value: "send", label: t("welcome.send"), hint: t("welcome.send.why") },
            ]}
            value={sends ? "send" : "keep"}
            onChange={(chosen) => {
              setSends(chosen === "send");
            }}
          />
          {sends && (
            <>
              <h3>{t("welcome.may")}</h3>
              <MayUse
                choice={uses}
                onChange={(change) => {
                  setUses((before) => ({ ...before, ...change }));
                }}
              />
              <p class="hint">{t("welcome.may.hint")}</p>
            </>
          )}
          <p class="hint">{t("welcome.later")}</p>
          <Failed act={keeping} />
        </Card>
      </div>
    </Screen>
  );
}

function Point({ icon, words }: { readonly icon: IconName; readonly words: string }) {
  return (
    <li>
      <span class="promise-icon">
        <Icon name={icon} />
      </span>
      <p>{words}</p>
    </li>
  );
}
