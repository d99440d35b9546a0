import { model } from "../../model_state.ts";
import { Card } from "../../parts/card.tsx";
import { Screen } from "../../parts/screen.tsx";
import type { RunningModel } from "../../phone/phone.ts";
import { addressOf } from "../../router.ts";
import { day, number } from "../../words/formats.ts";
import { t } from "../../words/words.ts";
import { nameOf } from "../label_name.ts";
import { ModelProgress } from "../model_progress.tsx";
import { Storage } from "./storage.tsx";
import { Updates } from "./updates.tsx";

/** Which model answers, how good it is in honest words, and how it stays new. */
export function Model() {
  return (
    <Screen title={t("model_info.title")} back={addressOf("settings")} kind="broad">
      <div class="columns">
        <div class="stack">
          {model.value === null ? (
            <Card>
              <ModelProgress />
            </Card>
          ) : (
            <Running model={model.value} />
          )}
        </div>
        <div class="stack">
          <Updates />
          <Storage />
        </div>
      </div>
    </Screen>
  );
}

function Running({ model }: { readonly model: RunningModel }) {
  return (
    <Card title={t("model_info.name", { release: model.release })}>
      <p>
        {t(model.isBundled ? "model_info.bundled" : "model_info.updated")}
        <span class="hint">{t("model_info.created", { day: day(model.createdAt) })}</span>
      </p>
      <p>{t("model_info.accuracy", { right: ofHundred(model.accuracy) })}</p>
      <p>
        {model.outsideAccuracy === null
          ? t("model_info.accuracy.honest")
          : t("model_info.accuracy.outside", { right: ofHundred(model.outsideAccuracy) })}
      </p>
      <h3>{t("model_info.knows")}</h3>
      <ul class="labels">
        {model.labels.map(({ id }) => (
          <li key={id}>{nameOf(id)}</li>
        ))}
      </ul>
      <p class="hint">{t(`model_info.computes.${model.accelerator}`)}</p>
    </Card>
  );
}

function ofHundred(share: number): string {
  return number(100 * share);
}
