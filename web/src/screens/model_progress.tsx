import { guide } from "../app_state.ts";
import { modelState, openModel } from "../model_state.ts";
import { Button } from "../parts/button.tsx";
import { Notice } from "../parts/notice.tsx";
import { Progress } from "../parts/progress.tsx";
import { isLooking } from "../updating.ts";
import { bytes } from "../words/formats.ts";
import { t } from "../words/words.ts";

/** How far the model, and at a first visit the city's guide, are from an answer that needs no network. */
export function ModelProgress() {
  const state = modelState.value;
  switch (state.kind) {
    case "opening":
      return <Progress label={t("model.opening")} share={null} />;
    case "loading":
      return (
        <Progress label={t("model.downloading")} share={state.receivedBytes / state.totalBytes}>
          {t("model.downloading.why", { received: bytes(state.receivedBytes), total: bytes(state.totalBytes) })}
        </Progress>
      );
    case "ready":
      if (guide.value === null && isLooking.value) return <Progress label={t("model.opening")} share={null} />;
      return (
        <Notice kind="good" title={t("welcome.model")}>
          {t("welcome.ready")}
        </Notice>
      );
    case "unavailable":
      return (
        <Notice
          kind="warning"
          title={t("model.unavailable")}
          action={
            <Button icon="retry" onClick={openModel}>
              {t("app.retry")}
            </Button>
          }
        >
          {whyUnavailable(state.code)}
        </Notice>
      );
  }
}

function whyUnavailable(code: string): string {
  if (code === "no_model") return t("model.unavailable.no_network");
  return t(code === "storage_failed" ? "model.unavailable.storage" : "model.unavailable.why");
}
