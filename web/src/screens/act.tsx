import { useState } from "preact/hooks";
import { Notice } from "../parts/notice.tsx";
import { t } from "../words/words.ts";

export interface Act {
  readonly isBusy: boolean;
  readonly hasFailed: boolean;
  readonly run: (act: () => Promise<unknown>) => void;
}

/** Does one thing at a time for a screen that shows how it goes: whoever runs something shows `Failed`, or says more. */
export function useAct(): Act {
  const [state, setState] = useState<"idle" | "busy" | "failed">("idle");
  const run = async (act: () => Promise<unknown>): Promise<void> => {
    setState("busy");
    try {
      await act();
      setState("idle");
    } catch {
      setState("failed");
    }
  };
  return {
    isBusy: state === "busy",
    hasFailed: state === "failed",
    run: (act) => void run(act),
  };
}

/** That the last try did not work. */
export function Failed({ act }: { readonly act: Act }) {
  return (
    <div role="alert" class="failed">
      {act.hasFailed && <Notice kind="problem">{t("app.failed")}</Notice>}
    </div>
  );
}
